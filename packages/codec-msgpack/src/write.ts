import type { Ballot } from "@synod/interface";
import type { BeatFacts, Envelope, Message } from "@synod/multipaxos";
import { KINDS, OUTCOMES, REFUSALS } from "./kinds.js";
import { type Layout, writeAdded } from "./layout.js";

const numbers: ReadonlyMap<Message["kind"], number> = new Map(KINDS.map((kind, index) => [kind, index + 1]));

/** Array form of an envelope. */
export function write(envelope: Envelope, layout: Layout): unknown[] {
  const { version, clusterId, from, bootId, epoch, supports, message } = envelope;
  const { wire, log, machine } = supports;
  const array: unknown[] = [version, clusterId, from, bootId, [epoch, wire, log, machine], numbers.get(message.kind)];
  writeAdded(layout, version, array, message);
  (WRITERS[message.kind] as (to: unknown[], message: Message) => void)(array, message);
  return array;
}

const pair = (ballot: Ballot): [number, number] => [ballot.round, ballot.node];
const pairOrNull = (ballot: Ballot | null): [number, number] | null => (ballot === null ? null : pair(ballot));

/** Adds the fields of a message of one kind. */
type Writers = {
  readonly [K in Message["kind"]]: (to: unknown[], message: Extract<Message, { readonly kind: K }>) => void;
};

const WRITERS: Writers = {
  prepare: (to, m) => to.push(pair(m.ballot), m.fromSlot),
  promise: (to, m) => {
    const votes = m.votes.map(({ slot, ballot, value }) => [slot, pair(ballot), value]);
    to.push(pair(m.ballot), m.firstSlot, m.lastSlot, m.chosenUpTo, m.snapshotIndex, votes);
  },
  accept: (to, m) => {
    to.push(pair(m.ballot), m.firstSlot, m.chosenUpTo);
    // Clusters in which nobody makes use of it have it in no frame.
    if (m.leaderVoted === true) to.push(true);
    to.push(m.values);
  },
  accepted: (to, m) => to.push(pair(m.ballot), m.chosenUpTo, m.durableUpTo, m.applied, m.slots, m.creditBytes),
  reject: (to, m) =>
    to.push(pair(m.ballot), pairOrNull(m.promised), m.content, pairOrNull(m.leaderBallot), m.leaseLeftMs),
  commit: (to, m) => to.push(pair(m.ballot), m.chosenUpTo),
  fetch: (to, m) => to.push(m.firstSlot, m.lastSlot),
  learn: (to, m) => to.push(m.firstSlot, m.chosenUpTo, m.values),
  beat: writeFacts,
  beatReply: writeFacts,
  forward: (to, m) => to.push(pair(m.ballot), m.bootId, m.sequence, m.body),
  forwardReply: (to, m) => to.push(m.bootId, m.sequence, OUTCOMES.indexOf(m.outcome)),
  confirm: (to, m) => to.push(pair(m.ballot), m.nonce),
  confirmReply: (to, m) => to.push(pair(m.ballot), m.nonce),
  readIndexAsk: (to, m) => to.push(m.bootId, m.nonce),
  readIndexReply: (to, m) => to.push(m.bootId, m.nonce, m.index),
  stateDigest: (to, m) => to.push(m.slot, m.chainHash, m.digest),
  quorumReadAsk: (to, m) => to.push(m.bootId, m.nonce),
  quorumReadReply: (to, m) => to.push(m.bootId, m.nonce, m.highestVote, m.chosenUpTo, m.snapshotIndex),
  leaseAsk: (to, m) => to.push(pair(m.ballot), m.nonce, m.durationMs),
  leaseGrant: (to, m) => to.push(pair(m.ballot), m.nonce, m.durationMs),
  leaseRelease: (to, m) => to.push(pair(m.ballot), m.nonce),
  transferTo: (to, m) => to.push(pair(m.ballot), m.chosenUpTo),
  snapshotOffer: (to, m) => {
    to.push(m.index, m.hash, m.bytes);
    if (m.head !== undefined) to.push(m.head);
  },
  snapshotAsk: (to, m) => to.push(m.index, m.hash, m.offset, m.length),
  snapshotChunk: (to, m) => to.push(m.index, m.hash, m.offset, m.checksum, m.bytes),
  change: (to, m) => to.push(pair(m.ballot), m.bootId, m.sequence, m.value),
  changeReply: (to, m) => to.push(m.bootId, m.sequence, m.refused === null ? null : REFUSALS.indexOf(m.refused)),
  removed: (to, m) => to.push(m.epoch, m.mayStop),
};

function writeFacts(to: unknown[], facts: BeatFacts): void {
  const { round, candidacy, promised, leaderBallot, content, chosenUpTo, durableUpTo, impaired, priority } = facts;
  to.push(
    round,
    pairOrNull(candidacy),
    pairOrNull(promised),
    pairOrNull(leaderBallot),
    content,
    chosenUpTo,
    durableUpTo,
    impaired,
    priority,
  );
}
