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
  /** It has said yes, and must do what the coordinator decides. */
  ready: boolean;
  /** At the coordinator: who said yes. */
  votes: ProcessId[];
}

interface Commands extends Message {
  type: "VOTE" | "YES";
}

interface Decision extends Message {
  type: "COM";
  value: Value;
}

export const twoPhaseCommit: Protocol<State, Request | Commands | Decision> = {
  id: "two-phase-commit",
  title: "Two-phase commit",
  adds: "A coordinator asks all for their vote and commits if all say yes.",
  previous: null,
  source: "protocols/two-phase-commit.ts",
  servers: 3,
  asks: "none",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], learned: {}, ready: false, votes: [] }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        s.votes = [s.me];
        return [broadcast(s, { type: "VOTE" })];
      case "VOTE":
        if (s.learned[0] !== undefined) return [refuse("it has aborted")];
        s.ready = true;
        return [send(m.from, { type: "YES" })];
      case "YES":
        if (!s.votes.includes(m.from)) s.votes.push(m.from);
        if (s.votes.length < s.servers.length || s.learned[0] !== undefined) return [];
        s.learned[0] = "commit";
        return [broadcast(s, { type: "COM", value: "commit" })];
      case "COM":
        s.learned[0] = m.value;
        return [];
    }
  },

  onTimeout(s) {
    const decided = s.learned[0];
    if (s.votes.length > 0)
      return [broadcast(s, decided === undefined ? { type: "VOTE" } : { type: "COM", value: decided })];
    if (s.ready && decided === undefined) return [refuse("it has said yes, and S1 may have decided either way")];
    return [];
  },
};
