import type { Ledger } from "./ledger.js";
import type { Supervisor } from "./supervisor.js";

/** What the steps share. */
export interface Tour {
  readonly supervisor: Supervisor;
  readonly ledger: Ledger;
  readonly startedMs: number;
  /** Tells something within a step. */
  readonly tell: (text: string) => void;
  /** Waits for something that is expected; at most for what is left of the tour. @throws Untrue */
  readonly expect: (what: string, condition: () => boolean, seen?: () => string) => Promise<void>;
  /** The names of keys of this very tour. */
  readonly key: (name: string) => string;
}

export interface Step {
  readonly title: string;
  /** Returns what to print beside the title. @throws Untrue */
  readonly run: (tour: Tour) => Promise<string>;
}

/** A step was not as expected. */
export class Untrue extends Error {}

/** @throws Untrue */
export function assertTrue(condition: boolean, expected: string, seen: string): void {
  if (!condition) throw new Untrue(`expected ${expected}; ${seen}`);
}
