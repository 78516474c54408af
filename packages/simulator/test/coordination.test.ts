// The state machine of @synod/coordination in the simulator: keys are linearizable, and locks keep their promises whatever fails.
import { messageCodec } from "@synod/codec-msgpack";
import {
  type CoordinationAnswer,
  coordinationCodecs,
  type CoordinationCommand,
  type CoordinationMachine,
  coordinationMachine,
  type CoordinationQuery,
  type CoordinationResult,
} from "@synod/coordination";
import type { ApplyContext } from "@synod/interface";
import { anyOutput, type Model } from "@synod/linearizability";
import { expect, test } from "vitest";
import { type Profile, type Report, simulate, type Workload } from "../src/index.js";
import { range, realStorage } from "./support.js";

type CoordinationWorkload = Workload<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;

/** SYNOD_SEEDS=1000 SYNOD_START=1 npx vitest run --project simulator coordination */
const SEEDS = Number(process.env["SYNOD_SEEDS"] ?? 10);
const START = Number(process.env["SYNOD_START"] ?? 1);
const NOTHING = new Uint8Array(0);
const { commandCodec, resultCodec } = coordinationCodecs();

const run = (seed: number, profile: Profile, workload: CoordinationWorkload): Promise<Report> =>
  simulate({ seed, profile, workload, storage: realStorage, codec: messageCodec() });

// Keys.

interface Key {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly value: string;
}
/** The plainest thing that could be meant. */
interface Keys {
  readonly revision: number;
  readonly keys: Readonly<Record<string, Key>>;
  readonly counter: number;
  /** Who holds the lock: its lease goes on for ever. */
  readonly holder: { readonly id: string; readonly token: number } | null;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const shown = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? textOf(part) : part));

function put(state: Keys, key: string, value: string, revision: number): Keys {
  const before = state.keys[key];
  const changed = {
    revision,
    createRevision: before?.createRevision ?? revision,
    version: (before?.version ?? 0) + 1,
    value,
  };
  return { ...state, revision, keys: { ...state.keys, [key]: changed } };
}

const entries = ({ keys }: Keys) =>
  Object.entries(keys)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => ({
      key,
      value: one.value,
      revision: one.revision,
      createRevision: one.createRevision,
      version: one.version,
      lease: null,
    }));

/** A place in the queue is one revision, and to be let in another. */
function acquire(state: Keys, id: string): { after: Keys; output: unknown } {
  const { holder, revision } = state;
  const free = holder === null;
  const after = free ? { ...state, revision: revision + 2, holder: { id, token: revision + 2 } } : state;
  const own = after.holder?.id === id;
  const output = {
    kind: "acquired",
    status: own ? "held" : "none",
    fencingToken: own ? (after.holder?.token ?? 0) : 0,
    waiting: 0,
    revision: after.revision,
  };
  return { after, output };
}

function stepOf(state: Keys, input: CoordinationCommand | CoordinationQuery): { after: Keys; output: unknown } {
  const { revision } = state;
  const next = revision + 1;
  if (input.kind === "get") {
    const entry = entries(state).find(({ key }) => key === input.key) ?? null;
    return { after: state, output: { kind: "get", entry, revision } };
  }
  if (input.kind === "range") {
    return { after: state, output: { kind: "range", entries: entries(state), more: false, revision } };
  }
  if (input.kind === "put" || input.kind === "delete") {
    const keyRevision = state.keys[input.key]?.revision ?? 0;
    const fits = input.expected === null || input.expected === keyRevision;
    const done = fits && (input.kind === "put" || keyRevision > 0);
    if (!done) return { after: state, output: { kind: "written", done, revision, keyRevision } };
    if (input.kind === "put") {
      const after = put(state, input.key, textOf(input.value), next);
      return { after, output: { kind: "written", done, revision: next, keyRevision: next } };
    }
    const { [input.key]: _, ...keys } = state.keys;
    return {
      after: { ...state, revision: next, keys },
      output: { kind: "written", done, revision: next, keyRevision: 0 },
    };
  }
  if (input.kind === "add") {
    const value = state.counter + input.by;
    return { after: { ...state, counter: value }, output: { kind: "added", value, repeated: false } };
  }
  if (input.kind === "acquire") return acquire(state, input.id);
  if (input.kind === "endLeases") {
    const held = state.holder !== null && input.ids[0] === state.holder.id;
    const after = held ? { ...state, revision: next, holder: null } : state;
    return { after, output: { kind: "leases", gone: held ? [] : input.ids, revision: after.revision } };
  }
  if (input.kind !== "transaction") throw new Error(`${input.kind} is not asked for`);
  // Moves a key: see `next` below.
  const from = state.keys["a"];
  if (from === undefined) {
    const after = put(state, "a", "new", next);
    const results = [{ kind: "put", revision: next }];
    return { after, output: { kind: "transaction", succeeded: false, revision: next, results } };
  }
  const { a: _, ...rest } = state.keys;
  const after = put({ ...state, keys: rest }, "b", "moved", next);
  const results = [
    { kind: "delete", deleted: true },
    { kind: "put", revision: next },
    { kind: "range", entries: entries(after), more: false },
  ];
  return { after, output: { kind: "transaction", succeeded: true, revision: next, results } };
}

