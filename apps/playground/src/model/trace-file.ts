import { blankRow, type Figure, type FigureRow } from "./figure.js";

/** A trace as `npm run sim -- --trace FILE` writes it: what is needed of it. */
interface TraceEvent {
  readonly atMs: number;
  readonly kind: "send" | "deliver" | "drop" | "node" | "world";
  readonly from?: number;
  readonly to?: number;
  readonly node?: number;
  readonly message?: string;
  readonly delivery?: number;
  readonly why?: string;
  readonly text?: string;
}

export interface Trace {
  readonly name: string;
  readonly figure: Figure;
  /** What the run was and how it ended. */
  readonly words: string;
  readonly failed: boolean;
  /** Of a cluster that runs: nobody has checked anything. */
  readonly live: boolean;
  /** Events that are not drawn, such as beats of the election. */
  readonly left: number;
}

const ROWS_MAX = 20_000;

/** Reads a trace file. Throws an `Error` in words for the reader. */
export function readTrace(name: string, text: string): Trace {
  const { events, report } = parse(text);
  const shown = events.filter((event) => !isBeat(event)).slice(0, ROWS_MAX);
  const names = namesOf(shown);
  const rows = rowsOf(shown, (id) => names.get(id) ?? "outside");
  const failure = report["failure"] as { invariant?: unknown; message?: unknown } | null | undefined;
  const failed = failure !== null && failure !== undefined;
  const nodes = Array.isArray(report["nodes"]) ? report["nodes"].length : names.size;
  const live = report["live"] === true;
  const fine = live
    ? `The last ${events.length} events between ${nodes} servers: messages, and what was done to them. Nothing is checked here.`
    : `${nodes} nodes, ${events.length} events, no invariant broken.`;
  const words = failed ? `${String(failure.invariant)}: ${String(failure.message)}` : fine;
  const lanes = [...names.values()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return {
    name,
    words,
    failed,
    live,
    left: events.length - shown.length,
    figure: { lanes, rows, leads: [], values: [] },
  };
}

function parse(text: string): { events: TraceEvent[]; report: Record<string, unknown> } {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error(
      "This is no JSON. `npm run sim -- --seed 1 --profile network --trace run.json` writes a trace that can be opened here.",
    );
  }
  const { version, report, events } = (file ?? {}) as { version?: unknown; report?: unknown; events?: unknown };
  if (version !== 1 || !Array.isArray(events)) {
    throw new Error("This is no trace of the simulator: it lacks `version: 1` and a list of events.");
  }
  const kinds = ["send", "deliver", "drop", "node", "world"];
  const good = events.every((event: unknown) => {
    const { kind, atMs } = (event ?? {}) as Partial<TraceEvent>;
    return typeof atMs === "number" && kinds.includes(kind ?? "");
  });
  if (!good) throw new Error("This trace has events of a kind that this page does not know.");
  return { events: events as TraceEvent[], report: (report ?? {}) as Record<string, unknown> };
}

function isBeat({ message = "" }: TraceEvent): boolean {
  return message.startsWith("beat");
}

/** `S1` for node 1; clients have number 0 and share a lane. */
function namesOf(events: readonly TraceEvent[]): Map<number, string> {
  const ids = new Set(events.flatMap(({ from, to, node }) => [from, to, node].filter((id) => id !== undefined)));
  return new Map([...ids].sort((a, b) => a - b).map((id) => [id, id === 0 ? "Clients" : `S${id}`]));
}

/** Each event is a row of its own; an arrival knows the row of its departure. */
function rowsOf(events: readonly TraceEvent[], name: (id: number) => string): FigureRow[] {
  const departures = new Map<number, number>();
  return events.map((event, index) => {
    const row = index + 1;
    const time = `${event.atMs.toFixed(1)} ms`;
    const empty = { ...blankRow(row, ""), isBlank: false };
    const { kind, message = "", text = "" } = event;
    const [from, to] = [name(event.from ?? 0), name(event.to ?? 0)];
    if (kind === "world") return { ...empty, note: text, at: null, text: `${time}: ${text}.` };
    if (kind === "node")
      return { ...empty, at: name(event.node ?? 0), note: text, text: `${time}: ${name(event.node ?? 0)}: ${text}.` };
    const phase = phaseOf(message);
    if (kind === "send") {
      if (event.delivery !== undefined) departures.set(event.delivery, row);
      return { ...empty, at: from, note: `→ ${to} ${message}`, text: `${time}: ${from} sends ${message} to ${to}.` };
    }
    if (kind === "drop") {
      const lost = { id: -row, from, to, label: message, phase, lost: true };
      const why = event.why ?? "lost";
      return {
        ...empty,
        at: from,
        sends: [lost],
        note: `${message}: ${why}`,
        text: `${time}: ${message} from ${from} to ${to} is lost: ${why}.`,
      };
    }
    const sentRow = departures.get(event.delivery ?? -1) ?? row;
    const arrow = { id: event.delivery ?? -row, from, to, label: message, phase, sentRow };
    return { ...empty, at: to, arrow, outcome: "delivered", text: `${time}: ${to} receives ${message} from ${from}.` };
  });
}

function phaseOf(message: string): "prepare" | "accept" | "learn" | "other" {
  if (/^(prepare|promise)/.test(message)) return "prepare";
  if (/^accept\b/.test(message)) return "accept";
  return /^(accepted|commit|learn|chosen)/.test(message) ? "learn" : "other";
}
