import {
  broadcast,
  execute,
  type Message,
  note,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
} from "../shape.js";

interface State extends ServerState {
  leads: boolean;
  /** Arrived, by number. */
  buffer: Record<number, Value>;
  /** Sent by the leader and not heard to have arrived, by number. */
  open: Record<number, Value>;
}

interface Accept extends Message {
  type: "ACC";
  slot: number;
  value: Value;
}

interface Learn extends Message {
  type: "LRN";
  slot: number;
}

export const learn: Protocol<State, Request | Accept | Learn> = {
  id: "learn",
  title: "Sending again until a Learn arrives",
  adds: "What may have been lost is sent again; a Learn says that it arrived.",
  previous: "buffer",
  source: "protocols/learn.ts",
  servers: 2,
  asks: "leader",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], leads: me === "S1", buffer: {}, open: {} }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ": {
        if (!s.leads) return [refuse("only the leader takes requests")];
        const answer = execute(s, m.value);
        s.open[s.executed.length] = m.value;
        return [answer, broadcast(s, { type: "ACC", slot: s.executed.length, value: m.value })];
      }
      case "ACC":
        s.buffer[m.slot] = m.value;
        executeInOrder(s);
        return [send(m.from, { type: "LRN", slot: m.slot })];
      case "LRN":
        delete s.open[m.slot];
        return [note(`will not send #${m.slot} again`)];
    }
  },

  onTimeout(s) {
    return Object.entries(s.open).map(([slot, value]) => broadcast(s, { type: "ACC", slot: Number(slot), value }));
  },
};

function executeInOrder(s: State): void {
  for (let value = s.buffer[s.executed.length + 1]; value !== undefined; value = s.buffer[s.executed.length + 1]) {
    s.executed.push(value);
  }
}
