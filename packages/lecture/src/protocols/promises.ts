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
  /** Accepts nothing below this round. The leader of round 1, 4, 7 is S1, of 2, 5, 8 S2, of 3, 6, 9 S3. */
  promised: number;
  leads: boolean;
  accepted: Record<number, Vote>;
  /** Asked for, and not begun. */
  queue: Value[];
  /** Sent by the leader and not heard to have arrived at a majority. */
  open: Value | null;
  /** Who has said that `open` arrived. */
  learns: ProcessId[];
  /** Who has promised, while it asks for promises. */
  promises: ProcessId[] | null;
}

interface Prepare extends Message {
  type: "PREP";
  rnd: number;
}

interface Promise1 extends Message {
  type: "PROM";
  rnd: number;
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

export const promises: Protocol<State, Request | Prepare | Promise1 | Accept | Learn> = {
  id: "promises",
  title: "Prepare and Promise",
  adds: "Before it leads, a server makes a majority promise to accept nothing of lower rounds.",
  previous: "rounds",
  source: "protocols/promises.ts",
  servers: 3,
  asks: "any",
  quorum: "majority",

  start: (me, servers) => {
    const leads = me === "S1";
    const nothing = { executed: [], accepted: {}, queue: [], open: null, learns: [], promises: null };
    return { me, servers: [...servers], promised: 1, leads, ...nothing };
  },

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        if (s.executed.includes(m.value)) return [execute(s, m.value)];
        if (m.value !== s.open && !s.queue.includes(m.value)) s.queue.push(m.value);
        return next(s);
      case "PREP":
        if (m.rnd < s.promised) return [refuse(`it has promised ${s.promised}`)];
        enter(s, m.rnd);
        return [send(m.from, { type: "PROM", rnd: m.rnd })];
      case "PROM":
        if (m.rnd !== s.promised || s.promises === null) return [];
        if (!s.promises.includes(m.from)) s.promises.push(m.from);
        return s.promises.length >= majority(s) ? lead(s) : [];
      case "ACC": {
        if (m.rnd < s.promised) return [refuse(`its promise ${s.promised} is higher than ${m.rnd}`)];
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
    if (s.promises !== null) return [broadcast(s, { type: "PREP", rnd: s.promised })];
    return s.leads && s.open !== null ? [accept(s, s.open)] : [];
  },

  onSuspect(s, peer) {
    if (peer !== leaderOf(s)) return [];
    enter(s, roundAbove(s.promised, numberOf(s.me), s.servers.length));
    s.promises = [s.me];
    return [broadcast(s, { type: "PREP", rnd: s.promised })];
  },
};

function lead(s: State): Effect[] {
  s.promises = null;
  s.leads = true;
  return next(s);
}

function leaderOf(s: State): ProcessId {
  return s.servers[(s.promised - 1) % s.servers.length] ?? s.me;
}

/** In a higher round this server leads no more; what it had begun is left behind. */
function enter(s: State, rnd: number): void {
  if (rnd === s.promised) return;
  s.promised = rnd;
  s.leads = false;
  s.open = null;
  s.promises = null;
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
