import {
  broadcast,
  type Effect,
  execute,
  majority,
  type Message,
  note,
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

/** "I lead now." */
interface Lead extends Message {
  type: "LEAD";
  leader: ProcessId;
}

interface Accept extends Message {
  type: "ACC";
  leader: ProcessId;
  slot: number;
  value: Value;
}

interface Learn extends Message {
  type: "LRN";
  leader: ProcessId;
  slot: number;
  value: Value;
}

export const leaderIds: Protocol<State, Request | Lead | Accept | Learn> = {
  id: "leader-ids",
  title: "Messages say whose they are",
  adds: "A new leader announces itself, messages name their leader, and those of an old leader are ignored.",
  previous: "three-servers",
  source: "protocols/leader-ids.ts",
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
      case "LEAD":
        s.leader = m.leader;
        s.leads = false;
        return [note(`follows ${m.leader}`, `follows ${m.leader}`)];
      case "ACC": {
        if (m.leader !== s.leader) {
          return [refuse(s.leads ? "it leads itself" : `it follows ${s.leader}, not ${m.leader}`)];
        }
        // The sender has it and this server has it: a majority.
        const answer = m.slot === s.executed.length + 1 ? [execute(s, m.value)] : [];
        const value = s.executed[m.slot - 1];
        return value === undefined
          ? []
          : [...answer, send(m.from, { type: "LRN", leader: m.leader, slot: m.slot, value })];
      }
      case "LRN":
        if (!s.leads || m.slot !== s.executed.length + 1 || m.value !== s.open) return [];
        if (!s.learns.includes(m.from)) s.learns.push(m.from);
        return s.learns.length + 1 >= majority(s) ? finish(s) : [];
    }
  },

  onTimeout(s) {
    return s.leads && s.open !== null ? [accept(s, s.open)] : [];
  },

  onSuspect(s, peer) {
    if (peer !== s.leader) return [];
    s.leader = s.me;
    s.leads = true;
    return [broadcast(s, { type: "LEAD", leader: s.me }), ...next(s)];
  },
};

function next(s: State): Effect[] {
  const [value] = s.queue;
  if (s.open !== null || value === undefined) return [];
  s.queue.shift();
  s.open = value;
  s.learns = [];
  return [accept(s, value)];
}

function accept(s: State, value: Value): Effect {
  return broadcast(s, { type: "ACC", leader: s.me, slot: s.executed.length + 1, value });
}

/** A majority has it. */
function finish(s: State): Effect[] {
  if (s.open === null) return [];
  const answer = execute(s, s.open);
  s.open = null;
  return [answer, ...next(s)];
}
