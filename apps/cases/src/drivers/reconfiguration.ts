import { ConfigurationHistory, votersOf } from "@synod/multipaxos";
import { type Driver, feedOf, gives } from "../driver.js";
import type { Case } from "../notation.js";
import { integerOf, parseIds, Start } from "../terms.js";

const slotOf = (text: string): number => integerOf(text.replace(/^s/i, ""));

/** The history of configurations of @synod/multipaxos. */
export const reconfiguration: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const start = new Start(one);
    const ids = start.has("members") ? start.list("members").map(integerOf) : start.members();
    const alpha = start.integer("alpha", 1024);
    const quorum = { kind: "majority" } as const;
    const membersOf = (list: readonly number[]): { id: number }[] => list.map((id) => ({ id }));
    const history = new ConfigurationHistory({ epoch: 1, members: membersOf(ids), alpha, quorum });
    return feedOf("a reconfiguration row", [
      [
        /^APPLY (s?\d+) CONFIG from epoch (\d+) to (\[.*\])$/i,
        (slot = "", epoch = "", members = "") => {
          const stamp = integerOf(epoch);
          const configuration = { epoch: stamp + 1, members: membersOf(parseIds(members)), alpha, quorum };
          const applied = history.change(slotOf(slot), { stamp, changeId: "", configuration });
          if (applied.kind === "void") return gives(`ignored (${applied.reason})`);
          return gives(`epoch ${applied.made.epoch} governs from s${applied.made.from}`);
        },
      ],
      [
        /^CONFIG OF (s?\d+)$/i,
        (slot = "") => {
          const { epoch, configuration } = history.at(slotOf(slot));
          return gives(`epoch ${epoch} [${votersOf(configuration).join(", ")}]`);
        },
      ],
      [
        /^MAY PROPOSE (s?\d+) with chosen (?:upto )?s?(\d+)$/i,
        (slot = "", chosen = "") => {
          const [at, chosenUpTo] = [slotOf(slot), integerOf(chosen)];
          return gives(at > chosenUpTo && history.inWindow(at, chosenUpTo) ? "yes" : "no");
        },
      ],
    ]);
  },
};
