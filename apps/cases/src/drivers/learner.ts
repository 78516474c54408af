import type { Slot } from "@synod/interface";
import { type LearnerState, learnerState, learnerStep, quorumSystem } from "@synod/paxos";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import { silentIfRefused } from "../faults.js";
import type { Case } from "../notation.js";
import { ballotOf, integerOf, Start } from "../terms.js";

/** A learner of @synod/paxos for each slot: slots are independent decisions. */
export const learner: Driver = {
  subject: "@synod/paxos",
  start(one: Case) {
    const start = new Start(one);
    const quorums = quorumSystem(start.quorum(), start.members());
    const slots = new Map<Slot, LearnerState<string>>();

    const vote = (from: string, ballot: string, slotText: string, value: string): Given =>
      silentIfRefused(() => {
        const slot = integerOf(slotText);
        const state = slots.get(slot) ?? learnerState<string>();
        const message = { type: "accepted", from: integerOf(from), ballot: ballotOf(ballot), value } as const;
        const step = learnerStep({ quorums }, state, message);
        slots.set(slot, step.state);
        return gives(...step.outputs.map((chosen) => `CHOSEN s${slot} ${chosen.value}`));
      });
    return feedOf("a learner", [
      [/^LRN n(\d+) (\S+) s(\d+) (.+)$/i, (from = "", b = "", slot = "", value = "") => vote(from, b, slot, value)],
    ]);
  },
};
