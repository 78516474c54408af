import {
  broadcast,
  type Effect,
  majority,
  type Message,
  type ProcessId,
  type Protocol,
  refuse,
  type Request,
  type ServerState,
  type Value,
  type Vote,
} from "../shape.js";

interface State extends ServerState {
  accepted: Record<number, Vote>;
  learned: Record<number, Value>;
  /** Who accepted what. */
  heard: Record<ProcessId, Value>;
}

interface Accept extends Message {
  type: "ACC" | "LRN";
  value: Value;
}

export const firstProposal: Protocol<State, Request | Accept> = {
  id: "first-proposal",
  title: "Everybody accepts the first proposal",
  adds: "Several acceptors, a majority decides, and each accepts the first value that it hears and no other.",
  previous: "one-acceptor",
  source: "protocols/first-proposal.ts",
  servers: 3,
  asks: "none",
  quorum: "majority",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], accepted: {}, learned: {}, heard: {} }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        return [broadcast(s, { type: "ACC", value: m.value }), ...accept(s, m.value)];
      case "ACC":
        return accept(s, m.value);
      case "LRN":
        learn(s, m.from, m.value);
        return [];
    }
  },

  onTimeout(s) {
    const vote = s.accepted[0];
    return vote === undefined ? [] : [broadcast(s, { type: "LRN", value: vote.value })];
  },
};

function accept(s: State, value: Value): Effect[] {
  const vote = s.accepted[0];
  if (vote !== undefined) return [refuse(`it has accepted ${vote.value} already`)];
  s.accepted[0] = { rnd: 1, value };
  learn(s, s.me, value);
  return [broadcast(s, { type: "LRN", value })];
}

function learn(s: State, from: ProcessId, value: Value): void {
  s.heard[from] = value;
  const count = Object.values(s.heard).filter((one) => one === value).length;
  if (count >= majority(s)) s.learned[0] = value;
}
