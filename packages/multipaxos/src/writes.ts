import type { Ballot, ChosenValue, Slot, StorageWrite, Vote } from "@synod/interface";
import { invariant } from "./invariant.js";

/** Number of a write, from 1 in the order in which writes are handed to storage. 0 = nothing to wait for. */
export type WriteId = number;

/**
 * Gathers what must become durable while an earlier write is under way. Each `add` names the write that it will be part of,
 * which is what the messages that depend on it wait for. This is the group commit: one write takes all that gathered.
 */
export class WriteBuffer {
  #promised: Ballot | undefined;
  #votes: Vote[] = [];
  #chosen: ChosenValue[] = [];
  #gathering: WriteId = 1;
  #durable: WriteId = 0;
  #markUnderWay: Slot;
  #durableMark: Slot;

  constructor(durableUpTo: Slot) {
    this.#markUnderWay = durableUpTo;
    this.#durableMark = durableUpTo;
  }

  addPromise(ballot: Ballot): WriteId {
    this.#promised = ballot;
    return this.#gathering;
  }

  addVote(vote: Vote): WriteId {
    this.#votes.push(vote);
    this.#promised = vote.ballot;
    return this.#gathering;
  }

  addChosen(value: ChosenValue): WriteId {
    this.#chosen.push(value);
    return this.#gathering;
  }

  /** What a message that depends on this write still waits for. */
  wait(id: WriteId): WriteId {
    return id <= this.#durable ? 0 : id;
  }

  /** Largest slot up to which every value and the mark that it is chosen are flushed. */
  get durableUpTo(): Slot {
    return this.#durableMark;
  }

  /**
   * All that gathered, or null if there is nothing. To be called only while no write is under way.
   * The mark may ride along because the values up to it are in this write or in earlier ones.
   */
  take(chosenUpTo: Slot): { id: WriteId; write: StorageWrite } | null {
    if (this.#promised === undefined && this.#votes.length === 0 && this.#chosen.length === 0) return null;
    invariant(this.#gathering === this.#durable + 1, "one write at a time", () => ({ gathering: this.#gathering }));
    const write: StorageWrite = {
      ...(this.#promised === undefined ? {} : { promised: this.#promised }),
      votes: this.#votes,
      chosen: this.#chosen,
      ...(chosenUpTo > this.#durableMark ? { chosenUpTo } : {}),
    };
    this.#markUnderWay = Math.max(this.#durableMark, chosenUpTo);
    this.#promised = undefined;
    this.#votes = [];
    this.#chosen = [];
    return { id: this.#gathering++, write };
  }

  done(id: WriteId): void {
    invariant(id === this.#durable + 1 && id < this.#gathering, "writes finish in order", () => ({ id }));
    this.#durable = id;
    this.#durableMark = this.#markUnderWay;
  }
}
