export const IDENTITY = "identity";

/** What is being made gets its real name when it is complete and flushed. One of each kind at a time. */
export const TEMPORARY = { identity: "identity.tmp", segment: "segment.tmp", snapshot: "snapshot.tmp" } as const;

const TEMPORARIES: ReadonlySet<string> = new Set(Object.values(TEMPORARY));
const SEGMENT = /^wal-(\d{16})\.log$/;
const SNAPSHOT = /^snapshot-(\d{16})$/;

export function segmentName(segment: number): string {
  return `wal-${String(segment).padStart(16, "0")}.log`;
}

export function snapshotName(index: number): string {
  return `snapshot-${String(index).padStart(16, "0")}`;
}

/** The files of a store, numbers in rising order. Names that are not ours are left alone. */
export interface Listing {
  readonly identity: boolean;
  readonly segments: readonly number[];
  readonly snapshots: readonly number[];
  readonly temporaries: readonly string[];
}

export function sortNames(names: readonly string[]): Listing {
  const numbers = (pattern: RegExp): number[] =>
    names
      .map((name) => Number(pattern.exec(name)?.[1] ?? Number.NaN))
      .filter((number) => Number.isSafeInteger(number) && number > 0)
      .sort((a, b) => a - b);
  return {
    identity: names.includes(IDENTITY),
    segments: numbers(SEGMENT),
    snapshots: numbers(SNAPSHOT),
    temporaries: names.filter((name) => TEMPORARIES.has(name)),
  };
}
