/**
 * A generator that waits could not be returned from before something happens, and whoever leaves it would be kept waiting, with all that it holds: its
 * signal aborts first.
 */
export function endable<T>(begin: (left: AbortSignal) => AsyncGenerator<T, void>): AsyncIterableIterator<T> {
  const leaving = new AbortController();
  const generator = begin(leaving.signal);
  return {
    next: () => generator.next(),
    return: () => {
      leaving.abort();
      return generator.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Settles when the signal aborts. The signal is not to outlive what waits for it. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
