import { noTraffic } from "./moments.js";
import type { Sample, ThroughputView } from "./view.js";

/** Samples a second; the numbers shown cover as many of them as make a second. */
const PER_SECOND = 4;
export const SAMPLE_MS: number = 1000 / PER_SECOND;
/** Two minutes for the chart. */
const HISTORY = 120 * PER_SECOND;

interface Bucket {
  acknowledged: number;
  latenciesMs: number[];
  lengthMs: number;
}

/** What a sample has besides the throughput. */
export type SampleMore = Pick<Sample, "traffic" | "leaders">;

const NOTHING: SampleMore = { traffic: noTraffic(), leaders: [] };

const emptyBucket = (): Bucket => ({ acknowledged: 0, latenciesMs: [], lengthMs: 0 });

/** Counts acknowledged commands as their callers see them. */
export class Throughput {
  readonly #recent: Bucket[] = [];
  readonly #samples: Sample[] = [];
  readonly #listeners = new Set<(sample: Sample) => void>();
  #bucket = emptyBucket();
  #lastMs: number;
  #acknowledged = 0;
  #failed = 0;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  acknowledged(latencyMs: number): void {
    this.#acknowledged++;
    this.#bucket.acknowledged++;
    this.#bucket.latenciesMs.push(latencyMs);
  }

  failed(): void {
    this.#failed++;
  }

  /** Ends the present interval. To be called every `SAMPLE_MS`; being late is reckoned with. */
  sample(nowMs: number, wallMs: number, more: SampleMore = NOTHING): void {
    const bucket = this.#bucket;
    bucket.lengthMs = Math.max(nowMs - this.#lastMs, 1);
    this.#lastMs = nowMs;
    this.#bucket = emptyBucket();
    this.#recent.push(bucket);
    if (this.#recent.length > PER_SECOND) this.#recent.shift();
    const perSecond = Math.round((bucket.acknowledged * 1000) / bucket.lengthMs);
    const at = shares(bucket.latenciesMs);
    const sample: Sample = { atMs: wallMs, perSecond, p50Ms: at(0.5), p99Ms: at(0.99), ...more };
    this.#samples.push(sample);
    if (this.#samples.length > HISTORY) this.#samples.shift();
    for (const listener of this.#listeners) listener(sample);
  }

  /** Calls back at each new sample until the returned function is called. */
  onSample(listener: (sample: Sample) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  view(): ThroughputView {
    const at = shares(this.#recent.flatMap((bucket) => bucket.latenciesMs));
    const total = this.#recent.reduce((sum, bucket) => sum + bucket.acknowledged, 0);
    const lengthMs = this.#recent.reduce((sum, bucket) => sum + bucket.lengthMs, 0);
    return {
      perSecond: lengthMs === 0 ? 0 : Math.round((total * 1000) / lengthMs),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      acknowledged: this.#acknowledged,
      failed: this.#failed,
    };
  }
}

function shares(values: readonly number[]): (share: number) => number {
  const sorted = [...values].sort((a, b) => a - b);
  return (share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

/** Speed of a counter that is read now and then, over about the last second. */
export class Speed {
  readonly #readings: { readonly atMs: number; readonly count: number }[] = [];

  read(count: number, nowMs: number): void {
    const last = this.#readings.at(-1);
    // A restarted process counts from zero again.
    if (last !== undefined && count < last.count) this.#readings.length = 0;
    this.#readings.push({ atMs: nowMs, count });
    while (this.#readings.length > 2 && nowMs - (this.#readings[1]?.atMs ?? nowMs) >= 1000) this.#readings.shift();
  }

  clear(): void {
    this.#readings.length = 0;
  }

  get perSecond(): number {
    const [first, last] = [this.#readings[0], this.#readings.at(-1)];
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
    return Math.round(((last.count - first.count) * 1000) / (last.atMs - first.atMs));
  }
}
