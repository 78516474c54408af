import {
  broadcast,
  type Effect,
  execute,
  majority,
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
  leader: ProcessId;
  leads: boolean;
  /** Asked for, and not begun. */
  queue: Value[];
  /** Sent by the leader and not heard to have arrived at a majority. */
  open: Value | null;
  /** Who has said that `open` arrived. */
  learns: ProcessId[];
}

interface Accept extends Message {
  type: "ACC";
  slot: number;
  value: Value;
}

interface Learn extends Message {
  type: "LRN";
  slot: number;
  value: Value;
}

export const threeServers: Protocol<State, Request | Accept | Learn> = {
  id: "three-servers",
  title: "Three servers, progress with a majority",
  adds: "A third server, and nobody goes on alone any more: one Learn is needed, and one is enough.",
  previous: "wait-for-learn",
  source: "protocols/three-servers.ts",
  servers: 3,
  asks: "any",

  start: (me, servers) => {
    const leads = me === "S1";
    return { me, servers: [...servers], executed: [], leader: "S1", leads, queue: [], open: null, learns: [] };
  },

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        if (s.executed.includes(m.value)) return [execute(s, m.value)];
        if (m.value !== s.open && !s.queue.includes(m.value)) s.queue.push(m.value);
        return next(s);
      case "ACC": {
        // The sender has it and this server has it: a majority.
        const answer = m.slot === s.executed.length + 1 ? [execute(s, m.value)] : [];
        const value = s.executed[m.slot - 1];
        return value === undefined ? [] : [...answer, send(m.from, { type: "LRN", slot: m.slot, value })];
      }
      case "LRN":
        if (m.slot !== s.executed.length + 1 || m.value !== s.open) return [];
        if (!s.learns.includes(m.from)) s.learns.push(m.from);
        return s.learns.length + 1 >= majority(s) ? finish(s) : [];
    }
  },

  onTimeout(s) {
    return s.open === null ? [] : [broadcast(s, { type: "ACC", slot: s.executed.length + 1, value: s.open })];
  },

  onSuspect(s, peer) {
    if (peer !== s.leader) return [];
    s.leader = s.me;
    s.leads = true;
    return next(s);
  },
};

function next(s: State): Effect[] {
  const [value] = s.queue;
  if (s.open !== null || value === undefined) return [];
  s.queue.shift();
  s.open = value;
  s.learns = [];
  return [broadcast(s, { type: "ACC", slot: s.executed.length + 1, value })];
}

/** A majority has it. */
function finish(s: State): Effect[] {
  if (s.open === null) return [];
  const answer = execute(s, s.open);
  s.open = null;
  return [answer, ...next(s)];
}
