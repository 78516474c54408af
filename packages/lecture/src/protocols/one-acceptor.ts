import {
  broadcast,
  type Message,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
} from "../shape.js";

interface State extends ServerState {
  learned: Record<number, Value>;
}

interface Accept extends Message {
  type: "ACC" | "COM";
  value: Value;
}

export const oneAcceptor: Protocol<State, Request | Accept> = {
  id: "one-acceptor",
  title: "One acceptor",
  adds: "One server decides for all: it takes the first value that it hears.",
  previous: "single-server",
  source: "protocols/one-acceptor.ts",
  servers: 3,
  asks: "none",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], learned: {} }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        return s.me === "S1" ? decide(s, m.value) : [send("S1", { type: "ACC", value: m.value })];
      case "ACC":
        if (s.learned[0] !== undefined) return [refuse(`it has accepted ${s.learned[0]} already`)];
        return decide(s, m.value);
      case "COM":
        s.learned[0] = m.value;
        return [];
    }
  },

  onTimeout(s) {
    return s.me === "S1" && s.learned[0] !== undefined ? decide(s, s.learned[0]) : [];
  },
};

function decide(s: State, value: Value): [ReturnType<typeof broadcast>] {
  s.learned[0] ??= value;
  return [broadcast(s, { type: "COM", value: s.learned[0] })];
}
