import type { Revision } from "./types.js";

/** Numbers of the changes of one key, in order. */
export interface Chain {
  readonly key: string;
  numbers: number[];
  /** Those in front are forgotten. */
  head: number;
}

/** A key as the state holds it: the next put changes it in place, all but the bytes of the value. */
export interface KeyRecord {
  readonly key: string;
  value: Uint8Array;
  revision: Revision;
  readonly createRevision: Revision;
  version: number;
  lease: string | null;
  hash: number;
  /** Its changes. */
  readonly chain: Chain;
}

/** Changes that follow each other: numbers and values in one piece of memory, once as bytes and once as numbers. */
interface Page {
  /** Number of its first change. */
  first: number;
  count: number;
  readonly bytes: Uint8Array;
  readonly numbers: Float64Array;
  filled: number;
  /** Of each change, in numbers. */
  readonly offsets: number[];
  readonly chains: Chain[];
  readonly leases: (string | null)[];
  /** Long values of before, as they were, by place in the page. */
  readonly longs: Map<number, Uint8Array>;
  longBytes: number;
}

const PAGE_BYTES = 64 * 1024;
/** A longer value stays where it is. */
const COPIED_MAX = PAGE_BYTES / 8;
/** All long values of a page are forgotten at once. */
const LONG_BYTES_MAX = 16 * PAGE_BYTES;
const NUMBER_BYTES = 8;

// Numbers of a change: its own, and of what was there before, whose value follows. No revision before: the key was not there.
const REVISION = 0;
const HASH = 1;
const START = 2;
const BEFORE_REVISION = 3;
const BEFORE_CREATED = 4;
const BEFORE_VERSION = 5;
const BEFORE_HASH = 6;
const BEFORE_LENGTH = 7;
const HEAD_NUMBERS = 8;
const HEAD_BYTES = HEAD_NUMBERS * NUMBER_BYTES;

/**
 * What keys were before each of their last changes, in pages: with an object or a buffer for each, the garbage collector would have to move
 * every one of them, and would cost more than all else that a put takes. A page that is forgotten is filled again.
 * Changes are called by numbers, which go up by one and stay.
 */
export class Changes {
  #pages: Page[] = [];
  begin = 0;
  end = 0;
  /** To be filled next. */
  #spare: Page | null = null;
  /** They look at the pages that were there when they were made. */
  #copies = 0;
  #released: (() => void) | null = null;

  /** @param start - bytes of all changes before it */
  add(revision: Revision, chain: Chain, before: KeyRecord | null, hash: number, start: number): void {
    const length = before === null ? 0 : before.value.length;
    const isLong = length > COPIED_MAX;
    const size = HEAD_BYTES + (isLong ? 0 : Math.ceil(length / NUMBER_BYTES) * NUMBER_BYTES);
    const page = this.#room(size);
    const { count, numbers, filled } = page;
    const at = filled / NUMBER_BYTES;
    page.offsets[count] = at;
    page.chains[count] = chain;
    page.leases[count] = before === null ? null : before.lease;
    numbers[at + REVISION] = revision;
    numbers[at + HASH] = hash;
    numbers[at + START] = start;
    numbers[at + BEFORE_REVISION] = 0;
    numbers[at + BEFORE_LENGTH] = length;
    if (before !== null) {
      numbers[at + BEFORE_REVISION] = before.revision;
      numbers[at + BEFORE_CREATED] = before.createRevision;
      numbers[at + BEFORE_VERSION] = before.version;
      numbers[at + BEFORE_HASH] = before.hash;
      if (isLong) {
        page.longs.set(count, before.value);
        page.longBytes += length;
      } else page.bytes.set(before.value, filled + HEAD_BYTES);
    }
    page.filled = filled + size;
    page.count = count + 1;
    this.end++;
  }

  forgetFirst(): void {
    const page = this.#pages[0] as Page;
    this.begin++;
    if (this.begin < page.first + page.count) return;
    this.#pages.shift();
    if (this.#copies === 0) this.#spare = emptied(page);
  }

  chain(number: number): Chain {
    const page = this.#pageOf(number);
    return page.chains[number - page.first] as Chain;
  }

  revision(number: number): Revision {
    return this.#number(number, REVISION);
  }

  hash(number: number): number {
    return this.#number(number, HASH);
  }

  start(number: number): number {
    return this.#number(number, START);
  }

  /** Length of the value before. */
  length(number: number): number {
    return this.#number(number, BEFORE_LENGTH);
  }

  /** What its key was before; the value is a copy. */
  before(number: number): KeyRecord | null {
    const page = this.#pageOf(number);
    const at = page.offsets[number - page.first] as number;
    const { numbers } = page;
    const revision = whole(numbers[at + BEFORE_REVISION] as number);
    if (revision === 0) return null;
    const index = number - page.first;
    const chain = page.chains[index] as Chain;
    const from = at * NUMBER_BYTES + HEAD_BYTES;
    return {
      key: chain.key,
      // The page will be filled again.
      value: page.longs.get(index) ?? page.bytes.slice(from, from + (numbers[at + BEFORE_LENGTH] as number)),
      revision,
      createRevision: whole(numbers[at + BEFORE_CREATED] as number),
      version: whole(numbers[at + BEFORE_VERSION] as number),
      lease: page.leases[index] as string | null,
      hash: numbers[at + BEFORE_HASH] as number,
      chain,
    };
  }

  /** As of now: what is added or forgotten afterwards does not show. To be released. */
  copy(): Changes {
    const copy = new Changes();
    copy.#pages = this.#pages.slice();
    copy.begin = this.begin;
    copy.end = this.end;
    this.#copies++;
    copy.#released = () => this.#copies--;
    return copy;
  }

  /** A copy is needed no more. */
  release(): void {
    this.#released?.();
    this.#released = null;
    this.#pages = [];
  }

  #number(number: number, which: number): number {
    const page = this.#pageOf(number);
    return page.numbers[(page.offsets[number - page.first] as number) + which] as number;
  }

  #pageOf(number: number): Page {
    const pages = this.#pages;
    const first = pages[0] as Page;
    // The oldest are forgotten all the time, the others looked for now and then.
    if (number < first.first + first.count) return first;
    let low = 1;
    let high = pages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((pages[middle] as Page).first <= number) low = middle;
      else high = middle - 1;
    }
    return pages[low] as Page;
  }

  /** The page for the next change. */
  #room(size: number): Page {
    const last = this.#pages.at(-1);
    if (last !== undefined && last.filled + size <= PAGE_BYTES && last.longBytes < LONG_BYTES_MAX) return last;
    const page = this.#spare ?? newPage();
    this.#spare = null;
    page.first = this.end;
    this.#pages.push(page);
    return page;
  }
}

/**
 * What is read from a `Float64Array` is a float for V8 even where it is a small integer. In one field of one record it would change the shape of all of them,
 * and all that reads records would be compiled anew.
 */
function whole(value: number): number {
  const low = value | 0;
  return low === value ? low : value;
}

function emptied(page: Page): Page {
  page.count = 0;
  page.filled = 0;
  page.longs.clear();
  page.longBytes = 0;
  return page;
}

function newPage(): Page {
  const bytes = new Uint8Array(PAGE_BYTES);
  const numbers = new Float64Array(bytes.buffer);
  return {
    first: 0,
    count: 0,
    bytes,
    numbers,
    filled: 0,
    offsets: [],
    chains: [],
    leases: [],
    longs: new Map(),
    longBytes: 0,
  };
}
