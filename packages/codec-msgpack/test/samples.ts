import type { Ballot, Vote } from "@synod/interface";
import type { BeatFacts, Envelope, Message, SlotRange } from "@synod/multipaxos";
import fc from "fast-check";
import { REFUSALS } from "../src/kinds.js";

const MAX = Number.MAX_SAFE_INTEGER;
const BOOT = "00112233445566778899aabbccddeeff";
const ballot: Ballot = { round: 7, node: 2 };
const largest: Ballot = { round: MAX, node: MAX };
const body = Uint8Array.of(3, 0xde, 0xad, 0xbe, 0xef);

const facts: BeatFacts = {
  round: 12,
  candidacy: null,
  promised: ballot,
  leaderBallot: { round: 6, node: 1 },
  content: true,
  chosenUpTo: 300,
  durableUpTo: 299,
  impaired: true,
  priority: 3,
};

/** One message of each kind, and the edges; the golden files bear these names. */
export const messages: Readonly<Record<string, Message>> = {
  prepare: { kind: "prepare", ballot, fromSlot: 301 },
  "prepare-largest": { kind: "prepare", ballot: largest, fromSlot: MAX },
  "prepare-above-32-bits": { kind: "prepare", ballot: { round: 2 ** 32, node: 2 ** 32 - 1 }, fromSlot: 2 ** 32 },
  promise: {
    kind: "promise",
    ballot,
    firstSlot: 301,
    lastSlot: 400,
    votes: [
      { slot: 301, ballot: { round: 6, node: 1 }, value: body },
      { slot: 400, ballot: { round: 5, node: 3 }, value: Uint8Array.of(0) },
    ],
    chosenUpTo: 300,
    snapshotIndex: 250,
  },
  "promise-empty": {
    kind: "promise",
    ballot: { round: 0, node: 1 },
    firstSlot: 1,
    lastSlot: null,
    votes: [],
    chosenUpTo: 0,
    snapshotIndex: 0,
  },
  accept: { kind: "accept", ballot, firstSlot: 301, values: [body, Uint8Array.of(0)], chosenUpTo: 300 },
  "accept-voted": {
    kind: "accept",
    ballot,
    firstSlot: 301,
    values: [body, Uint8Array.of(0)],
    chosenUpTo: 300,
    leaderVoted: true,
  },
  "accept-lengths": {
    kind: "accept",
    ballot,
    firstSlot: 65_536,
    values: [255, 256, ...Array.from({ length: 14 }, () => 1)].map((length) => new Uint8Array(length).fill(length)),
    chosenUpTo: 65_535,
  },
  accepted: {
    kind: "accepted",
    ballot,
    slots: [
      [301, 310],
      [312, 312],
    ],
    chosenUpTo: 300,
    durableUpTo: 299,
    applied: 298,
    creditBytes: 16 * 1024 * 1024,
  },
  reject: {
    kind: "reject",
    ballot,
    promised: { round: 9, node: 3 },
    content: false,
    leaderBallot: null,
    leaseLeftMs: 0,
  },
  commit: { kind: "commit", ballot, chosenUpTo: 310 },
  transferTo: { kind: "transferTo", ballot, chosenUpTo: 310 },
  fetch: { kind: "fetch", firstSlot: 10, lastSlot: 20 },
  learn: { kind: "learn", firstSlot: 10, values: [body], chosenUpTo: 310 },
  beat: { kind: "beat", ...facts },
  beatReply: { kind: "beatReply", ...facts, candidacy: ballot, promised: null, leaderBallot: null, content: false },
  forward: { kind: "forward", ballot, bootId: BOOT, sequence: 41, body },
  forwardReply: { kind: "forwardReply", bootId: BOOT, sequence: 41, outcome: "notProposed" },
  confirm: { kind: "confirm", ballot, nonce: 77 },
  confirmReply: { kind: "confirmReply", ballot, nonce: 77 },
  readIndexAsk: { kind: "readIndexAsk", bootId: BOOT, nonce: 5 },
  readIndexReply: { kind: "readIndexReply", bootId: BOOT, nonce: 5, index: 310 },
  snapshotOffer: { kind: "snapshotOffer", index: 250, hash: "00c0ffee00c0ffee", bytes: 1_000_000 },
  "snapshotOffer-head": {
    kind: "snapshotOffer",
    index: 250,
    hash: "00c0ffee00c0ffee",
    bytes: 1_000_000,
    head: Uint8Array.of(2, 1, 0),
  },
  snapshotAsk: { kind: "snapshotAsk", index: 250, hash: "00c0ffee00c0ffee", offset: 131_072, length: 131_072 },
  snapshotChunk: {
    kind: "snapshotChunk",
    index: 250,
    hash: "00c0ffee00c0ffee",
    offset: 131_072,
    checksum: "0123456789abcdef",
    bytes: body,
  },
  "readIndexReply-null": { kind: "readIndexReply", bootId: BOOT, nonce: 5, index: null },
  stateDigest: { kind: "stateDigest", slot: 1024, chainHash: "00112233445566ff", digest: "state" },
  "stateDigest-null": { kind: "stateDigest", slot: 2048, chainHash: "ff66554433221100", digest: null },
  "reject-leased": {
    kind: "reject",
    ballot,
    promised: null,
    content: true,
    leaderBallot: { round: 6, node: 1 },
    leaseLeftMs: 250,
  },
  quorumReadAsk: { kind: "quorumReadAsk", bootId: BOOT, nonce: 6 },
  quorumReadReply: {
    kind: "quorumReadReply",
    bootId: BOOT,
    nonce: 6,
    highestVote: 312,
    chosenUpTo: 310,
    snapshotIndex: 250,
  },
  leaseAsk: { kind: "leaseAsk", ballot, nonce: 9, durationMs: 500 },
  leaseGrant: { kind: "leaseGrant", ballot, nonce: 9, durationMs: 500 },
  leaseRelease: { kind: "leaseRelease", ballot, nonce: 9 },
  change: { kind: "change", ballot, bootId: BOOT, sequence: 6, value: body },
  changeReply: { kind: "changeReply", bootId: BOOT, sequence: 6, refused: "changeUnderWay" },
  "changeReply-null": { kind: "changeReply", bootId: BOOT, sequence: 6, refused: null },
  removed: { kind: "removed", epoch: 4, mayStop: true },
};

