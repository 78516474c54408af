import type { Protocol } from "../shape.js";
import { basicPaxosWith, PAXOS_RULES } from "./basic-paxos.js";

/** Paxos whose numbers are those of a well-known example: S1 has 8, 10, 12 and so on, S2 has 9, 11, 13. */
export const workedExample: Protocol = basicPaxosWith(
  {
    ...PAXOS_RULES,
    newRound: (s, above) => {
      const first = s.me === "S1" ? 8 : 9;
      return above < first ? first : above + 1 + ((above + 1 - first) % 2);
    },
  },
  {
    id: "worked-example",
    title: "Paxos with the numbers 8, 9 and 10",
    adds: "Two proposers, one with even numbers, one with odd ones.",
    previous: "basic-paxos",
    source: "protocols/worked-example.ts",
  },
);
