/** Pulls chunks one at a time and can be given up, even while the next one never comes. */
export class ChunkSource {
  readonly #iterator: Iterator<Uint8Array> | AsyncIterator<Uint8Array>;
  #giveUp: ((reason: unknown) => void) | undefined;
  #givenUp = false;
  /** Set when the source, not the disk, ended the reading. */
  failure: { readonly reason: unknown } | undefined;

  constructor(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
    this.#iterator = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  readonly pull = async (): Promise<Uint8Array | undefined> => {
    try {
      if (this.#givenUp) throw this.failure?.reason;
      const next = this.#iterator.next();
      const result = await (next instanceof Promise ? this.#orGivenUp(next) : next);
      return result.done === true ? undefined : result.value;
    } catch (reason) {
      this.failure ??= { reason };
      throw reason;
    }
  };

  giveUp(reason: unknown): void {
    this.#givenUp = true;
    this.failure ??= { reason };
    this.#giveUp?.(reason);
  }

  /** Lets the source clean up when its end was not reached. What it says to that changes nothing. */
  async release(): Promise<void> {
    const released = this.#iterator.return?.();
    if (!this.#givenUp) await released;
    else if (released instanceof Promise) released.catch(() => {});
  }

  #orGivenUp<T>(next: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      next.then(resolve, reject);
    });
  }
}
