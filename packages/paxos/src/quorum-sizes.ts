import { SynodError } from "@synod/interface";

/** The smallest number of `n` members such that any two such sets meet. */
export function majority(n: number): number {
  checkCount("n", n);
  return Math.floor(n / 2) + 1;
}

/**
 * Whether any `q1` of `n` members and any `q2` of them have one in common. Sizes that `n` members cannot form, or that are
 * no counts at all, do not. Flexible Paxos, section 3.
 */
export function sizesIntersect(n: number, q1: number, q2: number): boolean {
  return isSizeOf(n, q1) && isSizeOf(n, q2) && q1 > n - q2;
}

/**
 * How many members may fail: `steady` while a leader goes on with phase 2, `election` if a new one needs phase 1 too.
 * Each phase is counted by itself: an election also needs the votes of `steady`.
 *
 * @throws SynodError `InvalidConfiguration` if quorums of these sizes do not always meet.
 */
export function tolerates(n: number, q1: number, q2: number): { readonly steady: number; readonly election: number } {
  if (!sizesIntersect(n, q1, q2)) {
    throw new SynodError("InvalidConfiguration", `Quorums of ${q1} and ${q2} of ${n} members do not always meet.`);
  }
  return { steady: n - q2, election: n - q1 };
}

/** Quorum sizes of a grid: a phase-1 quorum is one full row, a phase-2 quorum one full column. */
export function gridSizes(rows: number, cols: number): { readonly q1: number; readonly q2: number } {
  checkCount("rows", rows);
  checkCount("cols", cols);
  return { q1: cols, q2: rows };
}

/**
 * Whether sizes fit Fast Paxos where phase 1 of every round, of a fast one as well, asks a classic quorum: two classic quorums
 * meet, and a classic quorum meets the common part of any two fast ones. Fast Paxos (Lamport 2006), the quorum requirement.
 */
export function fastQuorumsOk(n: number, classic: number, fast: number): boolean {
  return isSizeOf(n, classic) && isSizeOf(n, fast) && 2 * classic > n && classic + 2 * fast > 2 * n;
}

function isSizeOf(n: number, size: number): boolean {
  return Number.isSafeInteger(n) && Number.isSafeInteger(size) && size >= 1 && size <= n;
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new SynodError("InvalidArgument", `${name} must be an integer from 1, not ${value}.`);
}
