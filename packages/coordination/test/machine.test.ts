import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import {
  type CoordinationAnswer,
  coordinationCodecs,
  type CoordinationCommand,
  type CoordinationMachine,
  type CoordinationMachineOptions,
  coordinationMachine,
  type CoordinationQuery,
  type CoordinationResult,
  type KeySelector,
} from "../src/index.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const NOTHING = new Uint8Array(0);

/** A machine with a log. */
class Bench {
  readonly machine: CoordinationMachine;
  timeMs = 0;
  #slot = 0;

  constructor(options: CoordinationMachineOptions = {}) {
    this.machine = coordinationMachine(options);
  }

  do(command: CoordinationCommand): CoordinationResult {
    const { timeMs } = this;
    const context = { slot: ++this.#slot, index: 0, timeMs, session: { slot: 1, index: 0 }, machineVersion: 1 };
    return this.machine.apply(command, context).result;
  }

  put(key: string, value: string = "", lease: string | null = null): CoordinationResult {
    return this.do({ kind: "put", key, value: text(value), lease, expected: null });
  }

  acquire(name: string, id: string, options: Partial<Extract<CoordinationCommand, { kind: "acquire" }>> = {}) {
    const rest = { ttlMs: 1000, limit: 1, parties: 0, value: NOTHING, wait: true, ...options };
    return this.do({ kind: "acquire", name, id, ...rest }) as CoordinationResult & { kind: "acquired" };
  }

  /** As an idle leader does it. */
  tick(timeMs: number): boolean {
    this.timeMs = timeMs;
    const deadline = this.machine.nextDeadline?.() ?? null;
    if (deadline === null || deadline > timeMs) return false;
    this.machine.tick?.({ slot: ++this.#slot, timeMs, machineVersion: 1 });
    return true;
  }

  ask<Kind extends CoordinationAnswer["kind"]>(
    query: CoordinationQuery & { readonly kind: string },
    _kind?: Kind,
  ): Extract<CoordinationAnswer, { readonly kind: Kind }> {
    return this.machine.query(query) as Extract<CoordinationAnswer, { readonly kind: Kind }>;
  }

  status() {
    return this.ask({ kind: "status" }, "status");
  }

  keys(keys: KeySelector, revision: number | null = null): string[] {
    const query = { kind: "range", keys, limit: 100, revision, reverse: false, keysOnly: true } as const;
    return this.ask(query, "range").entries.map(({ key }) => key);
  }

  watch(keys: KeySelector, from: number) {
    return this.machine.watch?.({ kind: "events", keys, from }) ?? null;
  }
}

test("each change has a revision of its own; what changes nothing has none", () => {
  const bench = new Bench();
  expect(bench.put("a", "1")).toEqual({ kind: "written", done: true, revision: 1, keyRevision: 1 });
  expect(bench.put("a", "2")).toMatchObject({ revision: 2 });
  expect(bench.do({ kind: "delete", key: "b", expected: null })).toMatchObject({ done: false, revision: 2 });
  expect(bench.do({ kind: "put", key: "a", value: NOTHING, lease: null, expected: 1 })).toEqual({
    kind: "written",
    done: false,
    revision: 2,
    keyRevision: 2,
  });
  expect(bench.ask({ kind: "get", key: "a", revision: null }, "get").entry).toMatchObject({
    createRevision: 1,
    revision: 2,
    version: 2,
  });
});

test("a transaction is one revision, sees what it did, and is refused as a whole", () => {
  const bench = new Bench({ valueBytesMax: 10 });
  bench.put("a", "1");
  const result = bench.do({
    kind: "transaction",
    if: [{ key: "a", field: "value", is: "=", to: text("1") }],
    do: [
      { kind: "put", key: "b", value: text("2"), lease: null },
      { kind: "delete", key: "a" },
      { kind: "range", keys: { prefix: "" }, limit: 10 },
    ],
    else: [],
  });
  expect(result).toMatchObject({ succeeded: true, revision: 2, results: [{ revision: 2 }, { deleted: true }, {}] });
  const { results } = result as Extract<CoordinationResult, { kind: "transaction" }>;
  expect(results[2]).toMatchObject({ entries: [{ key: "b", revision: 2 }], more: false });
  const before = bench.machine.digest?.();
  const refused = bench.do({
    kind: "transaction",
    if: [],
    do: [
      { kind: "delete", key: "b" },
      { kind: "put", key: "c", value: text("much too long"), lease: null },
    ],
    else: [],
  });
  expect(refused).toEqual({ kind: "refused", reason: "valueTooLarge", limit: 10 });
  expect(bench.machine.digest?.()).toBe(before);
});

test("the ranges of a transaction have the size of one answer together", () => {
  const bench = new Bench();
  for (let i = 0; i < 4; i++) bench.put(`k${i}`, "x".repeat(200_000));
  const range = { kind: "range", keys: { prefix: "k" }, limit: 100 } as const;
  const result = bench.do({ kind: "transaction", if: [], do: [range, range], else: [] });
  expect(result).toMatchObject({
    results: [
      { entries: [{ key: "k0" }, { key: "k1" }, { key: "k2" }], more: true },
      { entries: [], more: true },
    ],
  });
});

test("the past can be read as far back as the history goes, and then it says so", () => {
  const bench = new Bench({ historyBytesMax: 600 });
  bench.put("a", "1");
  bench.put("b", "1");
  bench.do({ kind: "delete", key: "a", expected: null });
  bench.put("c", "1");
  expect(bench.keys({ prefix: "" }, 1)).toEqual(["a"]);
  expect(bench.keys({ prefix: "" }, 2)).toEqual(["a", "b"]);
  expect(bench.keys({ prefix: "" }, 3)).toEqual(["b"]);
  expect(bench.keys({ prefix: "" }, 4)).toEqual(["b", "c"]);
  for (let i = 0; i < 20; i++) bench.put("d", "x".repeat(20));
  const { compacted, historyBytes } = bench.status();
  expect(compacted).toBeGreaterThan(4);
  expect(historyBytes).toBeLessThanOrEqual(600);
  expect(bench.ask({ kind: "get", key: "a", revision: 2 })).toMatchObject({ kind: "compacted", compacted });
  expect(bench.ask({ kind: "get", key: "d", revision: compacted }, "get").entry?.revision).toBe(compacted);
  expect(bench.watch({ key: "a" }, 1)).toMatchObject({ answer: { kind: "compacted", compacted }, next: null });
});

test("a history of thousands of changes, values of every size among them, says what each key was, before and after a snapshot", () => {
  const bench = new Bench({ historyBytesMax: 1024 * 1024 });
  const past: Map<string, string>[] = [new Map()];
  for (let revision = 1; revision <= 9000; revision++) {
    const state = new Map(past.at(-1));
    const key = `k${(revision * 7) % 13}`;
    if (revision % 11 === 0 && state.delete(key)) bench.do({ kind: "delete", key, expected: null });
    else {
      const size = revision % 997 === 0 ? 20_000 + revision : revision % 70;
      state.set(key, `${revision}.`.padEnd(size, String(revision % 10)));
      bench.put(key, state.get(key));
    }
    past.push(state);
  }
  const { compacted, historyBytes } = bench.status();
  expect(historyBytes).toBeLessThanOrEqual(1024 * 1024);
  expect(compacted).toBeGreaterThan(1000);
  expect(9000 - compacted).toBeGreaterThan(2000);
  const copy = coordinationMachine({ historyBytesMax: 1024 * 1024 });
  const sink = copy.restore();
  const chunks = bench.machine.snapshot()[Symbol.iterator]();
  const first = chunks.next();
  // What happens while a snapshot is read does not show in it.
  for (let i = 0; i < 9000; i++) bench.put("later", "x".repeat(100));
  if (first.done !== true) sink.write(first.value);
  for (let next = chunks.next(); next.done !== true; next = chunks.next()) sink.write(next.value);
  sink.end();
  for (let revision = compacted; revision <= 9000; revision += 41) {
    for (const [key, value] of past[revision] ?? []) {
      const { entry } = copy.query({ kind: "get", key, revision }) as Extract<CoordinationAnswer, { kind: "get" }>;
      expect(entry?.value).toEqual(text(value));
    }
    expect(copy.query({ kind: "get", key: "later", revision })).toMatchObject({ entry: null });
  }
  const told = copy.watch?.({ kind: "events", keys: { prefix: "" }, from: compacted + 1 })?.answer;
  expect(told).toMatchObject({ kind: "events" });
  for (const event of told?.kind === "events" ? told.events : []) {
    expect(event.kind === "put" ? text(past[event.revision]?.get(event.key) ?? "?") : undefined).toEqual(
      event.kind === "put" ? event.value : past[event.revision]?.get(event.key),
    );
  }
});

test("what is decoded has nothing in common with the bytes it came from, be they a Buffer", () => {
  const { commandCodec, answerCodec } = coordinationCodecs();
  for (const size of [3, 100, 300]) {
    const value = new Uint8Array(size).fill(7);
    const command: CoordinationCommand = { kind: "put", key: "k", value, lease: null, expected: null };
    const bytes = Buffer.from(commandCodec.encode(command));
    const decoded = [commandCodec.decode(bytes), commandCodec.decode(bytes)];
    bytes.fill(9);
    expect(decoded).toEqual([command, command]);
    const entry = { key: "k", value, revision: 1, createRevision: 1, version: 1, lease: null };
    const answer: CoordinationAnswer = { kind: "get", entry, revision: 1 };
    const answered = Buffer.from(answerCodec.encode(answer));
    const read = answerCodec.decode(answered);
    answered.fill(9);
    expect(read).toEqual(answer);
  }
});

test("a range goes up, down, by pages, and stops at its end", () => {
  const bench = new Bench();
  for (const key of ["a", "b", "b/1", "b/2", "c", "b\uffff", "d"]) bench.put(key);
  expect(bench.keys({ prefix: "b" })).toEqual(["b", "b/1", "b/2", "b\uffff"]);
  expect(bench.keys({ prefix: "b", after: "b/1" })).toEqual(["b/2", "b\uffff"]);
  expect(bench.keys({ prefix: "b\uffff" })).toEqual(["b\uffff"]);
  expect(bench.keys({ from: "b/2", to: "d" })).toEqual(["b/2", "b\uffff", "c"]);
  expect(bench.keys({ from: "c" })).toEqual(["c", "d"]);
  const down = {
    kind: "range",
    keys: { prefix: "b" },
    limit: 2,
    revision: null,
    reverse: true,
    keysOnly: true,
  } as const;
  expect(bench.ask(down, "range")).toMatchObject({ entries: [{ key: "b\uffff" }, { key: "b/2" }], more: true });
  expect(bench.ask({ kind: "count", keys: { prefix: "b/" } }, "count").count).toBe(2);
  expect(bench.do({ kind: "deleteRange", keys: { prefix: "b" }, limit: 3 })).toMatchObject({ count: 3, more: true });
  expect(bench.do({ kind: "deleteRange", keys: { prefix: "b" }, limit: 3 })).toMatchObject({ count: 1, more: false });
});

test("a watch tells every change once, in order, and now and then how far it has come", () => {
  const bench = new Bench();
  expect(bench.watch({ prefix: "a" }, 1)).toBeNull();
  bench.put("a", "1");
  bench.put("b", "1");
  bench.do({ kind: "delete", key: "a", expected: null });
  const first = bench.watch({ prefix: "a" }, 1);
  expect(first?.answer).toMatchObject({
    events: [
      { kind: "put", key: "a", revision: 1 },
      { kind: "delete", key: "a", revision: 3 },
    ],
    revision: 3,
  });
  expect(first?.next).toEqual({ kind: "events", keys: { prefix: "a" }, from: 4 });
  for (let i = 0; i < 255; i++) bench.put("b");
  expect(bench.watch({ prefix: "a" }, 4)).toBeNull();
  bench.put("b");
  bench.put("b");
  expect(bench.watch({ prefix: "a" }, 4)).toMatchObject({ answer: { events: [], revision: 260 }, next: { from: 261 } });
  expect(bench.watch({ key: "b" }, 261)).toBeNull();
});

test("an answer of a watch has a size, and cuts between revisions", () => {
  const bench = new Bench();
  for (let i = 0; i < 8; i++) bench.put(`k${i}`, "x".repeat(200_000));
  let query: CoordinationQuery | null = { kind: "events", keys: { prefix: "" }, from: 1 };
  const seen: string[] = [];
  let answers = 0;
  while (query !== null && seen.length < 8) {
    const watched: ReturnType<Bench["watch"]> = bench.machine.watch?.(query) ?? null;
    if (watched?.answer.kind !== "events") throw new Error("no events");
    seen.push(...watched.answer.events.map(({ key }) => key));
    query = watched.next;
    answers++;
  }
  expect(seen).toEqual(Array.from({ length: 8 }, (_, i) => `k${i}`));
  expect(answers).toBe(3);
});

test("a lease ends by logged time, with its keys and its places in queues", () => {
  const bench = new Bench();
  bench.do({ kind: "grantLease", id: "l", ttlMs: 100 });
  bench.put("a", "", "l");
  bench.put("b", "", "l");
  bench.put("b", "stays");
  bench.acquire("x", "l");
  bench.acquire("x", "m");
  expect(bench.machine.nextDeadline?.()).toBe(100);
  bench.timeMs = 50;
  expect(bench.do({ kind: "keepAlive", ids: ["l", "nobody"] })).toMatchObject({ gone: ["nobody"] });
  expect(bench.ask({ kind: "lease", id: "l" }, "lease")).toMatchObject({ ttlMs: 100, keys: 1, requests: 1 });
});

test("a lease is over at its time even before anything has cleared it away", () => {
  const bench = new Bench();
  bench.do({ kind: "grantLease", id: "l", ttlMs: 100 });
  bench.put("a", "", "l");
  const { fencingToken } = bench.acquire("x", "l");
  expect(bench.tick(99)).toBe(false);
  expect(bench.tick(100)).toBe(true);
  expect(bench.keys({ prefix: "" })).toEqual([]);
  expect(bench.status()).toMatchObject({ leases: 0, requests: 0, locks: 0 });
  expect(bench.put("b", "", "l")).toMatchObject({ kind: "refused", reason: "noLease" });
  const held = bench.do({ kind: "transaction", if: [{ held: "x", fencingToken }], do: [], else: [] });
  expect(held).toMatchObject({ succeeded: false });
});

test("100,000 leases that expire at once are cleared away a slice at a time, none of them in force meanwhile", () => {
  const bench = new Bench({ leasesMax: 100_001 });
  for (let i = 0; i < 100_000; i++) bench.do({ kind: "grantLease", id: `l${i}`, ttlMs: 100 });
  bench.acquire("x", "l99999");
  bench.acquire("x", "next", { ttlMs: 100_000 });
  bench.timeMs = 100;
  const result = bench.put("a", "", "l99998");
  expect(result).toMatchObject({ kind: "refused", reason: "noLease" });
  let ticks = 0;
  for (let timeMs = 101; bench.tick(timeMs); timeMs++) {
    ticks++;
    expect(bench.do({ kind: "keepAlive", ids: ["l99998"] })).toMatchObject({ gone: ["l99998"] });
  }
  expect(ticks).toBeGreaterThan(50);
  expect(ticks).toBeLessThan(200);
  expect(bench.status()).toMatchObject({ leases: 1, requests: 1 });
  expect(bench.ask({ kind: "lock", name: "x", seen: -1, after: 0 }, "lock").holders).toMatchObject([{ id: "next" }]);
});

test("a lease with many keys is cleared away over several calls", () => {
  const bench = new Bench();
  bench.do({ kind: "grantLease", id: "l", ttlMs: 100 });
  for (let i = 0; i < 5000; i++) bench.put(`k${i}`, "", "l");
  let slices = 0;
  for (let timeMs = 100; bench.tick(timeMs); timeMs++) slices++;
  expect(slices).toBe(5);
  expect(bench.status()).toMatchObject({ keys: 0, leases: 0 });
  bench.do({ kind: "grantLease", id: "m", ttlMs: 100_000 });
  for (let i = 0; i < 5000; i++) bench.put(`k${i}`, "", "m");
  bench.do({ kind: "endLeases", ids: ["m"], remember: false });
  expect(bench.status().keys).toBe(5000 - 1024);
  expect(bench.put("z", "", "m")).toMatchObject({ reason: "noLease" });
  for (let timeMs = 1000; bench.tick(timeMs); timeMs++);
  expect(bench.status()).toMatchObject({ keys: 0, leases: 0 });
});

test("tokens grow through everything: releases, deleted locks, snapshots", () => {
  const bench = new Bench();
  let last = 0;
  for (let i = 0; i < 20; i++) {
    const { fencingToken } = bench.acquire("x", `l${i}`);
    expect(fencingToken).toBeGreaterThan(last);
    last = fencingToken;
    bench.do({ kind: "endLeases", ids: [`l${i}`], remember: false });
    expect(bench.status().locks).toBe(0);
    const chunks = [...bench.machine.snapshot()];
    const sink = bench.machine.restore();
    for (const chunk of chunks) sink.write(chunk);
    sink.end();
  }
});

test("a raised revision is that of what comes next; the history before it is forgotten, and a snapshot keeps that", () => {
  const bench = new Bench();
  bench.put("k", "v");
  const { fencingToken } = bench.acquire("l", "a");
  bench.machine.raiseRevision(1_000_000);
  expect(bench.status()).toMatchObject({ revision: 1_000_000, compacted: 1_000_000, historyBytes: 0 });
  expect(() => bench.machine.raiseRevision(999_999)).toThrow("is raised to");
  const copy = coordinationMachine();
  const sink = copy.restore();
  for (const chunk of bench.machine.snapshot()) sink.write(chunk);
  sink.end();
  expect(copy.digest?.()).toBe(bench.machine.digest?.());
  expect(bench.acquire("l", "b")).toMatchObject({ status: "waiting" });
  bench.do({ kind: "endLeases", ids: ["a"], remember: false });
  expect(bench.acquire("l", "b").fencingToken).toBeGreaterThan(1_000_000);
  expect(fencingToken).toBeLessThan(10);
  bench.put("k", "w");
  const events = (from: number) => bench.machine.watch?.({ kind: "events", keys: { key: "k" }, from })?.answer;
  expect(events(1_000_000)).toMatchObject({ kind: "compacted" });
  expect(events(1_000_001)).toMatchObject({ kind: "events", events: [{ key: "k" }] });
});

test("asking again tells of the place that there is; an ended lease that is remembered gets none", () => {
  const bench = new Bench();
  const first = bench.acquire("x", "a");
  expect(bench.acquire("x", "a")).toEqual(first);
  expect(bench.acquire("x", "b")).toMatchObject({ status: "waiting", waiting: 0 });
  expect(bench.acquire("x", "b")).toMatchObject({ status: "waiting", waiting: 0 });
  expect(bench.status().requests).toBe(2);
  bench.do({ kind: "endLeases", ids: ["b", "a"], remember: true });
  expect(bench.acquire("x", "a")).toMatchObject({ kind: "refused", reason: "noLease" });
  bench.do({ kind: "endLeases", ids: ["never-seen"], remember: true });
  expect(bench.do({ kind: "grantLease", id: "never-seen", ttlMs: 10 })).toMatchObject({ reason: "noLease" });
  bench.tick(600_000);
  expect(bench.status().leases).toBe(0);
});

test("a barrier opens for as many as are to meet, and closes again", () => {
  const bench = new Bench();
  const meet = (id: string) => bench.acquire("b", id, { parties: 3 }).status;
  expect([meet("a"), meet("b"), meet("c"), meet("d"), meet("e")]).toEqual([
    "waiting",
    "waiting",
    "held",
    "waiting",
    "waiting",
  ]);
  expect(bench.ask({ kind: "request", name: "b", id: "a", after: 0 }, "request").status).toBe("held");
  bench.do({ kind: "endLeases", ids: ["d"], remember: false });
  expect([meet("f"), meet("g")]).toEqual(["waiting", "held"]);
});

test("a fenced write is refused once the lock is somebody else's", () => {
  const bench = new Bench();
  const { fencingToken } = bench.acquire("x", "a");
  const write = () =>
    bench.do({
      kind: "transaction",
      if: [{ held: "x", fencingToken }],
      do: [{ kind: "put", key: "k", value: NOTHING, lease: null }],
      else: [],
    });
  expect(write()).toMatchObject({ succeeded: true });
  bench.acquire("x", "b");
  bench.do({ kind: "endLeases", ids: ["a"], remember: false });
  expect(write()).toMatchObject({ succeeded: false });
});

test("a counter answers the same request with the same number, as long as it remembers it", () => {
  const bench = new Bench();
  const add = (request: string | null, by = 1) => bench.do({ kind: "add", name: "n", by, request });
  expect(add("a")).toEqual({ kind: "added", value: 1, repeated: false });
  expect(add("b", 10)).toEqual({ kind: "added", value: 11, repeated: false });
  expect(add("a")).toEqual({ kind: "added", value: 1, repeated: true });
  for (let i = 0; i < 1024; i++) add(`r${i}`);
  expect(add("a")).toMatchObject({ repeated: false });
  expect(add(null, Number.MAX_SAFE_INTEGER)).toMatchObject({ kind: "refused", reason: "numberTooLarge" });
  expect(bench.status().bytes).toBeLessThan(1025 * 100 + 200);
});

test("the state has a size; what is deleted makes room", () => {
  const bench = new Bench({ stateBytesMax: 2000 });
  let count = 0;
  while (bench.put(`k${count}`, "x".repeat(100)).kind === "written") count++;
  expect(count).toBeGreaterThan(3);
  expect(bench.put("k", "x".repeat(100))).toEqual({ kind: "refused", reason: "stateFull", limit: 2000 });
  expect(bench.put("k0", "y".repeat(100))).toMatchObject({ done: true });
  bench.do({ kind: "delete", key: "k0", expected: null });
  expect(bench.put("k", "x".repeat(100))).toMatchObject({ done: true });
});

test("a snapshot with other limits, of another version, damaged or cut is refused", () => {
  const bench = new Bench();
  bench.put("a", "value");
  const chunks = [...bench.machine.snapshot()].map((chunk) => chunk.slice());
  const restoreInto = (machine: CoordinationMachine, parts: readonly Uint8Array[]): unknown => {
    try {
      const sink = machine.restore();
      for (const part of parts) sink.write(part);
      sink.end();
      return null;
    } catch (error) {
      return error instanceof SynodError ? error.code : error;
    }
  };
  expect(restoreInto(coordinationMachine(), chunks)).toBeNull();
  expect(restoreInto(coordinationMachine({ queueMax: 3 }), chunks)).toBe("InvalidConfiguration");
  expect(restoreInto(coordinationMachine(), chunks.slice(0, -1))).toBe("Malformed");
  expect(restoreInto(coordinationMachine(), chunks.slice(1))).toBe("Malformed");
  for (const [i, chunk] of chunks.entries()) {
    for (let at = 0; at < chunk.length; at++) {
      const damaged = chunks.map((part) => part.slice());
      (damaged[i] as Uint8Array)[at] = ((damaged[i] as Uint8Array)[at] ?? 0) ^ 1;
      expect(restoreInto(coordinationMachine(), damaged), `bit in byte ${at} of chunk ${i}`).not.toBeNull();
    }
  }
});

test("options that are no positive integers are refused", () => {
  expect(() => coordinationMachine({ leasesMax: 0 })).toThrow("leasesMax");
});
