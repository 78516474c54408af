import type { Ballot, Slot, Vote } from "@synod/interface";

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
}

/** A Prepare or Accept was refused because of a higher promise. */
export interface Reject {
  readonly kind: "reject";
  /** The ballot that was refused. */
  readonly ballot: Ballot;
  readonly promised: Ballot;
  /** Whether the sender has a working leader. */
  readonly content: boolean;
  readonly leaderBallot: Ballot | null;
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

/** A node asks the leader to propose a change of the configuration: a value of that kind, made for the epoch in its stamp. */
export interface Change {
  readonly kind: "change";
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
  | Change
  | ChangeReply
  | Removed;

/** What surrounds every message on the wire. */
export interface Envelope {
  readonly clusterId: string;
  readonly from: number;
  /** Boot id of the sender: a frame of an earlier life is told apart from one of the present. */
  readonly bootId: string;
  /** Epoch of the newest configuration that the sender knows. It informs and never decides a vote. */
  readonly epoch: number;
  readonly message: Message;
}
