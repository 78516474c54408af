import type { StorageWrite } from "@synod/interface";
import { ballotsEqual, formatBallot } from "@synod/paxos";
import type { Message, Notice, SlotRange } from "../src/index.js";
import { type Disk, textOf } from "./disk.js";

const range = ([first, last]: SlotRange): string => (first === last ? `${first}` : `${first}..${last}`);

const texts = (values: readonly Uint8Array[]): string => values.map(textOf).join(" ");

/** One line for people and for expected traces, e.g. `accept 2.1 s5 a b upto 4`. */
export function describe(message: Message): string {
  switch (message.kind) {
    case "prepare":
      return `prepare ${formatBallot(message.ballot)} from ${message.fromSlot}`;
    case "promise": {
      const votes = message.votes.map((v) => `${v.slot}:${formatBallot(v.ballot)}=${textOf(v.value)}`).join(" ");
      const { ballot, firstSlot, lastSlot, chosenUpTo } = message;
      return `promise ${formatBallot(ballot)} ${firstSlot}..${lastSlot ?? ""} {${votes}} upto ${chosenUpTo}`;
    }
    case "accept":
      return `accept ${formatBallot(message.ballot)} s${message.firstSlot} ${texts(message.values)} upto ${message.chosenUpTo}${message.leaderVoted === true ? " voted" : ""}`;
    case "accepted":
      return `accepted ${formatBallot(message.ballot)} [${message.slots.map(range).join(" ")}] upto ${message.chosenUpTo}`;
    case "reject":
      return `reject ${formatBallot(message.ballot)} promised ${formatBallot(message.promised)}${message.content ? " content" : ""}${message.leaseLeftMs > 0 ? ` leased ${message.leaseLeftMs} ms` : ""}`;
    case "commit":
      return `commit ${formatBallot(message.ballot)} upto ${message.chosenUpTo}`;
    case "transferTo":
      return `transferTo ${formatBallot(message.ballot)} upto ${message.chosenUpTo}`;
    case "fetch":
      return `fetch ${message.firstSlot}..${message.lastSlot}`;
    case "learn":
      return `learn s${message.firstSlot} ${texts(message.values)} upto ${message.chosenUpTo}`;
    case "beat":
    case "beatReply": {
      const { kind, leaderBallot, content, chosenUpTo } = message;
      return `${kind} leader ${formatBallot(leaderBallot)}${content ? " content" : ""} upto ${chosenUpTo}`;
    }
    case "forward":
      return `forward #${message.sequence} ${textOf(message.body)}`;
    case "forwardReply":
      return `forwardReply #${message.sequence} ${message.outcome}`;
    case "confirm":
    case "confirmReply":
      return `${message.kind} ${formatBallot(message.ballot)} #${message.nonce}`;
    case "readIndexAsk":
      return `readIndexAsk #${message.nonce}`;
    case "readIndexReply":
      return `readIndexReply #${message.nonce} ${message.index ?? "not leading"}`;
    case "stateDigest":
      return `stateDigest ${message.slot} ${message.chainHash}`;
    case "quorumReadAsk":
      return `quorumReadAsk #${message.nonce}`;
    case "quorumReadReply": {
      const { nonce, highestVote, chosenUpTo, snapshotIndex } = message;
      return `quorumReadReply #${nonce} vote ${highestVote} upto ${chosenUpTo} snapshot ${snapshotIndex}`;
    }
    case "leaseAsk":
    case "leaseGrant":
      return `${message.kind} ${formatBallot(message.ballot)} #${message.nonce} ${message.durationMs} ms`;
    case "leaseRelease":
      return `leaseRelease ${formatBallot(message.ballot)} #${message.nonce}`;
    case "snapshotOffer":
      return `snapshotOffer ${message.index} ${message.bytes} bytes`;
    case "snapshotAsk":
      return `snapshotAsk ${message.index} from ${message.offset}`;
    case "snapshotChunk":
      return `snapshotChunk ${message.index} from ${message.offset} ${message.bytes.length} bytes`;
    case "change":
      return `change #${message.sequence}`;
    case "changeReply":
      return `changeReply #${message.sequence} ${message.refused ?? "proposed"}`;
    case "removed":
      return `removed as of epoch ${message.epoch}${message.mayStop ? ", may stop" : ""}`;
  }
}

/** What a write adds to a disk, e.g. `promise 2.1, vote s5 2.1=a, mark 4`. */
export function describeWrite(write: StorageWrite, disk: Disk): string {
  const { promised, votes, chosen, chosenUpTo, leaseMs } = write;
  return [
    ...(promised === undefined || ballotsEqual(promised, disk.promised) ? [] : [`promise ${formatBallot(promised)}`]),
    ...votes.map(({ slot, ballot, value }) => `vote s${slot} ${formatBallot(ballot)}=${textOf(value)}`),
    ...chosen.map(({ slot, value }) => `chosen s${slot} ${textOf(value)}`),
    ...(chosenUpTo === undefined ? [] : [`mark ${chosenUpTo}`]),
    ...(leaseMs === undefined ? [] : [`leases of ${leaseMs} ms`]),
  ].join(", ");
}

export function describeNotice(notice: Notice): string {
  switch (notice.kind) {
    case "campaign":
      return `campaigns in ${formatBallot(notice.ballot)}`;
    case "elected":
      return `leads in ${formatBallot(notice.ballot)}, barrier ${notice.barrier}`;
    case "leadershipEnded":
      return `gives up ${formatBallot(notice.ballot)}: ${notice.reason}`;
    case "leader":
      return notice.ballot === null ? "has no leader" : `takes ${formatBallot(notice.ballot)} for the leader`;
    case "impaired":
      return notice.cause === null ? "is well again" : `is impaired: ${notice.cause}`;
    case "transferEnded":
      return `ends the transfer to ${notice.to}${notice.done ? "" : ", in vain"}: ${notice.reason}`;
    case "votesAgain":
      return `votes again, everything up to ${notice.upTo} is chosen and on its disk`;
    case "configuration": {
      const { epoch, from, configuration } = notice.governing;
      const members = configuration.members.map(({ id, role }) => (role === undefined ? id : `${id} ${role}`));
      return `learns epoch ${epoch} [${members.join(", ")}] from s${from}`;
    }
    case "changeVoid":
      return `finds the change at s${notice.slot} void: ${notice.reason}`;
    case "changeComplete":
      return `knows epoch ${notice.epoch} as complete`;
    case "removed":
      return `is out as of epoch ${notice.epoch}${notice.mayStop ? " and may stop" : ""}`;
    case "changeAnswered":
      return `is told that its change #${notice.sequence} is ${notice.refused ?? "proposed"}`;
    case "ignored":
      return `ignores ${notice.from}: ${notice.reason}`;
    case "widened":
      return `asks everybody for s${notice.slot}`;
    case "quorumReadFellBack":
      return "asks the leader, since no quorum settled the read";
    case "leaseDropped":
      return `drops its lease: ${notice.reason}`;
    case "snapshotResumed":
      return `goes on with the snapshot of ${notice.from} at ${notice.offset}`;
  }
}
