import type { NodeId, Slot } from "@synod/interface";
import type { Core } from "./core.js";
import type { WriteBuffer } from "./writes.js";

/**
 * The repair of a damaged log. A node that may have forgotten votes takes part in no quorum until every slot that it may have voted in is
 * chosen and on its disk, so that nobody will ever ask for those votes again (docs/PROTOCOL.md, "A damaged log").
 */
export class Repair {
  /** Votes may be forgotten up to this slot; 0 if none are. */
  readonly upTo: Slot;
  readonly #writes: WriteBuffer;
  #told: boolean;

  constructor(upTo: Slot, writes: WriteBuffer) {
    this.upTo = upTo;
    this.#writes = writes;
    this.#told = this.done;
  }

  get done(): boolean {
    return this.#writes.durableUpTo >= this.upTo;
  }

  /** Whether it came to its end since it was last asked. */
  ended(): boolean {
    const isNews = this.done && !this.#told;
    this.#told ||= isNews;
    return isNews;
  }
}

/** Once a turn: the repair may have ended with a write or with a snapshot. */
export function tellRepair(core: Core): void {
  if (core.repair.ended()) core.notice({ kind: "votesAgain", upTo: core.repair.upTo });
}

/** For what only an acceptor may answer. */
export function ignoreAsLearner(core: Core, from: NodeId): boolean {
  if (!core.voting) core.ignore(from, "this node only learns until its log is repaired");
  return !core.voting;
}
