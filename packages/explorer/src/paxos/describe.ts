import type { NodeId } from "@synod/interface";
import { ballotsEqual, formatBallot, type QuorumSystem } from "@synod/paxos";
import type { Event } from "../model.js";
import { messageText, type PaxosMessage } from "./messages.js";
import type { PaxosAction } from "./options.js";
import { chosenIn } from "./rules.js";
import type { PaxosView } from "./state.js";

/** What an action did, between two states in full. */
export interface PaxosStep {
  readonly action: PaxosAction;
  readonly before: PaxosView;
  readonly after: PaxosView;
  readonly messageOf: (number: number) => PaxosMessage;
  readonly quorums: QuorumSystem;
}

/** A step in words. Proposers stand in the first columns, then acceptors. */
export function describeStep(step: PaxosStep): Event {
  const { action, before, after, messageOf } = step;
  const { objection, proposers } = after;
  const suffix = objection === null ? "" : `: ${objection}`;
  const columnOf = (acceptor: NodeId): number => proposers.length + acceptor - 1;
  switch (action.type) {
    case "toAcceptor": {
      const message = messageOf(action.message);
      const text = `${messageText(message)}${action.crash ? ", then a crash" : ""}${suffix}`;
      return { at: columnOf(action.acceptor), from: message.ballot.node - 1, text, ...mark(action.acceptor, step) };
    }
    case "toProposer": {
      const messages = action.messages.map(messageOf);
      const senders = messages.flatMap((message) => ("from" in message ? [columnOf(message.from)] : []));
      const proposals = after.sent.filter((m) => m.type === "accept" && !before.sent.includes(m));
      const proposed = proposals.map((m) =>
        m.type === "accept" ? `: ${formatBallot(m.ballot)} proposes ${m.value}` : "",
      );
      const text = `${messages.map(messageText).join("; ")}${proposed.join("")}${suffix}`;
      return { at: action.proposer - 1, ...(senders.length > 0 ? { from: Math.max(...senders) } : {}), text };
    }
    case "loseDisk":
      return {
        at: action.role === "acceptor" ? columnOf(action.id) : action.id - 1,
        text: "restart with an empty disk",
      };
    case "start": {
      const ballot = proposers[action.proposer - 1]?.state.ballot ?? null;
      return {
        at: action.proposer - 1,
        text: action.crash ? `start ${formatBallot(ballot)}, not written` : `start ${formatBallot(ballot)}`,
      };
    }
    default:
      return { at: action.proposer - 1, text: `${action.type}${suffix}` };
  }
}

function mark(acceptor: NodeId, { before, after, quorums }: PaxosStep): Pick<Event, "mark"> {
  if (chosenIn(after.sent, quorums).length > chosenIn(before.sent, quorums).length) return { mark: "chosen" };
  const [was, is] = [before.acceptors[acceptor - 1], after.acceptors[acceptor - 1]];
  if (!ballotsEqual(was?.vote?.ballot ?? null, is?.vote?.ballot ?? null)) return { mark: "voted" };
  return ballotsEqual(was?.promised ?? null, is?.promised ?? null) ? {} : { mark: "promised" };
}