const keysModel: Model<Keys, CoordinationCommand | CoordinationQuery, CoordinationResult | CoordinationAnswer> = {
  init: () => ({ revision: 0, keys: {}, counter: 0, holder: null }),
  step: (state, input, output) => {
    const { after, output: expected } = stepOf(state, input);
    return output === anyOutput || shown(output) === shown(expected) ? { ok: true, state: after } : { ok: false };
  },
  key: (state) => shown(state),
  readOnly: (input, output) =>
    input.kind === "get" ||
    input.kind === "range" ||
    (output !== anyOutput && output.kind === "written" && !output.done),
};

const keysWorkload: CoordinationWorkload = {
  stateMachine: () => coordinationMachine({ historyBytesMax: 2_000 }),
  commandCodec,
  resultCodec,
  model: keysModel,
  next({ unique, random }) {
    const key = random.pick(["a", "b", "c"]);
    const kind = random.pick([
      "put",
      "cas",
      "delete",
      "transaction",
      "get",
      "get",
      "range",
      "add",
      "acquire",
      "end",
    ] as const);
    const expected = kind === "cas" ? random.pick([0, random.int(1, 30), unique]) : null;
    switch (kind) {
      case "put":
      case "cas":
        return {
          kind: "command",
          command: { kind: "put", key, value: bytesOf(String(unique)), lease: null, expected },
        };
      case "delete":
        return { kind: "command", command: { kind: "delete", key, expected } };
      case "transaction":
        return {
          kind: "command",
          command: {
            kind: "transaction",
            if: [{ key: "a", field: "version", is: ">", to: 0 }],
            do: [
              { kind: "delete", key: "a" },
              { kind: "put", key: "b", value: bytesOf("moved"), lease: null },
              { kind: "range", keys: { prefix: "" }, limit: 10 },
            ],
            else: [{ kind: "put", key: "a", value: bytesOf("new"), lease: null }],
          },
        };
      case "add":
        return { kind: "command", command: { kind: "add", name: "n", by: 1, request: null } };
      case "acquire": {
        const whole = { ttlMs: 30 * 24 * 3_600_000, limit: 1, parties: 0, value: NOTHING, wait: false };
        return { kind: "command", command: { kind: "acquire", name: "l", id: `h${unique % 3}`, ...whole } };
      }
      case "end":
        return { kind: "command", command: { kind: "endLeases", ids: [`h${unique % 3}`], remember: false } };
      case "get":
        return { kind: "query", query: { kind: "get", key, revision: null } };
      case "range": {
        const query = { kind: "range", limit: 10, revision: null, reverse: false, keysOnly: false } as const;
        return { kind: "query", query: { ...query, keys: { prefix: "" } } };
      }
    }
  },
};

test.each<Profile>(["calm", "network", "swarm"])(
  `keys, numbers and a lock, %s: ${SEEDS} seeds`,
  { timeout: 60_000 + SEEDS * 10_000 },
  async (profile) => {
    let answered = 0;
    let undecided = 0;
    for (const seed of range(START, SEEDS)) {
      const report = await run(seed, profile, keysWorkload);
      expect(report.failure, `seed ${seed}, profile ${profile}`).toBeNull();
      answered += report.answered;
      undecided += report.sometimes["linearizability not decided"] ?? 0;
    }
    expect(answered).toBeGreaterThan(SEEDS * 10);
    expect(undecided).toBeLessThan(SEEDS / 4);
  },
);

// Locks.

/** What all replicas of a run have seen granted: by lock and token. */
class Grants {
  readonly #holders = new Map<string, string>();
  /** Highest token of all. */
  #last = 0;
  /** Tokens by lease: what a client has been told. */
  readonly tokens = new Map<string, { readonly name: string; readonly token: number }>();
  readonly ids: string[] = [];
  count = 0;
  broken: string | null = null;

