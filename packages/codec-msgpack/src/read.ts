import type { Ballot, Slot } from "@synod/interface";
import type {
  Accept,
  BeatFacts,
  ChangeRefusal,
  Envelope,
  Fetch,
  ForwardReply,
  Message,
  Promise1b,
  SnapshotOffer,
} from "@synod/multipaxos";
import { malformed } from "./errors.js";
import { ballot, bytes, flag, list, orNull, positive, ranges, text, tuple, uint, values, votes } from "./fields.js";
import { HEADER_LENGTH, KINDS, OUTCOMES, REFUSALS } from "./kinds.js";
import { type Layout, readAdded } from "./layout.js";

/** Checks every field of the array form of an envelope (`write` is the other direction). */
export function read(value: unknown, layout: Layout): Envelope {
  const array = list(value, "frame");
  const [versionOf, clusterId, from, bootId, facts, number] = array;
  const version = positive(versionOf, "version");
  const kind = KINDS[uint(number, "kind") - 1];
  if (kind === undefined) throw malformed(`kind ${String(number)} is unknown`);
  const [epoch, wire, log, machine] = tuple(facts, 4, "epoch and versions");
  const { rest, properties } = readAdded(layout, version, kind, array);
  const message = READERS[kind](rest, kind);
  return {
    version,
    clusterId: text(clusterId, "clusterId"),
    from: positive(from, "from"),
    bootId: text(bootId, "bootId"),
    epoch: uint(epoch, "epoch"),
    supports: {
      wire: positive(wire, "wire version"),
      log: positive(log, "log version"),
      machine: positive(machine, "machine version"),
    },
    message: properties === null ? message : { ...message, ...properties },
  };
}

type Fields = readonly unknown[];
/** Checks the fields of a message of one kind; `kind` is for the text of the error. */
type Reader<M extends Message> = (array: Fields, kind: Message["kind"]) => M;
type Readers = { readonly [K in Message["kind"]]: Reader<Extract<Message, { readonly kind: K }>> };

/** A message of so many fields; `optional` more may stand behind or between them. */
const of =
  <M extends Message>(count: number, read: (fields: Fields) => M, optional: number = 0): Reader<M> =>
  (array, kind) => {
    const isLonger = optional > 0 && array.length === HEADER_LENGTH + count + optional;
    return read(tuple(array, HEADER_LENGTH + count + (isLonger ? optional : 0), kind).slice(HEADER_LENGTH));
  };

const READERS: Readers = {
  prepare: of(2, ([b, fromSlot]) => ({
    kind: "prepare",
    ballot: ballot(b, "ballot"),
    fromSlot: positive(fromSlot, "fromSlot"),
  })),
  promise: of(6, readPromise),
  accept: of(4, readAccept, 1),
  accepted: of(6, ([b, chosenUpTo, durableUpTo, applied, slots, creditBytes]) => ({
    kind: "accepted",
    ballot: ballot(b, "ballot"),
    slots: ranges(slots),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    durableUpTo: uint(durableUpTo, "durableUpTo"),
    applied: uint(applied, "applied"),
    creditBytes: uint(creditBytes, "creditBytes"),
  })),
  reject: of(5, ([b, promised, isContent, leaderBallot, leaseLeftMs]) => ({
    kind: "reject",
    ballot: ballot(b, "ballot"),
    promised: orNull(ballot, promised, "promised"),
    content: flag(isContent, "content"),
    leaderBallot: orNull(ballot, leaderBallot, "leaderBallot"),
    leaseLeftMs: uint(leaseLeftMs, "leaseLeftMs"),
  })),
  commit: of(2, (fields) => ({ kind: "commit", ...readChosen(fields) })),
  fetch: of(2, readFetch),
  learn: of(3, ([first, chosenUpTo, all]) => {
    const firstSlot = positive(first, "firstSlot");
    return { kind: "learn", firstSlot, values: values(all, firstSlot), chosenUpTo: uint(chosenUpTo, "chosenUpTo") };
  }),
  beat: of(9, (fields) => ({ kind: "beat", ...readFacts(fields) })),
  beatReply: of(9, (fields) => ({ kind: "beatReply", ...readFacts(fields) })),
  forward: of(4, ([b, bootId, sequence, body]) => ({
    kind: "forward",
    ballot: ballot(b, "ballot"),
    bootId: text(bootId, "bootId"),
    sequence: uint(sequence, "sequence"),
    body: bytes(body, "body"),
  })),
  forwardReply: of(3, readForwardReply),
  confirm: of(2, (fields) => ({ kind: "confirm", ...readNonce(fields) })),
  confirmReply: of(2, (fields) => ({ kind: "confirmReply", ...readNonce(fields) })),
  readIndexAsk: of(2, (fields) => ({ kind: "readIndexAsk", ...readAsk(fields) })),
  readIndexReply: of(3, ([bootId, nonce, index]) => ({
    kind: "readIndexReply",
    bootId: text(bootId, "bootId"),
    nonce: uint(nonce, "nonce"),
    index: orNull(uint, index, "index"),
  })),
  stateDigest: of(3, ([slot, chainHash, digest]) => ({
    kind: "stateDigest",
    slot: positive(slot, "slot"),
    chainHash: text(chainHash, "chainHash"),
    digest: orNull(text, digest, "digest"),
  })),
  quorumReadAsk: of(2, (fields) => ({ kind: "quorumReadAsk", ...readAsk(fields) })),
  quorumReadReply: of(5, ([bootId, nonce, highestVote, chosenUpTo, snapshotIndex]) => ({
    kind: "quorumReadReply",
    bootId: text(bootId, "bootId"),
    nonce: uint(nonce, "nonce"),
    highestVote: uint(highestVote, "highestVote"),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    snapshotIndex: uint(snapshotIndex, "snapshotIndex"),
  })),
  leaseAsk: of(3, (fields) => ({ kind: "leaseAsk", ...readLease(fields) })),
  leaseGrant: of(3, (fields) => ({ kind: "leaseGrant", ...readLease(fields) })),
  leaseRelease: of(2, (fields) => ({ kind: "leaseRelease", ...readNonce(fields) })),
  transferTo: of(2, (fields) => ({ kind: "transferTo", ...readChosen(fields) })),
  snapshotOffer: of(3, readOffer, 1),
  snapshotAsk: of(4, ([index, hash, offset, length]) => ({
    kind: "snapshotAsk",
    index: positive(index, "index"),
    hash: text(hash, "hash"),
    offset: uint(offset, "offset"),
    length: positive(length, "length"),
  })),
  snapshotChunk: of(5, ([index, hash, offset, checksum, chunk]) => ({
    kind: "snapshotChunk",
    index: positive(index, "index"),
    hash: text(hash, "hash"),
    offset: uint(offset, "offset"),
    checksum: text(checksum, "checksum"),
    bytes: bytes(chunk, "chunk"),
  })),
  change: of(4, ([b, bootId, sequence, value]) => ({
    kind: "change",
    ballot: ballot(b, "ballot"),
    bootId: text(bootId, "bootId"),
    sequence: uint(sequence, "sequence"),
    value: bytes(value, "value"),
  })),
  changeReply: of(3, ([bootId, sequence, code]) => ({
    kind: "changeReply",
    bootId: text(bootId, "bootId"),
    sequence: uint(sequence, "sequence"),
    refused: orNull(refusal, code, "refused"),
  })),
  removed: of(2, ([epoch, mayStop]) => ({
    kind: "removed",
    epoch: positive(epoch, "epoch"),
    mayStop: flag(mayStop, "mayStop"),
  })),
};