export const envelopeOf = (message: Message): Envelope => ({
  version: 1,
  clusterId: "golden",
  from: 2,
  bootId: BOOT,
  epoch: 1,
  supports: { wire: 1, log: 2, machine: 300 },
  message,
});

// A decoded object has the ordinary prototype.
const recordOf = <T>(model: { [F in keyof T]: fc.Arbitrary<T[F]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

// Every width that an integer can have on the wire, and the neighbours of each.
const edges = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2, MAX];
const count = fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat());
const id = fc.oneof(fc.constantFrom(...edges.slice(1)), fc.integer({ min: 1, max: MAX }));
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 80, unit: "binary" }).filter((s) => s.length <= 255 && !s.startsWith("\ufeff")),
  fc.constant("é".repeat(255)),
);
const ballots: fc.Arbitrary<Ballot> = recordOf({ round: count, node: id });
const maybeBallot = fc.option(ballots);
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }),
  fc.constantFrom(255, 256, 65_535, 65_536).map((length) => new Uint8Array(length).fill(9)),
);
const sorted = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: MAX }), { minLength: min, maxLength: max })
    .map((slots) => slots.sort((a, b) => a - b));

const votes: fc.Arbitrary<{ firstSlot: number; lastSlot: number | null; votes: Vote[] }> = recordOf({
  slots: sorted(2, 12),
  open: fc.boolean(),
  ballot: ballots,
  value: bytes,
}).map(({ slots, open, ...vote }) => ({
  firstSlot: slots[0] ?? 1,
  lastSlot: open ? null : (slots.at(-1) ?? 1),
  votes: slots.slice(1, -1).map((slot) => ({ slot, ...vote })),
}));

const ranges: fc.Arbitrary<SlotRange[]> = sorted(0, 12).map((slots) => {
  const found: SlotRange[] = [];
  for (let i = 0; i + 1 < slots.length; i += 2) found.push([slots[i] ?? 1, slots[i + 1] ?? 1]);
  return found;
});

const run = recordOf({ firstSlot: id, values: fc.array(bytes, { maxLength: 20 }) }).filter(
  ({ firstSlot, values }) => firstSlot <= MAX - (values.length - 1),
);

