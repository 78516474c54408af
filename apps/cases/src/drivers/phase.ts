import { NotationError } from "../notation.js";
import type { Start } from "../terms.js";

/** How far a proposer with a ballot is. */
export type Phase = "idle" | "prepare" | "lead";

const PHASES = new Map<string, Phase>([
  ["idle", "idle"],
  ["prepare", "prepare"],
  ["1", "prepare"],
  ["accept", "lead"],
  ["lead", "lead"],
  ["2", "lead"],
]);

/** The phase of the start state; `otherwise` if it names none. */
export function phaseOf(start: Start, otherwise: Phase = "prepare"): Phase {
  const word = start.word("phase");
  if (word === null) return otherwise;
  const phase = PHASES.get(word);
  if (phase === undefined) throw new NotationError(`"${word}" is no phase: ${[...PHASES.keys()].join(" ")}`);
  return phase;
}
