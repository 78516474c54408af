import type { Reply } from "./sessions.js";

/** A sequence is at least 1. */
const FREE = 0;
const ROOM_MIN = 4;

/**
 * The replies of a session by sequence, in the order in which they came. Not a `Map`: where entries come and go, a Map of V8 leaves its
 * table behind whenever that is used up, linked to the next one. Once the garbage collector has moved one of them to where it
 * looks rarely, it keeps all that followed, with every reply that was ever in them.
 * Here entries lie in columns, each as near behind the place of its sequence as there was room (linear probing).
 */
export class Replies {
  #sequences: number[] = [];
  #replies: (Reply | undefined)[] = [];
  /** How many had come before. */
  #arrivals: number[] = [];
  #arrived = 0;
  #size = 0;
  /** Of the 32 bits of a hash so many are dropped. */
  #shift = 32;

  get size(): number {
    return this.#size;
  }

  get(sequence: number): Reply | undefined {
    return this.#size === 0 ? undefined : this.#replies[this.#find(sequence)];
  }

  /** Adds one that is not there. */
  add(sequence: number, reply: Reply): void {
    if (2 * this.#size >= this.#sequences.length) this.#resize(Math.max(ROOM_MIN, 2 * this.#sequences.length));
    this.#put(sequence, reply, this.#arrived++);
    this.#size++;
  }

  /** @returns what is there no more */
  delete(sequence: number): Reply | undefined {
    if (this.#size === 0) return undefined;
    const at = this.#find(sequence);
    const reply = this.#replies[at];
    if (reply === undefined) return undefined;
    this.#size--;
    this.#close(at);
    if (this.#sequences.length > 8 * this.#size + ROOM_MIN)
      this.#resize(Math.max(ROOM_MIN, this.#sequences.length / 4));
    return reply;
  }

  copy(): Replies {
    const copy = new Replies();
    copy.#sequences = this.#sequences.slice();
    copy.#replies = this.#replies.slice();
    copy.#arrivals = this.#arrivals.slice();
    copy.#arrived = this.#arrived;
    copy.#size = this.#size;
    copy.#shift = this.#shift;
    return copy;
  }

  /** In the order in which they came, as of the first step. */
  *[Symbol.iterator](): Generator<[number, Reply], void> {
    const entries: { readonly arrival: number; readonly sequence: number; readonly reply: Reply }[] = [];
    for (const [at, reply] of this.#replies.entries()) {
      if (reply === undefined) continue;
      entries.push({ arrival: this.#arrivals[at] as number, sequence: this.#sequences[at] as number, reply });
    }
    entries.sort((a, b) => a.arrival - b.arrival);
    for (const { sequence, reply } of entries) yield [sequence, reply];
  }

  /** Where it is, or where it would be put. */
  #find(sequence: number): number {
    const sequences = this.#sequences;
    const last = sequences.length - 1;
    let at = this.#placeOf(sequence);
    while (sequences[at] !== sequence && sequences[at] !== FREE) at = (at + 1) & last;
    return at;
  }

  /** Sequences that follow each other are spread over the table (Fibonacci hashing). */
  #placeOf(sequence: number): number {
    return Math.imul(sequence, 0x9e3779b1) >>> this.#shift;
  }

  #put(sequence: number, reply: Reply, arrival: number): void {
    const at = this.#find(sequence);
    this.#sequences[at] = sequence;
    this.#replies[at] = reply;
    this.#arrivals[at] = arrival;
  }

  /** Those behind that had to make way move up, as a search ends at the first gap. */
  #close(at: number): void {
    const last = this.#sequences.length - 1;
    let gap = at;
    for (let next = (gap + 1) & last; this.#sequences[next] !== FREE; next = (next + 1) & last) {
      const sequence = this.#sequences[next] as number;
      const pushed = (next - this.#placeOf(sequence)) & last;
      if (pushed < ((next - gap) & last)) continue;
      this.#sequences[gap] = sequence;
      this.#replies[gap] = this.#replies[next];
      this.#arrivals[gap] = this.#arrivals[next] as number;
      gap = next;
    }
    this.#sequences[gap] = FREE;
    this.#replies[gap] = undefined;
  }

  /** @param room - a power of two */
  #resize(room: number): void {
    const sequences = this.#sequences;
    const replies = this.#replies;
    const arrivals = this.#arrivals;
    this.#sequences = Array.from({ length: room }, () => FREE);
    this.#replies = Array.from({ length: room }, () => undefined);
    this.#arrivals = Array.from({ length: room }, () => 0);
    this.#shift = Math.clz32(room - 1);
    for (let at = 0; at < sequences.length; at++) {
      const reply = replies[at];
      if (reply !== undefined) this.#put(sequences[at] as number, reply, arrivals[at] as number);
    }
  }
}