const beatFacts = {
  round: count,
  candidacy: maybeBallot,
  promised: maybeBallot,
  leaderBallot: maybeBallot,
  content: fc.boolean(),
  chosenUpTo: count,
  durableUpTo: count,
  impaired: fc.boolean(),
  priority: count,
};

const record = <K extends Message["kind"], T extends object>(
  kind: K,
  model: { [F in keyof T]: fc.Arbitrary<T[F]> },
): fc.Arbitrary<T & { kind: K }> => recordOf(model).map((fields) => ({ kind, ...fields }));

/** Any message of each kind. */
export const arbitraries: { readonly [K in Message["kind"]]: fc.Arbitrary<Extract<Message, { kind: K }>> } = {
  prepare: record("prepare", { ballot: ballots, fromSlot: id }),
  promise: recordOf({ page: votes, ballot: ballots, chosenUpTo: count, snapshotIndex: count }).map(
    ({ page, ...rest }) => ({ kind: "promise" as const, ...page, ...rest }),
  ),
  accept: recordOf({ run, ballot: ballots, chosenUpTo: count }).map(({ run, ...rest }) => ({
    kind: "accept" as const,
    ...run,
    ...rest,
  })),
  accepted: record("accepted", {
    ballot: ballots,
    slots: ranges,
    chosenUpTo: count,
    durableUpTo: count,
    applied: count,
    creditBytes: count,
  }),
  reject: record("reject", {
    ballot: ballots,
    promised: maybeBallot,
    content: fc.boolean(),
    leaderBallot: maybeBallot,
    leaseLeftMs: count,
  }),
  commit: record("commit", { ballot: ballots, chosenUpTo: count }),
  transferTo: record("transferTo", { ballot: ballots, chosenUpTo: count }),
  fetch: fc.tuple(id, id).map(([a, b]) => ({ kind: "fetch", firstSlot: Math.min(a, b), lastSlot: Math.max(a, b) })),
  learn: recordOf({ run, chosenUpTo: count }).map(({ run, chosenUpTo }) => ({
    kind: "learn" as const,
    ...run,
    chosenUpTo,
  })),
  beat: record("beat", beatFacts),
  beatReply: record("beatReply", beatFacts),
  forward: record("forward", { ballot: ballots, bootId: text, sequence: count, body: bytes }),
  forwardReply: record("forwardReply", {
    bootId: text,
    sequence: count,
    outcome: fc.constantFrom("queued" as const, "notProposed" as const, "busy" as const),
  }),
  confirm: record("confirm", { ballot: ballots, nonce: count }),
  confirmReply: record("confirmReply", { ballot: ballots, nonce: count }),
  readIndexAsk: record("readIndexAsk", { bootId: text, nonce: count }),
  readIndexReply: record("readIndexReply", { bootId: text, nonce: count, index: fc.option(count) }),
  stateDigest: record("stateDigest", { slot: id, chainHash: text, digest: fc.option(text) }),
  quorumReadAsk: record("quorumReadAsk", { bootId: text, nonce: count }),
  quorumReadReply: record("quorumReadReply", {
    bootId: text,
    nonce: count,
    highestVote: count,
    chosenUpTo: count,
    snapshotIndex: count,
  }),
  leaseAsk: record("leaseAsk", { ballot: ballots, nonce: count, durationMs: id }),
  leaseGrant: record("leaseGrant", { ballot: ballots, nonce: count, durationMs: id }),
  leaseRelease: record("leaseRelease", { ballot: ballots, nonce: count }),
  snapshotOffer: record("snapshotOffer", { index: id, hash: text, bytes: id }),
  snapshotAsk: record("snapshotAsk", { index: id, hash: text, offset: count, length: id }),
  snapshotChunk: record("snapshotChunk", { index: id, hash: text, offset: count, checksum: text, bytes }),
  change: record("change", { ballot: ballots, bootId: text, sequence: count, value: bytes }),
  changeReply: record("changeReply", {
    bootId: text,
    sequence: count,
    refused: fc.option(fc.constantFrom(...REFUSALS)),
  }),
  removed: record("removed", { epoch: id, mayStop: fc.boolean() }),
};

export const envelopes = (message: fc.Arbitrary<Message>): fc.Arbitrary<Envelope> =>
  recordOf({
    version: fc.constant(1),
    clusterId: text,
    from: id,
    bootId: text,
    epoch: count,
    supports: recordOf({ wire: id, log: id, machine: id }),
    message,
  });
