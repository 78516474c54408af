import { labelOf, phaseOf, playScenario, PROTOCOLS, type ScenarioSearch } from "@synod/lecture";
import { Button } from "@synod/ui";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { figureOf, type Waiting } from "../model/figure.js";
import { serversOf } from "../model/moves.js";
import { linesOfRow } from "../model/ran.js";
import { type Event, isStoryEnd, type Stage as StageState, type State } from "../model/state.js";
import { branchOf, worldAt } from "../model/tree.js";
import { findingOf } from "../model/verdict.js";
import { besideStory, chapterOf, scenariosOf, stepOf, WHY } from "../model/words.js";
import { Branches } from "./branches.js";
import { Clients } from "./clients.js";
import { Code } from "./code.js";
import { Compare } from "./compare.js";
import { Diagram } from "./diagram.js";
import { Invariants } from "./invariants.js";
import { Ladder } from "./ladder.js";
import { Matrix } from "./matrix.js";
import { Rows } from "./rows.js";
import { SearchPanel } from "./search-panel.js";
import { Servers } from "./servers.js";
import { Tabs } from "./tabs.js";
import { Settings } from "./settings.js";
import { Transport } from "./transport.js";
import { Tray } from "./tray.js";
import { VerdictCard } from "./verdict-card.js";

export interface StageProps {
  readonly state: State;
  readonly stage: StageState;
  readonly dispatch: (event: Event) => void;
  readonly onSearch: (wanted: ScenarioSearch) => void;
  readonly onStop: () => void;
}

/** The page's own head, which stays where it is. */
const HEAD_PX = 64;

/** One step of the lecture, or the free playground. */
export function StagePage({ state, stage, dispatch, onSearch, onStop }: StageProps): JSX.Element {
  const figure = figureOf(branchOf(stage.tree));
  const { at } = stage.tree;
  const finding = findingOf(stage);
  const goTo = (row: number): void => dispatch({ do: "row", row });
  useBroughtIntoView(stage.scenario?.id ?? stage.protocol.id, at);
  return (
    <div class="with-ladder">
      <Ladder current={stage.scenario === null ? null : stage.protocol.id} />
      <main class="stage" id="main">
        <Intro stage={stage} />
        <div class="stage-grid">
          <div class="stage-picture">
            <Transport state={state} stage={stage} dispatch={dispatch} />
            <Now stage={stage} text={figure.rows[at - 1]?.text ?? ""} />
            <Diagram
              figure={figure}
              shown={at}
              waiting={waitingOf(stage)}
              held={stage.held}
              message={stage.message}
              server={stage.server}
              eyes={stage.eyes}
              deciding={finding.rows}
              label={`Space-time diagram, ${at} of ${figure.rows.length} rows; the list “What has happened” says the same`}
              onPick={(id) =>
                dispatch(id === stage.message ? { do: "act", action: { do: "deliver", id } } : { do: "message", id })
              }
              onRow={goTo}
            />
            <Tray stage={stage} dispatch={dispatch} />
            <Settings stage={stage} dispatch={dispatch} />
          </div>
          <div class="stage-side">
            <VerdictCard state={state} stage={stage} dispatch={dispatch} onSearch={onSearch} />
            <Tabs stage={stage} dispatch={dispatch}>
              {stage.tab === "servers" && (
                <>
                  <Servers stage={stage} dispatch={dispatch} />
                  <Clients stage={stage} dispatch={dispatch} />
                  <Branches stage={stage} dispatch={dispatch} />
                </>
              )}
              {stage.tab === "code" && <Code stage={stage} dispatch={dispatch} />}
              {stage.tab === "compare" && <Compare stage={stage} dispatch={dispatch} />}
              {stage.tab === "rules" && (
                <>
                  <Matrix stage={stage} />
                  <Invariants stage={stage} />
                </>
              )}
              {stage.tab === "search" && <SearchPanel stage={stage} onSearch={onSearch} onStop={onStop} />}
            </Tabs>
          </div>
        </div>
        <Rows
          rows={figure.rows}
          shown={at}
          onRow={goTo}
          deciding={finding.rows}
          hasCode={(row) => linesOfRow(branchOf(stage.tree), row).size > 0}
          onCode={(row) => {
            goTo(row);
            dispatch({ do: "tab", tab: "code" });
            requestAnimationFrame(() => document.querySelector("#tab-panel")?.scrollIntoView({ block: "nearest" }));
          }}
        />
        <Onward stage={stage} />
      </main>
    </div>
  );
}

