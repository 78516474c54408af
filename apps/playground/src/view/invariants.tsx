import { invariantsOf } from "@synod/lecture";
import type { JSX } from "preact";
import type { Stage } from "../model/state.js";
import { worldAt } from "../model/tree.js";

/** The rules by which Paxos is derived, looked at in the world that is shown. */
export function Invariants({ stage }: { readonly stage: Stage }): JSX.Element | null {
  if (stage.protocol.quorum === undefined) return null;
  const all = invariantsOf(stage.protocol, worldAt(stage.tree));
  return (
    <section class="invariants" aria-label="Invariants">
      <h2>What must always hold</h2>
      <ul>
        {all.map(({ id, title, holds, words }) => (
          <li key={id} class={holds ? "" : "invariant-broken"} data-invariant={id} data-holds={holds ? "yes" : "no"}>
            <svg
              width="16"
              height="16"
              viewBox="0 0 20 20"
              fill="none"
              stroke="currentColor"
              stroke-width="2.6"
              role="img"
              aria-label={holds ? "holds" : "broken"}
            >
              <path d={holds ? "M4 10.5 L8.5 15 L16.5 5.5" : "M5 5 L15 15 M15 5 L5 15"} />
            </svg>
            <p>
              <b>{id === "learned" ? "Learn" : id}</b> {title}
              {!holds && <strong class="invariant-why"> {words}</strong>}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
