import {
  type AcceptorMessage,
  type AcceptorState,
  acceptorState,
  acceptorStep,
  formatBallot,
  type Voted,
} from "@synod/paxos";
import { ackText, type Driver, feedOf, type Given, gives } from "../driver.js";
import { silentIfRefused } from "../faults.js";
import type { Case } from "../notation.js";
import { ballotOf, formatVotes, Start } from "../terms.js";

/** The acceptor of @synod/paxos, whose one decision stands for slot 1. */
export const oneSlotAcceptor: Driver = {
  subject: "@synod/paxos",
  start(one: Case) {
    const given = new Start(one);
    const [vote = null] = given.votes();
    let state: AcceptorState<string> = acceptorState({ promised: given.ballot("promised"), vote });

    const take = (message: AcceptorMessage<string>): Given =>
      silentIfRefused(() => {
        const step = acceptorStep({ me: 1 }, state, message);
        ({ state } = step);
        return gives(...step.outputs.map((output) => spell(output.message)));
      });

    return feedOf("an acceptor", [
      [/^PREP (\S+) from s?1$/i, (b = "") => take({ type: "prepare", ballot: ballotOf(b) })],
      [/^ACC (\S+) s1 (.+)$/i, (b = "", value = "") => take({ type: "accept", ballot: ballotOf(b), value })],
      [/^RESTART$/i, () => ((state = acceptorState(state)), gives())],
      [/^STATE$/i, () => gives(`promised ${formatBallot(state.promised)} votes ${votesText(state.vote)}`)],
    ]);
  },
};

function spell(message: ReturnType<typeof acceptorStep<string>>["outputs"][number]["message"]): string {
  switch (message.type) {
    case "promise":
      return `PROM ${formatBallot(message.ballot)} ${votesText(message.vote)}`;
    case "accepted":
      return ackText(message.ballot, 1);
    case "reject":
      return `REJ ${formatBallot(message.promised)}`;
  }
}

function votesText(vote: Voted<string> | null): string {
  return formatVotes(vote === null ? [] : [{ slot: 1, ...vote }]);
}
