import { RAFT_RULES, raftWith } from "./raft.js";
import type { WhatIf } from "./what-if.js";

/** Raft with one line exchanged: the mistake of figure 8 of its paper. */
export const raftCountsCopies: WhatIf = {
  protocol: raftWith(
    { ...RAFT_RULES, mayCount: () => true },
    {
      id: "raft-counts-copies",
      title: "What if Raft counts copies of an old term?",
      adds: "A leader holds an entry to be committed as soon as a majority has a copy, whatever term it is of.",
      previous: "raft",
      source: "protocols/raft-counts-copies.ts",
    },
  ),
  was: "mayCount: (s, entry) => entry.rnd === s.promised",
  is: "mayCount: () => true",
};
