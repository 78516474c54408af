import fc from "fast-check";
import type {
  Condition,
  CoordinationAnswer,
  CoordinationCommand,
  CoordinationQuery,
  CoordinationResult,
  KeySelector,
  Operation,
} from "../src/index.js";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const key = fc.constantFrom("a", "a/1", "a/2", "b", "b/é", "c\uffff", "");
const id = fc.constantFrom("l1", "l2", "l3", "l4", "l5");
const name = fc.constantFrom("lock/x", "lock/y", "barrier/z");
const value = fc.uint8Array({ maxLength: 40 }).map((v) => Uint8Array.from(v));
const revision = fc.nat({ max: 60 });
const lease = fc.option(id, { nil: null });

const selector: fc.Arbitrary<KeySelector> = fc.oneof(
  fc.record({ key }),
  fc.record({ prefix: fc.constantFrom("", "a", "a/", "b", "c\uffff") }),
  fc.record({ prefix: fc.constantFrom("", "a/"), after: key }),
  fc.record({ from: key }),
  fc.record({ from: key, to: key }),
);
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    key,
    field: fc.constantFrom("revision" as const, "createRevision" as const, "version" as const),
    is: fc.constantFrom("=" as const, "!=" as const, "<" as const, ">" as const),
    to: revision,
  }),
  fc.record({ key, field: fc.constant("value" as const), is: fc.constantFrom("=" as const, "!=" as const), to: value }),
  fc.record({ held: name, fencingToken: revision }),
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, value, lease }),
  fc.record({ kind: fc.constant("delete" as const), key }),
  fc.record({ kind: fc.constant("range" as const), keys: selector, limit: fc.integer({ min: 1, max: 4 }) }),
);

