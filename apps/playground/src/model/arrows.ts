import type { Phase } from "@synod/lecture";
import type { Figure, Waiting } from "./figure.js";
import type { Layout, PlacedRow } from "./layout.js";
import { lastIndex } from "./lists.js";

/** A line of a figure, from where a message leaves to where it ends. */
export interface Line {
  readonly key: string;
  /** The message; null for what has none. */
  readonly id: number | null;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly phase: Phase;
  readonly end: "arrow" | "lost" | "gate" | "waits";
  readonly value: string | null;
  /** It belongs to the last row that is shown. */
  readonly fresh: boolean;
  /** The row in which it ends. */
  readonly row: number;
  /** How far it bows upwards in its middle: past an event of somebody else that lies on the straight way. */
  readonly bow: number;
}

/** How far a lost message comes. */
export const LOST_PART = 0.6;

/** All lines of the first `shown` rows, and those of what is on its way then. */
export function linesOf(figure: Figure, layout: Layout, shown: number, waiting: readonly Waiting[]): Line[] {
  const laneX = new Map(layout.lanes.map(({ id, x }) => [id, x]));
  const byRow = new Map(layout.rows.map((placed) => [placed.row.row, placed]));
  const x = (id: string): number => laneX.get(id) ?? 0;
  const rows = layout.rows.slice(0, shown);
  const last = rows.at(-1)?.row.row ?? 0;
  const straight = rows.flatMap((placed) => linesOfRow(placed, { x, byRow, values: figure.values, last }));
  const lines = straight.map((line) => ({ ...line, bow: bowOf(line, rows) }));
  return [...lines, ...waitingLines(waiting, { x, byRow, values: figure.values, layout })];
}

/** As near as this to an event a line seems to end and to begin there. */
const NEAR_PX = 8;
const BOWS = [0, 14, 19, 24, -14, 30, -19];

/** Rows and lanes are even, so that a line over two of each would run right through the event between. */
function bowOf(line: Line, rows: readonly PlacedRow[]): number {
  const events = eventsBeside(line, rows);
  let [best, most] = [0, -1];
  for (const bow of BOWS) {
    const px = Math.min(...events.map(({ part, y }) => Math.abs(yAt(line, part, bow) - y)));
    if (px >= NEAR_PX) return bow;
    if (px > most) [best, most] = [bow, px];
  }
  return best;
}

function yAt({ y1, y2 }: Line, part: number, bow: number): number {
  return y1 + (y2 - y1) * part - bow * 4 * part * (1 - part);
}

/** The events on the lanes that it crosses, and at which part of it. */
function eventsBeside({ x1, y1, x2, row }: Line, rows: readonly PlacedRow[]): { part: number; y: number }[] {
  const events: { part: number; y: number }[] = [];
  for (let index = row - 1; index >= 0; index--) {
    const placed = rows[index];
    if (placed === undefined || placed.y < y1 - 40) break;
    const part = placed.x === null || placed.row.isLost || x1 === x2 ? 0 : (placed.x - x1) / (x2 - x1);
    if (part > 0.05 && part < 0.95) events.push({ part, y: placed.y });
  }
  return events;
}

interface Context {
  readonly x: (id: string) => number;
  readonly byRow: ReadonlyMap<number, PlacedRow>;
  readonly values: readonly string[];
}

function linesOfRow({ row, y }: PlacedRow, { x, byRow, values, last }: Context & { last: number }): Line[] {
  const lines: Line[] = [];
  const fresh = row.row === last;
  const common = { row: row.row, fresh, bow: 0 };
  if (row.ask !== null && row.at !== null) {
    const value = row.ask.value;
    lines.push({
      ...common,
      key: `ask${row.row}`,
      id: null,
      x1: x(row.ask.client),
      y1: y - 12,
      x2: x(row.at),
      y2: y - 3,
      phase: "client",
      end: "arrow",
      value,
    });
  }
  if (row.arrow !== null) {
    const { id, from, to, label, phase, sentRow } = row.arrow;
    const refused = row.marks.some((mark) => mark.mark === "refused");
    const end = row.outcome === "lost" ? "lost" : refused ? "gate" : "arrow";
    const y1 = byRow.get(sentRow)?.y ?? y - 12;
    const part = end === "lost" ? LOST_PART : 1;
    // What never arrives ends in its row, but on no line of anybody's.
    const [x1, x2, y2] = [x(from), x(from) + (x(to) - x(from)) * part, row.isLost ? y : y1 + (y - y1) * part];
    lines.push({ ...common, key: `m${id}r${row.row}`, id, x1, y1, x2, y2, phase, end, value: valueIn(label, values) });
  }
  for (const send of row.sends) {
    if (!send.lost) continue;
    const x1 = x(send.from);
    const x2 = x1 + (x(send.to) - x1) * 0.4;
    lines.push({
      ...common,
      key: `c${send.id}`,
      id: send.id,
      x1,
      y1: y,
      x2,
      y2: y + 12,
      phase: send.phase,
      end: "lost",
      value: valueIn(send.label, values),
    });
  }
  for (const mark of row.marks) {
    if (mark.mark !== "answered" || mark.again || mark.lost || row.at === null) continue;
    lines.push({
      ...common,
      key: `a${row.row}${mark.value}`,
      id: null,
      x1: x(mark.by),
      y1: y + 3,
      x2: x(mark.client),
      y2: y + 12,
      phase: "client",
      end: "arrow",
      value: mark.value,
    });
  }
  return lines;
}

/** They end in a row at the foot, side by side where several go to the same process; on the way where that is down. */
function waitingLines(waiting: readonly Waiting[], { x, byRow, values, layout }: Context & { layout: Layout }): Line[] {
  const before = new Map<string, number>();
  return waiting.map(({ id, from, to, label, phase, sentRow, isForNobody }) => {
    const index = before.get(to) ?? 0;
    if (!isForNobody) before.set(to, index + 1);
    const side = x(from) < x(to) ? -1 : 1;
    const x2 = isForNobody ? x(from) + (x(to) - x(from)) * 0.42 : x(to) + side * (14 + 15 * index);
    const y1 = byRow.get(sentRow)?.y ?? 0;
    const value = valueIn(label, values);
    return {
      key: `w${id}`,
      id,
      x1: x(from),
      y1,
      x2,
      y2: isForNobody ? y1 + 14 : layout.foot,
      phase,
      end: "waits",
      value,
      fresh: false,
      row: 0,
      bow: 0,
    };
  });
}

/** The last value that a label names. */
export function valueIn(label: string, values: readonly string[]): string | null {
  const words = label.replace(/[(),]/g, " ").split(/\s+/);
  return words[lastIndex(words, (word) => values.includes(word) || word === "no-op")] ?? null;
}
