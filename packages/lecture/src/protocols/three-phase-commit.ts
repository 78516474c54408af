import {
  broadcast,
  type Message,
  type ProcessId,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
} from "../shape.js";

interface State extends ServerState {
  /** `commit` or `abort`. */
  learned: Record<number, Value>;
  /** It has said yes; and it has heard that all did. */
  ready: boolean;
  prepared: boolean;
  /** At the coordinator: who said yes, and who knows that all did. */
  votes: ProcessId[];
  acks: ProcessId[];
}

interface Commands extends Message {
  type: "VOTE" | "YES" | "PRE" | "ACK";
}

interface Decision extends Message {
  type: "COM";
  value: Value;
}

export const threePhaseCommit: Protocol<State, Request | Commands | Decision> = {
  id: "three-phase-commit",
  title: "Three-phase commit",
  adds: "A phase between, so that nobody has to wait: who knows that all said yes commits by itself, who does not aborts.",
  previous: "two-phase-commit",
  source: "protocols/three-phase-commit.ts",
  servers: 3,
  asks: "none",

  start: (me, servers) => {
    const nothing = { executed: [], learned: {}, ready: false, prepared: false, votes: [], acks: [] };
    return { me, servers: [...servers], ...nothing };
  },

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        s.votes = [s.me];
        s.acks = [s.me];
        return [broadcast(s, { type: "VOTE" })];
      case "VOTE":
        if (s.learned[0] !== undefined) return [refuse("it has aborted")];
        s.ready = true;
        return [send(m.from, { type: "YES" })];
      case "YES":
        if (!s.votes.includes(m.from)) s.votes.push(m.from);
        return s.votes.length < s.servers.length ? [] : [broadcast(s, { type: "PRE" })];
      case "PRE":
        if (s.learned[0] !== undefined) return [refuse(`it has decided: ${s.learned[0]}`)];
        s.prepared = true;
        return [send(m.from, { type: "ACK" })];
      case "ACK":
        if (!s.acks.includes(m.from)) s.acks.push(m.from);
        if (s.acks.length < s.servers.length || s.learned[0] !== undefined) return [];
        s.learned[0] = "commit";
        return [broadcast(s, { type: "COM", value: "commit" })];
      case "COM":
        s.learned[0] ??= m.value;
        return [];
    }
  },

  onSuspect(s, peer) {
    if (peer !== "S1" || s.learned[0] !== undefined) return [];
    s.learned[0] = s.prepared ? "commit" : "abort";
    return [];
  },
};
