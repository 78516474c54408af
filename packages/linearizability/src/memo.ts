import type { Timeline } from "./timeline.js";
import { type Used, usesNoMore } from "./unknowns.js";

/** A `Set` or `Map` of V8 holds 2^24 entries and then throws. */
const entriesMax = 2 ** 24 - 1024;
const entryBytes = 96;

/**
 * Where the search has been: which completed operations were placed, the state, and which of the unknown ones were used up
 * (Lowe 2017, section 3.1). To come back with more of the unknown ones used up can lead nowhere new, so that for each
 * placed set and state only the smallest used sets are kept.
 */
export class Memo {
  /** Comparisons made; part of the work of a search. */
  comparisons = 0;
  #bytes = 0;
  readonly #ids = new Map<unknown, number>();
  readonly #seen = new Map<string, readonly Used[]>();

  /** About how much memory this holds. */
  get bytes(): number {
    return Math.max(this.#seen.size, this.#ids.size) < entriesMax ? this.#bytes : Number.POSITIVE_INFINITY;
  }

  /** A number for the state that has this key. */
  idOf(key: unknown): number {
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(key, id);
      this.#bytes += entryBytes + (typeof key === "string" ? 2 * key.length : 0);
    }
    return id;
  }

  /** False if it was here before with the same or fewer unknown operations used up. */
  add(place: string, used: Used): boolean {
    const before = this.#seen.get(place) ?? [];
    this.comparisons += before.length;
    if (before.some((set) => usesNoMore(set, used))) return false;
    const kept = before.filter((set) => !usesNoMore(used, set));
    this.#seen.set(place, [...kept, used]);
    this.#bytes += entryBytes + (before.length > 0 ? 0 : 2 * place.length) + 8 * used.length;
    return true;
  }
}

/** Names the set of operations that `timeline` has taken, the last of which by number is `last`, with a state. */
export function placeOf(timeline: Timeline, last: number, stateId: number): string {
  const head = timeline.left === 0 ? timeline.words.length : timeline.first() >> 4;
  // All bits below the head are set, all bits above the last are clear.
  const words = timeline.words.subarray(head, Math.max(head, (last >> 4) + 1));
  let place = String.fromCharCode(stateId & 0xffff, stateId >>> 16, head & 0xffff, head >>> 16);
  for (let from = 0; from < words.length; from += 4096) {
    place += String.fromCharCode(...words.subarray(from, from + 4096));
  }
  return place;
}
