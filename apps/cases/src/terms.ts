import type { Ballot, NodeId, QuorumSpec, Slot } from "@synod/interface";
import { NOOP, VALUE_BATCH } from "@synod/multipaxos";
import { formatBallot, majority } from "@synod/paxos";
import { type Case, NotationError, splitOutside } from "./notation.js";

/** A vote as the notation has it: `3:2.2=b`. */
export interface TextVote {
  readonly slot: Slot;
  readonly ballot: Ballot;
  readonly value: string;
}

/** `4.3` or `-`. Bad rounds (NaN, Infinity, fractions are not written, 2^60) are read as they are: refusing them is the packages' business. */
export function parseBallot(text: string): Ballot | null {
  if (text === "-") return null;
  const match = /^(-?\d+|NaN|-?Infinity)\.(\d+)$/i.exec(text);
  if (match === null) throw new NotationError(`"${text}" is no ballot: round.node or -`);
  const [, round = "", node] = match;
  const special = round.toLowerCase().replace("nan", "NaN").replace("infinity", "Infinity");
  return { round: Number(special), node: Number(node) };
}

export function ballotOf(text: string): Ballot {
  const ballot = parseBallot(text);
  if (ballot === null) throw new NotationError(`a ballot is needed, not "${text}"`);
  return ballot;
}

export function integerOf(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new NotationError(`"${text}" is no integer`);
  return Number(text);
}

/** The elements of `[a, b]`. */
function parseList(text: string): string[] {
  const match = /^\[(.*)\]$/s.exec(text);
  if (match === null) throw new NotationError(`"${text}" is no list: [a, b]`);
  return splitOutside(match[1] ?? "", /,/).filter((part) => part !== "");
}

/** The ids of `[1, 2, 4]`. */
export const parseIds = (text: string): number[] => parseList(text).map(integerOf);

/** The votes of `{3:2.2=b, 4:2.2=c}`, by slot. */
export function parseVotes(text: string): TextVote[] {
  const match = /^\{(.*)\}$/s.exec(text);
  if (match === null) throw new NotationError(`"${text}" is no vote map: {slot:ballot=value, ...}`);
  const votes = splitOutside(match[1] ?? "", /,/)
    .filter((part) => part !== "")
    .map((part) => {
      const vote = /^s?(\d+)\s*:\s*([^\s=]+)\s*=\s*(.+)$/s.exec(part);
      if (vote === null) throw new NotationError(`"${part}" is no vote: slot:ballot=value`);
      const [, slot = "", ballot = "", value = ""] = vote;
      return { slot: integerOf(slot), ballot: ballotOf(ballot), value };
    });
  return votes.sort((a, b) => a.slot - b.slot);
}

export function formatVotes(votes: readonly TextVote[]): string {
  const texts = [...votes]
    .sort((a, b) => a.slot - b.slot)
    .map(({ slot, ballot, value }) => `${slot}:${formatBallot(ballot)}=${value}`);
  return `{${texts.join(", ")}}`;
}

/** The bytes that stand for a value. `noop` is the no-op of the log. */
export function encodeValue(text: string): Uint8Array {
  if (/^noop$/i.test(text)) return NOOP;
  return Uint8Array.of(VALUE_BATCH, ...new TextEncoder().encode(text));
}

export function decodeValue(value: Uint8Array): string {
  return value[0] === VALUE_BATCH ? new TextDecoder().decode(value.subarray(1)) : "noop";
}

/** The start state of a case. Keys that are not given have the value that is said here. */
export class Start {
  readonly #fields: ReadonlyMap<string, string>;

  constructor({ start }: Case) {
    this.#fields = start;
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  /** In lower case. */
  word(key: string): string | null {
    return this.#fields.get(key)?.toLowerCase() ?? null;
  }

  integer(key: string, otherwise: number): number {
    const text = this.#fields.get(key);
    return text === undefined ? otherwise : integerOf(text);
  }

  ballot(key: string): Ballot | null {
    return parseBallot(this.#fields.get(key) ?? "-");
  }

  votes(): TextVote[] {
    return parseVotes(this.#fields.get("votes") ?? "{}");
  }

  list(key: string): string[] {
    return parseList(this.#fields.get(key) ?? "[]");
  }

  /** Members 1 to n; three if nothing is said. */
  members(): NodeId[] {
    return Array.from({ length: this.integer("n", 3) }, (_, index) => index + 1);
  }

  /** Sizes q1 and q2. One that is not given is a majority, or larger if the other one needs that to meet it. */
  sizes(): { readonly phase1: number; readonly phase2: number } {
    const n = this.integer("n", 3);
    const size = (key: string, other: string): number =>
      this.integer(key, this.has(other) ? Math.max(majority(n), n - this.integer(other, 0) + 1) : majority(n));
    return { phase1: size("q1", "q2"), phase2: size("q2", "q1") };
  }

  quorum(): QuorumSpec {
    return { kind: "sizes", ...this.sizes() };
  }
}
