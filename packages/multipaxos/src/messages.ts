import type { Ballot, Slot, Versions, Vote } from "@synod/interface";

/** Closed range of slots, `[first, last]`. */
export type SlotRange = readonly [first: Slot, last: Slot];

/** Phase 1a: asks for a promise for every slot from `fromSlot` up, and for one page of votes from there. */
export interface Prepare {
  readonly kind: "prepare";
  readonly ballot: Ballot;
  readonly fromSlot: Slot;
}

/** Phase 1b: one page. It reports every vote of the sender from `firstSlot` to `lastSlot` above its `chosenUpTo`. */
export interface Promise1b {
  readonly kind: "promise";
  readonly ballot: Ballot;
  readonly firstSlot: Slot;
  /** Last slot of the page; null when nothing follows (the page reaches to infinity). */
  readonly lastSlot: Slot | null;
  readonly votes: readonly Vote[];
  /** Every slot up to here is chosen and the sender can serve its value or a snapshot of it. */
  readonly chosenUpTo: Slot;
  readonly snapshotIndex: Slot;
}

/** Phase 2a for `values.length` slots from `firstSlot`; announces what is chosen in the same ballot. */
export interface Accept {
  readonly kind: "accept";
  readonly ballot: Ballot;
  readonly firstSlot: Slot;
  readonly values: readonly Uint8Array[];
  readonly chosenUpTo: Slot;
  /** The sender's own votes for these values are on its disk. */
  readonly leaderVoted?: true;
}

/** Phase 2b: durable votes. An empty `slots` with a `chosenUpTo` says "already chosen here". */
export interface Accepted {
  readonly kind: "accepted";
  readonly ballot: Ballot;
  readonly slots: readonly SlotRange[];
  readonly chosenUpTo: Slot;
  /** Values and chosen mark flushed up to here. */
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  /** Values that may be on the way to the sender unanswered; 0: it cannot take more now, and will say when it can. */
  readonly creditBytes: number;
}

/** A Prepare or Accept was refused because of a higher promise, or of a lease that another ballot has. */
export interface Reject {
  readonly kind: "reject";
  /** The ballot that was refused. */
  readonly ballot: Ballot;
  /** Null: nothing yet, only a lease forbids it. */
  readonly promised: Ballot | null;
  /** Whether the sender has a working leader. */
  readonly content: boolean;
  readonly leaderBallot: Ballot | null;
  /** Milliseconds for which a lease forbids the sender to promise; 0 if it was refused for the promise alone. */
  readonly leaseLeftMs: number;
}

/** The leader of `ballot` announces the chosen prefix. */
export interface Commit {
  readonly kind: "commit";
  readonly ballot: Ballot;
  readonly chosenUpTo: Slot;
}

/** Asks for chosen values of a closed range. */
export interface Fetch {
  readonly kind: "fetch";
  readonly firstSlot: Slot;
  readonly lastSlot: Slot;
}

/** Chosen values of consecutive slots; may be fewer than asked for, none if the sender has none of them. */
export interface Learn {
  readonly kind: "learn";
  readonly firstSlot: Slot;
  readonly values: readonly Uint8Array[];
  readonly chosenUpTo: Slot;
}

/** What a node says of itself in an election round. */
export interface BeatFacts {
  /** Number of the asker's round; the reply repeats it. */
  readonly round: number;
  /** Ballot of the sender's last candidacy. */
  readonly candidacy: Ballot | null;
  /** Highest promise, flushed or not. */
  readonly promised: Ballot | null;
  /** Ballot of the leader that the sender follows, or leads. */
  readonly leaderBallot: Ballot | null;
  readonly content: boolean;
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  /** Its disk or event loop stands still, or did lately: others lead better. */
  readonly impaired: boolean;
  /** Of two that could campaign the one with the higher priority goes first. */
  readonly priority: number;
}

/** Election round: "what do you see?". From the owner of `leaderBallot` it is also an announcement of `chosenUpTo`. */
export interface Beat extends BeatFacts {
  readonly kind: "beat";
}

export interface BeatReply extends BeatFacts {
  readonly kind: "beatReply";
}

/**
 * Commands for the leader of `ballot` to propose, in that ballot only: once a sender heard that they were not proposed, no late
 * copy is, not even after the leader's restart. (boot id, sequence) makes it unique, so that a copy is proposed once.
 */
export interface Forward {
  readonly kind: "forward";
  readonly ballot: Ballot;
  readonly bootId: string;
  readonly sequence: number;
  /** Batch envelope of `@synod/rsm`; opaque here. */
  readonly body: Uint8Array;
}

/** What became of a Forward: `queued` for this leadership, or surely not proposed. */
export interface ForwardReply {
  readonly kind: "forwardReply";
  readonly bootId: string;
  readonly sequence: number;
  readonly outcome: "queued" | "notProposed" | "busy";
}

/** The leader of `ballot` asks whether it still leads. `nonce` is never used twice in one ballot. */
export interface Confirm {
  readonly kind: "confirm";
  readonly ballot: Ballot;
  readonly nonce: number;
}

/** "My promise is not above your ballot", as of after the Confirm arrived. */
export interface ConfirmReply {
  readonly kind: "confirmReply";
  readonly ballot: Ballot;
  readonly nonce: number;
}

/** A follower asks the leader for an index that a linearizable read may wait for. */
export interface ReadIndexAsk {
  readonly kind: "readIndexAsk";
  readonly bootId: string;
  readonly nonce: number;
}

export interface ReadIndexReply {
  readonly kind: "readIndexReply";
  readonly bootId: string;
  readonly nonce: number;
  /** Null: not leading; ask another. */
  readonly index: Slot | null;
}

