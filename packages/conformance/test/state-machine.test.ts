import type { Applied, ApplyContext, SnapshotSink, StateMachine } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { stateMachineSuite, type TestFunction } from "../src/index.js";
import { trials } from "./run.js";

type MachineBug =
  | "answers with a promise"
  | "forgets to wrap its result"
  | "draws chance"
  | "looks at the wall clock"
  | "shares state between instances"
  | "counts in the module"
  | "digests in the order of insertion"
  | "lists in the order of insertion"
  | "changes when asked"
  | "changes when digested"
  | "reads the live map in snapshots"
  | "has one snapshot at a time"
  | "locks while a snapshot is open"
  | "leaves the count out of snapshots"
  | "merges when restored"
  | "keeps the count when restored"
  | "shares what it restored from"
  | "keeps what a restore given up had read"
  | "loses a level with each snapshot"
  | "has a deadline that is no number";

interface Put {
  readonly key: string;
  readonly value: number | null;
}
type Answer = readonly (readonly [string, number])[] | number;

let shared = 0;
const sharedValues = new Map<string, number>();
const encoder = new TextEncoder();
const restoredFrom = new WeakMap<object, Map<string, number>>();

/** A sorted map with a count of commands; its snapshots copy at the call. */
class MiniMachine implements StateMachine<Put, "entries" | "count", unknown, Answer> {
  #values = new Map<string, number>();
  #chunks: Uint8Array[] = [];
  #count = 0;
  #open = 0;
  readonly #bug: MachineBug | undefined;

