import { SynodError } from "@synod/interface";
import { compareBallots, firstRounds, formatBallot, isRound, nextBallot, roundAbove, roundOwner } from "@synod/paxos";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import type { Case } from "../notation.js";
import { integerOf, parseBallot, Start } from "../terms.js";

const SIGNS = new Map([
  [-1, "<"],
  [0, "="],
  [1, ">"],
]);

/** The numbers of @synod/paxos. */
export const ballots: Driver = {
  subject: "@synod/paxos",
  start(one: Case) {
    const start = new Start(one);
    const [n, me] = [start.integer("n", 3), start.integer("me", 1)];
    return feedOf("a ballot row", [
      [
        /^CMP (\S+) (\S+)$/i,
        (a = "", b = "") => gives(SIGNS.get(compareBallots(parseBallot(a), parseBallot(b))) ?? "?"),
      ],
      [/^NEXT after (\S+)$/i, (b = "") => number(() => formatBallot(nextBallot(parseBallot(b), me)))],
      [/^INTROUND first (\S+)$/i, (k = "") => number(() => `[${firstRounds(integerOf(k), me, n).join(", ")}]`)],
      [/^INTROUND above (\S+)$/i, (r = "") => number(() => String(roundAbove(integerOf(r), me, n)))],
      [/^(?:INTROUND )?OWNER of (\S+)$/i, (r = "") => owner(integerOf(r), n)],
      [/^VALID (\S+)$/i, (x = "") => gives(isRound(Number(x)) ? "yes" : "no")],
    ]);
  },
};

function owner(round: number, n: number): Given {
  const { outputs } = number(() => String(roundOwner(round, n)));
  return { outputs, also: [outputs.map((id) => `n${id}`)] };
}

/** Numbers that there cannot be are refused. */
function number(make: () => string): Given {
  try {
    return gives(make());
  } catch (error) {
    if (error instanceof SynodError && error.code === "InvalidArgument") return gives("reject");
    throw error;
  }
}
