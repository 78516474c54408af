import { expect, test } from "vitest";
import { simulate } from "./simulate.js";

const first = Number(process.env["SYNOD_START"] ?? 1);
const seeds = Number(process.env["SYNOD_SEEDS"] ?? 300);

test(
  `${seeds} random runs from seed ${first}`,
  () => {
    const counts = new Map<string, number>();
    for (let seed = first; seed < first + seeds; seed++) {
      try {
        for (const [what, n] of simulate(seed).counts) counts.set(what, (counts.get(what) ?? 0) + n);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    if (process.env["SYNOD_COUNTS"] !== undefined) console.log(Object.fromEntries(counts));
  },
  20_000 + seeds * 200,
);
