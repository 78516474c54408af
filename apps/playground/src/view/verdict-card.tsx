import { playScenario, type Scenario, type ScenarioSearch } from "@synod/lecture";
import { Button, VERDICTS, VerdictIcon } from "@synod/ui";
import type { JSX } from "preact";
import { linkOf } from "../model/link.js";
import { GOALS, searchesOf } from "../model/searching.js";
import { type Event, isStoryEnd, nextAction, type Stage, type State } from "../model/state.js";
import { rowsIn } from "../model/tree.js";
import { besideStory } from "../model/words.js";
import { Lights } from "./invariants.js";
import { findingOf, type Guess, replyTo } from "../model/verdict.js";

interface VerdictProps {
  readonly state: State;
  readonly stage: Stage;
  readonly dispatch: (event: Event) => void;
  readonly onSearch: (wanted: ScenarioSearch) => void;
}

const GUESSES: readonly Guess[] = ["safe", "diverges", "blocks", "livelocks"];

export function VerdictCard({ state, stage, dispatch, onSearch }: VerdictProps): JSX.Element {
  const { scenario, tree } = stage;
  const finding = findingOf(stage);
  const isEnd = tree.at === rowsIn(tree) && rowsIn(tree) > 0;
  const guess = scenario === null ? undefined : state.guesses[scenario.id];
  const next = scenario === null ? undefined : besideStory(scenario)[1];
  const left = rowsIn(tree) - tree.at;
  const [wanted] = searchesOf(scenario, stage.protocol);
  return (
    <section
      class={`verdict verdict-${finding.kind}${scenario === null ? " verdict-free" : ""}`}
      aria-label="The checker’s verdict"
      data-verdict={finding.kind}
    >
      <h2>
        <VerdictIcon verdict={finding.kind} />
        {VERDICTS[finding.kind].word}
      </h2>
      <p class="verdict-words">
        {finding.words !== ""
          ? finding.words
          : left > 0
            ? `${left} more ${left === 1 ? "row" : "rows"} to come. What will the checker say?`
            : "Nothing has happened yet."}
      </p>
      {finding.kind === "open" && scenario !== null && !isEnd && (
        <div class="guesses" role="group" aria-label="Your guess">
          {GUESSES.map((one) => (
            <Button key={one} pressed={guess === one} onPress={() => dispatch({ do: "guess", guess: one })}>
              {VERDICTS[one].word}
            </Button>
          ))}
        </div>
      )}
      {scenario !== null && isEnd && (
        <p class="verdict-words">
          <b>What you saw:</b> <WithRows text={scenario.sees} scenario={scenario} />
        </p>
      )}
      {scenario === null && stage.protocol.quorum !== undefined && <Lights stage={stage} dispatch={dispatch} />}
      {finding.kind !== "open" && guess !== undefined && <p class="verdict-reply">{replyTo(guess, finding.kind)}</p>}
      <p class="verdict-rows">
        {finding.kind !== "open" &&
          finding.rows.map((row) => (
            <Button key={row} onPress={() => dispatch({ do: "row", row })}>
              Row {row}
            </Button>
          ))}
        {isEnd && next !== undefined && (
          <a class="sy-button" href={`#/${next.id}`}>
            Next story →
          </a>
        )}
        {isStoryEnd(stage) && nextAction(stage) !== null && (
          <Button
            id="go-on"
            onPress={() => dispatch({ do: "goOn" })}
            title="What is still on its way arrives: no part of the story"
          >
            Let it go on
          </Button>
        )}
        {finding.kind === "open" && scenario === null && rowsIn(tree) > 0 && (
          <Button onPress={() => dispatch({ do: "judge" })}>Ask the checker how it ends</Button>
        )}
        {(isEnd || scenario === null) && wanted !== undefined && stage.search?.state !== "running" && (
          <Button
            id="find"
            onPress={() => onSearch(wanted)}
            title={`Tries every run within bounds, looking for ${GOALS[wanted.goal]} (f)`}
          >
            Look for {GOALS[wanted.goal]}
          </Button>
        )}
      </p>
    </section>
  );
}

/** Words in which every row that they name is a link to it. */
function WithRows({ text, scenario }: { readonly text: string; readonly scenario: Scenario }): JSX.Element {
  const run = playScenario(scenario);
  const parts = text.split(/\b(row \d+)\b/);
  return (
    <>
      {parts.map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          <a key={index} href={linkOf({ scenario, run, at: Number(part.slice(4)), seed: 1 })}>
            {part}
          </a>
        ),
      )}
    </>
  );
}