/** Few names, so that they meet. */
export const commands: fc.Arbitrary<CoordinationCommand> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key,
      value,
      lease: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: lease }),
      expected: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: revision }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), key, expected: fc.constant(null) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("delete" as const), key, expected: revision }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("deleteRange" as const),
      keys: selector,
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("transaction" as const),
      if: fc.array(condition, { maxLength: 2 }),
      do: fc.array(operation, { maxLength: 4 }),
      else: fc.array(operation, { maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("grantLease" as const),
      id,
      ttlMs: fc.integer({ min: 1, max: 2000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("keepAlive" as const), ids: fc.array(id, { maxLength: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("endLeases" as const),
      ids: fc.array(id, { maxLength: 2 }),
      remember: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      name,
      id,
      ttlMs: fc.integer({ min: 1, max: 3000 }),
      limit: fc.constantFrom(1, 1, 2, 3, 1_000_000),
      parties: fc.constantFrom(0, 0, 0, 2, 3),
      value,
      wait: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("proclaim" as const), name, id, value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      name: fc.constantFrom("n1", "n2"),
      by: fc.integer({ min: -5, max: 5 }),
      request: fc.option(fc.constantFrom("r1", "r2", "r3"), { nil: null }),
    }),
  },
);

/** Shows the whole state, together. */
export const queries: readonly CoordinationQuery[] = [
  { kind: "status" },
  { kind: "range", keys: { prefix: "" }, limit: 100, revision: null, reverse: false, keysOnly: false },
  { kind: "range", keys: { from: "a/1", to: "c" }, limit: 2, revision: null, reverse: true, keysOnly: true },
  { kind: "range", keys: { prefix: "" }, limit: 100, revision: 30, reverse: false, keysOnly: false },
  { kind: "get", key: "a", revision: null },
  { kind: "get", key: "a", revision: 20 },
  { kind: "count", keys: { prefix: "a/" } },
  { kind: "events", keys: { prefix: "" }, from: 1 },
  { kind: "events", keys: { prefix: "" }, from: 40 },
  { kind: "events", keys: { key: "a" }, from: 25 },
  ...["l1", "l2", "l3", "l4", "l5"].map((lease): CoordinationQuery => ({ kind: "lease", id: lease })),
  ...["n1", "n2"].map((counter): CoordinationQuery => ({ kind: "counter", name: counter })),
  ...["lock/x", "lock/y", "barrier/z"].flatMap((lock): CoordinationQuery[] => [
    { kind: "lock", name: lock, seen: -1, after: 0 },
    { kind: "request", name: lock, id: "l1", after: 0 },
    { kind: "request", name: lock, id: "l3", after: 0 },
  ]),
];

const entry = {
  key: "config/thème",
  value: bytes(0, 1, 255),
  revision: 300,
  createRevision: 7,
  version: 2,
  lease: null,
};

/** One of each kind and shape: what the golden files pin. */
export const commandSamples: Readonly<Record<string, CoordinationCommand>> = {
  put: { kind: "put", key: "config/thème", value: bytes(1, 2, 3), lease: null, expected: null },
  "put-cas-lease": { kind: "put", key: "k", value: bytes(), lease: "lease-1", expected: 0 },
  delete: { kind: "delete", key: "k", expected: null },
  "delete-cas": { kind: "delete", key: "k", expected: 2 ** 53 - 1 },
  "delete-range": { kind: "deleteRange", keys: { prefix: "a/" }, limit: 100 },
  transaction: {
    kind: "transaction",
    if: [
      { key: "a", field: "revision", is: "=", to: 0 },
      { key: "b", field: "createRevision", is: "!=", to: 1 },
      { key: "c", field: "version", is: "<", to: 200 },
      { key: "d", field: "value", is: "!=", to: bytes(9) },
      { held: "lock/x", fencingToken: 77 },
    ],
    do: [
      { kind: "put", key: "a", value: bytes(1), lease: null },
      { kind: "put", key: "b", value: bytes(2), lease: "l" },
      { kind: "delete", key: "c" },
      { kind: "range", keys: { from: "a", to: "z" }, limit: 5 },
    ],
    else: [
      { kind: "range", keys: { key: "a" }, limit: 1 },
      { kind: "range", keys: { from: "m" }, limit: 10_000 },
    ],
  },
  "grant-lease": { kind: "grantLease", id: "lease-1", ttlMs: 10_000 },
  "keep-alive": { kind: "keepAlive", ids: ["lease-1", "lease-2"] },
  "end-leases": { kind: "endLeases", ids: ["lease-1"], remember: true },
  acquire: {
    kind: "acquire",
    name: "lock/reports",
    id: "00112233445566778899aabbccddeeff",
    ttlMs: 10_000,
    limit: 1,
    parties: 0,
    value: bytes(),
    wait: true,
  },
  "acquire-barrier": {
    kind: "acquire",
    name: "barrier/b",
    id: "x",
    ttlMs: 1,
    limit: 1_000_000,
    parties: 3,
    value: bytes(5),
    wait: false,
  },
  proclaim: { kind: "proclaim", name: "election/e", id: "x", value: bytes(4, 5) },
  add: { kind: "add", name: "orders", by: 1, request: "r1" },
  "add-negative": { kind: "add", name: "orders", by: -300, request: null },
};

export const resultSamples: Readonly<Record<string, CoordinationResult>> = {
  written: { kind: "written", done: true, revision: 300, keyRevision: 300 },
  "not-written": { kind: "written", done: false, revision: 300, keyRevision: 0 },
  deleted: { kind: "deleted", count: 3, more: true, revision: 9 },
  transaction: {
    kind: "transaction",
    succeeded: true,
    revision: 12,
    results: [
      { kind: "put", revision: 12 },
      { kind: "delete", deleted: false },
      { kind: "range", entries: [entry, { ...entry, lease: "l" }], more: true },
    ],
  },
  leases: { kind: "leases", gone: ["a", "b"], revision: 4 },
  held: { kind: "acquired", status: "held", fencingToken: 41, waiting: 0, revision: 42 },
  waiting: { kind: "acquired", status: "waiting", fencingToken: 0, waiting: 3, revision: 42 },
  proclaimed: { kind: "proclaimed", revision: 5 },
  added: { kind: "added", value: -12, repeated: true },
  refused: { kind: "refused", reason: "valueTooLarge", limit: 524_288 },
};

export const querySamples: Readonly<Record<string, CoordinationQuery>> = Object.fromEntries(
  [
    ...queries.slice(0, 4),
    { kind: "get", key: "k", revision: 5 } as const,
    { kind: "count", keys: { key: "k" } } as const,
    { kind: "count", keys: { prefix: "k", after: "k/é" } } as const,
    { kind: "lease", id: "l" } as const,
    { kind: "counter", name: "n" } as const,
    { kind: "events", keys: { prefix: "p" }, from: 1000 } as const,
    { kind: "request", name: "lock/x", id: "i", after: 3 } as const,
    { kind: "lock", name: "lock/x", seen: -1, after: 0 } as const,
  ].map((query, i) => [`${i}-${query.kind}`, query]),
);

export const answerSamples: Readonly<Record<string, CoordinationAnswer>> = {
  get: { kind: "get", entry, revision: 301 },
  "get-none": { kind: "get", entry: null, revision: 301 },
  range: { kind: "range", entries: [entry], more: false, revision: 301 },
  count: { kind: "count", count: 7, revision: 301 },
  compacted: { kind: "compacted", compacted: 100, revision: 301 },
  status: {
    kind: "status",
    revision: 1,
    compacted: 2,
    timeMs: 3,
    keys: 4,
    bytes: 5,
    historyBytes: 6,
    leases: 7,
    locks: 8,
    requests: 9,
    counters: 10,
  },
  lease: { kind: "lease", ttlMs: 10_000, leftMs: 9_000, keys: 1, requests: 2 },
  counter: { kind: "counter", value: -1 },
  events: {
    kind: "events",
    events: [
      { kind: "put", ...entry },
      { kind: "delete", key: "k", revision: 301 },
    ],
    revision: 302,
  },
  request: { kind: "request", status: "held", fencingToken: 12, revision: 13 },
  lock: {
    kind: "lock",
    holders: [{ id: "x", fencingToken: 12, value: bytes(1) }],
    holding: 1,
    waiting: 2,
    changed: 12,
    revision: 13,
  },
  none: { kind: "none", revision: 5 },
};
