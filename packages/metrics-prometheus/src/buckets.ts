import type { MetricDescription } from "@synod/interface";

const powers = (base: number, from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => from * base ** i);

/** Upper bounds of the classes of a distribution. About a factor of 2 to 4 apart: enough to tell a disk from a network. */
export const BUCKETS: Readonly<Record<MetricDescription["unit"], readonly number[]>> = {
  ms: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
  bytes: powers(4, 64, 10),
  commands: powers(2, 1, 13),
  slots: powers(4, 1, 8),
  slot: powers(4, 1, 8),
  "1": powers(4, 1, 8),
};
