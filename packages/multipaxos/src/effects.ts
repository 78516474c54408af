import { compareBallots } from "@synod/paxos";
import type { Ballot, ChosenValue, Lane, NodeId, Slot } from "@synod/interface";
import type { Governing, VoidReason } from "./configuration-history.js";
import type { Impairment } from "./health.js";
import type { ChangeRefusal, Message, SnapshotFacts } from "./messages.js";
import type { WriteId } from "./writes.js";

/** A message for one or several peers, never for the sender itself. */
export interface Send {
  readonly to: readonly NodeId[];
  readonly message: Message;
  readonly lane: Lane;
  /** It may leave only when this write is durable; 0 = at once. */
  readonly after: WriteId;
}

/** A linearizable read may be answered once everything up to `index` is applied. */
export interface ReadReady {
  readonly tokens: readonly number[];
  readonly index: Slot;
  /** What vouches for the index: a round of the leader, a quorum that was asked directly, or the leader's lease. */
  readonly via: "leader" | "quorum" | "lease";
  /**
   * For a lease, when it ends on the clock that `tick` is given; else Infinity. The core knows the time of its last tick only: the
   * driver looks again once it has the result, and asks for another index if the lease is over.
   */
  readonly untilMs: number;
}

/** How a reader gets its index: from the leader (its lease, if it has one), by a round of the leader, or from a quorum without a leader. */
export type ReadVia = "leader" | "round" | "quorum";

/** Commands that a peer wants this leader to propose; to be answered with `replyForward`. */
export interface ForwardedBody {
  readonly from: NodeId;
  readonly bootId: string;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** What became of an own Forward. */
export interface ForwardOutcome {
  readonly sequence: number;
  readonly outcome: "queued" | "notProposed" | "busy";
}

/** What the node is to do about snapshots, in this order. Their bytes never stay in the core. */
export type SnapshotStep =
  /** Send this part of the own snapshot, on the bulk lane. Where that is not possible, nothing: it is asked for again. */
  | {
      readonly kind: "serve";
      readonly to: NodeId;
      readonly index: Slot;
      readonly hash: string;
      readonly offset: number;
      readonly length: number;
    }
  /** A snapshot will come, from its start. */
  | { readonly kind: "receive"; readonly snapshot: SnapshotFacts }
  /** The next bytes of it. Answer with `snapshotStored`, or `snapshotRefused` if the checksum is wrong. */
  | { readonly kind: "store"; readonly offset: number; readonly bytes: Uint8Array; readonly checksum: string }
  /** No more of it will come. */
  | { readonly kind: "giveUp"; readonly reason: string }
  /**
   * Save a snapshot of everything up to `index` that consists of this head alone, and then call `installSnapshot`: this witness need not
   * keep what stands before it.
   */
  | { readonly kind: "forget"; readonly index: Slot; readonly head: Uint8Array };

/** Rare events, for logs, metrics and observers. */
export type Notice =
  | { readonly kind: "campaign"; readonly ballot: Ballot }
  | { readonly kind: "elected"; readonly ballot: Ballot; readonly barrier: Slot }
  | { readonly kind: "leadershipEnded"; readonly ballot: Ballot; readonly reason: string }
  | { readonly kind: "leader"; readonly ballot: Ballot | null }
  /** A read without a leader found no quorum, or waits for a slot that nobody settles: the leader is asked. */
  | { readonly kind: "quorumReadFellBack" }
  /** A thrifty leader asks for the votes that it could do without, from this slot on: a member of the quorum is silent. */
  | { readonly kind: "widened"; readonly slot: Slot }
  /** This leader no longer trusts its lease, or gave it back. */
  | { readonly kind: "leaseDropped"; readonly reason: string }
  /** What is wrong with this node's disk or event loop has changed; null: nothing any more. */
  | { readonly kind: "impaired"; readonly cause: Impairment | null; readonly stillMs: number }
  /** An orderly change of leader is over. `done`: the target leads. */
  | { readonly kind: "transferEnded"; readonly to: NodeId; readonly done: boolean; readonly reason: string }
  /** A damaged log is repaired: everything up to here is chosen and on the disk. */
  | { readonly kind: "votesAgain"; readonly upTo: Slot }
  | { readonly kind: "snapshotResumed"; readonly from: NodeId; readonly offset: number }
  /** A valid configuration became known; it governs from its `from`. */
  | { readonly kind: "configuration"; readonly governing: Governing }
  /** A change of the configuration was chosen and has no effect. */
  | { readonly kind: "changeVoid"; readonly slot: Slot; readonly reason: VoidReason }
  /** A change of the configuration is complete: the next may start, and removed members may stop. */
  | { readonly kind: "changeComplete"; readonly epoch: number }
  /** This node was removed. While it may not stop, others may need its disk. */
  | { readonly kind: "removed"; readonly epoch: number; readonly mayStop: boolean }
  /** What the leader said to a change that this node asked for. */
  | { readonly kind: "changeAnswered"; readonly sequence: number; readonly refused: ChangeRefusal | null }
  | { readonly kind: "ignored"; readonly from: NodeId; readonly reason: string };

/** All that happened since the effects were last taken. */
export interface Effects {
  readonly sends: readonly Send[];
  /** Chosen values in slot order without a gap. */
  readonly chosen: readonly ChosenValue[];
  readonly reads: readonly ReadReady[];
  readonly forwarded: readonly ForwardedBody[];
  readonly forwardOutcomes: readonly ForwardOutcome[];
  readonly notices: readonly Notice[];
  readonly snapshots: readonly SnapshotStep[];
  /** Votes and values up to here are in a flushed snapshot and may be dropped from the disk; null: nothing new. */
  readonly compactedUpTo: Slot | null;
}

/** Answers of one kind to one candidate that may wait for a write: a network that doubles a question gets both. */
const COPIES_MAX = 2;

/** Keeps messages back until the write that they wait for is durable, in order. */
export class Outbox {
  #held: Send[] = [];
  #durable: WriteId = 0;

