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
  /** The other server is held to be down. */
  single: boolean;
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

export const takeover: Protocol<State, Request | Accept | Learn> = {
  id: "takeover",
  title: "Taking over as a single server",
  adds: "Who finds the other server down goes on alone, as the one server of the beginning.",
  previous: "retrans-accept",
  source: "protocols/takeover.ts",
  servers: 2,
  asks: "any",

  start: (me, servers) => {
    return { me, servers: [...servers], executed: [], leads: me === "S1", single: false, queue: [], open: null };
  },

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

  onSuspect(s) {
    s.single = true;
    s.leads = true;
    s.open = null;
    return next(s);
  },
};

function next(s: State): Effect[] {
  const [value] = s.queue;
  if (s.open !== null || value === undefined) return [];
  s.queue.shift();
  const answer = execute(s, value);
  if (s.single) return [answer, ...next(s)];
  s.open = value;
  return [answer, broadcast(s, { type: "ACC", slot: s.executed.length, value })];
}
