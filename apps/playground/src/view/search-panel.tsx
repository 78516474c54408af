import type { ScenarioSearch } from "@synod/lecture";
import { Button } from "@synod/ui";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { GOALS, LIMITS, searchesOf, STATES_MAX, withLimit } from "../model/searching.js";
import type { SearchView, Stage } from "../model/state.js";
import { boundsWords } from "../model/words.js";

interface SearchProps {
  readonly stage: Stage;
  readonly onSearch: (wanted: ScenarioSearch) => void;
  readonly onStop: () => void;
}

/** Looks for the shortest way to break the protocol. "None" is said with its bounds, and "stopped" is not "none". */
export function SearchPanel({ stage, onSearch, onStop }: SearchProps): JSX.Element {
  const searches = searchesOf(stage.scenario, stage.protocol);
  const running = stage.search?.state === "running";
  return (
    <section class="search" aria-label="Find a counterexample">
      <h2>Find a counterexample</h2>
      <p class="search-words">{wordsOf(stage.search)}</p>
      {running && (
        <Button onPress={onStop} id="stop-search">
          Stop
        </Button>
      )}
      {!running &&
        searches.map((wanted, index) => (
          <OneSearch key={`${stage.protocol.id}${stage.scenario?.id}${index}`} wanted={wanted} onSearch={onSearch} />
        ))}
    </section>
  );
}

function OneSearch({
  wanted,
  onSearch,
}: {
  readonly wanted: ScenarioSearch;
  readonly onSearch: (wanted: ScenarioSearch) => void;
}): JSX.Element {
  const [now, setNow] = useState(wanted);
  const servers = now.servers === undefined ? "" : `, ${now.servers} servers`;
  const begin = now.from === undefined ? "" : ", from the middle of the story";
  return (
    <div class="search-one">
      <Button look="main" onPress={() => onSearch(now)}>
        Search for {GOALS[now.goal]}
      </Button>
      <details>
        <summary>{`${boundsWords({ ...now.bounds })}${servers}${begin}`}</summary>
        <div class="bounds">
          {LIMITS.map(({ key, words }) => (
            <label key={key}>
              <input
                type="number"
                min="0"
                max="4"
                value={now.bounds[key] ?? 0}
                onInput={(input) =>
                  setNow(withLimit(now, key, Math.max(0, Math.min(4, Number(input.currentTarget.value) || 0))))
                }
              />
              {words}
            </label>
          ))}
        </div>
      </details>
    </div>
  );
}

const counted = (count: number): string => count.toLocaleString("en");

function wordsOf(search: SearchView | null): string {
  if (search === null) return "Every run within bounds is tried, the shortest first, here in your browser.";
  const { state, states, depth, ms } = search;
  const seen = `${counted(states)} situations`;
  const took = `${(ms / 1000).toFixed(1)} s`;
  switch (state) {
    case "running":
      return `Looking … ${seen} so far, ${depth} steps deep.`;
    case "found":
      return `Found after ${seen} in ${took}: no shorter way leads there. It plays above.`;
    case "none":
      return `None in all ${seen} within these bounds (${took}).`;
    case "unknown":
      return `Not decided: it stopped after ${counted(Math.max(states, STATES_MAX))} situations. Fewer accidents make it smaller.`;
    case "stopped":
      return `Stopped after ${seen}: not decided.`;
    case "failed":
      return "The search could not run in this browser.";
  }
}
