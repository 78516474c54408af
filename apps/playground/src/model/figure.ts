import { type Arrow, lastWorld, type Mark, type ProcessId, type Row, type Run } from "@synod/lecture";
import { clientsOf, serversOf } from "./moves.js";

/** A row as it is drawn: what the lecture tells, or what a trace file does. */
export interface FigureRow {
  readonly row: number;
  readonly at: ProcessId | null;
  readonly arrow: (Arrow & { readonly sentRow: number }) | null;
  readonly outcome: Row["outcome"];
  readonly sends: Row["sends"];
  readonly marks: readonly Mark[];
  readonly text: string;
  /** A client that asks in this row, and is heard at once. */
  readonly ask: { readonly client: ProcessId; readonly value: string } | null;
  /** A few words for what has no mark. */
  readonly note: string;
  /** A message that arrives a second time later. */
  readonly copied: boolean;
  /** It tells of a message that never arrives, of which its receiver knows nothing. */
  readonly isLost: boolean;
  /** It only keeps the place of a row of another figure. */
  readonly isBlank: boolean;
  /** The row of the figure beside this one: both are equally high. */
  readonly beside?: FigureRow | null;
}

/** A row without an event, for `note` to be written across it. */
export function blankRow(row: number, text: string, note: string = ""): FigureRow {
  return {
    row,
    at: null,
    arrow: null,
    outcome: "none",
    sends: [],
    marks: [],
    text,
    ask: null,
    note,
    copied: false,
    isLost: false,
    isBlank: true,
  };
}

/** A message that is still on its way. */
export interface Waiting {
  readonly id: number;
  readonly from: ProcessId;
  readonly to: ProcessId;
  readonly label: string;
  readonly phase: Arrow["phase"];
  readonly sentRow: number;
  /** Its receiver is down. */
  readonly isForNobody: boolean;
}

/** Everything that a space-time diagram shows. */
export interface Figure {
  readonly lanes: readonly ProcessId[];
  readonly rows: readonly FigureRow[];
  /** Who believes from the start that it leads. */
  readonly leads: readonly ProcessId[];
  /** All values, in the order in which they come up: it gives them their looks. */
  readonly values: readonly string[];
}

const figures = new WeakMap<Run, Figure>();

/** The whole of a run as a figure; how much of it is shown is not its affair. */
export function figureOf(run: Run): Figure {
  const known = figures.get(run);
  if (known !== undefined) return known;
  const [first] = run.worlds;
  const states = Object.values(first?.servers ?? {}).map((server) => server.state);
  const figure: Figure = {
    lanes: [...clientsOf(run.protocol, run.actions), ...serversOf(lastWorld(run))],
    rows: run.rows.map(rowOf),
    leads: states.filter((state) => state.leads === true).map((state) => state.me),
    values: valuesOf(run),
  };
  figures.set(run, figure);
  return figure;
}

/** Values in the order of their first asking. */
export function valuesOf(run: Run): string[] {
  const asked = run.actions.flatMap((action) => (action.do === "ask" || action.do === "send" ? [action.value] : []));
  return [...new Set(asked)];
}

function rowOf(row: Row): FigureRow {
  const { action, text } = row;
  const asks = action.do === "ask" && action.client.startsWith("C");
  return {
    row: row.row,
    at: row.at,
    arrow: row.arrow,
    outcome: row.outcome,
    sends: row.sends,
    marks: row.marks,
    text: text === "" ? "Nothing happens." : text,
    ask: asks ? { client: action.client, value: action.value } : null,
    note: noteOf(row),
    copied: action.do === "duplicate",
    isLost: action.do === "lose",
    isBlank: false,
  };
}

function noteOf({ action, outcome, arrow, row }: Row): string {
  if (action.do === "timeout") return "time-out";
  if (action.do === "ask") return action.client.startsWith("C") ? "" : `wants ${action.value}`;
  if (action.do === "lose") return `lost: ${arrow?.label ?? ""}`;
  if (outcome === "lost") return "is down";
  const late = arrow === null ? 0 : row - arrow.sentRow;
  return late >= 8 ? `sent ${late} rows ago` : "";
}

/** A run as lines of text: what is left of a picture where there is none. */
export function textOf(title: string, rows: readonly FigureRow[], verdict: string): string {
  const width = `${rows.length}`.length;
  const lines = rows.map(({ row, text }) => `${`${row}`.padStart(width)}. ${text}`);
  return [title, "", ...lines, ...(verdict === "" ? [] : ["", verdict])].join("\n");
}
