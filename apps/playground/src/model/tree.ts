import { type Action, beginRun, lastWorld, type Protocol, type Row, type Run, step, type World } from "@synod/lecture";
import { lastIndex } from "./lists.js";

/** One moment of a run that may have several futures. */
interface Moment {
  readonly parent: number | null;
  readonly world: World;
  /** What happened just before it; null at the beginning. */
  readonly row: Row | null;
  readonly action: Action | null;
}

/** All that was ever tried from one beginning. Going back and acting differently adds a branch, and the old future stays. */
export interface Tree {
  readonly protocol: Protocol;
  readonly moments: readonly Moment[];
  /** The end of the branch that is shown. */
  readonly tip: number;
  /** How many rows of that branch are shown. */
  readonly at: number;
}

export function newTree(protocol: Protocol, servers?: number): Tree {
  const world = lastWorld(beginRun(protocol, servers));
  return { protocol, moments: [{ parent: null, world, row: null, action: null }], tip: 0, at: 0 };
}

/** A tree with one branch, looked at from its beginning. */
export function treeOf(run: Run): Tree {
  const moments = run.worlds.map((world, index) => ({
    parent: index === 0 ? null : index - 1,
    world,
    row: run.rows[index - 1] ?? null,
    action: run.actions[index - 1] ?? null,
  }));
  return { protocol: run.protocol, moments, tip: moments.length - 1, at: 0 };
}

const paths = new WeakMap<readonly Moment[], Map<number, readonly number[]>>();

/** From the beginning to a moment. */
export function pathTo({ moments }: Tree, id: number): readonly number[] {
  const known = paths.get(moments) ?? new Map<number, readonly number[]>();
  paths.set(moments, known);
  const found = known.get(id);
  if (found !== undefined) return found;
  const path: number[] = [];
  for (let at: number | null = id; at !== null; at = moments[at]?.parent ?? null) path.unshift(at);
  known.set(id, path);
  return path;
}

const runs = new WeakMap<readonly Moment[], Map<number, Run>>();

/** The whole branch to a moment, as a run. The same object for the same moment. */
function runTo(tree: Tree, id: number): Run {
  const known = runs.get(tree.moments) ?? new Map<number, Run>();
  runs.set(tree.moments, known);
  const found = known.get(id);
  if (found !== undefined) return found;
  const moments = pathTo(tree, id).flatMap((index) => tree.moments[index] ?? []);
  const run: Run = {
    protocol: tree.protocol,
    worlds: moments.map((moment) => moment.world),
    rows: moments.flatMap((moment) => moment.row ?? []),
    actions: moments.flatMap((moment) => moment.action ?? []),
  };
  known.set(id, run);
  return run;
}

/** The branch that is shown, to its end. */
export function branchOf(tree: Tree): Run {
  return runTo(tree, tree.tip);
}

export function rowsIn(tree: Tree): number {
  return pathTo(tree, tree.tip).length - 1;
}

function momentAt(tree: Tree, at: number = tree.at): number {
  return pathTo(tree, tree.tip)[at] ?? tree.tip;
}

export function worldAt(tree: Tree): World {
  const moment = tree.moments[momentAt(tree)];
  if (moment === undefined) throw new Error("A tree has at least its beginning.");
  return moment.world;
}

export function moveTo(tree: Tree, at: number): Tree {
  return { ...tree, at: Math.max(0, Math.min(rowsIn(tree), at)) };
}

/** Shows another branch, from the row at which it parts from the present one. */
export function showBranch(tree: Tree, tip: number): Tree {
  const next = { ...tree, tip };
  return moveTo(next, sharedRows(tree, tip) + 1);
}

/** How many rows two branches have in common. */
export function sharedRows(tree: Tree, tip: number): number {
  const [mine, other] = [pathTo(tree, tree.tip), pathTo(tree, tip)];
  const fork = other.findIndex((id, index) => mine[index] !== id);
  return (fork < 0 ? other.length : fork) - 1;
}

/**
 * Does something now. What was done here before is found again, with all that followed; anything else begins a new branch.
 * Throws `InvalidArgument` if it is not possible.
 */
export function act(tree: Tree, action: Action): Tree {
  const here = momentAt(tree);
  const same = tree.moments.findIndex(
    (one) => one.parent === here && JSON.stringify(one.action) === JSON.stringify(action),
  );
  if (same >= 0) {
    const onPath = pathTo(tree, tree.tip)[tree.at + 1] === same;
    return { ...tree, tip: onPath ? tree.tip : lastFrom(tree, same), at: tree.at + 1 };
  }
  const { world, row } = step(tree.protocol, worldAt(tree), action);
  const moments = [...tree.moments, { parent: here, world, row, action }];
  return { ...tree, moments, tip: moments.length - 1, at: tree.at + 1 };
}

/** The end of the future that was looked at last. */
function lastFrom({ moments }: Tree, id: number): number {
  for (let at = id; ; ) {
    const next = lastIndex(moments, (one) => one.parent === at);
    if (next < 0) return at;
    at = next;
  }
}

/** The ends of all branches, in the order in which they came up. */
export function tipsOf({ moments }: Tree): number[] {
  const parents = new Set(moments.map((moment) => moment.parent));
  return moments.flatMap((_, id) => (parents.has(id) ? [] : [id]));
}
