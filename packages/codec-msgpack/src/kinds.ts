import type { ChangeRefusal, ForwardReply, Message } from "@synod/multipaxos";

/** First element of every frame. This and the one before are read and written; a frame of another version is refused whole. */
export const VERSION = 1;

/** Elements in front of the fields of the message: version, clusterId, from, bootId, [epoch, supports: wire, log, machine], kind. */
export const HEADER_LENGTH = 6;

/** Kind number on the wire = index + 1. New kinds go to the end; a number is never used again. */
export const KINDS: readonly Message["kind"][] = [
  "prepare",
  "promise",
  "accept",
  "accepted",
  "reject",
  "commit",
  "fetch",
  "learn",
  "beat",
  "beatReply",
  "forward",
  "forwardReply",
  "confirm",
  "confirmReply",
  "readIndexAsk",
  "readIndexReply",
  "stateDigest",
  "quorumReadAsk",
  "quorumReadReply",
  "leaseAsk",
  "leaseGrant",
  "leaseRelease",
  "transferTo",
  "snapshotOffer",
  "snapshotAsk",
  "snapshotChunk",
  "change",
  "changeReply",
  "removed",
];

/** Refusal number on the wire = index; null stands for none. New ones go to the end. */
export const REFUSALS: readonly ChangeRefusal[] = [
  "notLeading",
  "epoch",
  "changeUnderWay",
  "retiredId",
  "invalid",
  "learnerBehind",
  "busy",
];

/** Outcome number on the wire = index. */
export const OUTCOMES: readonly ForwardReply["outcome"][] = ["queued", "notProposed", "busy"];
