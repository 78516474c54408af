import { beginRun, createSearch, playScript, PROTOCOLS } from "@synod/lecture";
import { type SearchNews, type SearchOrder, STATES_MAX } from "./model/searching.js";

const SLICE = 1_000;

function say(news: SearchNews): void {
  postMessage(news);
}

/** One order, one worker: to stop it the page ends the worker. */
function run({ protocol: id, wanted }: SearchOrder): void {
  const protocol = PROTOCOLS.find((one) => one.id === id);
  if (protocol === undefined) return say({ say: "failed", words: `There is no protocol ${id}.` });
  const from = playScript(beginRun(protocol, wanted.servers), wanted.from ?? []);
  const search = createSearch(protocol, { goal: wanted.goal, bounds: wanted.bounds, from });
  const began = performance.now();
  for (;;) {
    const report = search.run(SLICE);
    const ms = performance.now() - began;
    const { verdict, states, depth } = report;
    if (verdict === "unknown" && states < STATES_MAX) {
      say({ say: "progress", states, depth, ms });
      continue;
    }
    return say({ say: "done", verdict, states, depth, ms, actions: report.run?.actions ?? [] });
  }
}

export function startWorker(): void {
  addEventListener("message", (event: MessageEvent<SearchOrder>) => {
    try {
      run(event.data);
    } catch (error) {
      say({ say: "failed", words: error instanceof Error ? error.message : String(error) });
    }
  });
}
