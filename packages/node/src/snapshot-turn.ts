import type { NodeId } from "@synod/interface";
import type { NodeLimits } from "./types.js";

/** A member begins to write when its share of this part of `snapshotLogBytes` more was executed, … */
const PART = 0.25;
/** … at the latest after its share of so many election timeouts: soon enough that the date of the file dates the state in it. */
const TIMEOUTS = 12;

/** Multiples of the golden ratio, whole parts dropped, lie far apart, those of ids that follow each other most of all. */
const shareOf = (id: NodeId): number => (id * 0.618_033_988_749) % 1;

/**
 * What all members execute makes a snapshot due for all of them at the same slot. Each takes it of that slot, so that one can go on for another in giving
 * it to a peer, but they write one after the other: else the cluster would answer hardly anything meanwhile. Nobody looks
 * whether another one writes: a state that takes longer than their shares lie apart is written by several at once.
 */
export class SnapshotTurn {
  readonly #bytes: number;
  readonly #ms: number;
  /** Waits, until so much is executed or so late. */
  #open: { readonly untilBytes: number; readonly untilMs: number; readonly settle: (write: boolean) => void } | null =
    null;

  constructor(id: NodeId, limits: Pick<NodeLimits, "snapshotLogBytes" | "electionTimeoutMs">) {
    this.#bytes = shareOf(id) * PART * limits.snapshotLogBytes;
    this.#ms = shareOf(id) * TIMEOUTS * limits.electionTimeoutMs;
  }

  /** Settles when this member is to write: true; false: not any more. */
  wait(bytesExecuted: number, nowMs: number): Promise<boolean> {
    return new Promise((settle) => {
      this.#open = { untilBytes: bytesExecuted + this.#bytes, untilMs: nowMs + this.#ms, settle };
    });
  }

  look(bytesExecuted: number, nowMs: number): void {
    if (this.#open !== null && (bytesExecuted >= this.#open.untilBytes || nowMs >= this.#open.untilMs)) this.come();
  }

  /** There is a reason not to wait any longer. */
  come(): void {
    this.#end(true);
  }

  /** What waits would be old by the time at which it may be written. @returns whether something waited */
  giveUp(): boolean {
    return this.#end(false);
  }

  #end(write: boolean): boolean {
    const open = this.#open;
    this.#open = null;
    open?.settle(write);
    return open !== null;
  }
}