/**
 * What the sender's service looks like after it executed everything up to `slot`. Not part of the protocol of the log: the drivers
 * of replicas hold these words against each other.
 */
export interface StateDigest {
  readonly kind: "stateDigest";
  readonly slot: Slot;
  /** Over all executed values: 16 hexadecimal digits. */
  readonly chainHash: string;
  /** What the state machine says of its state; null if it says nothing. */
  readonly digest: string | null;
}
/** A read without a leader: "which slots can have been chosen by now?" */
export interface QuorumReadAsk {
  readonly kind: "quorumReadAsk";
  readonly bootId: string;
  readonly nonce: number;
}

/** All that the sender knows of, as of after the question arrived: no command above the largest of the three has its vote. */
export interface QuorumReadReply {
  readonly kind: "quorumReadReply";
  readonly bootId: string;
  readonly nonce: number;
  readonly highestVote: Slot;
  readonly chosenUpTo: Slot;
  readonly snapshotIndex: Slot;
}

/** The leader of `ballot` asks for a lease. `nonce` is never used twice in one ballot. */
export interface LeaseAsk {
  readonly kind: "leaseAsk";
  readonly ballot: Ballot;
  readonly nonce: number;
  readonly durationMs: number;
}

/** "For `durationMs` and the drift, since your question arrived, I promise nothing to another ballot." */
export interface LeaseGrant {
  readonly kind: "leaseGrant";
  readonly ballot: Ballot;
  readonly nonce: number;
  readonly durationMs: number;
}

/** The leadership of `ballot` is over, or handed over: it uses no lease that it asked for up to `nonce`. */
export interface LeaseRelease {
  readonly kind: "leaseRelease";
  readonly ballot: Ballot;
  readonly nonce: number;
}
/** The leader of `ballot` has stopped proposing, all of its slots up to `chosenUpTo` are chosen, and the receiver is to campaign. */
export interface TransferTo {
  readonly kind: "transferTo";
  readonly ballot: Ballot;
  readonly chosenUpTo: Slot;
}
/** Which snapshot: everything up to `index` is in it. Equal hashes stand for equal bytes, so that any holder can serve any part. */
export interface SnapshotFacts {
  readonly index: Slot;
  /** Of all its bytes, short text. */
  readonly hash: string;
  readonly bytes: number;
}

/** "What you asked for is no longer in my log; it is in this snapshot." Also says that an older one has been replaced. */
export interface SnapshotOffer extends SnapshotFacts {
  readonly kind: "snapshotOffer";
  /** For a witness, which needs no more of it: the configurations up to `index`. */
  readonly head?: Uint8Array;
}

/** Asks for a part of a snapshot. */
export interface SnapshotAsk {
  readonly kind: "snapshotAsk";
  readonly index: Slot;
  readonly hash: string;
  readonly offset: number;
  readonly length: number;
}

/** A part of a snapshot; may be shorter than asked for. */
export interface SnapshotChunk {
  readonly kind: "snapshotChunk";
  readonly index: Slot;
  readonly hash: string;
  readonly offset: number;
  /** Of `bytes`. */
  readonly checksum: string;
  readonly bytes: Uint8Array;
}
/**
 * A node asks the leader of this ballot to propose a change of the configuration: a value of that kind, made for the epoch in its stamp. A copy
 * is proposed in no other ballot, so that what was refused stays so, also after the leader's restart.
 */
export interface Change {
  readonly kind: "change";
  readonly ballot: Ballot;
  readonly bootId: string;
  readonly sequence: number;
  readonly value: Uint8Array;
}

/** Why a leader does not propose a change. */
export type ChangeRefusal =
  | "notLeading"
  /** The configuration is another by now than the one the change was made for. */
  | "epoch"
  /** The change before is not complete. */
  | "changeUnderWay"
  /** An id that was removed is never used again. */
  | "retiredId"
  | "invalid"
  /** A new voter is not within one window of the leader's log. */
  | "learnerBehind"
  /** No room in the window at this moment. */
  | "busy";

/** `refused` null: proposed, or proposed before. */
export interface ChangeReply {
  readonly kind: "changeReply";
  readonly bootId: string;
  readonly sequence: number;
  readonly refused: ChangeRefusal | null;
}

/** "You are out as of this epoch"; and, apart from it, "you may stop": nobody needs your disk any more. */
export interface Removed {
  readonly kind: "removed";
  readonly epoch: number;
  readonly mayStop: boolean;
}

/** Everything that replicas say to each other. Sender, receiver, quorum and flush rule of each: docs/PROTOCOL.md. */
export type Message =
  | Prepare
  | Promise1b
  | Accept
  | Accepted
  | Reject
  | Commit
  | Fetch
  | Learn
  | Beat
  | BeatReply
  | Forward
  | ForwardReply
  | Confirm
  | ConfirmReply
  | ReadIndexAsk
  | ReadIndexReply
  | StateDigest
  | QuorumReadAsk
  | QuorumReadReply
  | LeaseAsk
  | LeaseGrant
  | LeaseRelease
  | TransferTo
  | SnapshotOffer
  | SnapshotAsk
  | SnapshotChunk
  | Change
  | ChangeReply
  | Removed;

/** What surrounds every message on the wire. */
export interface Envelope {
  /** Wire version that the frame is written in. */
  readonly version: number;
  readonly clusterId: string;
  readonly from: number;
  /** Boot id of the sender: a frame of an earlier life is told apart from one of the present. */
  readonly bootId: string;
  /** Epoch of the newest configuration that the sender knows. It informs and never decides a vote. */
  readonly epoch: number;
  /** What the sender supports. It decides when a leader raises the versions in force, and never a vote. */
  readonly supports: Versions;
  readonly message: Message;
}
