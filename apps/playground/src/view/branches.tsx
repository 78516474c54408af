import { Button } from "@synod/ui";
import type { JSX } from "preact";
import type { Event, Stage } from "../model/state.js";
import { pathTo, sharedRows, tipsOf } from "../model/tree.js";

interface BranchesProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

const SHOWN_MAX = 8;

/** Every future that was tried stays: a line for each, drawn from where it parts. */
export function Branches({ stage, dispatch }: BranchesProps): JSX.Element | null {
  const { tree } = stage;
  const tips = tipsOf(tree);
  if (tips.length < 2) return null;
  const longest = Math.max(...tips.map((tip) => pathTo(tree, tip).length - 1));
  return (
    <section class="branches" aria-label="Futures">
      <h3>{tips.length} futures so far</h3>
      <ul>
        {tips.slice(-SHOWN_MAX).map((tip) => {
          const rows = pathTo(tree, tip).length - 1;
          const shared = tip === tree.tip ? 0 : sharedRows(tree, tip);
          return (
            <li key={tip}>
              <Button
                look="quiet"
                pressed={tip === tree.tip}
                onPress={() => dispatch({ do: "branch", tip })}
                label={`Future ${tips.indexOf(tip) + 1}: ${rows} rows, the first ${shared} shared`}
              >
                <svg width="120" height="12" viewBox="0 0 120 12" aria-hidden="true">
                  <path class="branch-shared" d={`M0 6 H${(120 * shared) / longest}`} />
                  <path class="branch-own" d={`M${(120 * shared) / longest} 6 H${(120 * rows) / longest}`} />
                </svg>
                {rows} rows
              </Button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
