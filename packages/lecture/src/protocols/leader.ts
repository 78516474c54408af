import {
  broadcast,
  execute,
  type Message,
  type Protocol,
  refuse,
  type Request,
  type ServerState,
  type Value,
} from "../shape.js";

interface State extends ServerState {
  leads: boolean;
}

interface Accept extends Message {
  type: "ACC";
  value: Value;
}

export const leader: Protocol<State, Request | Accept> = {
  id: "leader",
  title: "A leader that orders",
  adds: "Clients ask one server, the leader; it decides the order and tells the other one what to accept.",
  previous: "two-servers",
  source: "protocols/leader.ts",
  servers: 2,
  asks: "leader",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], leads: me === "S1" }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        return [execute(s, m.value), broadcast(s, { type: "ACC", value: m.value })];
      case "ACC":
        s.executed.push(m.value);
        return [];
    }
  },
};
