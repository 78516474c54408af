import type { Bounds, Protocol, Run, Scenario, ScenarioSearch } from "@synod/lecture";

/** What the worker is asked, and what it says. */
export interface SearchOrder {
  readonly protocol: string;
  readonly wanted: ScenarioSearch;
}

export type SearchNews =
  | { readonly say: "progress"; readonly states: number; readonly depth: number; readonly ms: number }
  | {
      readonly say: "done";
      readonly verdict: "found" | "none" | "unknown";
      readonly states: number;
      readonly depth: number;
      readonly ms: number;
      readonly actions: Run["actions"];
    }
  | { readonly say: "failed"; readonly words: string };

/** So many situations and no more: each takes about a kilobyte. */
export const STATES_MAX = 200_000;

const SPENDING = ["crashes", "restarts", "lostDisks", "suspicions", "timeouts", "losses", "duplicates"] as const;
export type Spent = (typeof SPENDING)[number];
export const LIMITS: readonly { readonly key: Spent; readonly words: string }[] = [
  { key: "suspicions", words: "wrong suspicions" },
  { key: "timeouts", words: "time-outs" },
  { key: "crashes", words: "crashes" },
  { key: "restarts", words: "restarts" },
  { key: "lostDisks", words: "lost disks" },
  { key: "losses", words: "losses" },
  { key: "duplicates", words: "duplicates" },
];

/** The searches of a scenario; where it has none, a general one for contradictions. */
export function searchesOf(scenario: Scenario | null, protocol: Protocol): ScenarioSearch[] {
  const own = scenario?.searches ?? [];
  return own.length > 0 ? [...own] : [generalSearch(protocol)];
}

function generalSearch(protocol: Protocol): ScenarioSearch {
  const wishes = protocol.asks === "none";
  const bounds: Bounds = {
    values: [
      { value: wishes ? "burgers" : "m1", by: wishes ? "S1" : "C1" },
      { value: wishes ? "pizza" : "m2", by: wishes ? "S2" : "C2" },
    ],
    suspicions: protocol.onSuspect === undefined ? 0 : 1,
    timeouts: protocol.onTimeout === undefined ? 0 : 1,
    crashes: 1,
    steps: 24,
  };
  return { goal: "diverges", bounds, expect: "none" };
}

export function withLimit(wanted: ScenarioSearch, key: Spent, value: number): ScenarioSearch {
  return { ...wanted, bounds: { ...wanted.bounds, [key]: value } };
}

export const GOALS: Readonly<Record<ScenarioSearch["goal"], string>> = {
  diverges: "a contradiction",
  blocks: "a way to get stuck for ever",
  livelocks: "a way to go round in circles",
};
