import { type Outcome, type ProfileName, runOne } from "./tasks.js";

/** Consecutive seeds of one profile. */
export interface Batch {
  readonly profile: ProfileName;
  readonly start: number;
  readonly seeds: number;
}

export interface BatchResult {
  readonly runs: number;
  /** The first run that failed; none after it was run. */
  readonly failed: Outcome | null;
  readonly sometimes: Readonly<Record<string, number>>;
}

/** So many seeds go to a thread at a time: about as much work in each, and progress that moves. */
const WHOLE_NODES = 2;
const BARE_CORE = 100;

/** All runs in batches, the profiles in turn. */
export function* batches(seeds: number, start: number, profiles: readonly ProfileName[]): Generator<Batch> {
  const sizes = new Map(profiles.map((name) => [name, name.startsWith("core-") ? BARE_CORE : WHOLE_NODES]));
  const next = new Map(profiles.map((name) => [name, 0]));
  // The profile that is furthest behind.
  for (;;) {
    const [profile, done] = [...next].reduce((a, b) => (b[1] < a[1] ? b : a));
    if (done >= seeds) return;
    const size = Math.min(sizes.get(profile) ?? 1, seeds - done);
    next.set(profile, done + size);
    yield { profile, start: start + done, seeds: size };
  }
}

export async function runBatch({ profile, start, seeds }: Batch): Promise<BatchResult> {
  const sometimes: Record<string, number> = {};
  for (let seed = start; seed < start + seeds; seed++) {
    const outcome = await runOne(seed, profile);
    for (const [name, count] of Object.entries(outcome.sometimes)) sometimes[name] = (sometimes[name] ?? 0) + count;
    if (outcome.failure !== null) return { runs: seed - start + 1, failed: outcome, sometimes };
  }
  return { runs: seeds, failed: null, sometimes };
}
