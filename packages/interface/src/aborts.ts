import { SynodError } from "./error.js";

/** Told why a signal was aborted. */
export type AbortWaiter = (reason: unknown) => void;

/** All that wait for one signal, behind one listener. */
class Waiters {
  readonly #signal: AbortSignal;
  readonly #waiters = new Set<AbortWaiter>();
  readonly #listener = (): void => this.#tell();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#listener, { once: true });
  }

  add(waiter: AbortWaiter): void {
    this.#waiters.add(waiter);
  }

  delete(waiter: AbortWaiter): void {
    if (!this.#waiters.delete(waiter) || this.#waiters.size > 0) return;
    this.#signal.removeEventListener("abort", this.#listener);
    all.delete(this.#signal);
  }

  #tell(): void {
    const errors: unknown[] = [];
    for (const waiter of this.#waiters) {
      try {
        waiter(this.#signal.reason);
      } catch (error) {
        // As with listeners of their own, the others are told all the same.
        errors.push(error);
      }
    }
    this.#waiters.clear();
    all.delete(this.#signal);
    if (errors.length > 0) throw errors[0];
  }
}

const all = new WeakMap<AbortSignal, Waiters>();

/**
 * Has `waiter` told once when the signal aborts, which it must not have done yet. However many wait for one signal, it gets one listener, so
 * Node.js sees no leak in thousands of calls that share one. Take it out again with `offAbort`.
 */
export function onAbort(signal: AbortSignal, waiter: AbortWaiter): void {
  let waiters = all.get(signal);
  if (waiters === undefined) {
    waiters = new Waiters(signal);
    all.set(signal, waiters);
  }
  waiters.add(waiter);
}

/** The waiter is not told any more. Does nothing where it does not wait. */
export function offAbort(signal: AbortSignal, waiter: AbortWaiter): void {
  all.get(signal)?.delete(waiter);
}

/**
 * Types do not help who writes plain JavaScript: to be asked before anything has begun that the signal should end.
 * @throws SynodError `InvalidArgument` for what is no signal, such as the controller in its place
 */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || typeof (signal as AbortSignal | null)?.addEventListener === "function") return;
  const kind = signal === null ? "null" : `a ${typeof signal}`;
  const text = `signal is an AbortSignal (of an AbortController: controller.signal), not ${kind}`;
  throw new SynodError("InvalidArgument", text);
}
