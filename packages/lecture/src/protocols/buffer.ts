import {
  broadcast,
  execute,
  type Message,
  note,
  type Protocol,
  refuse,
  type Request,
  type ServerState,
  type Value,
} from "../shape.js";

interface State extends ServerState {
  leads: boolean;
  /** Arrived, by number. */
  buffer: Record<number, Value>;
}

interface Accept extends Message {
  type: "ACC";
  slot: number;
  value: Value;
}

export const buffer: Protocol<State, Request | Accept> = {
  id: "buffer",
  title: "Sequence numbers: keep what comes too early",
  adds: "What comes too early is kept until its turn.",
  previous: "discard",
  source: "protocols/buffer.ts",
  servers: 2,
  asks: "leader",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], leads: me === "S1", buffer: {} }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ": {
        if (!s.leads) return [refuse("only the leader takes requests")];
        const answer = execute(s, m.value);
        return [answer, broadcast(s, { type: "ACC", slot: s.executed.length, value: m.value })];
      }
      case "ACC":
        s.buffer[m.slot] = m.value;
        if (m.slot > s.executed.length + 1) {
          return [note(`keeps it: the next number is ${s.executed.length + 1}`, `keeps #${m.slot}`)];
        }
        executeInOrder(s);
        return [];
    }
  },
};

function executeInOrder(s: State): void {
  for (let value = s.buffer[s.executed.length + 1]; value !== undefined; value = s.buffer[s.executed.length + 1]) {
    s.executed.push(value);
  }
}
