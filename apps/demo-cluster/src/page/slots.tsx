import { Card, ValueShape } from "@synod/ui";
import type { JSX } from "preact";
import type { LogEntry } from "../moments.js";
import type { ClusterView, ReplicaView } from "../view.js";
import { grouped, roundOf } from "./looks.js";

const SHOWN = 20;

const LOOKS = {
  commands: { shape: "disc", color: "var(--value-1)" },
  members: { shape: "square", color: "var(--value-2)" },
  noop: { shape: "ring", color: "var(--value-0)" },
} as const;

/** The last slots of every log: who has which value, of which round, and who knows that it is chosen. */
export function Slots({ view }: { readonly view: ClusterView }): JSX.Element {
  const last = Math.max(SHOWN, ...view.replicas.flatMap(({ log }) => log.at(-1)?.slot ?? 0));
  const slots = Array.from({ length: SHOWN }, (_, index) => last - SHOWN + 1 + index);
  return (
    <Card title="The log, slot by slot" class="slots">
      <div class="scroll" tabindex={0} role="region" aria-label="The last slots of each server">
        <table>
          <thead>
            <tr>
              <th scope="col">slot</th>
              {slots.map((slot) => (
                <th scope="col" key={slot}>
                  {grouped(slot)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {view.replicas.map((replica) => (
              <tr key={replica.id}>
                <th scope="row">S{replica.id}</th>
                {slots.map((slot) => (
                  <Cell key={slot} slot={slot} replica={replica} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Legend />
    </Card>
  );
}

function Cell({ slot, replica }: { readonly slot: number; readonly replica: ReplicaView }): JSX.Element {
  const entry = replica.log.find((one) => one.slot === slot);
  if (entry === undefined) {
    // In its snapshot, or written before what is kept to be shown.
    const isKnown = slot <= replica.chosen;
    return (
      <td class={isKnown ? "known" : "empty"}>
        <span class="sy-hidden">{isKnown ? "chosen" : "nothing"}</span>
      </td>
    );
  }
  const chosen = slot <= replica.chosen;
  const executed = slot <= replica.applied;
  return (
    <td>
      <span class="slot" data-chosen={chosen} data-executed={executed} title={wordsOf(entry, chosen, executed)}>
        <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
          <ValueShape {...LOOKS[entry.kind]} x={6} y={6} size={11} />
        </svg>
        <b>{entry.kind === "commands" && entry.count > 0 ? `×${entry.count}` : ""}</b>
        <i>{entry.ballot === null ? "learned" : roundOf(entry.ballot)}</i>
        <span class="sy-hidden">{chosen ? "chosen" : "accepted"}</span>
      </span>
    </td>
  );
}

function wordsOf({ slot, ballot, count, text }: LogEntry, chosen: boolean, executed: boolean): string {
  const more = count > 1 ? ` and ${count - 1} more` : "";
  const vote = ballot === null ? "learned as chosen" : `accepted in round ${roundOf(ballot)}`;
  const known = executed ? "chosen and executed" : chosen ? "known to be chosen" : "not known to be chosen yet";
  return `slot ${slot}: ${text}${more}; ${vote}; ${known}`;
}

function Legend(): JSX.Element {
  return (
    <ul class="legend">
      {(["commands", "noop", "members"] as const).map((kind) => (
        <li key={kind}>
          <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
            <ValueShape {...LOOKS[kind]} x={6} y={6} size={11} />
          </svg>
          {{ commands: "commands, so many", noop: "a no-op", members: "a change of the members" }[kind]}
        </li>
      ))}
      <li>
        <span class="slot sample" data-chosen="false" /> accepted
      </li>
      <li>
        <span class="slot sample" data-chosen="true" /> knows that it is chosen
      </li>
      <li>
        <span class="slot sample" data-chosen="true" data-executed="true" /> executed
      </li>
    </ul>
  );
}
