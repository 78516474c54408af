import type { TestFunction } from "../src/index.js";

/** Runs all cases of a suite, one after the other. What failed, by the name of the case, with the error's text. */
export async function run(
  suite: (test: TestFunction) => void,
): Promise<{ names: string[]; failed: Map<string, string> }> {
  const cases: [string, () => Promise<void>][] = [];
  suite((name, body) => cases.push([name, body]));
  const failed = new Map<string, string>();
  for (const [name, body] of cases) {
    await body().catch((error: unknown) => failed.set(name, error instanceof Error ? error.message : String(error)));
  }
  return { names: cases.map(([name]) => name), failed };
}

/** Runs a suite against broken variants, each once, however often it is asked for. */
export function trials<B>(suite: (bug: B) => (test: TestFunction) => void): {
  of(bug: B): ReturnType<typeof run>;
  /** Names of the cases that none of the variants fails. */
  toothless(bugs: readonly B[]): Promise<string[]>;
} {
  const known = new Map<B, ReturnType<typeof run>>();
  const of = (bug: B): ReturnType<typeof run> => {
    const found = known.get(bug) ?? run(suite(bug));
    known.set(bug, found);
    return found;
  };
  return {
    of,
    async toothless(bugs) {
      const left = new Set<string>();
      for (const bug of bugs) for (const name of (await of(bug)).names) left.add(name);
      for (const bug of bugs) for (const name of (await of(bug)).failed.keys()) left.delete(name);
      return [...left];
    },
  };
}
