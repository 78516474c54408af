import type { NodeId } from "@synod/interface";
import {
  formatBallot,
  highestBallot,
  type ProposerInput,
  type ProposerOutput,
  type ProposerState,
  proposerState,
  proposerStep,
  quorumSystem,
} from "@synod/paxos";
import { accText, type Driver, feedOf, type Given, gives } from "../driver.js";
import { silentIfRefused } from "../faults.js";
import type { Case } from "../notation.js";
import { ballotOf, integerOf, parseVotes, Start } from "../terms.js";
import { phaseOf } from "./phase.js";

/** The proposer of @synod/paxos, whose one decision stands for slot 1. */
export const oneSlotProposer: Driver = {
  subject: "@synod/paxos",
  start(one: Case) {
    const start = new Start(one);
    const me = start.integer("me", 1);
    const options = { me, quorums: quorumSystem(start.quorum(), start.members()) };
    let state = initial(start);

    const take = (input: ProposerInput<string>): Given =>
      silentIfRefused(() => {
        const step = proposerStep(options, state, input);
        ({ state } = step);
        return gives(...step.outputs.map(spell));
      });
    // A refusal names the refused ballot, a vote its value; the notation leaves both to be understood.
    const reject = (from: NodeId, promised: string): Given => {
      const seen = ballotOf(promised);
      return take({ type: "reject", from, ballot: state.ballot ?? seen, promised: seen });
    };
    const accepted = (from: NodeId, ballot: string): Given =>
      take({ type: "accepted", from, ballot: ballotOf(ballot), value: state.proposal?.value ?? "" });
    const promise = (from: NodeId, ballot: string, votes: string): Given => {
      const [vote = null] = parseVotes(votes);
      return take({ type: "promise", from, ballot: ballotOf(ballot), vote });
    };

    return feedOf("a proposer", [
      [/^START$/i, () => take({ type: "start" })],
      [/^TIMEOUT$/i, () => take({ type: "timeout" })],
      [/^REQ (.+)$/i, (value = "") => take({ type: "propose", value })],
      [/^PROM n(\d+) (\S+) (\{.*\})$/i, (from = "", b = "", votes = "") => promise(integerOf(from), b, votes)],
      [/^ACK n(\d+) (\S+) s1$/i, (from = "", b = "") => accepted(integerOf(from), b)],
      [/^REJ n(\d+) (\S+)$/i, (from = "", p = "") => reject(integerOf(from), p)],
      [/^PREP seen (\S+)$/i, (b = "") => take({ type: "prepare", ballot: ballotOf(b) })],
    ]);
  },
};

function initial(start: Start): ProposerState<string> {
  const ballot = start.ballot("ballot");
  const [first] = start.list("queue");
  const wish = first === undefined ? null : { value: first };
  const idle = {
    ...proposerState({ ballot, wish }),
    highestSeen: highestBallot(ballot, start.ballot("promised")),
  };
  if (ballot === null) return idle;
  switch (phaseOf(start)) {
    case "idle":
      return idle;
    case "prepare":
      return { ...idle, phase: "preparing" };
    case "lead":
      if (wish === null) return { ...idle, phase: "ready" };
      return { ...idle, phase: "proposing", proposal: { ballot, value: wish.value } };
  }
}

function spell(output: ProposerOutput<string>): string {
  switch (output.type) {
    case "send": {
      const { message } = output;
      if (message.type === "prepare") return `PREP ${formatBallot(message.ballot)} from 1`;
      return accText(message.ballot, 1, message.value);
    }
    case "ready":
      return "LEAD";
    case "stepDown":
      return "STEPDOWN";
    case "redirect":
      return "REDIRECT";
    case "chosen":
      return `CHOSEN s1 ${output.value}`;
  }
}