  constructor(bug?: MachineBug) {
    this.#bug = bug;
    if (this.#has("shares state between instances")) this.#values = sharedValues;
    if (this.#has("counts in the module")) this.#count = ++shared;
  }

  #has(bug: MachineBug): boolean {
    return this.#bug === bug;
  }

  apply({ key, value }: Put, context: ApplyContext): Applied<unknown> {
    if (this.#has("locks while a snapshot is open") && this.#open > 0) return { result: "busy" };
    const before = this.#values.get(key) ?? null;
    this.#count++;
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
    if (this.#has("draws chance")) return { result: Math.random() < 2 ? before : null };
    if (this.#has("looks at the wall clock")) return { result: Date.now() > 0 ? before : null };
    if (this.#has("answers with a promise")) return { result: Promise.resolve(before) };
    if (this.#has("forgets to wrap its result")) return before as unknown as Applied<unknown>;
    return { result: before, events: [[context.slot, key]] };
  }

  query(query: "entries" | "count"): Answer {
    if (this.#has("changes when asked")) this.#count++;
    if (query === "count") return this.#count;
    return this.#has("lists in the order of insertion") ? [...this.#values] : this.#sorted();
  }

  #sorted(): [string, number][] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  snapshot(): Iterable<Uint8Array> {
    const lines = (entries: Iterable<readonly [string, number]>, count: number): Iterable<Uint8Array> => {
      const end = this.#has("leaves the count out of snapshots") ? 0 : count;
      return this.#encoded(entries, end - (this.#has("loses a level with each snapshot") ? 1 : 0));
    };
    if (this.#has("reads the live map in snapshots")) return lines(this.#values, this.#count);
    if (this.#has("has one snapshot at a time") && this.#open > 0) return lines([], 0);
    return lines(this.#sorted(), this.#count);
  }

  *#encoded(entries: Iterable<readonly [string, number]>, count: number): Generator<Uint8Array> {
    this.#open++;
    try {
      yield encoder.encode(JSON.stringify(count));
      for (const entry of entries) yield encoder.encode(JSON.stringify(entry));
    } finally {
      if (!this.#has("locks while a snapshot is open") || this.#open === 1) this.#open--;
    }
  }

  restore(): SnapshotSink {
    if (!this.#has("keeps what a restore given up had read")) this.#chunks = [];
    return { write: (chunk) => void this.#chunks.push(chunk), end: () => this.#restore(this.#chunks) };
  }

  #restore(chunks: readonly Uint8Array[]): void {
    const first = chunks[0] ?? new Uint8Array();
    const known = restoredFrom.get(first);
    if (this.#has("shares what it restored from") && known) {
      this.#values = known;
      return;
    }
    const [head, ...rest] = [...chunks].map((chunk) => JSON.parse(new TextDecoder().decode(chunk)) as unknown);
    if (!this.#has("keeps the count when restored")) this.#count = head as number;
    if (!this.#has("merges when restored")) this.#values = new Map();
    // Another order than the one in which they came.
    for (const [key, value] of (rest as [string, number][]).reverse()) this.#values.set(key, value);
    restoredFrom.set(first, this.#values);
  }

  digest(): string {
    if (this.#has("changes when digested")) this.#count++;
    return JSON.stringify(this.#has("digests in the order of insertion") ? [...this.#values] : this.#sorted());
  }

  nextDeadline(): number | null {
    if (this.#has("has a deadline that is no number")) return Number.NaN;
    return this.#values.size === 0 ? null : this.#count * 100;
  }
}

const commands = Array.from({ length: 40 }, (_, i): Put => ({ key: `k${(i * 5) % 7}`, value: i % 6 === 5 ? null : i }));

const suite = (bug?: MachineBug) => (register: TestFunction) =>
  stateMachineSuite({ test: register, create: () => new MiniMachine(bug), commands, queries: ["entries", "count"] });

describe("a state machine that keeps the contract", () => {
  suite()(test);
});

describe("a state machine with the least that there may be", () => {
  const least = (): StateMachine<number, null, number> => {
    let sum = 0;
    return {
      apply: (add) => ({ result: (sum += add) }),
      query: () => sum,
      snapshot: () => [Uint8Array.of(sum)],
      restore: () => ({ write: ([value]) => void (sum = value ?? 0), end: () => undefined }),
    };
  };
  stateMachineSuite({ test, create: least, commands: [1, 2, 3, 4], queries: [null] });
});

const broken: [MachineBug, string][] = [
  ["answers with a promise", "the same log gives the same results and the same state"],
  ["forgets to wrap its result", "the same log gives the same results and the same state"],
  ["draws chance", "nothing depends on clocks, chance or timers"],
  ["looks at the wall clock", "nothing depends on clocks, chance or timers"],
  ["shares state between instances", "the same log gives the same results and the same state"],
  ["counts in the module", "new instances begin alike, whatever others did"],
  ["digests in the order of insertion", "the way to a state leaves no trace in what follows"],
  ["lists in the order of insertion", "the way to a state leaves no trace in what follows"],
  ["changes when asked", "queries, digest and nextDeadline change nothing"],
  ["changes when digested", "queries, digest and nextDeadline change nothing"],
  ["reads the live map in snapshots", "a snapshot is of the moment of the call while apply goes on"],
  ["has one snapshot at a time", "several snapshots at a time are each of their moment"],
  ["locks while a snapshot is open", "a snapshot that is given up leaves no trace"],
  ["leaves the count out of snapshots", "the way to a state leaves no trace in what follows"],
  ["merges when restored", "restoring replaces whatever was there"],
  ["keeps the count when restored", "restoring replaces whatever was there"],
  ["shares what it restored from", "a restored machine and its source go their own ways"],
  ["keeps what a restore given up had read", "a restore that is given up leaves no trace in the next one"],
  ["loses a level with each snapshot", "a snapshot of a restored machine is as good as the first one"],
  ["has a deadline that is no number", "the same log gives the same results and the same state"],
];

const trial = trials<MachineBug>(suite);

test.each(broken)("a state machine that %s fails: %s", async (bug, name) => {
  const { failed } = await trial.of(bug);
  expect([...failed.keys()]).toContain(name);
});

test("every case of the suite can fail", async () => {
  expect(await trial.toothless(broken.map(([bug]) => bug))).toEqual([]);
});
