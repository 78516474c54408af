import type { SnapshotSink, StateMachine } from "@synod/interface";

export const PAGE_BYTES: number = 1024 * 1024;
const PART_BYTES = 64 * 1024;

/** `pages`: the state gets so many. `add`: a counter goes up. A large state out of small commands. */
export type PagesCommand = { readonly pages: number } | { readonly add: number };

/** Pages of bytes that can be told apart, and a counter. */
export class Pages implements StateMachine<PagesCommand, null, number> {
  #pages: readonly Uint8Array[] = [];
  #sum = 0;

  apply(command: PagesCommand): { result: number } {
    if ("add" in command) this.#sum += command.add;
    else this.#pages = Array.from({ length: command.pages }, (_, i) => filled(i));
    return { result: this.#sum };
  }

  query(): number {
    return this.#sum;
  }

  get wrong(): number {
    return this.#pages.filter((page, i) => page[i % PAGE_BYTES] !== ((i * 7 + 1) & 255)).length;
  }

  get count(): number {
    return this.#pages.length;
  }

  *snapshot(): Generator<Uint8Array> {
    // Pages are never changed in place.
    const [pages, sum] = [this.#pages, this.#sum];
    yield new TextEncoder().encode(String(sum));
    for (const page of pages) {
      for (let at = 0; at < PAGE_BYTES; at += PART_BYTES) yield page.subarray(at, at + PART_BYTES);
    }
  }

  restore(): SnapshotSink {
    let sum: number | null = null;
    let bytes = 0;
    const pages: Uint8Array[] = [];
    this.#pages = [];
    return {
      write: (chunk) => {
        if (sum === null) {
          sum = Number(new TextDecoder().decode(chunk));
          return;
        }
        if (bytes % PAGE_BYTES === 0) pages.push(new Uint8Array(PAGE_BYTES));
        pages.at(-1)?.set(chunk, bytes % PAGE_BYTES);
        bytes += chunk.length;
      },
      end: () => {
        this.#pages = pages;
        this.#sum = sum ?? 0;
      },
    };
  }
}

function filled(number: number): Uint8Array {
  return new Uint8Array(PAGE_BYTES).fill((number * 7 + 1) & 255);
}
