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
  slot: number;
  value: Value;
}

export const discard: Protocol<State, Request | Accept> = {
  id: "discard",
  title: "Sequence numbers: discard what is not next",
  adds: "The leader numbers its commands, and the other server takes only the next number.",
  previous: "leader",
  source: "protocols/discard.ts",
  servers: 2,
  asks: "leader",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], leads: me === "S1" }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ": {
        if (!s.leads) return [refuse("only the leader takes requests")];
        const answer = execute(s, m.value);
        return [answer, broadcast(s, { type: "ACC", slot: s.executed.length, value: m.value })];
      }
      case "ACC":
        if (m.slot !== s.executed.length + 1) return [refuse(`the next number is ${s.executed.length + 1}`)];
        s.executed.push(m.value);
        return [];
    }
  },
};
