import type { Ballot, ChosenValue, Lane, NodeId, Slot } from "@synod/interface";
import type { Governing, VoidReason } from "./configuration-history.js";
import type { ChangeRefusal, Message } from "./messages.js";
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
}

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

/** Rare events, for logs, metrics and observers. */
export type Notice =
  | { readonly kind: "campaign"; readonly ballot: Ballot }
  | { readonly kind: "elected"; readonly ballot: Ballot; readonly barrier: Slot }
  | { readonly kind: "leadershipEnded"; readonly ballot: Ballot; readonly reason: string }
  | { readonly kind: "leader"; readonly ballot: Ballot | null }
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
}

/** Keeps messages back until the write that they wait for is durable, in order. */
export class Outbox {
  #held: Send[] = [];
  #durable: WriteId = 0;

  get heldCount(): number {
    return this.#held.length;
  }

  /** Takes new messages; returns those that may leave at once. */
  add(sends: readonly Send[]): Send[] {
    const free: Send[] = [];
    for (const send of sends) {
      if (send.after <= this.#durable) free.push(send);
      else this.#held.push(send);
    }
    return free;
  }

  /** A write is durable; returns what waited for it. */
  durable(id: WriteId): Send[] {
    this.#durable = id;
    const free = this.#held.filter((send) => send.after <= id);
    if (free.length > 0) this.#held = this.#held.filter((send) => send.after > id);
    return free;
  }
}
