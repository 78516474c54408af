import type { NodeId } from "@synod/interface";

/** One event of a run, as data. Times are virtual milliseconds. */
export type TraceEvent =
  /** A frame leaves. `delivery` numbers its copies: a `deliver` with the same number is its arrival. */
  | {
      readonly atMs: number;
      readonly kind: "send";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly message: string;
      readonly delivery: number;
    }
  | {
      readonly atMs: number;
      readonly kind: "deliver";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly message: string;
      readonly delivery: number;
    }
  | {
      readonly atMs: number;
      readonly kind: "drop";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly message: string;
      readonly why: string;
    }
  /** Something at one node: a boot, a crash, a pause, a change of role, a write that became durable, a call, an answer. */
  | { readonly atMs: number; readonly kind: "node"; readonly node: NodeId; readonly text: string }
  /** Something about the whole cluster: a partition, the healing, the failure. */
  | { readonly atMs: number; readonly kind: "world"; readonly text: string };

type WithoutTime<T> = T extends unknown ? Omit<T, "atMs"> : never;
/** An event whose time is now. */
export type Note = WithoutTime<TraceEvent>;

/** A hash of all that happened, in order: equal for equal runs. 64 bits, by two multiplicative hashes. */
export class TraceHash {
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;

  add(number: number): void {
    this.#a = Math.imul(this.#a ^ number, 0x01000193);
    this.#b = Math.imul(this.#b ^ number, 0x85ebca6b) ^ (this.#b >>> 15);
  }

  addBytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.add(byte);
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
  }

  /** Sixteen hexadecimal digits. */
  toString(): string {
    return [this.#a, this.#b].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** A value in a line of the trace. */
export function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

const COLUMN = 9;

function nodesOf(event: TraceEvent): NodeId[] {
  if (event.kind === "world") return [];
  return event.kind === "node" ? [event.node] : [event.from, event.to];
}

function arrow(event: TraceEvent & { from: NodeId; to: NodeId }, ids: readonly NodeId[]): string {
  const from = ids.indexOf(event.from);
  const to = ids.indexOf(event.to);
  const lane = ids.map(() => "|".padEnd(COLUMN)).join("");
  const [left, right] = [Math.min(from, to) * COLUMN, Math.max(from, to) * COLUMN];
  const line = event.kind === "send" ? "." : "-";
  const middle = line.repeat(right - left - 1);
  const ends = from < to ? `${line}>` : `<${line}`;
  const span =
    event.kind === "drop"
      ? `${middle.slice(0, -2)}x${line}`
      : from < to
        ? middle.slice(0, -2) + ends
        : ends + middle.slice(2);
  return `${lane.slice(0, left + 1)}${span}${lane.slice(right)}`;
}

/**
 * A space-time diagram in text: a column for each node, time from top to bottom; `...>` leaves, `--->` arrives, `x` is lost.
 * @param options `beats`: with the beats of the election, which are many; left out by default.
 */
export function diagram(
  all: readonly TraceEvent[],
  nodes: readonly NodeId[],
  { beats = false }: { readonly beats?: boolean } = {},
): string[] {
  // Members that left in the course of the run had their part in it.
  const ids = [...new Set([...nodes, ...all.flatMap(nodesOf)])].sort((a, b) => a - b);
  const events = beats ? all : all.filter((event) => !("message" in event && event.message.startsWith("beat")));
  const head = `${"ms".padStart(11)}  ${ids.map((id) => String(id).padEnd(COLUMN)).join("")}`;
  const rows = events.map((event) => {
    const time = event.atMs.toFixed(3).padStart(11);
    if (event.kind === "world") return `${time}  ${"=".repeat(ids.length * COLUMN)} ${event.text}`;
    if (event.kind === "node") {
      const marks = ids.map((id) => (id === event.node ? "*" : "|").padEnd(COLUMN)).join("");
      return `${time}  ${marks} ${event.node} ${event.text}`;
    }
    const why = event.kind === "drop" ? ` (${event.why})` : "";
    return `${time}  ${arrow(event, ids)} ${event.from}>${event.to} ${event.message}${why}`;
  });
  return [head, ...rows];
}
