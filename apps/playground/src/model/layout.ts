import type { ProcessId } from "@synod/lecture";
import type { Figure, FigureRow } from "./figure.js";
import { type Band, bandsOf, type Token, tokensOf } from "./tokens.js";
import { LOST_PART } from "./arrows.js";
import { lastIndex } from "./lists.js";

export interface PlacedToken extends Token {
  readonly x: number;
  readonly width: number;
}

export interface PlacedRow {
  readonly row: FigureRow;
  /** Where its upper edge, the event itself and its lower edge are. */
  readonly top: number;
  readonly y: number;
  readonly bottom: number;
  /** The lane of the event, or the place where a message gets lost; null for the network. */
  readonly x: number | null;
  readonly tokens: readonly PlacedToken[];
  readonly bands: readonly (Band & { readonly y: number })[];
}

/** A stretch of a lane. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly look: "up" | "down" | "leads";
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly lanes: readonly { readonly id: ProcessId; readonly x: number; readonly stretches: readonly Stretch[] }[];
  readonly rows: readonly PlacedRow[];
  /** Where the network is cut. */
  readonly cuts: readonly { readonly from: number; readonly to: number }[];
  /** The y of what is still on its way. */
  readonly foot: number;
}

export interface LayoutOptions {
  readonly width: number;
  /** Of one row. */
  readonly rowHeight: number;
  /** How wide a text is in small letters, in pixels. */
  readonly measure: (text: string, look: TextLook) => number;
}

export type TextLook = "strong" | "plain" | "code";

const GUTTER = 30;
const BAND = 26;
const FOOT = 64;
const HEAD = 14;

/** A lane is where it is for the whole figure: a pure function of its place among all lanes. */
function laneX(index: number, count: number, width: number): number {
  return GUTTER + ((width - GUTTER - 8) / count) * (index + 0.5);
}

/** Lanes nearer than this have no room for a vote with its number. */
const NEAR = 56;

/** Whether all is about one decision, so that its number need not be said. */
function isOfOneNumber({ rows }: Figure): boolean {
  const slots = rows.flatMap(({ marks }) => marks.flatMap((mark) => ("slot" in mark ? [mark.slot] : [])));
  return new Set(slots).size <= 1;
}

/** Where everything of a figure stands. Time runs down, one event a row; a row's words stay in it, so that none can meet. */
export function layoutOf(figure: Figure, options: LayoutOptions): Layout {
  const { width, rowHeight } = options;
  const x = new Map(figure.lanes.map((id, index) => [id, laneX(index, figure.lanes.length, width)]));
  const isShort = (width - GUTTER) / figure.lanes.length < NEAR && isOfOneNumber(figure);
  const rows: PlacedRow[] = [];
  let top = HEAD;
  for (const row of figure.rows) {
    const y = top + rowHeight / 2;
    const at = placeOf(row, x);
    const full = tokensOf(row);
    const tokens = place(
      isShort ? full.map((one) => ({ ...one, text: one.short ?? one.text })) : full,
      at ?? GUTTER,
      options,
    );
    const bands = bandsOf(row).map((band, index) => ({
      ...band,
      y: top + (at === null ? 0 : rowHeight) + BAND * (index + 0.5),
    }));
    const bottom = top + Math.max(heightOf(row, rowHeight), heightOf(row.beside ?? row, rowHeight));
    rows.push({ row, top, y: hasLine(row) ? y : (top + bottom) / 2, bottom, x: at, tokens, bands });
    top = bottom;
  }
  const height = top + FOOT;
  const lanes = figure.lanes.map((id) => ({
    id,
    x: x.get(id) ?? 0,
    stretches: stretchesOf(id, figure, rows, top + FOOT - 18),
  }));
  return { width, height, lanes, rows, cuts: cutsOf(rows, top), foot: top + FOOT - 22 };
}

/** Whether there is an event on a lane: here, or in the row beside this one. */
function hasLine({ at, isBlank, beside }: FigureRow): boolean {
  return at !== null || (isBlank && typeof beside?.at === "string");
}

function heightOf(row: FigureRow, rowHeight: number): number {
  return (row.at === null ? 0 : rowHeight) + BAND * bandsOf(row).length;
}

function placeOf({ at, arrow, isLost }: FigureRow, x: ReadonlyMap<ProcessId, number>): number | null {
  const lane = at === null ? null : (x.get(at) ?? null);
  const from = arrow === null ? undefined : x.get(arrow.from);
  return isLost && lane !== null && from !== undefined ? from + (lane - from) * LOST_PART : lane;
}

