import { circleOf, judge, lastWorld, type Run, type Verdict, violationOf, type World } from "@synod/lecture";
import type { Stage } from "./state.js";
import { branchOf, rowsIn, worldAt } from "./tree.js";

/** What the page says of a run. `open`: nothing is wrong so far, and the checker has not been asked how it ends. */
export interface Finding {
  readonly kind: Verdict["kind"] | "open";
  readonly words: string;
  readonly rows: readonly number[];
}

const judged = new WeakMap<Run, Finding>();
const quick = new WeakMap<Run, Finding>();

/** The checker's verdict. It tries what happens if everything that can goes well from here, which takes time for the shipped code. */
export function verdictOf(run: Run): Finding {
  const known = judged.get(run);
  if (known !== undefined) return known;
  const finding = judge(run);
  judged.set(run, finding);
  return finding;
}

/** What can be said at once: a contradiction is one for ever. */
export function quickFinding(run: Run): Finding {
  const known = judged.get(run) ?? quick.get(run);
  if (known !== undefined) return known;
  const finding = lookQuickly(run);
  quick.set(run, finding);
  return finding;
}

/** What the checker says of the branch that is shown. The whole branch is judged only at its end; a contradiction shows at once. */
export function findingOf(stage: Stage): Finding {
  const { tree, protocol, scenario } = stage;
  const run = branchOf(tree);
  const quick = quickFinding(run);
  if (tree.at === rowsIn(tree)) {
    const isFree = scenario === null && (protocol.id === "synod-multipaxos" || tree.at === 0);
    return isFree && stage.judged !== run ? quick : verdictOf(run);
  }
  const [row] = quick.rows;
  if (quick.kind === "diverges" && row !== undefined && row <= tree.at) {
    // In the words of what is shown: later rows may have made it worse.
    return { ...quick, words: violationOf(worldAt(tree))?.words ?? quick.words };
  }
  return { kind: "open", words: "", rows: [] };
}

function lookQuickly(run: Run): Finding {
  const world = lastWorld(run);
  const violation = violationOf(world);
  if (violation !== null) {
    const row = run.worlds.findIndex((one) => violationOf(one) !== null);
    return { kind: "diverges", words: violation.words, rows: [row] };
  }
  if (circleOf(run) !== null) return verdictOf(run);
  return { kind: "open", words: openWords(world), rows: [] };
}

function openWords(world: World): string {
  const waiting = Object.entries(world.asked).filter(
    ([value, { client }]) => client.startsWith("C") && !world.answers.some((answer) => answer.value === value),
  );
  if (waiting.length === 0) return "Nothing contradicts anything so far.";
  return `Nothing contradicts anything so far. ${waiting.map(([value, { client }]) => `${client} waits for ${value}`).join(", ")}.`;
}

export type Guess = Verdict["kind"];

/** What a guess was worth, said once the checker has spoken. */
export function replyTo(guess: Guess | undefined, kind: Verdict["kind"]): string {
  if (guess === undefined) return "";
  if (guess === kind) return "You saw it coming.";
  return kind === "safe"
    ? "Not what you guessed: nothing goes wrong here. What keeps it from going wrong?"
    : "Not what you guessed: look for the row that decides.";
}
