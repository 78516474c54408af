import type { Revision } from "./types.js";

/** A key as the state holds it; never changed in place. */
export interface KeyRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: Revision;
  readonly createRevision: Revision;
  readonly version: number;
  readonly lease: string | null;
  readonly hash: number;
}

/** Memory for many records, the same memory as bytes and as numbers. */
interface Page {
  readonly bytes: Uint8Array;
  readonly numbers: Float64Array;
}

const PAGE_BYTES = 64 * 1024;
/** A record above this has a page of its own. */
const SHARED_MAX = PAGE_BYTES / 8;
const NUMBER_BYTES = 8;
/** Revision, create revision, version, hash, and length of the value, which follows. */
const HEAD_NUMBERS = 5;
const HEAD_BYTES = HEAD_NUMBERS * NUMBER_BYTES;

/**
 * What keys were before each of their last changes, in columns and pages: with an object or a buffer for each, the garbage
 * collector would have to move every one of them, and would cost more than all else that a put takes.
 * Changes are called by numbers, which go up by one and stay.
 */
export class Changes {
  #keys: string[] = [];
  #revisions: Revision[] = [];
  #hashes: number[] = [];
  #starts: number[] = [];
  #leases: (string | null)[] = [];
  /** Null: the key was not there. */
  #pages: (Page | null)[] = [];
  #offsets: number[] = [];
  /** Of the first in the columns; those up to `begin` are forgotten. */
  #first = 0;
  begin = 0;
  #page: Page | null = null;
  #filled = 0;

  get end(): number {
    return this.#first + this.#keys.length;
  }

  /** @param start - bytes of all changes before it */
  add(revision: Revision, key: string, before: KeyRecord | null, hash: number, start: number): void {
    this.#keys.push(key);
    this.#revisions.push(revision);
    this.#hashes.push(hash);
    this.#starts.push(start);
    this.#leases.push(before?.lease ?? null);
    if (before === null) {
      this.#pages.push(null);
      this.#offsets.push(0);
    } else this.#write(before);
  }

  forgetFirst(): void {
    this.#pages[this.begin - this.#first] = null;
    this.begin++;
    const forgotten = this.begin - this.#first;
    if (forgotten > 1024 && forgotten * 2 > this.#keys.length) this.#cut(forgotten);
  }

  key(number: number): string {
    return this.#keys[number - this.#first] as string;
  }

  revision(number: number): Revision {
    return this.#revisions[number - this.#first] as Revision;
  }

  hash(number: number): number {
    return this.#hashes[number - this.#first] as number;
  }

  start(number: number): number {
    return this.#starts[number - this.#first] as number;
  }

  /** What its key was before; the value is a view. */
  before(number: number): KeyRecord | null {
    const index = number - this.#first;
    const page = this.#pages[index] ?? null;
    if (page === null) return null;
    const offset = this.#offsets[index] as number;
    const [revision, createRevision, version, hash, length] = page.numbers.subarray(
      offset,
      offset + HEAD_NUMBERS,
    ) as unknown as readonly [number, number, number, number, number];
    const from = offset * NUMBER_BYTES + HEAD_BYTES;
    const value = page.bytes.subarray(from, from + length);
    const lease = this.#leases[index] ?? null;
    return { key: this.key(number), value, revision, createRevision, version, lease, hash };
  }

  /** As of now: what is added or forgotten afterwards does not show. */
  copy(): Changes {
    const copy = new Changes();
    copy.#take(this, this.begin - this.#first);
    copy.#first = this.begin;
    copy.begin = this.begin;
    return copy;
  }

  #write({ value, revision, createRevision, version, hash }: KeyRecord): void {
    const size = HEAD_BYTES + Math.ceil(value.length / NUMBER_BYTES) * NUMBER_BYTES;
    let page = this.#page;
    let from = this.#filled;
    if (size > SHARED_MAX) {
      page = newPage(size);
      from = 0;
    } else {
      if (page === null || from + size > PAGE_BYTES) {
        page = newPage(PAGE_BYTES);
        from = 0;
      }
      this.#page = page;
      this.#filled = from + size;
    }
    const offset = from / NUMBER_BYTES;
    page.numbers[offset] = revision;
    page.numbers[offset + 1] = createRevision;
    page.numbers[offset + 2] = version;
    page.numbers[offset + 3] = hash;
    page.numbers[offset + 4] = value.length;
    page.bytes.set(value, from + HEAD_BYTES);
    this.#pages.push(page);
    this.#offsets.push(offset);
  }

  #cut(count: number): void {
    this.#take(this, count);
    this.#first += count;
  }

  #take(from: Changes, index: number): void {
    this.#keys = from.#keys.slice(index);
    this.#revisions = from.#revisions.slice(index);
    this.#hashes = from.#hashes.slice(index);
    this.#starts = from.#starts.slice(index);
    this.#leases = from.#leases.slice(index);
    this.#pages = from.#pages.slice(index);
    this.#offsets = from.#offsets.slice(index);
  }
}

function newPage(size: number): Page {
  const bytes = new Uint8Array(size);
  return { bytes, numbers: new Float64Array(bytes.buffer) };
}