  get heldCount(): number {
    return this.#held.length;
  }

  /** What waits, for who looks on. */
  get held(): readonly Send[] {
    return this.#held;
  }

  /** Takes new messages; returns those that may leave at once. */
  add(sends: readonly Send[]): Send[] {
    const free: Send[] = [];
    for (const send of sends) {
      if (send.after <= this.#durable) free.push(send);
      else this.#hold(send);
    }
    return free;
  }

  /** While a write hangs a candidate asks again and again: few answers wait for it, and none in a ballot that it gave up. */
  #hold(send: Send): void {
    if (send.message.kind === "promise") {
      const waits = this.#held.filter(({ message }) => message.kind === "promise");
      if (waits.filter((old) => answersTheSame(old, send)).length >= COPIES_MAX) return;
      const isOver = (old: Send): boolean => answersEarlier(old, send);
      if (waits.some(isOver)) this.#held = this.#held.filter((old) => !isOver(old));
    }
    // A leader asks for a lease over and over, and its last question counts most.
    if (send.message.kind === "leaseGrant") this.#held = this.#held.filter((old) => !grantsEarlier(old, send));
    this.#held.push(send);
  }

  /** A write is durable; returns what waited for it. */
  durable(id: WriteId): Send[] {
    this.#durable = id;
    const free = this.#held.filter((send) => send.after <= id);
    if (free.length > 0) this.#held = this.#held.filter((send) => send.after > id);
    return free;
  }
}

/** A Promise of one ballot, from the same slot on, to the same candidate. */
function answersTheSame({ message: a, to: [first] }: Send, { message: b, to: [second] }: Send): boolean {
  if (a.kind !== "promise" || b.kind !== "promise" || first !== second) return false;
  return a.firstSlot === b.firstSlot && compareBallots(a.ballot, b.ballot) === 0;
}

/** A Promise in a ballot that the same candidate has left behind. */
function answersEarlier({ message: a, to: [first] }: Send, { message: b, to: [second] }: Send): boolean {
  return a.kind === "promise" && b.kind === "promise" && first === second && compareBallots(a.ballot, b.ballot) < 0;
}

/** A lease for an earlier question of the same leader. */
function grantsEarlier({ message: a, to: [first] }: Send, { message: b, to: [second] }: Send): boolean {
  if (a.kind !== "leaseGrant" || b.kind !== "leaseGrant" || first !== second) return false;
  return (compareBallots(a.ballot, b.ballot) || a.nonce - b.nonce) <= 0;
}
