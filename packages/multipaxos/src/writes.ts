import type { Ballot, ChosenValue, Slot, StorageWrite, Vote } from "@synod/interface";
import { invariant } from "./invariant.js";

/** Number of a write, from 1 in the order in which writes are handed to storage. 0 = nothing to wait for. */
export type WriteId = number;

/** What one vote or chosen value costs in a write besides its value, about. */
const ITEM_BYTES = 64;

interface Gathering {
  promised?: Ballot;
  leaseMs?: number;
  readonly votes: Vote[];
  readonly chosen: ChosenValue[];
  bytes: number;
  /** Lowest slot in it. */
  lowest: Slot;
}

const emptyWrite = (): Gathering => ({ votes: [], chosen: [], bytes: 0, lowest: Infinity });

/**
 * Gathers what must become durable while an earlier write is under way. Each `add` names the write that it will be part of,
 * which is what the messages that depend on it wait for. This is the group commit: one write takes all that gathered, up to
 * `bytesMax`; behind a stalled disk the rest waits in further writes.
 */
export class WriteBuffer {
  /** Writes that wait, the next one first; only the last still grows. Never empty. */
  #waiting: [Gathering, ...Gathering[]] = [emptyWrite()];
  #last: Gathering = this.#waiting[0];
  readonly #bytesMax: number;
  /** Number of the write that grows. */
  #gathering: WriteId = 1;
  #taken: WriteId = 0;
  #durable: WriteId = 0;
  #markUnderWay: Slot;
  #durableMark: Slot;
  /** In all writes that wait, and in the one under way. */
  #bytes = 0;
  #count = 0;
  #underWay = { bytes: 0, count: 0 };
  /** The mark has to reach the disk up to here, with or without anything else. */
  #requiredMark: Slot = 0;

  constructor(durableUpTo: Slot, bytesMax: number = Infinity) {
    this.#markUnderWay = durableUpTo;
    this.#durableMark = durableUpTo;
    this.#bytesMax = bytesMax;
  }

  addPromise(ballot: Ballot): WriteId {
    this.#last.promised = ballot;
    return this.#gathering;
  }

  /** Longest time for which this node binds itself by a lease. */
  addLease(ms: number): WriteId {
    this.#last.leaseMs = Math.max(ms, this.#last.leaseMs ?? 0);
    return this.#gathering;
  }

  addVote(vote: Vote): WriteId {
    const write = this.#roomFor(vote);
    write.votes.push(vote);
    write.promised = vote.ballot;
    return this.#gathering;
  }

  addChosen(value: ChosenValue): WriteId {
    this.#roomFor(value).chosen.push(value);
    return this.#gathering;
  }

  #roomFor({ slot, value }: ChosenValue): Gathering {
    const bytes = value.length + ITEM_BYTES;
    if (this.#last.bytes > 0 && this.#last.bytes + bytes > this.#bytesMax) {
      this.#last = emptyWrite();
      this.#waiting.push(this.#last);
      this.#gathering++;
    }
    this.#last.bytes += bytes;
    this.#bytes += bytes;
    this.#count += 1;
    this.#last.lowest = Math.min(this.#last.lowest, slot);
    return this.#last;
  }

  /** Of what is not durable yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Votes and chosen values that are not durable yet. */
  get count(): number {
    return this.#count;
  }

  /** What a message that depends on this write still waits for. */
  wait(id: WriteId): WriteId {
    return id <= this.#durable ? 0 : id;
  }

  /** Largest slot up to which every value and the mark that it is chosen are flushed. */
  get durableUpTo(): Slot {
    return this.#durableMark;
  }

  /** Asks for a write of the mark alone, if nothing else brings it to the disk up to this slot. */
  requireMark(slot: Slot): void {
    this.#requiredMark = Math.max(this.#requiredMark, slot);
  }

  /**
   * The next write, or null if nothing gathered. To be called only while no write is under way.
   * The mark rides along as far as the values up to it are in this write or in earlier ones.
   */
  take(chosenUpTo: Slot): { id: WriteId; write: StorageWrite } | null {
    const { promised, leaseMs, votes, chosen, bytes } = this.#waiting[0];
    const isEmpty = promised === undefined && leaseMs === undefined && votes.length === 0 && chosen.length === 0;
    if (isEmpty && (this.#durableMark >= this.#requiredMark || chosenUpTo < this.#requiredMark)) return null;
    invariant(this.#taken === this.#durable, "one write at a time", () => ({ underWay: this.#taken }));
    const [, ...later] = this.#waiting;
    const mark = later.reduce((slot, { lowest }) => Math.min(slot, lowest - 1), chosenUpTo);
    const write: { -readonly [Part in keyof StorageWrite]: StorageWrite[Part] } = { votes, chosen };
    if (promised !== undefined) write.promised = promised;
    if (leaseMs !== undefined) write.leaseMs = leaseMs;
    if (mark > this.#durableMark) write.chosenUpTo = mark;
    this.#markUnderWay = Math.max(this.#durableMark, mark);
    this.#underWay = { bytes, count: votes.length + chosen.length };
    const id = ++this.#taken;
    const [first, ...rest] = later;
    if (first === undefined) {
      this.#last = emptyWrite();
      this.#waiting = [this.#last];
      this.#gathering++;
    } else this.#waiting = [first, ...rest];
    return { id, write };
  }

  /** A flushed snapshot stands for everything up to here, without a mark. */
  covered(index: Slot): void {
    this.#durableMark = Math.max(this.#durableMark, index);
    this.#markUnderWay = Math.max(this.#markUnderWay, index);
  }

  done(id: WriteId): void {
    invariant(id === this.#durable + 1 && id <= this.#taken, "writes finish in order", () => ({ id }));
    this.#durable = id;
    this.#bytes -= this.#underWay.bytes;
    this.#count -= this.#underWay.count;
    this.#durableMark = this.#markUnderWay;
  }
}
