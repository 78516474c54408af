import type { Slot } from "@synod/interface";
import type { Message } from "@synod/multipaxos";
import { ballotText } from "./truth.js";

function range(first: Slot, last: Slot | null): string {
  return last === null ? `${first}..` : last === first ? `${first}` : `${first}..${last}`;
}

/** One line for people. */
export function messageText(message: Message): string {
  const head = "ballot" in message ? `${message.kind} ${ballotText(message.ballot)}` : message.kind;
  switch (message.kind) {
    case "prepare":
      return `${head} from slot ${message.fromSlot}`;
    case "promise":
      return `${head} slots ${range(message.firstSlot, message.lastSlot)}, ${message.votes.length} votes, chosen ${message.chosenUpTo}`;
    case "accept":
      return `${head} slots ${range(message.firstSlot, message.firstSlot + message.values.length - 1)}, chosen ${message.chosenUpTo}`;
    case "accepted":
      return `${head} slots ${message.slots.map(([first, last]) => range(first, last)).join(",")}`;
    case "reject":
      return `${head}, promised ${ballotText(message.promised)}${message.leaseLeftMs > 0 ? `, leased for ${message.leaseLeftMs} ms` : ""}`;
    case "commit":
    case "transferTo":
      return `${head} chosen ${message.chosenUpTo}`;
    case "fetch":
      return `${head} slots ${range(message.firstSlot, message.lastSlot)}`;
    case "learn":
      return `${head} from slot ${message.firstSlot}, ${message.values.length} values`;
    case "beat":
    case "beatReply":
      return `${head} ${message.round}, leader ${ballotText(message.leaderBallot)}, chosen ${message.chosenUpTo}`;
    case "forward":
    case "forwardReply":
      return `${head} ${message.sequence}`;
    case "confirm":
    case "confirmReply":
    case "readIndexAsk":
    case "quorumReadAsk":
    case "leaseAsk":
    case "leaseGrant":
    case "leaseRelease":
      return `${head} ${message.nonce}`;
    case "readIndexReply":
      return `${head} ${message.nonce}, index ${message.index}`;
    case "stateDigest":
      return `${head} at slot ${message.slot}: ${message.chainHash} ${message.digest}`;
    case "quorumReadReply":
      return `${head} ${message.nonce}, vote ${message.highestVote}, chosen ${message.chosenUpTo}`;
    case "snapshotOffer":
      return `${head} ${message.hash} up to slot ${message.index}, ${message.bytes} bytes`;
    case "snapshotAsk":
      return `${head} ${message.hash} from byte ${message.offset}, ${message.length} bytes`;
    case "snapshotChunk":
      return `${head} ${message.hash} from byte ${message.offset}, ${message.bytes.length} bytes`;
    case "change":
      return `${head} ${message.sequence}`;
    case "changeReply":
      return `${head} ${message.sequence}, ${message.refused ?? "proposed"}`;
    case "removed":
      return `${head} epoch ${message.epoch}${message.mayStop ? ", may stop" : ""}`;
  }
}
