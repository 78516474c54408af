import { CALL, checkFields, checkId, checkInteger, checkName, checkOptions } from "./checks.js";
import { type CallOptions, type Core, Linked } from "./core.js";

/** Numbers that all processes share. */
export interface Counters {
  get(name: string, options?: CallOptions): Promise<number>;
  /** @returns the new value. After `OutcomeUnknown` it was added or not. */
  add(name: string, by?: number, options?: CallOptions): Promise<number>;
}

export interface NextOptions extends CallOptions {
  /**
   * Asking again with the same name for the request gives the same numbers again, as long as no 1,024 other requests came between. By default
   * a new one, with which unknown outcomes are cleared up for 30 s.
   */
  readonly request?: string;
}

/** Consecutive numbers, from 1. */
export interface Sequences {
  /**
   * The next number. None is given twice, and none is left out; one whose taker fails before using it is used by nobody, as is one whose answer is lost
   * until 1,024 other requests have come for the same name.
   */
  next(name: string, options?: NextOptions): Promise<number>;
  /** So many numbers at once. */
  block(name: string, size: number, options?: NextOptions): Promise<{ readonly first: number; readonly last: number }>;
  /** Hands out numbers from blocks: fast, unique, growing in each process; with gaps where a process ends. */
  allocator(name: string, options: { readonly blockSize: number }): IdAllocator;
}

export interface IdAllocator {
  /** Fetches a block where none is left, for all that ask meanwhile: 30 s at most. */
  next(): Promise<number>;
}

const REQUEST = [...CALL, "request"];
const PATIENCE_MS = 30_000;

export class CountersClient implements Counters {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  async get(name: string, options: CallOptions = {}): Promise<number> {
    checkOptions("get", options, CALL);
    return (await this.#core.read(["counter"], { kind: "counter", name: `counter/${checkName(name)}` }, options)).value;
  }

  async add(name: string, by: number = 1, options: CallOptions = {}): Promise<number> {
    checkOptions("add", options, CALL);
    checkInteger("by", by);
    const command = { kind: "add", name: `counter/${checkName(name)}`, by, request: null } as const;
    return (await this.#core.propose("added", command, options)).value;
  }
}

export class SequencesClient implements Sequences {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  async next(name: string, options: NextOptions = {}): Promise<number> {
    return (await this.block(name, 1, options)).last;
  }

  async block(
    name: string,
    size: number,
    options: NextOptions = {},
  ): Promise<{ readonly first: number; readonly last: number }> {
    checkOptions("a sequence", options, REQUEST);
    checkInteger("size", size, 1);
    const request = options.request === undefined ? this.#core.newId() : checkId("request", options.request);
    const until = new Linked(options.signal, this.#core.closed).after(this.#core.clock, PATIENCE_MS, () => null);
    try {
      const command = { kind: "add", name: `sequence/${checkName(name)}`, by: size, request } as const;
      const { result } = await this.#core.settle("added", command, until);
      return { first: result.value - size + 1, last: result.value };
    } finally {
      until.dispose();
    }
  }

  allocator(name: string, options: { readonly blockSize: number }): IdAllocator {
    checkName(name);
    checkFields("The options of allocator", options, ["blockSize"]);
    const size = checkInteger("blockSize", options.blockSize, 1);
    return new Allocator(() => this.block(name, size));
  }
}

type More = () => Promise<{ readonly first: number; readonly last: number }>;

class Allocator implements IdAllocator {
  readonly #more: More;
  #next = 1;
  #last = 0;
  #fetching: Promise<void> | null = null;

  constructor(more: More) {
    this.#more = more;
  }

  async next(): Promise<number> {
    while (this.#next > this.#last) {
      // One block at a time, for all who wait.
      this.#fetching ??= this.#fetch();
      await this.#fetching;
    }
    return this.#next++;
  }

  async #fetch(): Promise<void> {
    try {
      const { first, last } = await this.#more();
      this.#next = first;
      this.#last = last;
    } finally {
      this.#fetching = null;
    }
  }
}
