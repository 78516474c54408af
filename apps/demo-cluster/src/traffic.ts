import { noTraffic, TRAFFIC, type Traffic, type TrafficCounts } from "./moments.js";

export type LinkRate = readonly [from: number, to: number, perSecond: number];

interface Bucket {
  readonly links: Map<string, number>;
  readonly kinds: Record<Traffic, number>;
  lengthMs: number;
}

const emptyBucket = (): Bucket => ({
  links: new Map(),
  kinds: noTraffic(),
  lengthMs: 0,
});

/** Intervals that the rate of a link covers. */
const SMOOTH = 4;

/** Messages a second, by what they are for and by link. Heartbeats count on links, so that a quiet link is not a dead one. */
export class TrafficRates {
  readonly #recent: Bucket[] = [];
  #bucket = emptyBucket();
  #lastMs: number;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  add(from: number, to: number, counts: TrafficCounts): void {
    const { links, kinds } = this.#bucket;
    const key = `${from} ${to}`;
    for (const kind of TRAFFIC) {
      kinds[kind] += counts[kind];
      links.set(key, (links.get(key) ?? 0) + counts[kind]);
    }
  }

  /** Ends the present interval: what went in it, a second. */
  sample(nowMs: number): TrafficCounts {
    const bucket = this.#bucket;
    bucket.lengthMs = Math.max(nowMs - this.#lastMs, 1);
    this.#lastMs = nowMs;
    this.#bucket = emptyBucket();
    this.#recent.push(bucket);
    if (this.#recent.length > SMOOTH) this.#recent.shift();
    const perSecond = (count: number): number => Math.round((count * 1000) / bucket.lengthMs);
    const { phase1, phase2, learn, calls, beats } = bucket.kinds;
    return {
      phase1: perSecond(phase1),
      phase2: perSecond(phase2),
      learn: perSecond(learn),
      calls: perSecond(calls),
      beats: perSecond(beats),
    };
  }

  /** About the last second. */
  get links(): readonly LinkRate[] {
    const sums = new Map<string, number>();
    let lengthMs = 0;
    for (const bucket of this.#recent) {
      lengthMs += bucket.lengthMs;
      for (const [key, count] of bucket.links) sums.set(key, (sums.get(key) ?? 0) + count);
    }
    return [...sums].map(([key, count]): LinkRate => {
      const [from = 0, to = 0] = key.split(" ").map(Number);
      return [from, to, Math.round((count * 1000) / Math.max(lengthMs, 1))];
    });
  }
}
