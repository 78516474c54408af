import type { Run } from "./play.js";
import { beginRun, playScript } from "./play.js";
import { type Bounds, search, type SearchReport } from "./search.js";
import type { Protocol } from "./shape.js";
import type { Verdict } from "./judge.js";

/** A search that belongs to a scenario, and how it must end. */
export interface ScenarioSearch {
  readonly goal: "diverges" | "blocks" | "livelocks";
  readonly bounds: Bounds;
  /** Other than the protocol's own number: the smallest story. */
  readonly servers?: number;
  /** Where it begins, as a script; left out: at the very beginning. */
  readonly from?: readonly string[];
  readonly expect: "found" | "none";
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** May be left out by somebody who goes through it for the first time. */
  readonly optional?: true;
  readonly protocol: Protocol;
  readonly servers?: number;
  /** What a reader should be able to answer after it, and be asked before. */
  readonly question: string;
  /** See `playScript`. */
  readonly script: readonly string[];
  /** What the reader should see. */
  readonly sees: string;
  /** What the checker must say of the script. */
  readonly verdict: Verdict["kind"];
  readonly searches?: readonly ScenarioSearch[];
}

/** Plays the script of a scenario from the beginning. */
export function playScenario({ protocol, servers, script }: Scenario): Run {
  return playScript(beginRun(protocol, servers), script);
}

/** Runs one of its searches to the end, or until `statesMax` (default 200,000) situations were seen. */
export function runSearch(protocol: Protocol, wanted: ScenarioSearch, statesMax: number = 200_000): SearchReport {
  const { goal, bounds, servers, from = [] } = wanted;
  return search(protocol, { goal, bounds, from: playScript(beginRun(protocol, servers), from) }, statesMax);
}