/** Whoever has read the introduction and makes the first step wants to see the whole picture. */
function useBroughtIntoView(story: string, at: number): void {
  const before = useRef({ story, at });
  useEffect(() => {
    const begins = before.current.story === story && before.current.at === 0 && at > 0;
    before.current = { story, at };
    const picture = document.querySelector(".stage .diagram")?.getBoundingClientRect();
    if (!begins || picture === undefined || picture.bottom <= innerHeight) return;
    const isWide = matchMedia("(min-width: 1000px)").matches;
    const first = (isWide ? document.querySelector(".question") : null) ?? document.querySelector(".transport");
    if (first !== null) scrollBy(0, first.getBoundingClientRect().top - HEAD_PX);
  }, [story, at]);
}

/** What has just happened, where one looks while stepping. The list says it to those who hear it. */
function Now({ stage, text }: { readonly stage: StageState; readonly text: string }): JSX.Element {
  const { at } = stage.tree;
  const told = stage.scenario === null ? 0 : playScenario(stage.scenario).rows.length;
  const isBeyond = stage.scenario !== null && at > told;
  return (
    <p class="now" aria-hidden="true">
      {at === 0 ? <span class="soft">Step, or play: what happens is said here.</span> : <b>Row {at}. </b>}
      {isBeyond && <span class="soft">(After the story.) </span>}
      {text}
      {isStoryEnd(stage) && <b> The story ends here.</b>}
    </p>
  );
}

function waitingOf({ tree }: StageState): Waiting[] {
  const { flights, servers } = worldAt(tree);
  return flights.map(({ id, from, to, message, row }) => {
    const isForNobody = servers[to]?.up === false;
    return { id, from, to, label: labelOf(message), phase: phaseOf(message), sentRow: row, isForNobody };
  });
}

function Intro({ stage }: { readonly stage: StageState }): JSX.Element {
  const { protocol, scenario } = stage;
  const step = stepOf(protocol.id);
  const stories = scenario === null ? [] : scenariosOf(protocol.id);
  return (
    <div class="intro">
      <p class="kicker">
        {scenario === null
          ? "Free play"
          : [step === null ? "" : `Step ${step} of 22`, chapterOf(protocol.id)?.title ?? ""]
              .filter(Boolean)
              .join(" · ")}
      </p>
      <h1>{protocol.title}</h1>
      <p class="lead">{WHY[protocol.id] ?? protocol.adds}</p>
      {step === 1 && (
        <p class="adds">
          <b>How to read the picture:</b> each line that runs down is a process, and time runs down with it; order, not
          seconds. Each row is one event, each slanted line a message. Every sign is explained under “?”.
        </p>
      )}
      {scenario === null && <FreeIntro stage={stage} />}
      {stories.length > 0 && (
        <ul class="stories" aria-label="Stories of this step">
          {stories.map((story) => (
            <li key={story.id}>
              <a
                href={`#/${story.id}`}
                class={story.optional === true ? "story-optional" : ""}
                {...(story.id === scenario?.id && { "aria-current": "page" as const })}
              >
                {story.title}
                {story.optional === true && <span class="soft">optional</span>}
              </a>
            </li>
          ))}
        </ul>
      )}
      {scenario !== null && (
        <p class="question">
          <b>Ask yourself:</b> {scenario.question}
        </p>
      )}
    </div>
  );
}

function FreeIntro({ stage }: { readonly stage: StageState }): JSX.Element {
  return (
    <div class="free-intro">
      <p>
        Your turn. Let clients ask, let messages overtake each other, crash whom you like.{" "}
        <b>The challenge: make two values chosen for one number.</b> With the real protocol, and no disk lost, nobody
        has; change one line, with a “What if”, or lose a disk, and you can.
      </p>
      <label>
        Protocol{" "}
        <select
          value={stage.protocol.id}
          onChange={(input) => {
            location.hash = `#/free/${input.currentTarget.value}`;
          }}
        >
          {PROTOCOLS.map((protocol) => (
            <option key={protocol.id} value={protocol.id}>
              {protocol.title}
            </option>
          ))}
        </select>
      </label>
      <span class="soft">{serversOf(worldAt(stage.tree)).length} servers</span>
    </div>
  );
}

function Onward({ stage }: { readonly stage: StageState }): JSX.Element | null {
  if (stage.scenario === null) return null;
  const [before, after] = besideStory(stage.scenario);
  return (
    <nav class="onward" aria-label="Next story">
      {before === undefined ? <span /> : <a href={`#/${before.id}`}>← {before.title}</a>}
      {after === undefined ? (
        <Button look="main" onPress={() => (location.hash = "#/free/synod-multipaxos")}>
          Now try to break it →
        </Button>
      ) : (
        <a class="onward-next" href={`#/${after.id}`}>
          {after.title} →
        </a>
      )}
    </nav>
  );
}
