import { type Ballot, type NodeId, SynodError } from "@synod/interface";

/** A round this far above the highest seen is no honest proposer's: it would use up the numbers for everybody. */
const ROUND_JUMP_MAX = 2 ** 32;

/**
 * Orders ballots by round, then by node. `null` stands for "no ballot yet" and is below every ballot.
 *
 * @returns -1, 0 or 1 as `a` is below, equal to or above `b`.
 */
export function compareBallots(a: Ballot | null, b: Ballot | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (a.round !== b.round) return a.round < b.round ? -1 : 1;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  return 0;
}

/** Whether both are the same ballot, or both are none. */
export function ballotsEqual(a: Ballot | null, b: Ballot | null): boolean {
  return compareBallots(a, b) === 0;
}

/** The higher of the two; `null` only if both are none. */
export function highestBallot(a: Ballot | null, b: Ballot | null): Ballot | null {
  return compareBallots(a, b) >= 0 ? a : b;
}

/** Whether `x` may be a round: a safe integer from 0. */
export function isRound(x: unknown): x is number {
  return Number.isSafeInteger(x) && (x as number) >= 0;
}

/** Whether `x` may be a node id: a positive safe integer. */
export function isNodeId(x: unknown): x is NodeId {
  return Number.isSafeInteger(x) && (x as number) >= 1;
}

/** Whether `x` has the shape of a ballot. Says nothing of wild jumps, see {@link ballotFault}. */
export function isBallot(x: unknown): x is Ballot {
  if (typeof x !== "object" || x === null) return false;
  const { round, node } = x as { readonly round?: unknown; readonly node?: unknown };
  return isRound(round) && isNodeId(node);
}

/**
 * What is wrong with a ballot that came from outside, or `null` if nothing is. A ballot with a fault must not be learned
 * from in any way: one round of `Infinity`, once remembered, would end all progress.
 *
 * @param highestRound the highest round seen so far, 0 at first.
 */
export function ballotFault(x: unknown, highestRound: number): string | null {
  if (typeof x !== "object" || x === null) return `a ballot is { round, node }, not ${describe(x)}`;
  const { round, node } = x as { readonly round?: unknown; readonly node?: unknown };
  if (!isRound(round)) return `round ${describe(round)} is not an integer from 0 to 2^53 - 1`;
  if (!isNodeId(node)) return `node ${describe(node)} is not an integer from 1 to 2^53 - 1`;
  if (round - highestRound > ROUND_JUMP_MAX) {
    return `round ${round} is more than 2^32 above ${highestRound}, the highest seen`;
  }
  return null;
}

/**
 * Checks a ballot that came from outside.
 *
 * @param highestSeen the highest ballot seen so far; `null` or left out: none.
 * @throws SynodError `InvalidArgument` naming the fault.
 */
export function checkBallot(x: unknown, highestSeen: Ballot | null = null): asserts x is Ballot {
  const fault = ballotFault(x, highestSeen?.round ?? 0);
  if (fault === null) return;
  throw new SynodError("InvalidArgument", `Ballot refused: ${fault}.`, { details: { ballot: x, highestSeen } });
}

/**
 * The ballot that `node` uses next: one round above the highest it has seen, its own included. It must be on disk before
 * anything is sent in it, or a restart would use it twice. Paxos Made Simple, section 2.5.
 *
 * @throws SynodError `RoundsExhausted` if the highest round seen is 2^53 - 1.
 * @throws SynodError `InvalidArgument` if `node` is no node id.
 */
export function nextBallot(highestSeen: Ballot | null, node: NodeId): Ballot {
  if (!isNodeId(node)) {
    throw new SynodError("InvalidArgument", `A node id is an integer from 1 to 2^53 - 1, not ${describe(node)}.`);
  }
  const round = (highestSeen?.round ?? 0) + 1;
  if (!isRound(round)) {
    throw new SynodError(
      "RoundsExhausted",
      `There is no round above ${highestSeen?.round}: this group can never elect a proposer again. Move its data to a new one.`,
      { details: { highestSeen } },
    );
  }
  return { round, node };
}

/** `"4.3"` for round 4 of node 3, `"-"` for none. */
export function formatBallot(b: Ballot | null): string {
  return b === null ? "-" : `${b.round}.${b.node}`;
}

/** Text for an error, of any value and never long. */
function describe(x: unknown): string {
  if (typeof x === "number" || typeof x === "bigint") return String(x);
  if (typeof x === "string") return JSON.stringify(x.length > 40 ? `${x.slice(0, 40)}...` : x);
  return x === null ? "null" : `a value of type ${typeof x}`;
}
