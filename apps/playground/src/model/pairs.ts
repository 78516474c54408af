import { judge, type Pair, playPair, type Run, type Verdict } from "@synod/lecture";
import { blankRow, type Figure, type FigureRow, figureOf } from "./figure.js";

export interface Side {
  readonly run: Run;
  readonly figure: Figure;
  readonly verdict: Verdict;
}

/** One story in two protocols, row beside row: where one of them has less to do in a moment its rows are blank. */
export interface PairView {
  readonly rows: number;
  /** The last row of each moment. */
  readonly ends: readonly number[];
  readonly paxos: Side;
  readonly raft: Side;
}

const known = new WeakMap<Pair, PairView>();

export function pairView(pair: Pair): PairView {
  const found = known.get(pair);
  if (found !== undefined) return found;
  const [paxos, raft] = [playPair(pair, "paxos"), playPair(pair, "raft")];
  const lengths = pair.moments.map((_, index) => Math.max(lengthOf(paxos.ends, index), lengthOf(raft.ends, index)));
  const ends = lengths.map((_, index) => lengths.slice(0, index + 1).reduce((sum, one) => sum + one, 0));
  const [left, right] = [paddedTo(paxos, ends), paddedTo(raft, ends)];
  const made: PairView = {
    rows: ends.at(-1) ?? 0,
    ends,
    paxos: sideOf(paxos.run, besideEachOther(left, right)),
    raft: sideOf(raft.run, besideEachOther(right, left)),
  };
  known.set(pair, made);
  return made;
}

const lengthOf = (ends: readonly number[], index: number): number => (ends[index] ?? 0) - (ends[index - 1] ?? 0);

/** The rows of a run, each moment as long as the longer one of both sides; arrows begin where their row is now. */
function paddedTo({ run, ends }: ReturnType<typeof playPair>, common: readonly number[]): FigureRow[] {
  const { rows } = figureOf(run);
  const places = new Map<number, number>();
  for (const [moment, end] of ends.entries()) {
    const [from, to] = [ends[moment - 1] ?? 0, common[moment - 1] ?? 0];
    for (let row = from + 1; row <= end; row++) places.set(row, to + row - from);
  }
  const made = Array.from({ length: common.at(-1) ?? 0 }, (_, index) => blankRow(index + 1, "Nothing happens here."));
  for (const one of rows) {
    const row = places.get(one.row) ?? 0;
    const arrow = one.arrow === null ? null : { ...one.arrow, sentRow: places.get(one.arrow.sentRow) ?? 0 };
    made[row - 1] = { ...one, row, arrow };
  }
  return made;
}

const besideEachOther = (rows: readonly FigureRow[], others: readonly FigureRow[]): FigureRow[] =>
  rows.map((row, index) => ({ ...row, beside: others[index] ?? null }));

function sideOf(run: Run, rows: readonly FigureRow[]): Side {
  const figure = figureOf(run);
  const idle = (lane: string): boolean => lane.startsWith("C") && !rows.some((row) => row.ask?.client === lane);
  return { run, verdict: judge(run), figure: { ...figure, lanes: figure.lanes.filter((id) => !idle(id)), rows } };
}

/** From 0; the one that a row belongs to, or that comes next. */
export function momentAt(view: PairView, row: number): number {
  return Math.max(
    0,
    view.ends.findIndex((end) => row <= end),
  );
}
