import { ValueChip } from "@synod/ui";
import type { JSX } from "preact";
import { serversOf } from "../model/moves.js";
import { valuesOf } from "../model/figure.js";
import type { Stage } from "../model/state.js";
import { branchOf, worldAt } from "../model/tree.js";

const SLOTS_MAX = 12;

/** Commands times proposals: a column for each number of the log, a row for each server, and what is chosen. */
export function Matrix({ stage }: { readonly stage: Stage }): JSX.Element | null {
  const world = worldAt(stage.tree);
  const values = valuesOf(branchOf(stage.tree));
  const states = serversOf(world).flatMap((id) => world.servers[id]?.state ?? []);
  const used = states.flatMap((state) =>
    [...Object.keys(state.accepted ?? {}), ...Object.keys(state.learned ?? {})].map(Number),
  );
  const highest = Math.max(0, ...used);
  if (highest === 0) return null;
  const slots = Array.from(
    { length: Math.min(highest, SLOTS_MAX) },
    (_, index) => index + 1 + Math.max(0, highest - SLOTS_MAX),
  );
  return (
    <section class="matrix" aria-label="The log">
      <h2>The log, one decision a column</h2>
      <div class="matrix-scroll" tabIndex={0} role="group" aria-label="Log table. Scrolls.">
        <table>
          <thead>
            <tr>
              <td />
              {slots.map((slot) => (
                <th key={slot} scope="col">
                  #{slot}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {states.map((state) => (
              <tr key={state.me}>
                <th scope="row">{state.me}</th>
                {slots.map((slot) => {
                  const vote = state.accepted?.[slot];
                  const learned = state.learned?.[slot];
                  return (
                    <td key={slot} class={learned === undefined ? "" : "matrix-learned"}>
                      {vote !== undefined && <ValueChip value={vote.value} round={vote.rnd} order={values} />}
                      {vote === undefined && learned !== undefined && <ValueChip value={learned} order={values} />}
                    </td>
                  );
                })}
              </tr>
            ))}
            <tr class="matrix-chosen">
              <th scope="row">chosen</th>
              {slots.map((slot) => (
                <td key={slot}>{world.chosen.find((one) => one.slot === slot)?.value ?? "–"}</td>
              ))}
            </tr>
          </tbody>
        </table>
      </div>
    </section>
  );
}