const ICON: Readonly<Record<Token["kind"], number>> = {
  promised: 10,
  accepted: 25,
  learned: 15,
  executed: 11,
  refused: 16,
  suspects: 18,
  leads: 18,
  crashed: 0,
  restarted: 0,
  words: 0,
  sends: 0,
};

/** How the text of a mark is written. */
function lookOf({ kind, value }: Pick<Token, "kind" | "value">): TextLook {
  if (kind === "executed") return "code";
  if (kind === "words") return value === undefined ? "plain" : "strong";
  return kind === "sends" || kind === "refused" || kind === "suspects" ? "plain" : "strong";
}

const isVote = ({ kind }: Token): boolean => kind === "accepted";

const GAP = 9;
const ASIDE = 12;

/**
 * To the right of the event if there is room, else to its left, else on both sides. What does not fit even then is left to the list of
 * sentences: first what is sent, then what can be seen from other marks.
 */
function place(tokens: readonly Token[], at: number, { width, measure }: LayoutOptions): PlacedToken[] {
  // A vote stands beside its event, whatever else there is: anywhere else it could seem to be that of another server.
  const ordered = [...tokens.filter(isVote), ...tokens.filter((token) => !isVote(token))];
  let sized = ordered.map((token) => ({ ...token, width: ICON[token.kind] + measure(token.text, lookOf(token)) }));
  const [right, left] = [width - at - ASIDE, at - ASIDE - GUTTER];
  const sum = (part: readonly { width: number }[]): number =>
    part.reduce((all, token) => all + token.width + GAP, -GAP);
  const fits = (): number | null => {
    if (sum(sized) <= right) return 0;
    if (sum(sized) <= left) return sized.length;
    const split = sized.findIndex(
      (_, index) => index > 0 && sum(sized.slice(0, index)) <= left && sum(sized.slice(index)) <= right,
    );
    return split > 0 ? split : null;
  };
  let split = fits();
  for (const kind of ["sends", "executed", "words", "learned"] as const) {
    while (split === null && sized.length > 1 && sized.some((token) => token.kind === kind)) {
      const last = lastIndex(sized, (token) => token.kind === kind);
      sized = sized.filter((_, index) => index !== last);
      split = fits();
    }
  }
  // The first is the nearest to the event, on either side.
  const before = sized.slice(0, split ?? 0).reverse();
  const start = split === null ? Math.max(GUTTER, width - sum(sized) - 4) : at + ASIDE;
  return [...inLine(before, at - ASIDE - sum(before)), ...inLine(sized.slice(split ?? 0), start)];
}

function inLine<T extends { width: number }>(tokens: readonly T[], from: number): (T & { x: number })[] {
  let x = from;
  return tokens.map((token) => {
    const placed = { ...token, x };
    x += token.width + GAP;
    return placed;
  });
}

function stretchesOf(id: ProcessId, figure: Figure, rows: readonly PlacedRow[], end: number): Stretch[] {
  const stretches: Stretch[] = [];
  let look: Stretch["look"] = figure.leads.includes(id) ? "leads" : "up";
  let from = 0;
  const turn = (next: Stretch["look"], y: number): void => {
    stretches.push({ from, to: y, look });
    look = next;
    from = y;
  };
  for (const { row, y } of rows) {
    for (const mark of row.marks) {
      if (!("at" in mark) || mark.at !== id) continue;
      if (mark.mark === "leads") turn("leads", y);
      else if (mark.mark === "stopsLeading") turn("up", y);
      else if (mark.mark === "crashed" || mark.mark === "stopped") turn("down", y);
      else if (mark.mark === "restarted") turn("up", y);
    }
  }
  stretches.push({ from, to: end, look });
  return stretches;
}

function cutsOf(rows: readonly PlacedRow[], end: number): { from: number; to: number }[] {
  const cuts: { from: number; to: number }[] = [];
  let from: number | null = null;
  for (const { row, top, bottom } of rows) {
    if (from === null && row.marks.some((mark) => mark.mark === "cut")) from = top;
    if (from !== null && row.marks.some((mark) => mark.mark === "healed")) {
      cuts.push({ from, to: bottom });
      from = null;
    }
  }
  if (from !== null) cuts.push({ from, to: end });
  return cuts;
}
