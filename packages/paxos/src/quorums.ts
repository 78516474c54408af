import { type NodeId, type QuorumSpec, SynodError } from "@synod/interface";
import { isNodeId } from "./ballots.js";
import { majority, sizesIntersect } from "./quorum-sizes.js";

/**
 * Which sets of members decide. Every phase-1 quorum meets every phase-2 quorum, and that alone is what Paxos needs
 * (Flexible Paxos, section 3). Both questions answer for "these members and any others"; ids that are no members never count.
 */
export interface QuorumSystem {
  /** In the order given, each once. */
  readonly members: readonly NodeId[];
  /** Whether `has` holds a phase-1 quorum: enough promises to propose. */
  phase1(has: ReadonlySet<NodeId>): boolean;
  /** Whether `has` holds a phase-2 quorum: enough votes to choose. */
  phase2(has: ReadonlySet<NodeId>): boolean;
}

/**
 * Builds the quorum system of a specification.
 *
 * @throws SynodError `InvalidConfiguration` if the members are not distinct ids, the specification does not fit them, or
 * some phase-1 quorum would miss some phase-2 quorum.
 */
export function quorumSystem(spec: QuorumSpec, members: readonly NodeId[]): QuorumSystem {
  if (!isListOfLists([members])) throw invalid("the members must be a list of node ids");
  const own = Object.freeze([...members]);
  if (own.length === 0) throw invalid("there must be at least one member");
  checkDistinctIds(own, "the members");
  switch (spec?.kind) {
    case "majority":
      return bySize(own, majority(own.length), majority(own.length));
    case "sizes":
      return bySize(own, spec.phase1, spec.phase2);
    case "grid":
      return byGrid(own, spec.rows);
    case "weights":
      return byWeight(own, spec.weights, spec.phase1, spec.phase2);
    default:
      throw invalid(`kind must be "majority", "sizes", "grid" or "weights"`);
  }
}

function bySize(members: readonly NodeId[], phase1: number, phase2: number): QuorumSystem {
  checkThreshold("phase1", phase1, members.length, "members");
  checkThreshold("phase2", phase2, members.length, "members");
  if (!sizesIntersect(members.length, phase1, phase2)) {
    throw invalid(
      `of ${members.length} members, some ${phase1} (phase1) and some other ${phase2} (phase2) have nobody in common; ` +
        `phase1 + phase2 must be above ${members.length}`,
    );
  }
  const count = (has: ReadonlySet<NodeId>): number => members.reduce((sum, id) => sum + (has.has(id) ? 1 : 0), 0);
  return { members, phase1: (has) => count(has) >= phase1, phase2: (has) => count(has) >= phase2 };
}

/** A row and a column always meet: in the cell where they cross. */
function byGrid(members: readonly NodeId[], rows: readonly (readonly NodeId[])[]): QuorumSystem {
  if (!isListOfLists(rows)) throw invalid("the rows of a grid must be lists of node ids");
  const own = rows.map((row) => [...row]);
  const width = own[0]?.length ?? 0;
  if (own.some((row) => row.length !== width)) throw invalid("all rows of a grid must have the same length");
  checkSameMembers(members, own.flat(), "the grid");
  const columns = own[0]?.map((_, column) => own.map((row) => row[column] as NodeId)) ?? [];
  const holds = (lines: readonly (readonly NodeId[])[], has: ReadonlySet<NodeId>): boolean =>
    lines.some((line) => line.every((id) => has.has(id)));
  return { members, phase1: (has) => holds(own, has), phase2: (has) => holds(columns, has) };
}

/**
 * Two sets without a common member weigh at most `total` together. Thresholds that sum to no more than that may still
 * happen to exclude each other, but then a threshold can be raised to the next weight that a set can have, with the same
 * quorums: so the plain sum is asked for.
 */
function byWeight(
  members: readonly NodeId[],
  weights: readonly (readonly [NodeId, number])[],
  phase1: number,
  phase2: number,
): QuorumSystem {
  if (!isListOfLists(weights)) throw invalid("weights must be a list of [id, weight]");
  const own = weights.map(([id, weight]) => [id, weight] as const);
  checkSameMembers(
    members,
    own.map(([id]) => id),
    "the weights",
  );
  for (const [id, weight] of own) {
    if (!Number.isSafeInteger(weight) || weight < 0)
      throw invalid(`the weight of member ${id} must be an integer from 0`);
  }
  const total = own.reduce((sum, [, weight]) => sum + weight, 0);
  if (!Number.isSafeInteger(total)) throw invalid("the weights add up to more than 2^53 - 1");
  checkThreshold("phase1", phase1, total, "the weight of all members");
  checkThreshold("phase2", phase2, total, "the weight of all members");
  // Not phase1 + phase2 > total: the sum could round.
  if (phase1 <= total - phase2) {
    throw invalid(
      `members of weight ${phase1} (phase1) and others of weight ${phase2} (phase2) could have nobody in common; ` +
        `phase1 + phase2 must be above the weight of all members, ${total}`,
    );
  }
  const weigh = (has: ReadonlySet<NodeId>): number =>
    own.reduce((sum, [id, weight]) => sum + (has.has(id) ? weight : 0), 0);
  return { members, phase1: (has) => weigh(has) >= phase1, phase2: (has) => weigh(has) >= phase2 };
}

/** Configurations come from files, where the types hold nothing. */
function isListOfLists(x: unknown): boolean {
  return Array.isArray(x) && x.every((line) => Array.isArray(line));
}

function checkThreshold(name: string, value: number, max: number, what: string): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw invalid(`${name} must be an integer from 1 to ${max} (${what}), not ${String(value)}`);
}

function checkDistinctIds(ids: readonly NodeId[], what: string): void {
  const seen = new Set<NodeId>();
  for (const id of ids) {
    if (!isNodeId(id)) throw invalid(`${what} must be integers from 1, not ${String(id)}`);
    if (seen.has(id)) throw invalid(`${what} name ${id} twice`);
    seen.add(id);
  }
}

function checkSameMembers(members: readonly NodeId[], ids: readonly NodeId[], what: string): void {
  checkDistinctIds(ids, what);
  const missing = members.find((id) => !ids.includes(id));
  if (missing !== undefined) throw invalid(`${what} must name each member once; ${missing} is missing`);
  const stranger = ids.find((id) => !members.includes(id));
  if (stranger !== undefined) throw invalid(`${what} must name members only; ${stranger} is none`);
}

function invalid(reason: string): SynodError {
  return new SynodError("InvalidConfiguration", `Quorums refused: ${reason}.`);
}
