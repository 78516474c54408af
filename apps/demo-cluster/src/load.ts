import type { KvCommand } from "./kv.js";

/** How one command of the load ended; `code` is null if it was acknowledged. */
export interface LoadOutcome {
  readonly command: KvCommand;
  readonly issuedAtMs: number;
  readonly endedAtMs: number;
  readonly code: string | null;
}

export interface LoadTarget {
  /** Calls without an answer. */
  readonly open: number;
  propose(command: KvCommand): Promise<unknown>;
}

export interface LoadOptions {
  /** Replicas that run now. */
  readonly targets: () => readonly LoadTarget[];
  readonly next: () => KvCommand;
  readonly settled: (outcome: LoadOutcome) => void;
  readonly codeOf: (cause: unknown) => string;
}

const TICK_MS = 10;
/** Keys that the load writes round and round, so that the store does not grow for ever. */
const KEYS = 10_000;

/**
 * Issues commands at a steady rate, in turn over all running replicas. Open loop up to a limit: a replica with a second's worth of
 * unanswered calls gets no more, so that one without a majority does not hold up the rest.
 */
export class Load {
  readonly #options: LoadOptions;
  #timer: NodeJS.Timeout | null = null;
  #debt = 0;
  #lastMs = 0;
  #turn = 0;
  #open = 0;
  ratePerSecond = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Commands that are under way. */
  get open(): number {
    return this.#open;
  }

  /** 0 stops; what is under way still ends. */
  set(ratePerSecond: number): void {
    this.ratePerSecond = ratePerSecond;
    this.#debt = 0;
    this.#lastMs = performance.now();
    if (ratePerSecond === 0) {
      clearInterval(this.#timer ?? undefined);
      this.#timer = null;
    } else this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#debt += ((nowMs - this.#lastMs) * this.ratePerSecond) / 1000;
    this.#lastMs = nowMs;
    const targets = this.#options.targets();
    const openMax = Math.max(16, Math.min(4000, this.ratePerSecond));
    let refused = 0;
    while (this.#debt >= 1 && refused < targets.length) {
      const target = targets[this.#turn++ % targets.length];
      if (target === undefined || target.open >= openMax) {
        refused++;
        continue;
      }
      refused = 0;
      this.#debt--;
      this.#issue(target, nowMs);
    }
    // What could not be issued now is not made up for later.
    this.#debt = Math.min(this.#debt, 1);
  }

  #issue(target: LoadTarget, issuedAtMs: number): void {
    const { next, settled, codeOf } = this.#options;
    const command = next();
    const end = (code: string | null): void => {
      this.#open--;
      settled({ command, issuedAtMs, endedAtMs: performance.now(), code });
    };
    this.#open++;
    target.propose(command).then(
      () => end(null),
      (cause: unknown) => end(codeOf(cause)),
    );
  }
}

/** The everyday load: nine writes of `load:N` to one increment of `load:counter`. */
export function everydayLoad(): () => KvCommand {
  let count = 0;
  return () => {
    count++;
    if (count % 10 === 0) return { op: "incr", key: "load:counter" };
    return { op: "put", key: `load:${count % KEYS}`, value: `v${count}` };
  };
}
