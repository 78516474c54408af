import type { Random } from "@synod/interface";

export interface BackoffOptions {
  /** First waiting time. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly random: Random;
}

/** How long to wait after so many failures in a row, from 0: doubling, half of it random, so that many who failed together do not try in step. */
export function backoffMs(failures: number, { minMs, maxMs, random }: BackoffOptions): number {
  const wholeMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
  return wholeMs * (0.5 + random.uint32() / 2 ** 33);
}
