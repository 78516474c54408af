import { SynodError } from "@synod/interface";
import { fastQuorumsOk, gridSizes, majority, quorumSystem, tolerates } from "@synod/paxos";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import { type Case, NotationError } from "../notation.js";
import { Start } from "../terms.js";

/** The quorum systems of @synod/paxos. */
export const quorums: Driver = {
  subject: "@synod/paxos",
  start(one: Case) {
    const start = new Start(one);
    const members = start.members();
    const n = members.length;
    return feedOf("a quorum row", [
      [/^MAJORITY$/i, () => gives(String(majority(n)))],
      [/^SIZES (.+)$/i, (text = "") => checked(() => sizes(members, numbers(text, "q1", "q2")))],
      [/^TOLERATES (.+)$/i, (text = "") => checked(() => failures(n, numbers(text, "q1", "q2")))],
      [/^GRID (.+)$/i, (text = "") => checked(() => grid(numbers(text, "rows", "cols")))],
      [/^FAST (.+)$/i, (text = "") => fast(n, numbers(text, "classic", "fast"))],
    ]);
  },
};

type Pair = readonly [number, number];

/** The two numbers of `q1=4 q2=2`, in the order of the names. */
function numbers(text: string, ...names: [string, string]): Pair {
  const find = (name: string): number => {
    const match = new RegExp(String.raw`(?:^|[\s,])${name}=(\S+?)(?=[\s,]|$)`, "i").exec(text);
    if (match === null) throw new NotationError(`${name}= is missing in "${text}"`);
    return Number(match[1]);
  };
  return [find(names[0]), find(names[1])];
}

function sizes(members: readonly number[], [phase1, phase2]: Pair): Given {
  quorumSystem({ kind: "sizes", phase1, phase2 }, members);
  return gives("ok");
}

function failures(n: number, [q1, q2]: Pair): Given {
  const { steady, election } = tolerates(n, q1, q2);
  return gives(`steady ${steady}`, `election ${election}`);
}

function grid([rows, cols]: Pair): Given {
  const { q1, q2 } = gridSizes(rows, cols);
  const ids = Array.from({ length: rows }, (_, row) => Array.from({ length: cols }, (_, col) => row * cols + col + 1));
  quorumSystem({ kind: "grid", rows: ids }, ids.flat());
  return gives(`q1=${q1} (one row)`, `q2=${q2} (one column)`);
}

function fast(n: number, [classic, size]: Pair): Given {
  return gives(fastQuorumsOk(n, classic, size) ? "ok" : "reject");
}

/** Sizes that do not work are refused. */
function checked(run: () => Given): Given {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    if (error.code === "InvalidConfiguration" || error.code === "InvalidArgument") return gives("reject");
    throw error;
  }
}