  seen(name: string, id: string, token: number): void {
    const key = `${name} ${token}`;
    const before = this.#holders.get(key);
    if (before !== undefined) {
      if (before !== id) this.broken ??= `token ${token} of ${name} was given to ${before} and to ${id}`;
      return;
    }
    if (token <= this.#last) this.broken ??= `token ${token} of ${name} for ${id} comes after token ${this.#last}`;
    this.#last = Math.max(this.#last, token);
    this.#holders.set(key, id);
    this.tokens.set(id, { name, token });
    this.count++;
  }
}

const LOCKS = ["lock/x", "lock/y"];

/** The machine, looked at after every step. It throws where a promise is broken: then its node stops, and the run fails. */
function watchedLocks(grants: Grants): CoordinationMachine {
  const inner = coordinationMachine();
  let holders = new Map<string, { readonly id: string; readonly token: number }>();
  const ask = (query: CoordinationQuery): CoordinationAnswer => inner.query(query);
  const look = (): void => {
    const now: typeof holders = new Map();
    for (const name of LOCKS) {
      const lock = ask({ kind: "lock", name, seen: -1, after: 0 });
      if (lock.kind !== "lock") throw new Error("no lock");
      if (lock.holding > 1) grants.broken ??= `${name} is held by ${lock.holding}`;
      const [holder] = lock.holders;
      if (holder === undefined) {
        if (lock.waiting > 0) grants.broken ??= `${name} is free, and ${lock.waiting} wait`;
        continue;
      }
      now.set(name, { id: holder.id, token: holder.fencingToken });
      const before = holders.get(name);
      // By logged time: whoever had it before must be at its end.
      if (before === undefined || before.token === holder.fencingToken) continue;
      if (ask({ kind: "lease", id: before.id }).kind !== "none") {
        grants.broken ??= `${name} went from ${before.id}, whose lease goes on, to ${holder.id}`;
      }
    }
    holders = now;
    // One step may grant several, in the order of their tokens.
    for (const [name, { id, token }] of [...now].sort(([, a], [, b]) => a.token - b.token))
      grants.seen(name, id, token);
    if (grants.broken !== null) throw new Error(grants.broken);
  };
  const guarded = (): number => {
    const found = ask({ kind: "get", key: "guarded", revision: null });
    return found.kind === "get" && found.entry !== null ? Number(textOf(found.entry.value)) : 0;
  };
  return {
    ...(inner.version === undefined ? {} : { version: inner.version }),
    apply: (command: CoordinationCommand, context: ApplyContext) => {
      const highest = guarded();
      const applied = inner.apply(command, context);
      if (guarded() < highest) grants.broken ??= `token ${guarded()} was let in after token ${highest}`;
      look();
      return applied;
    },
    raiseRevision: (to) => inner.raiseRevision(to),
    tick: (context) => {
      inner.tick?.(context);
      look();
    },
    query: (query) => inner.query(query),
    watch: (query) => inner.watch?.(query) ?? null,
    snapshot: () => inner.snapshot(),
    restore: () => {
      const sink = inner.restore();
      const end = (): void => {
        sink.end();
        holders = new Map();
      };
      return { write: (chunk) => sink.write(chunk), end };
    },
    digest: () => inner.digest?.() ?? "",
    nextDeadline: () => inner.nextDeadline?.() ?? null,
  };
}

function locksWorkload(grants: Grants): CoordinationWorkload {
  return {
    stateMachine: () => watchedLocks(grants),
    commandCodec,
    resultCodec,
    next({ id: client, unique, random }) {
      const own = grants.ids.filter((id) => id.startsWith(`${client}-`));
      const id = own.length > 0 ? random.pick(own.slice(-3)) : null;
      const kind = random.pick([
        "acquire",
        "acquire",
        "write",
        "write",
        "keepAlive",
        "end",
        "lock",
        "request",
      ] as const);
      const name = random.pick(LOCKS);
      const command = (one: CoordinationCommand) => ({ kind: "command", command: one }) as const;
      if (kind === "acquire" || id === null) {
        const fresh = id !== null && random.chance(0.2) ? id : `${client}-${unique}`;
        grants.ids.push(fresh);
        const ttlMs = random.pick([20, 100, 500, 5_000]);
        const wait = random.chance(0.7);
        return command({ kind: "acquire", name, id: fresh, ttlMs, limit: 1, parties: 0, value: NOTHING, wait });
      }
      const grant = grants.tokens.get(id);
      if (kind === "write" && grant !== undefined) {
        return command({
          kind: "transaction",
          if: [{ held: grant.name, fencingToken: grant.token }],
          do:
            grant.name === "lock/x"
              ? [{ kind: "put", key: "guarded", value: bytesOf(String(grant.token)), lease: null }]
              : [],
          else: [],
        });
      }
      if (kind === "end") return command({ kind: "endLeases", ids: [id], remember: random.chance(0.3) });
      if (kind === "lock") return { kind: "query", query: { kind: "lock", name, seen: -1, after: 0 } };
      if (kind === "request") return { kind: "query", query: { kind: "request", name, id, after: 0 } };
      return command({ kind: "keepAlive", ids: [id] });
    },
  };
}

test.each<Profile>(["calm", "network", "disk", "swarm"])(
  `locks, %s: ${SEEDS} seeds`,
  { timeout: 60_000 + SEEDS * 10_000 },
  async (profile) => {
    let granted = 0;
    for (const seed of range(START, SEEDS)) {
      const grants = new Grants();
      const report = await run(seed, profile, locksWorkload(grants));
      expect(grants.broken, `seed ${seed}, profile ${profile}`).toBeNull();
      expect(report.failure, `seed ${seed}, profile ${profile}`).toBeNull();
      granted += grants.count;
    }
    // A run in which nobody gets a lock shows nothing.
    expect(granted).toBeGreaterThan(SEEDS * 2);
  },
);
