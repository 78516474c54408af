import { judge } from "@synod/lecture";
import { Button, VERDICTS, VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import { besideOf, predecessorOf } from "../model/beside.js";
import { figureOf } from "../model/figure.js";
import type { Event, Stage } from "../model/state.js";
import { branchOf, rowsIn } from "../model/tree.js";
import { scenariosOf } from "../model/words.js";
import { Diagram } from "./diagram.js";

interface CompareProps {
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
}

/** The step before under the same schedule, row beside row. */
export function Compare({ stage, dispatch }: CompareProps): JSX.Element {
  const { tree, protocol } = stage;
  const other = predecessorOf(protocol);
  if (other === null) return <p class="compare-none">There is no step before this one.</p>;
  const run = branchOf(tree);
  const { run: theirs, figure, differs } = besideOf(run, other);
  const seen = differs.filter((row) => row <= tree.at);
  const isEnd = tree.at === rowsIn(tree) && rowsIn(tree) > 0;
  const verdict = isEnd ? judge(theirs) : null;
  return (
    <section class="compare" aria-label="The step before, beside it">
      <p class="compare-head">
        <b>The same schedule with </b>
        <a href={`#/${scenariosOf(other.id)[0]?.id ?? ""}`}>{other.title}</a>
      </p>
      <Diagram
        figure={figure}
        shown={tree.at}
        waiting={[]}
        differs={differs}
        onRow={(row) => dispatch({ do: "row", row })}
        label={`Space-time diagram of “${other.title}” under the same schedule; the list below says where it differs`}
      />
      <div class="compare-foot">
        {verdict !== null && (
          <p>
            <VerdictIcon verdict={verdict.kind} /> <b>{VERDICTS[verdict.kind].word}.</b> {verdict.words}
          </p>
        )}
        <p class="soft">
          {tree.at === 0
            ? "Make a step: it is made in both pictures."
            : seen.length === 0
              ? "Up to here both do the same."
              : "A diamond marks a row in which the two differ:"}
        </p>
        {seen.length > 0 && (
          <ol class="compare-rows">
            {seen.map((row) => (
              <li key={row}>
                <Button pressed={row === tree.at} onPress={() => dispatch({ do: "row", row })} label={`To row ${row}`}>
                  {row}
                </Button>
                <span>
                  <b>Before:</b> {figure.rows[row - 1]?.text} <b>Now:</b> {figureOf(run).rows[row - 1]?.text}
                </span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
