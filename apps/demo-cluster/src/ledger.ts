import type { KvAnswer, KvCommand } from "./kv.js";
import type { LoadOutcome } from "./load.js";

/** How a write ended for its caller. */
type Fate = "acknowledged" | "unknown" | "refused";

interface Write {
  readonly key: string;
  readonly value: string;
  readonly fate: Fate;
}

/** What reading everything back has shown. */
export interface Audit {
  readonly acknowledged: number;
  /** Acknowledged, but not there, or there with another value. Must be empty. */
  readonly lost: readonly string[];
  readonly unknown: number;
  /** Of the unknown ones, those that did take effect. Any number is right. */
  readonly unknownThere: number;
  readonly refused: number;
  /** Refused as `NotProposed`, or never written at all, and yet there. Must be empty. */
  readonly ghosts: readonly string[];
  readonly counter: { readonly value: number; readonly least: number; readonly most: number };
}

const READ_KEYS = 500;
/** Every so many commands one is an increment of the counter. */
const COUNT_EVERY = 10;

/** The writes of a tour with what became of each: every key is written once, so nothing can hide a loss. */
export class Ledger {
  readonly #prefix: string;
  readonly #writes: Write[] = [];
  readonly #counted: Record<Fate, number> = { acknowledged: 0, unknown: 0, refused: 0 };
  readonly #firstAfter: { sinceMs: number; endedAtMs: number | null } = {
    sinceMs: Number.POSITIVE_INFINITY,
    endedAtMs: null,
  };
  #issued = 0;
  #acknowledged = 0;
  #lastMs = 0;
  #gapMs = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get counterKey(): string {
    return `${this.#prefix}:counter`;
  }

  /** Commands acknowledged so far, increments included. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  next(): KvCommand {
    const number = ++this.#issued;
    if (number % COUNT_EVERY === 0) return { op: "incr", key: this.counterKey };
    return { op: "put", key: `${this.#prefix}:${number}`, value: `value-${number}` };
  }

  settled({ command, issuedAtMs, endedAtMs, code }: LoadOutcome): void {
    const fate: Fate =
      code === null ? "acknowledged" : code === "NotProposed" || code === "Busy" ? "refused" : "unknown";
    if (command.op === "put") this.#writes.push({ key: command.key, value: command.value, fate });
    else this.#counted[fate]++;
    if (fate !== "acknowledged") return;
    this.#acknowledged++;
    this.#gapMs = Math.max(this.#gapMs, endedAtMs - this.#lastMs);
    this.#lastMs = Math.max(this.#lastMs, endedAtMs);
    if (issuedAtMs > this.#firstAfter.sinceMs) this.#firstAfter.endedAtMs ??= endedAtMs;
  }

  /** From now on looks for the first acknowledgement of a command that was issued after this moment. */
  watchFrom(sinceMs: number): void {
    this.#firstAfter.sinceMs = sinceMs;
    this.#firstAfter.endedAtMs = null;
  }

  /** How long the service was away for a caller, or null while it still is. */
  get awayMs(): number | null {
    const { sinceMs, endedAtMs } = this.#firstAfter;
    return endedAtMs === null ? null : endedAtMs - sinceMs;
  }

  /** From now on measures the longest time between two acknowledgements. */
  measureGap(sinceMs: number): void {
    this.#lastMs = sinceMs;
    this.#gapMs = 0;
  }

  /** The longest time without an acknowledged write since `measureGap`, up to the last one. */
  get gapMs(): number {
    return this.#gapMs;
  }

  /** Reads every key back and compares. */
  async audit(read: (keys: readonly string[]) => Promise<KvAnswer>): Promise<Audit> {
    const lost: string[] = [];
    const ghosts: string[] = [];
    let unknownThere = 0;
    for (let from = 0; from < this.#writes.length; from += READ_KEYS) {
      const part = this.#writes.slice(from, from + READ_KEYS);
      const values = await read(part.map(({ key }) => key));
      for (const [index, { key, value, fate }] of part.entries()) {
        const found = values[index] ?? null;
        if (fate === "acknowledged" && found !== value) lost.push(key);
        if (fate === "unknown" && found === value) unknownThere++;
        if (fate !== "acknowledged" && found !== null && (fate === "refused" || found !== value)) ghosts.push(key);
      }
    }
    const [counter] = await read([this.counterKey]);
    const of = (fate: Fate): number => this.#writes.filter((write) => write.fate === fate).length;
    const { acknowledged: least, unknown: more } = this.#counted;
    return {
      acknowledged: of("acknowledged"),
      lost,
      unknown: of("unknown"),
      unknownThere,
      refused: of("refused"),
      ghosts,
      counter: { value: Number(counter ?? "0"), least, most: least + more },
    };
  }
}
