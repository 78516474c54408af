import type { ChosenValue, LogDamage, Slot, Vote } from "@synod/interface";
import type { Records } from "./records.js";

export interface DamagedPlace {
  readonly file: string;
  readonly offset: number;
  readonly what: string;
}

/** What a log holds above the snapshot. */
export interface Recollection {
  readonly votes: readonly Vote[];
  readonly chosen: readonly ChosenValue[];
  readonly chosenUpTo: Slot;
  readonly damage?: LogDamage;
}

/**
 * Adds up the votes and values of a log. A batch that is lost may have held a newer vote for any slot up to the highest one written by then;
 * so a vote from before the loss may not be the last of its slot, and says what is chosen there only where the mark had passed
 * it by then. `docs/PROTOCOL.md`, "A damaged log", has the proof.
 */
export class Findings {
  /** Votes found since the last loss. */
  #votes = new Map<Slot, Vote>();
  /** Votes found before it. */
  readonly #older = new Map<Slot, Vote>();
  readonly #chosen = new Map<Slot, Uint8Array>();
  readonly #places: DamagedPlace[] = [];
  /** The chosen mark before the first loss. */
  #markBefore: Slot = 0;
  /** No lost batch held a slot above this. */
  #upTo: Slot = 0;

  add({ votes, chosen }: Records): void {
    for (const vote of votes) this.#votes.set(vote.slot, vote);
    for (const { slot, value } of chosen) this.#chosen.set(slot, value);
  }

  /**
   * One or more batches between what was added so far and what comes next are lost.
   * @param mark the chosen mark before them
   * @param upTo highest slot that any of them can have held
   */
  lost(place: DamagedPlace, mark: Slot, upTo: Slot): void {
    if (this.#places.length === 0) this.#markBefore = mark;
    this.#places.push(place);
    this.#upTo = Math.max(this.#upTo, upTo);
    for (const [slot, vote] of this.#votes) this.#older.set(slot, vote);
    this.#votes = new Map();
  }

  /** @param mark the last chosen mark of the log */
  recollect(mark: Slot, snapshotIndex: Slot): Recollection {
    const sorted = (map: ReadonlyMap<Slot, Uint8Array>): ChosenValue[] =>
      Array.from(map, ([slot, value]) => ({ slot, value })).sort((a, b) => a.slot - b.slot);
    if (this.#places.length === 0) {
      const votes = [...this.#votes.values()].sort((a, b) => a.slot - b.slot);
      return { votes, chosen: sorted(this.#chosen), chosenUpTo: Math.max(mark, snapshotIndex) };
    }
    const floor = Math.max(this.#markBefore, snapshotIndex);
    const chosen = new Map(this.#chosen);
    // A vote from after the last loss is the last of its slot, so the mark may speak of it.
    for (const { slot, value } of this.#votes.values()) {
      if (slot > floor && slot <= mark && !chosen.has(slot)) chosen.set(slot, value);
    }
    let chosenUpTo = floor;
    while (chosen.has(chosenUpTo + 1)) chosenUpTo++;
    const votes = new Map([...this.#older, ...this.#votes]);
    return {
      votes: [...votes.values()].sort((a, b) => a.slot - b.slot),
      chosen: sorted(chosen),
      chosenUpTo,
      damage: { upTo: this.#upTo, places: this.#places },
    };
  }
}
