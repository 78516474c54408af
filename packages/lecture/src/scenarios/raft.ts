import { PAIRS } from "../pairs.js";
import { raft } from "../protocols/raft.js";
import { raftCountsCopies } from "../protocols/raft-counts-copies.js";
import type { Scenario, ScenarioSearch } from "../scenario.js";
import type { Bounds } from "../search.js";

/** S1 has foo alone, S3 led term 2 and has a no-op alone, and S1 has heard of it and stands again. */
const FOO_ALONE = [
  "C1 asks foo of S1",
  "S1 x S2 S3 AE",
  "S3 timeout",
  "S3 > S2 RV",
  "S2 > S3 VOTED",
  "S3 x S1 S2 AE",
  "S3 > S1 RV",
  "S1 timeout",
];
const AGAIN: Bounds = { values: [], losses: 2, timeouts: 3, timeoutsAt: ["S3"], steps: 14 };

const TWO_CLIENTS: Bounds = {
  values: [
    { value: "m1", by: "C1", to: ["S1"] },
    { value: "m2", by: "C2", to: ["S2"] },
  ],
  timeouts: 1,
  timeoutsAt: ["S2"],
  steps: 9,
};
const CUT_OFF = ["cut S1 | S2 S3"];

const SEARCHES: Readonly<Record<string, readonly ScenarioSearch[]>> = {
  "take-over": [{ goal: "diverges", bounds: TWO_CLIENTS, expect: "none" }],
  "old-entry": [{ goal: "diverges", from: FOO_ALONE, bounds: AGAIN, expect: "none" }],
  duel: [
    {
      goal: "livelocks",
      from: CUT_OFF,
      bounds: { values: [], timeouts: 4, timeoutsAt: ["S2", "S3"] },
      expect: "found",
    },
  ],
};

/** Raft, with the stories that Multi-Paxos tells beside it; and what happens when it counts what it must not. */
export const RAFT_SCENARIOS: readonly Scenario[] = [
  ...PAIRS.map(({ id, title, question, moments, sees, verdict }): Scenario => {
    const script = moments.flatMap((moment) => moment.raft);
    const searches = SEARCHES[id] ?? [];
    return { id: `raft-${id}`, title, protocol: raft, question, script, sees, verdict, searches };
  }),
  {
    id: "raft-counts-copies",
    title: raftCountsCopies.protocol.title,
    protocol: raftCountsCopies.protocol,
    question: "S1 leads again, and foo, an entry of the first term, is now on a majority. May S1 answer C1?",
    script: [
      ...FOO_ALONE,
      "S1 > S2 RV",
      "S2 > S1 VOTED",
      "S1 x S3 AE",
      "S1 > S2 AE",
      "S2 > S1 NO",
      "S1 > S2 AE foo",
      "S2 > S1 OK",
      "S1 crashes",
      "S1 > S3 RV",
      "S3 timeout",
      "S3 > S2 RV",
      "S2 > S3 VOTED",
      "S3 > S2 AE",
      "S2 > S3 NO",
      "S3 > S2 AE no-op",
      "S2 > S3 OK",
    ],
    sees: "S1 counts foo and answers C1 (row 17). But the last entry of S3 is of a newer term than that of S2, so S2 votes for it, and S3 removes foo. In Raft the term of the last entry decides who may lead; a copy leaves it old, and so is no protection from a log that ends with a newer one.",
    verdict: "diverges",
    searches: [{ goal: "diverges", from: FOO_ALONE, bounds: AGAIN, expect: "found" }],
  },
];
