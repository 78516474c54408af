import type { Ballot } from "@synod/interface";
import {
  type Accept as PaxosAccept,
  type Accepted,
  type AcceptorState,
  acceptorState,
  acceptorStep,
  type LearnerState,
  learnerState,
  learnerStep,
  type Prepare,
  type Promised,
  type ProposerInput,
  type ProposerOutput,
  type ProposerState,
  proposerState,
  proposerStep,
  quorumSystem,
  type QuorumSystem,
  type Reject,
} from "@synod/paxos";
import {
  type Body,
  broadcast,
  type Effect,
  type Message,
  numberOf,
  type Protocol,
  type Request,
  send,
  type ServerState,
  type Value,
  type Vote,
} from "../shape.js";

/** The three roles as the package has them; what the lecture calls promised, accepted and learned is read from them. */
interface State extends ServerState {
  acceptor: AcceptorState<Value>;
  proposer: ProposerState<Value>;
  learner: LearnerState<Value>;
}

type Inner = Prepare | PaxosAccept<Value> | Promised<Value> | Accepted<Value> | Reject;

interface Wrapped extends Message {
  type: "PREP" | "ACC" | "PROM" | "LRN" | "REJ";
  inner: Inner;
}

export const synodPaxos: Protocol<State, Request | Wrapped> = {
  id: "synod-paxos",
  title: "@synod/paxos",
  adds: "The same protocol as shipped: the roles of the package, with ballots in place of rounds.",
  previous: "basic-paxos",
  source: "protocols/synod-paxos.ts",
  servers: 3,
  asks: "none",
  quorum: "majority",

  start: (me, servers) => {
    const roles = {
      acceptor: acceptorState<Value>(),
      proposer: proposerState<Value>(),
      learner: learnerState<Value>(),
    };
    return { me, servers: [...servers], executed: [], promised: 0, accepted: {}, learned: {}, ...roles };
  },

  onMessage(s, m) {
    const effects =
      m.type === "REQ"
        ? [...toProposer(s, { type: "start" }), ...toProposer(s, { type: "propose", value: m.value })]
        : receive(s, m.inner);
    return shown(s, effects);
  },

  onTimeout(s) {
    const { phase, wish } = s.proposer;
    if (s.learner.chosen !== null) return shown(s, repeatVote(s));
    return shown(s, wish === null ? [] : toProposer(s, { type: phase === "idle" ? "start" : "timeout" }));
  },

  // Only the acceptor's state and the proposer's own ballot are on disk.
  onRestart(s) {
    s.acceptor = acceptorState(s.acceptor);
    s.proposer = proposerState({ ballot: s.proposer.ballot, wish: s.proposer.wish });
    s.learner = learnerState();
    return shown(s, []);
  },
};

function receive(s: State, message: Inner): Effect[] {
  switch (message.type) {
    case "prepare":
    case "accept": {
      const { state, outputs } = acceptorStep({ me: numberOf(s.me) }, s.acceptor, message);
      s.acceptor = state;
      return outputs.flatMap((output) => leave(s, output.message));
    }
    case "accepted":
      s.learner = learnerStep({ quorums: quorumsOf(s) }, s.learner, message).state;
      return toProposer(s, message);
    case "promise":
    case "reject":
      return toProposer(s, message);
  }
}

function toProposer(s: State, input: ProposerInput<Value>): Effect[] {
  const { state, outputs } = proposerStep({ me: numberOf(s.me), quorums: quorumsOf(s) }, s.proposer, input);
  s.proposer = state;
  return outputs.flatMap((output: ProposerOutput<Value>) => (output.type === "send" ? leave(s, output.message) : []));
}

/** What an acceptor says goes to the proposer, its votes to all; what a proposer says to all. The own part is heard at once. */
function leave(s: State, inner: Inner): Effect[] {
  const to = inner.type === "promise" || inner.type === "reject" ? `S${inner.ballot.node}` : null;
  if (to === s.me) return receive(s, inner);
  if (to !== null) return [send(to, wrapped(s, inner))];
  return [broadcast(s, wrapped(s, inner)), ...receive(s, inner)];
}

/** Votes are said again once the outcome is known, for those who missed them. */
function repeatVote(s: State): Effect[] {
  const { vote } = s.acceptor;
  if (vote === null) return [];
  return [broadcast(s, wrapped(s, { type: "accepted", from: numberOf(s.me), ...vote }))];
}

function wrapped(s: State, inner: Inner): Body {
  const rnd = roundOf(s, inner.ballot);
  switch (inner.type) {
    case "prepare":
      return { type: "PREP", rnd, inner };
    case "promise":
      return { type: "PROM", rnd, vote: voteOf(s, inner.vote), inner };
    case "accept":
      return { type: "ACC", rnd, value: inner.value, inner };
    case "accepted":
      return { type: "LRN", rnd, value: inner.value, inner };
    case "reject":
      return { type: "REJ", rnd, inner };
  }
}

function quorumsOf(s: State): QuorumSystem {
  return quorumSystem({ kind: "majority" }, s.servers.map(numberOf));
}

/** Ballots in the lecture's numbering: ballot 2.1 among three is round 4, the second one of S1. */
function roundOf(s: State, ballot: Ballot | null): number {
  return ballot === null ? 0 : (ballot.round - 1) * s.servers.length + ballot.node;
}

function voteOf(s: State, vote: { readonly ballot: Ballot; readonly value: Value } | null): Vote | null {
  return vote === null ? null : { rnd: roundOf(s, vote.ballot), value: vote.value };
}

function shown(s: State, effects: Effect[]): Effect[] {
  const vote = voteOf(s, s.acceptor.vote);
  s.promised = roundOf(s, s.acceptor.promised);
  s.accepted = vote === null ? {} : { 0: vote };
  s.learned = s.learner.chosen === null ? {} : { 0: s.learner.chosen.value };
  return effects;
}
