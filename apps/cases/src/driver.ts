import { formatBallot } from "@synod/paxos";
import type { Ballot, Slot } from "@synod/interface";
import { type Case, NotationError } from "./notation.js";

/** What one step gave. */
export interface Given {
  readonly outputs: readonly string[];
  /** Other spellings of the same answer. */
  readonly also?: readonly (readonly string[])[];
}

/** Feeds one input to the code under test. */
export type Feed = (input: string) => Given;

/** Puts the code under test into the start state of a case. */
export interface Driver {
  /** The package that answers. */
  readonly subject: string;
  start(one: Case): Feed;
}

/** An input and what it does. Groups that are missing in the input are empty. */
export type Rule = readonly [form: RegExp, run: (...groups: string[]) => Given];

/** Outputs of a step; `null` stands for no output. */
export function gives(...outputs: readonly (string | null)[]): Given {
  return { outputs: outputs.filter((output) => output !== null) };
}

/** A feed that takes the first rule whose form fits. */
export function feedOf(what: string, rules: readonly Rule[]): Feed {
  return (input) => {
    for (const [form, run] of rules) {
      const match = form.exec(input);
      if (match !== null) return run(...match.slice(1).map((group: string | undefined) => group ?? ""));
    }
    throw new NotationError(`"${input}" is no input of ${what}`);
  };
}

export const accText = (ballot: Ballot, slot: Slot, value: string): string =>
  `ACC ${formatBallot(ballot)} s${slot} ${value}`;
export const ackText = (ballot: Ballot, slot: Slot): string => `ACK ${formatBallot(ballot)} s${slot}`;

/** `PROM b {votes} upto c`; an `upto` below the asked slot tells the asker nothing and may be left out. */
export function promise(ballot: Ballot, votes: string, upTo: Slot, fromSlot: Slot): { text: string; short: string } {
  const short = `PROM ${formatBallot(ballot)} ${votes}`;
  const text = upTo > 0 ? `${short} upto ${upTo}` : short;
  return { text, short: upTo < fromSlot ? short : text };
}
