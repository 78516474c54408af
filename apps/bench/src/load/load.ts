import { build, type Histogram } from "hdr-histogram-js";

/** What is measured. Keys have 16 characters. */
export interface LoadTarget {
  put(key: string, value: Uint8Array): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

export interface Load {
  /** Measured, after `warmSeconds` that are not. */
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Operations under way at a time; with a rate: at most. */
  readonly outstanding: number;
  /** Operations that begin in a second, however long each takes (an open loop); null: each of `outstanding` begins when the one before it ends. */
  readonly perSecond: number | null;
  readonly keys: number;
  readonly valueBytes: number;
  /** Share of gets, from 0 to 1; the others are puts. */
  readonly readShare: number;
  /** Several times a second: how much of the time is over, and what was done in the last part of it. */
  readonly onProgress?: (share: number, perSecond: number) => void;
  readonly signal?: AbortSignal;
}

export interface LoadResult {
  readonly load: Omit<Load, "onProgress" | "signal">;
  readonly seconds: number;
  readonly operations: number;
  readonly perSecond: number;
  /** In milliseconds. In an open loop from when the operation was due, so that a stall counts for all that it held up. */
  readonly latencyMs: Readonly<Record<"mean" | "p50" | "p90" | "p99" | "p999" | "max", number>>;
  /** Upper bound in milliseconds and count, for charts. */
  readonly histogram: readonly (readonly [untilMs: number, count: number])[];
  /** By error code. */
  readonly errors: Readonly<Record<string, number>>;
}

const unitsPerMs = 1_000;
const progressMs = 200;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Puts load on the target. All keys are there before it begins. */
export async function runLoad(target: LoadTarget, load: Load): Promise<LoadResult> {
  const run = new Run(target, load);
  await run.fill();
  return run.measure();
}

class Run {
  readonly #target: LoadTarget;
  readonly #load: Load;
  readonly #keys: readonly string[];
  readonly #value: Uint8Array;
  readonly #histogram: Histogram = build({ lowestDiscernibleValue: 1, numberOfSignificantValueDigits: 3 });
  readonly #errors: Record<string, number> = {};
  #seed = 1;
  #fromMs = Infinity;
  #stopped = false;
  #operations = 0;
  #open = 0;

  constructor(target: LoadTarget, load: Load) {
    this.#target = target;
    this.#load = load;
    this.#keys = Array.from({ length: load.keys }, (_, i) => `k${String(i).padStart(15, "0")}`);
    this.#value = new Uint8Array(load.valueBytes).fill(0x76);
  }

  async fill(): Promise<void> {
    for (let i = 0; i < this.#keys.length && this.#load.signal?.aborted !== true; i += 64) {
      await Promise.all(this.#keys.slice(i, i + 64).map((key) => this.#target.put(key, this.#value)));
    }
  }

  async measure(): Promise<LoadResult> {
    const { outstanding, perSecond, warmSeconds, seconds } = this.#load;
    const loops =
      perSecond === null ? Array.from({ length: outstanding }, () => this.#closedLoop()) : [this.#openLoop(perSecond)];
    await this.#wait(warmSeconds);
    this.#fromMs = performance.now();
    await this.#wait(seconds, this.#load.onProgress);
    const elapsed = (performance.now() - this.#fromMs) / 1_000;
    this.#stopped = true;
    const result = this.#result(elapsed);
    await Promise.all(loops);
    return result;
  }

  async #wait(seconds: number, onProgress?: Load["onProgress"]): Promise<void> {
    const beganMs = performance.now();
    for (let share = 0; share < 1 && this.#load.signal?.aborted !== true; ) {
      const [before, at] = [this.#operations, performance.now()];
      await pause(Math.min(progressMs, Math.max(0, seconds * 1_000 - (at - beganMs))));
      const nowMs = performance.now();
      share = seconds === 0 ? 1 : Math.min(1, (nowMs - beganMs) / (seconds * 1_000));
      onProgress?.(share, ((this.#operations - before) * 1_000) / (nowMs - at));
    }
  }

  async #closedLoop(): Promise<void> {
    while (!this.#stopped) await this.#one(performance.now());
  }

  async #openLoop(perSecond: number): Promise<void> {
    const beganMs = performance.now();
    for (let count = 0; !this.#stopped; ) {
      const due = Math.floor(((performance.now() - beganMs) * perSecond) / 1_000);
      for (; count < due && this.#open < this.#load.outstanding; count++) {
        void this.#one(beganMs + ((count + 1) * 1_000) / perSecond);
      }
      await pause(1);
    }
    while (this.#open > 0) await pause(1);
  }

  async #one(beganMs: number): Promise<void> {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    const key = this.#keys[this.#seed % this.#keys.length] ?? "";
    // The low bits choose the key: these are others.
    const reads = (this.#seed >>> 8) / 2 ** 24 < this.#load.readShare;
    this.#open++;
    try {
      await (reads ? this.#target.get(key) : this.#target.put(key, this.#value));
      this.#done(beganMs);
    } catch (error) {
      const { code = "error" } = error as { code?: string };
      this.#errors[code] = (this.#errors[code] ?? 0) + 1;
      await pause(1);
    } finally {
      this.#open--;
    }
  }

  #done(beganMs: number): void {
    const nowMs = performance.now();
    if (this.#stopped || nowMs < this.#fromMs) return;
    this.#operations++;
    // What began before the measurement would tell of the time before it.
    if (beganMs >= this.#fromMs || this.#load.perSecond !== null) {
      this.#histogram.recordValue(Math.max(1, Math.round((nowMs - beganMs) * unitsPerMs)));
    }
  }

  #result(seconds: number): LoadResult {
    const { onProgress: _, signal: __, ...load } = this.#load;
    const histogram = this.#histogram;
    const at = (percent: number): number => histogram.getValueAtPercentile(percent) / unitsPerMs;
    return {
      load,
      seconds,
      operations: this.#operations,
      perSecond: this.#operations / seconds,
      latencyMs: {
        mean: histogram.mean / unitsPerMs,
        p50: at(50),
        p90: at(90),
        p99: at(99),
        p999: at(99.9),
        max: histogram.maxValue / unitsPerMs,
      },
      histogram: bucketsOf(histogram),
      errors: this.#errors,
    };
  }
}

/** Three buckets for each doubling; empty ones at both ends are left out. */
function bucketsOf(histogram: Histogram): LoadResult["histogram"] {
  const buckets: [number, number][] = [];
  if (histogram.totalCount === 0) return buckets;
  let below = 0;
  for (let step = 0; below < histogram.totalCount; step++) {
    const until = 2 ** (step / 3);
    let upTo = until >= histogram.maxValue ? histogram.totalCount : countUpTo(histogram, until);
    upTo = Math.max(upTo, below);
    if (upTo > below || buckets.length > 0) buckets.push([until / unitsPerMs, upTo - below]);
    below = upTo;
  }
  return buckets;
}

/** How many values are not above this one: the greatest percentile whose value is not, by halving. */
function countUpTo(histogram: Histogram, value: number): number {
  let low = 0;
  let high = histogram.totalCount;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (histogram.getValueAtPercentile((middle * 100) / histogram.totalCount) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
