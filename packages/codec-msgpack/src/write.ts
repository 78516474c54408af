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
  writeFields(array, message);
  return array;
}

const pair = (ballot: Ballot): [number, number] => [ballot.round, ballot.node];
const pairOrNull = (ballot: Ballot | null): [number, number] | null => (ballot === null ? null : pair(ballot));

function writeFields(to: unknown[], m: Message): void {
  switch (m.kind) {
    case "prepare":
      to.push(pair(m.ballot), m.fromSlot);
      return;
    case "promise": {
      const votes = m.votes.map(({ slot, ballot, value }) => [slot, pair(ballot), value]);
      to.push(pair(m.ballot), m.firstSlot, m.lastSlot, m.chosenUpTo, m.snapshotIndex, votes);
      return;
    }
    case "accept":
      to.push(pair(m.ballot), m.firstSlot, m.chosenUpTo);
      // Clusters in which nobody makes use of it have it in no frame.
      if (m.leaderVoted === true) to.push(true);
      to.push(m.values);
      return;
    case "accepted":
      to.push(pair(m.ballot), m.chosenUpTo, m.durableUpTo, m.applied, m.slots, m.creditBytes);
      return;
    case "reject":
      to.push(pair(m.ballot), pairOrNull(m.promised), m.content, pairOrNull(m.leaderBallot), m.leaseLeftMs);
      return;
    case "commit":
    case "transferTo":
      to.push(pair(m.ballot), m.chosenUpTo);
      return;
    case "fetch":
      to.push(m.firstSlot, m.lastSlot);
      return;
    case "learn":
      to.push(m.firstSlot, m.chosenUpTo, m.values);
      return;
    case "beat":
    case "beatReply":
      writeFacts(to, m);
      return;
    case "forward":
      to.push(pair(m.ballot), m.bootId, m.sequence, m.body);
      return;
    case "forwardReply":
      to.push(m.bootId, m.sequence, OUTCOMES.indexOf(m.outcome));
      return;
    case "confirm":
    case "confirmReply":
      to.push(pair(m.ballot), m.nonce);
      return;
    case "readIndexAsk":
    case "quorumReadAsk":
      to.push(m.bootId, m.nonce);
      return;
    case "readIndexReply":
      to.push(m.bootId, m.nonce, m.index);
      return;
    case "stateDigest":
      to.push(m.slot, m.chainHash, m.digest);
      return;
    case "quorumReadReply":
      to.push(m.bootId, m.nonce, m.highestVote, m.chosenUpTo, m.snapshotIndex);
      return;
    case "leaseAsk":
    case "leaseGrant":
      to.push(pair(m.ballot), m.nonce, m.durationMs);
      return;
    case "leaseRelease":
      to.push(pair(m.ballot), m.nonce);
      return;
    case "snapshotOffer":
      to.push(m.index, m.hash, m.bytes);
      if (m.head !== undefined) to.push(m.head);
      return;
    case "snapshotAsk":
      to.push(m.index, m.hash, m.offset, m.length);
      return;
    case "snapshotChunk":
      to.push(m.index, m.hash, m.offset, m.checksum, m.bytes);
      return;
    case "change":
      to.push(m.bootId, m.sequence, m.value);
      return;
    case "changeReply":
      to.push(m.bootId, m.sequence, m.refused === null ? null : REFUSALS.indexOf(m.refused));
      return;
    case "removed":
      to.push(m.epoch, m.mayStop);
  }
}

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
