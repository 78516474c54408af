import type { ScenarioSearch } from "@synod/lecture";
import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { figureOf } from "../model/figure.js";
import { handedTrace } from "../model/handed.js";
import { meaningOf } from "../model/keys.js";
import { linkOf, readLink } from "../model/link.js";
import { searchesOf } from "../model/searching.js";
import { type Event, reduce, START, type State } from "../model/state.js";
import { readTrace } from "../model/trace-file.js";
import { branchOf } from "../model/tree.js";
import { findingOf } from "../model/verdict.js";
import { besideStory } from "../model/words.js";
import { Header } from "./header.js";
import { Help } from "./help.js";
import { Home } from "./home.js";
import { RelativesPage } from "./relatives-page.js";
import { StagePage } from "./stage.js";
import { TracePage } from "./trace-page.js";
import { useSearch } from "./use-search.js";
import { VERDICTS } from "@synod/ui";

function begin(): State {
  const state = reduce(START, { do: "open", place: readLink(location.hash) });
  if (state.page !== "trace") return state;
  try {
    const trace = handedTrace();
    return trace === null ? state : reduce(state, { do: "trace", trace });
  } catch (error) {
    return reduce(state, { do: "note", note: error instanceof Error ? error.message : String(error) });
  }
}

export function App(): JSX.Element {
  const [state, dispatch] = useReducer<State, Event, undefined>(reduce, undefined, begin);
  const { stage } = state;
  const { begin: search, stop } = useSearch(stage, dispatch);
  const onSearch = useCallback((wanted: ScenarioSearch) => stage !== null && search(stage, wanted), [stage, search]);
  const onFile = useCallback((file: File) => void openFile(file, dispatch), []);
  useAddress(state, dispatch);
  useTicks(state, dispatch);
  useKeys(state, dispatch, onSearch);
  useDrop(onFile);
  const page = state.page === "stage" ? (stage?.scenario === null ? "free" : "lesson") : state.page;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header page={page} onFile={onFile} onHelp={() => dispatch({ do: "help" })} />
      {state.note !== "" && (
        <p class="note" role="alert">
          {state.note}
          <button type="button" class="sy-button sy-button-quiet" onClick={() => dispatch({ do: "closeNote" })}>
            Close
          </button>
        </p>
      )}
      {state.page === "home" && <Home />}
      {state.page === "stage" && stage !== null && (
        <StagePage state={state} stage={stage} dispatch={dispatch} onSearch={onSearch} onStop={() => stop(stage)} />
      )}
      {state.page === "raft" && <RelativesPage />}
      {state.page === "trace" && <TracePage trace={state.trace} />}
      {state.help && <Help onClose={() => dispatch({ do: "help" })} />}
      <p class="sy-hidden" aria-live="polite" id="said">
        {said(state)}
      </p>
    </>
  );
}

/** What is read aloud: each row when one steps, only the verdict when it plays by itself. */
function said({ stage, playing }: State): string {
  if (stage === null) return "";
  const { tree } = stage;
  const row = figureOf(branchOf(tree)).rows[tree.at - 1];
  const finding = findingOf(stage);
  const verdict = finding.kind === "open" ? "" : ` ${VERDICTS[finding.kind].word}. ${finding.words}`;
  if (playing) return verdict;
  return row === undefined ? "The beginning." : `Row ${row.row}. ${row.text}${verdict}`;
}

function skip(event: { preventDefault(): void }): void {
  event.preventDefault();
  const main = document.querySelector<HTMLElement>("#main");
  main?.setAttribute("tabindex", "-1");
  main?.focus();
}

async function openFile(file: File, dispatch: (event: Event) => void): Promise<void> {
  try {
    dispatch({ do: "trace", trace: readTrace(file.name, await file.text()) });
  } catch (error) {
    dispatch({ do: "note", note: error instanceof Error ? error.message : String(error) });
  }
}

/** The address follows the state, so that it can be copied at any time; and the state follows an address that was typed or clicked. */
function useAddress(state: State, dispatch: (event: Event) => void): void {
  const written = useRef(location.hash);
  // Before anything can be seen of the page: whoever sees it may click at once.
  useLayoutEffect(() => {
    const follow = (): void => {
      if (location.hash === written.current) return;
      written.current = location.hash;
      if (location.hash === "#main") return;
      dispatch({ do: "open", place: readLink(location.hash) });
      scrollTo(0, 0);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [dispatch]);
  const { stage, page, playing } = state;
  useEffect(() => {
    // Where the address is not ours any more, somebody is on the way elsewhere and the event is about to come.
    if (playing || location.hash !== written.current) return;
    const address =
      stage === null
        ? page === "home"
          ? "#/"
          : `#/${page}`
        : linkOf({ ...stage, run: branchOf(stage.tree), at: stage.tree.at });
    const current = location.hash === "" ? "#/" : location.hash;
    if (address === current) return;
    history.replaceState(null, "", address);
    written.current = location.hash;
  }, [stage, page, playing]);
}

function useTicks({ playing, speed }: State, dispatch: (event: Event) => void): void {
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => dispatch({ do: "tick" }), 1000 / speed);
    return () => clearInterval(timer);
  }, [playing, speed, dispatch]);
}

function useKeys(state: State, dispatch: (event: Event) => void, onSearch: (wanted: ScenarioSearch) => void): void {
  // Not a moment later: a key means what it means in the picture that is seen.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      const meaning = meaningOf(event.key, state);
      if (meaning === null) return;
      event.preventDefault();
      if (typeof meaning !== "string") return dispatch(meaning);
      const { stage } = state;
      if (stage === null) return;
      if (meaning === "find") {
        const [first] = searchesOf(stage.scenario, stage.protocol);
        if (first !== undefined) onSearch(first);
        return;
      }
      const [before, after] = stage.scenario === null ? [] : besideStory(stage.scenario);
      const next = meaning === "following" ? after : before;
      if (next !== undefined) location.hash = `#/${next.id}`;
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [state, dispatch, onSearch]);
}

/** Whether the key belongs to what has the focus: a field, or a button that space and enter press. */
function isTyping({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches("input, select, textarea")) return true;
  if (key === "Enter" && target.closest("a") !== null) return true;
  if ((key === " " || key === "Enter") && target.closest("button, summary, dialog") !== null) return true;
  return ["ArrowUp", "ArrowDown"].includes(key);
}

function useDrop(onFile: (file: File) => void): void {
  useLayoutEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault();
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (file !== undefined) onFile(file);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  }, [onFile]);
}
