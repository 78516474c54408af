import type { NodeId, Slot } from "@synod/interface";
import { check } from "./broken.js";
import {
  counting,
  hasMoved,
  isHeldByAll,
  isHeldByQuorum,
  isHeldInFull,
  isMarked,
  type Marks,
  movesNothing,
} from "./changes.js";
import type { Epoch, Epochs } from "./epochs.js";

/** When the disks of removed members may go: by what every disk really has. */
export class ChangeRules {
  readonly #epochs: Epochs;
  /** What every disk has, or had, marked as chosen. */
  markOf: Marks = () => Infinity;

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  /**
   * A replica takes the change to this epoch for complete: a phase-2 quorum of it must have all that was chosen before it, and
   * the mark that it is, on disk, unless nothing had to move. Whatever disks are taken away then, nothing is lost.
   */
  onComplete(node: NodeId, epoch: number): void {
    const made = this.#epochs.from(1).find((each) => each.epoch === epoch);
    check(made !== undefined, "configuration continuity", () => `node ${node}: there is no epoch ${epoch}`);
    if (made === undefined) return;
    this.isSettled(made, `node ${node} takes epoch ${epoch} for complete`);
    check(
      this.#isComplete(made),
      "completion rule",
      () =>
        `node ${node} takes epoch ${epoch} for complete; what witnesses may have forgotten too few full members hold`,
    );
  }

  /** A removed member was told that nobody needs its disk any more. */
  onMayStop(node: NodeId): void {
    check(
      this.#epochs.from(1).some((made) => made.retired.includes(node) && this.#isComplete(made)),
      "completion rule",
      () => `node ${node} may stop, and its disk is still needed`,
    );
  }

  /** A quorum of the new configuration, one of them a full member, has all that was chosen before it on disk, and the mark that it is. */
  isSettled(made: Epoch, what: string): void {
    if (movesNothing(made, this.#epochs.upTo(made.slot).at(-2))) return;
    const before = made.from - 1;
    check(isHeldInFull(made, this.markOf), "completion rule", () => `${what}: only witnesses hold slot ${before}`);
    check(
      isMarked(made, this.markOf),
      "completion rule",
      () => `${what}: too few of [${made.voters.join()}] hold slot ${before}`,
    );
  }

  /** Full members that are a quorum hold what was chosen before; or nothing had to move, as the same voters decide in the same way. */
  #isComplete(made: Epoch): boolean {
    return hasMoved(made, this.#epochs.upTo(made.slot).slice(0, -1), this.markOf);
  }

  /** The configurations whose members may still be needed: the newest, back to the last one whose change is complete. */
  get counting(): readonly Epoch[] {
    return counting(this.#epochs.from(1), this.markOf);
  }

  /** Whether a witness that has room for everything may have forgotten a slot: full voters that were a quorum had it once, or all there were. */
  mayBeForgotten(slot: Slot): boolean {
    const has = (epoch: Epoch): boolean =>
      isHeldByQuorum(epoch, slot, this.markOf) || isHeldByAll(epoch, slot, this.markOf);
    return this.#epochs.from(1).some(has);
  }
}
