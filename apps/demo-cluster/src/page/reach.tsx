import { Card } from "@synod/ui";
import type { JSX } from "preact";
import type { ClusterView } from "../view.js";
import { type Heard, heardOf } from "./looks.js";

/** Who hears whom: how late, and how much not at all. A row is who hears, a column is who speaks. */
export function ReachMatrix({ view }: { readonly view: ClusterView }): JSX.Element {
  const ids = view.replicas.map(({ id }) => id);
  return (
    <Card title="Who hears whom" class="reach">
      <div class="scroll" tabindex={0} role="region" aria-label="Who hears whom. Scrolls.">
        <table>
          <thead>
            <tr>
              <td />
              {ids.map((from) => (
                <th scope="col" key={from}>
                  <span class="soft">from </span>S{from}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ids.map((to) => (
              <tr key={to}>
                <th scope="row">
                  S{to}
                  <span class="soft"> hears</span>
                </th>
                {ids.map((from) => (
                  <Cell key={from} heard={heardOf(view, from, to)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">
        Milliseconds from a heartbeat to its answer. “Lost”: part of what was sent in the last three seconds and did not
        arrive.
      </p>
    </Card>
  );
}

function Cell({ heard }: { readonly heard: Heard }): JSX.Element {
  return <td data-heard={heard.kind}>{heard.text}</td>;
}
