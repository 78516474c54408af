import type { Slot } from "@synod/interface";
import type { ReadReady } from "@synod/multipaxos";
import { check } from "./broken.js";
import type { CoreOracle } from "./oracle.js";
import type { World } from "./world.js";

interface Reader {
  readonly replica: { readonly leads: boolean };
}

/** Linearizable reads that have no answer yet, and what each must not miss. */
export class Reads {
  readonly #world: World;
  readonly #oracle: CoreOracle;
  readonly #open = new Map<number, { readonly seenUpTo: Slot; readonly reader: Reader }>();
  #token = 0;

  constructor(world: World, oracle: CoreOracle) {
    this.#world = world;
    this.#oracle = oracle;
  }

  /** Those of these readers. */
  openOf(readers: readonly (Reader | null)[]): number {
    let count = 0;
    for (const { reader } of this.#open.values()) if (readers.includes(reader)) count++;
    return count;
  }

  /** Who waits. */
  get readers(): readonly Reader[] {
    return [...this.#open.values()].map(({ reader }) => reader);
  }

  /** A read begins: it must see everything that anybody has seen. */
  open(reader: Reader): number {
    this.#open.set(++this.#token, { seenUpTo: this.#oracle.seenUpTo, reader });
    return this.#token;
  }

  cancel(token: number): void {
    this.#open.delete(token);
  }

  /** The process of these readers is gone. */
  forget(reader: Reader): void {
    for (const [token, read] of this.#open) if (read.reader === reader) this.#open.delete(token);
  }

  onIndex(reader: Reader, { tokens, index }: ReadReady): void {
    for (const token of tokens) {
      const read = this.#open.get(token);
      if (read === undefined) continue;
      check(read.reader === reader, "linearizable reads", () => `read ${token} is answered at another node`);
      check(
        index >= read.seenUpTo,
        "linearizable reads",
        () => `read ${token} gets index ${index}; slot ${read.seenUpTo} was seen before it began`,
      );
    }
  }

  answered(token: number, reader: Reader, via: ReadReady["via"] = "leader"): void {
    if (!this.#open.delete(token)) return;
    if (via === "leader") this.#world.sometimes(reader.replica.leads ? "read" : "follower read");
    else this.#world.sometimes(`${via} read`);
  }
}