function readAccept(fields: Fields): Accept {
  const [b, first, chosenUpTo] = fields;
  const firstSlot = positive(first, "firstSlot");
  const voted = fields.length > 4;
  if (voted && !flag(fields[3], "leaderVoted")) throw malformed("leaderVoted is left out where it is not so");
  return {
    kind: "accept",
    ballot: ballot(b, "ballot"),
    firstSlot,
    values: values(fields.at(-1), firstSlot),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    ...(voted ? { leaderVoted: true } : {}),
  };
}

function readFetch([first, last]: Fields): Fetch {
  const [firstSlot, lastSlot] = [positive(first, "firstSlot"), positive(last, "lastSlot")];
  if (lastSlot < firstSlot) throw malformed("lastSlot is below firstSlot");
  return { kind: "fetch", firstSlot, lastSlot };
}

function readForwardReply([bootId, sequence, code]: Fields): ForwardReply {
  const outcome = OUTCOMES[uint(code, "outcome")];
  if (outcome === undefined) throw malformed("outcome is unknown");
  return { kind: "forwardReply", bootId: text(bootId, "bootId"), sequence: uint(sequence, "sequence"), outcome };
}

function readOffer([index, hash, size, ...head]: Fields): SnapshotOffer {
  return {
    kind: "snapshotOffer",
    index: positive(index, "index"),
    hash: text(hash, "hash"),
    bytes: positive(size, "bytes"),
    ...(head.length > 0 ? { head: bytes(head[0], "head") } : {}),
  };
}

const readChosen = ([b, chosenUpTo]: Fields): { ballot: Ballot; chosenUpTo: Slot } => ({
  ballot: ballot(b, "ballot"),
  chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
});

const readNonce = ([b, nonce]: Fields): { ballot: Ballot; nonce: number } => ({
  ballot: ballot(b, "ballot"),
  nonce: uint(nonce, "nonce"),
});

const readAsk = ([bootId, nonce]: Fields): { bootId: string; nonce: number } => ({
  bootId: text(bootId, "bootId"),
  nonce: uint(nonce, "nonce"),
});

const readLease = ([b, nonce, durationMs]: Fields): { ballot: Ballot; nonce: number; durationMs: number } => ({
  ballot: ballot(b, "ballot"),
  nonce: uint(nonce, "nonce"),
  durationMs: positive(durationMs, "durationMs"),
});

function refusal(value: unknown, name: string): ChangeRefusal {
  const found = REFUSALS[uint(value, name)];
  if (found === undefined) throw malformed(`${name} is unknown`);
  return found;
}

function readPromise(fields: Fields): Promise1b {
  const [b, first, last, chosenUpTo, snapshotIndex, all] = fields;
  const firstSlot = positive(first, "firstSlot");
  const lastSlot = orNull(positive, last, "lastSlot");
  if (lastSlot !== null && lastSlot < firstSlot) throw malformed("lastSlot is below firstSlot");
  return {
    kind: "promise",
    ballot: ballot(b, "ballot"),
    firstSlot,
    lastSlot,
    votes: votes(all, firstSlot, lastSlot),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    snapshotIndex: uint(snapshotIndex, "snapshotIndex"),
  };
}

function readFacts(fields: Fields): BeatFacts {
  const [round, candidacy, promised, leaderBallot, content, chosenUpTo, durableUpTo, impaired, priority] = fields;
  return {
    round: uint(round, "round"),
    candidacy: orNull(ballot, candidacy, "candidacy"),
    promised: orNull(ballot, promised, "promised"),
    leaderBallot: orNull(ballot, leaderBallot, "leaderBallot"),
    content: flag(content, "content"),
    chosenUpTo: uint(chosenUpTo, "chosenUpTo"),
    durableUpTo: uint(durableUpTo, "durableUpTo"),
    impaired: flag(impaired, "impaired"),
    priority: uint(priority, "priority"),
  };
}
