import type { Message, ProcessId, Value } from "./shape.js";
import type { Action } from "./world.js";

/** How a message is drawn: phase 1, phase 2, spreading what is decided, a client's, anything else. */
export type Phase = "prepare" | "accept" | "learn" | "client" | "other";

/** One message in a row. */
export interface Arrow {
  /** The same in the row that sends it and in the one that receives it. */
  readonly id: number;
  readonly from: ProcessId;
  readonly to: ProcessId;
  readonly label: string;
  readonly phase: Phase;
}

/** What a row changes in the picture. */
export type Mark =
  | { readonly mark: "promised"; readonly at: ProcessId; readonly rnd: number }
  | {
      readonly mark: "accepted";
      readonly at: ProcessId;
      readonly slot: number;
      readonly rnd: number;
      readonly value: Value;
      /** Raft: an entry of an older round, written as it was; no vote. */
      readonly copy?: true;
    }
  /** A quorum has accepted it in one round. Nobody needs to know yet. `before`: the round in which it was chosen already. */
  | {
      readonly mark: "chosen";
      readonly slot: number;
      readonly rnd: number;
      readonly value: Value;
      readonly before: number | null;
    }
  /** `wrongly`: no quorum has accepted it. `decided`: it takes it for decided, in a protocol in which no votes choose. */
  | {
      readonly mark: "learned";
      readonly at: ProcessId;
      readonly slot: number;
      readonly value: Value;
      readonly wrongly: boolean;
      readonly decided?: true;
    }
  | { readonly mark: "executed"; readonly at: ProcessId; readonly value: Value; readonly state: readonly Value[] }
  | {
      readonly mark: "answered";
      readonly client: ProcessId;
      readonly by: ProcessId;
      readonly value: Value;
      readonly state: readonly Value[];
      /** The client had an answer already and drops this one. */
      readonly again: boolean;
      /** The client could not be reached. */
      readonly lost: boolean;
    }
  | { readonly mark: "leads" | "stopsLeading"; readonly at: ProcessId }
  | { readonly mark: "suspects"; readonly at: ProcessId; readonly of: ProcessId; readonly wrongly: boolean }
  | { readonly mark: "refused"; readonly at: ProcessId; readonly because: string }
  /** What a server makes of what came; `brief`, where it is not empty, is for the picture. */
  | { readonly mark: "notes"; readonly at: ProcessId; readonly text: string; readonly brief: string }
  | { readonly mark: "crashed"; readonly at: ProcessId }
  /** It found a rule broken that nobody may break, and goes down. Only shipped code does that. */
  | { readonly mark: "stopped"; readonly at: ProcessId; readonly because: string }
  /** `has`: promise and votes that came back with it; empty where the protocol knows neither. */
  | { readonly mark: "restarted"; readonly at: ProcessId; readonly disk: "kept" | "lost"; readonly has: string }
  | { readonly mark: "cut"; readonly links: readonly string[] }
  | { readonly mark: "healed" };

/** One event: one row of the space-time diagram, with time running down. */
export interface Row {
  /** From 1. */
  readonly row: number;
  readonly action: Action;
  /** The lane on which it happens; null for the network as a whole. */
  readonly at: ProcessId | null;
  /** The message that arrives here or gets lost, and the row in which it was sent. */
  readonly arrow: (Arrow & { readonly sentRow: number }) | null;
  /** What became of it. */
  readonly outcome: "delivered" | "lost" | "none";
  /** Sent in this row. `lost`: into a cut link. */
  readonly sends: readonly (Arrow & { readonly lost: boolean })[];
  readonly marks: readonly Mark[];
  /** The row in words, without its number. */
  readonly text: string;
}

const PHASES: Readonly<Record<string, Phase>> = {
  PREP: "prepare",
  PROM: "prepare",
  ACC: "accept",
  LRN: "learn",
  COM: "learn",
  REQ: "client",
  RV: "prepare",
  VOTED: "prepare",
  AE: "accept",
  OK: "learn",
};

export function phaseOf(message: Pick<Message, "type">): Phase {
  return PHASES[message.type] ?? "other";
}

/** The package's own form of a message, whose content the other fields show. */
const HIDDEN = new Set(["type", "from", "inner", "before"]);
const FIRST = ["leader", "rnd", "slot"];

/** The short form of a message, such as `ACC 4 #1 m1`: its round, its slot, the rest. */
export function labelOf(message: Readonly<{ type: string }>): string {
  const fields = Object.entries(message).filter(([key]) => !HIDDEN.has(key));
  fields.sort(([a], [b]) => rank(a) - rank(b));
  return [message.type, ...fields.map(([key, value]) => fieldText(key, value))].filter((text) => text !== "").join(" ");
}

function rank(key: string): number {
  const at = FIRST.indexOf(key);
  return at < 0 ? FIRST.length : at;
}

function fieldText(key: string, value: unknown): string {
  if (key === "slot") return `#${String(value)}`;
  if (key === "upTo") return `up to #${String(value)}`;
  if (value === null) return "nothing";
  if (typeof value === "string" || typeof value === "number") return `${value}`;
  if (typeof value !== "object") return JSON.stringify(value) ?? "";
  if (Array.isArray(value)) return value.join(" ");
  if ("rnd" in value && "value" in value) return `(${String(value.rnd)}, ${String(value.value)})`;
  if ("rnd" in value && "slot" in value)
    return value.slot === 0 ? "(empty log)" : `(#${String(value.slot)} of ${String(value.rnd)})`;
  const entries = Object.entries(value);
  return entries.length === 0 ? "nothing" : entries.map(([slot, item]) => `#${slot} ${fieldText("", item)}`).join(" ");
}

/** `S1`, `S1 and S2`, `S1, S2 and S3`. */
export function listOf(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
