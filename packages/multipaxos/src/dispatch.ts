import type { Ballot, NodeId } from "@synod/interface";
import { onAccept, onCommit, onPrepare } from "./acceptor-handlers.js";
import { onFetch, onLearn } from "./catch-up-handlers.js";
import type { Core } from "./core.js";
import { onBeat, onBeatReply } from "./election-handlers.js";
import { onForward, onForwardReply } from "./forward-handlers.js";
import { onLeaseAsk, onLeaseGrant, onLeaseRelease } from "./lease-handlers.js";
import { onChange, onChangeReply, onRemoved } from "./membership-handlers.js";
import type { Message } from "./messages.js";
import { onAccepted, onPromise, onReject } from "./proposer-handlers.js";
import { onQuorumReadAsk, onQuorumReadReply } from "./quorum-read-handlers.js";
import { onConfirm, onConfirmReply, onReadIndexAsk, onReadIndexReply } from "./read-handlers.js";
import { onSnapshotAsk, onSnapshotChunk, onSnapshotOffer } from "./snapshot-handlers.js";
import { onTransferTo } from "./transfer-handlers.js";

/** Every ballot of a message, so that none is trusted unchecked. */
export function ballotsOf(message: Message): readonly (Ballot | null)[] {
  const ballots: (Ballot | null)[] = [];
  if ("ballot" in message) ballots.push(message.ballot);
  if ("promised" in message) ballots.push(message.promised);
  if ("leaderBallot" in message) ballots.push(message.leaderBallot);
  if ("candidacy" in message) ballots.push(message.candidacy);
  if (message.kind === "promise") for (const vote of message.votes) ballots.push(vote.ballot);
  return ballots;
}

/** One handler for each kind of message. */
export function dispatch(core: Core, from: NodeId, message: Message): void {
  switch (message.kind) {
    case "prepare":
      return onPrepare(core, from, message);
    case "promise":
      return onPromise(core, from, message);
    case "accept":
      return onAccept(core, from, message);
    case "accepted":
      return onAccepted(core, from, message);
    case "reject":
      return onReject(core, from, message);
    case "commit":
      return onCommit(core, from, message);
    case "fetch":
      return onFetch(core, from, message);
    case "learn":
      return onLearn(core, from, message);
    case "beat":
      return onBeat(core, from, message);
    case "beatReply":
      return onBeatReply(core, from, message);
    case "forward":
      return onForward(core, from, message);
    case "forwardReply":
      return onForwardReply(core, from, message);
    case "confirm":
      return onConfirm(core, from, message);
    case "confirmReply":
      return onConfirmReply(core, from, message);
    case "readIndexAsk":
      return onReadIndexAsk(core, from, message);
    case "readIndexReply":
      return onReadIndexReply(core, from, message);
    case "stateDigest":
      return; // Says nothing of the log.
    case "quorumReadAsk":
      return onQuorumReadAsk(core, from, message);
    case "quorumReadReply":
      return onQuorumReadReply(core, from, message);
    case "leaseAsk":
      return onLeaseAsk(core, from, message);
    case "leaseGrant":
      return onLeaseGrant(core, from, message);
    case "leaseRelease":
      return onLeaseRelease(core, from, message);
    case "transferTo":
      return onTransferTo(core, from, message);
    case "snapshotOffer":
      return onSnapshotOffer(core, from, message);
    case "snapshotAsk":
      return onSnapshotAsk(core, from, message);
    case "snapshotChunk":
      return onSnapshotChunk(core, from, message);
    case "change":
      return onChange(core, from, message);
    case "changeReply":
      return onChangeReply(core, from, message);
    case "removed":
      return onRemoved(core, from, message);
  }
}
