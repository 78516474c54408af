import { type Action, PROTOCOLS, type ScenarioSearch } from "@synod/lecture";
import { useCallback, useEffect, useRef } from "preact/hooks";
import type { SearchNews } from "../model/searching.js";
import type { Event, SearchView, Stage } from "../model/state.js";

/** The page's own script, once more, where there is no page: so that one file is enough. */
function newWorker(): Worker {
  const text = document.querySelector("#script")?.textContent ?? "";
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  // A classic one: a page that was opened from a disk may not start modules.
  const worker = new Worker(address);
  worker.addEventListener("message", () => URL.revokeObjectURL(address), { once: true });
  return worker;
}

interface Searching {
  readonly begin: (stage: Stage, wanted: ScenarioSearch) => void;
  readonly stop: (stage: Stage) => void;
}

/** One search at a time, in a worker of its own, which is ended with it or when the reader goes elsewhere. */
export function useSearch(stage: Stage | null, dispatch: (event: Event) => void): Searching {
  const worker = useRef<Worker | null>(null);
  const end = useCallback(() => {
    worker.current?.terminate();
    worker.current = null;
  }, []);
  useEffect(() => end, [end, stage?.scenario, stage?.protocol]);
  const begin = useCallback(
    (stage: Stage, wanted: ScenarioSearch) => {
      end();
      const protocol = PROTOCOLS.find((one) => one.id === stage.protocol.id)?.id ?? "";
      const view: SearchView = { wanted, protocol, state: "running", states: 0, depth: 0, ms: 0 };
      dispatch({ do: "search", search: view });
      const mine = newWorker();
      worker.current = mine;
      mine.addEventListener("error", () => dispatch({ do: "news", search: { ...view, state: "failed" } }));
      mine.addEventListener("message", (event: MessageEvent<SearchNews>) => {
        if (worker.current !== mine) return;
        const news = event.data;
        if (news.say !== "progress") end();
        dispatch(eventOf(news, view));
      });
      mine.postMessage({ protocol, wanted });
    },
    [dispatch, end],
  );
  const stop = useCallback(
    ({ search }: Stage) => {
      end();
      if (search !== null) dispatch({ do: "search", search: { ...search, state: "stopped" } });
    },
    [dispatch, end],
  );
  return { begin, stop };
}

function eventOf(news: SearchNews, view: SearchView): Event {
  if (news.say === "failed") return { do: "news", search: { ...view, state: "failed" } };
  const { states, depth, ms } = news;
  if (news.say === "progress") return { do: "news", search: { ...view, states, depth, ms } };
  const search: SearchView = { ...view, state: news.verdict, states, depth, ms };
  const actions: readonly Action[] = news.actions;
  return news.verdict === "found" ? { do: "found", search, actions } : { do: "news", search };
}
