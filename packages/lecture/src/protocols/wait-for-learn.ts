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

export const waitForLearn: Protocol<State, Request | Accept | Learn> = {
  id: "wait-for-learn",
  title: "Execute when the other one has it (WaitForLearn)",
  adds: "The leader executes and answers only after the Learn: then the other server has executed it too.",
  previous: "takeover",
  source: "protocols/wait-for-learn.ts",
  servers: 2,
  asks: "any",

  start: (me, servers) => {
    return { me, servers: [...servers], executed: [], leads: me === "S1", single: false, queue: [], open: null };
  },

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        if (s.executed.includes(m.value)) return [execute(s, m.value)];
        if (m.value !== s.open && !s.queue.includes(m.value)) s.queue.push(m.value);
        return next(s);
      case "ACC":
        if (m.slot === s.executed.length + 1) s.executed.push(m.value);
        return [send(m.from, { type: "LRN", slot: m.slot })];
      case "LRN":
        return m.slot === s.executed.length + 1 ? finish(s) : [];
    }
  },

  onTimeout(s) {
    return s.open === null ? [] : [broadcast(s, { type: "ACC", slot: s.executed.length + 1, value: s.open })];
  },

  onSuspect(s) {
    s.single = true;
    s.leads = true;
    return s.open === null ? next(s) : finish(s);
  },
};

function next(s: State): Effect[] {
  const [value] = s.queue;
  if (s.open !== null || value === undefined) return [];
  s.queue.shift();
  s.open = value;
  if (s.single) return finish(s);
  return [broadcast(s, { type: "ACC", slot: s.executed.length + 1, value })];
}

/** The other server has it, or there is no other. */
function finish(s: State): Effect[] {
  if (s.open === null) return [];
  const answer = execute(s, s.open);
  s.open = null;
  return [answer, ...next(s)];
}
