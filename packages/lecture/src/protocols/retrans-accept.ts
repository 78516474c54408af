import {
  broadcast,
  type Effect,
  execute,
  type Message,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
} from "../shape.js";

interface State extends ServerState {
  leads: boolean;
  /** Asked for, and not begun. */
  queue: Value[];
  /** Sent by the leader and not heard to have arrived. */
  open: Value | null;
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

export const retransAccept: Protocol<State, Request | Accept | Learn> = {
  id: "retrans-accept",
  title: "One at a time (RetransAccept)",
  adds: "The leader sends no new Accept before the Learn for the last one, so that nothing comes too early.",
  previous: "learn",
  source: "protocols/retrans-accept.ts",
  servers: 2,
  asks: "leader",

  start: (me, servers) => ({ me, servers: [...servers], executed: [], leads: me === "S1", queue: [], open: null }),

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        s.queue.push(m.value);
        return next(s);
      case "ACC":
        if (m.slot === s.executed.length + 1) s.executed.push(m.value);
        return [send(m.from, { type: "LRN", slot: m.slot })];
      case "LRN":
        if (m.slot !== s.executed.length) return [];
        s.open = null;
        return next(s);
    }
  },

  onTimeout(s) {
    return s.open === null ? [] : [broadcast(s, { type: "ACC", slot: s.executed.length, value: s.open })];
  },
};

function next(s: State): Effect[] {
  const [value] = s.queue;
  if (s.open !== null || value === undefined) return [];
  s.queue.shift();
  s.open = value;
  const answer = execute(s, value);
  return [answer, broadcast(s, { type: "ACC", slot: s.executed.length, value })];
}
