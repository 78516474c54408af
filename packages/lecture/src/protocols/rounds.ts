import { roundAbove } from "@synod/paxos";
import {
  broadcast,
  type Effect,
  execute,
  majority,
  type Message,
  numberOf,
  type ProcessId,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
  type Vote,
} from "../shape.js";

interface State extends ServerState {
  /** The round that it is in. The leader of round 1, 4, 7 is S1, of 2, 5, 8 S2, of 3, 6, 9 S3. */
  promised: number;
  leads: boolean;
  accepted: Record<number, Vote>;
  /** Asked for, and not begun. */
  queue: Value[];
  /** Sent by the leader and not heard to have arrived at a majority. */
  open: Value | null;
  /** Who has said that `open` arrived. */
  learns: ProcessId[];
}

interface Accept extends Message {
  type: "ACC";
  rnd: number;
  slot: number;
  value: Value;
}

interface Learn extends Message {
  type: "LRN";
  rnd: number;
  slot: number;
  value: Value;
}

export const rounds: Protocol<State, Request | Accept | Learn> = {
  id: "rounds",
  title: "Rounds: 1, 4, 7 and 2, 5, 8 and 3, 6, 9",
  adds: "Numbered rounds in place of names: each has one leader, and the same leader comes back under a new number.",
  previous: "leader-ids",
  source: "protocols/rounds.ts",
  servers: 3,
  asks: "any",
  quorum: "majority",

  start: (me, servers) => {
    const leads = me === "S1";
    const nothing = { executed: [], accepted: {}, queue: [], open: null, learns: [] };
    return { me, servers: [...servers], promised: 1, leads, ...nothing };
  },

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        if (s.executed.includes(m.value)) return [execute(s, m.value)];
        if (m.value !== s.open && !s.queue.includes(m.value)) s.queue.push(m.value);
        return next(s);
      case "ACC": {
        if (m.rnd < s.promised) return [refuse(`it is in round ${s.promised}, above ${m.rnd}`)];
        enter(s, m.rnd);
        // The sender has it and this server has it: a majority.
        const isNext = m.slot === s.executed.length + 1;
        if (isNext) s.accepted[m.slot] = { rnd: m.rnd, value: m.value };
        const answer = isNext ? [execute(s, m.value)] : [];
        const value = s.executed[m.slot - 1];
        return value === undefined ? [] : [...answer, send(m.from, { type: "LRN", rnd: m.rnd, slot: m.slot, value })];
      }
      case "LRN":
        if (m.rnd !== s.promised || m.slot !== s.executed.length + 1 || m.value !== s.open) return [];
        if (!s.learns.includes(m.from)) s.learns.push(m.from);
        return s.learns.length + 1 >= majority(s) ? finish(s) : [];
    }
  },

  onTimeout(s) {
    return s.leads && s.open !== null ? [accept(s, s.open)] : [];
  },

  onSuspect(s, peer) {
    if (peer !== leaderOf(s)) return [];
    enter(s, roundAbove(s.promised, numberOf(s.me), s.servers.length));
    s.leads = true;
    return next(s);
  },
};

function leaderOf(s: State): ProcessId {
  return s.servers[(s.promised - 1) % s.servers.length] ?? s.me;
}

/** In a higher round this server leads no more; what it had begun is left behind. */
function enter(s: State, rnd: number): void {
  if (rnd === s.promised) return;
  s.promised = rnd;
  s.leads = false;
  s.open = null;
}

function next(s: State): Effect[] {
  const [value] = s.queue;
  if (!s.leads || s.open !== null || value === undefined) return [];
  s.queue.shift();
  s.open = value;
  s.learns = [];
  return [accept(s, value)];
}

function accept(s: State, value: Value): Effect {
  const slot = s.executed.length + 1;
  s.accepted[slot] = { rnd: s.promised, value };
  return broadcast(s, { type: "ACC", rnd: s.promised, slot, value });
}

/** A majority has it. */
function finish(s: State): Effect[] {
  if (s.open === null) return [];
  const answer = execute(s, s.open);
  s.open = null;
  return [answer, ...next(s)];
}
