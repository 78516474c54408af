import { roundAbove } from "@synod/paxos";
import {
  broadcast,
  type Effect,
  execute,
  majority,
  type Message,
  note,
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
  /** Accepts nothing below this round. The leader of round 1, 6, 11 is S1, of 2, 7, 12 S2, and so on. */
  promised: number;
  leads: boolean;
  accepted: Record<number, Vote>;
  learned: Record<number, Value>;
  /** Everything up to this number is executed. */
  applied: number;
  /** Asked for, and not begun. */
  queue: Value[];
  /** Sent by the leader and not heard to have arrived at a majority. */
  open: Value | null;
  /** Who is known to have accepted, itself included, by number, and in which round: votes of different rounds do not add up. */
  learns: Record<number, { rnd: number; by: ProcessId[] }>;
  /** What those who have promised had accepted, while it asks for promises. */
  promises: Record<ProcessId, Record<number, Vote>> | null;
}

interface Prepare extends Message {
  type: "PREP";
  rnd: number;
}

interface Promise1 extends Message {
  type: "PROM";
  rnd: number;
  votes: Record<number, Vote>;
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

export const allToAll: Protocol<State, Request | Prepare | Promise1 | Accept | Learn> = {
  id: "all-to-all",
  title: "Learns to all before anyone executes",
  adds: "Every server tells every other what it accepted, and executes once it counts a majority in one round.",
  previous: "five-servers",
  source: "protocols/all-to-all.ts",
  servers: 5,
  asks: "any",
  quorum: "majority",

  start: (me, servers) => {
    const leads = me === "S1";
    const nothing = { executed: [], accepted: {}, learned: {}, applied: 0, queue: [], open: null, learns: {} };
    return { me, servers: [...servers], promised: 1, leads, ...nothing, promises: null };
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
        return [send(m.from, { type: "PROM", rnd: m.rnd, votes: s.accepted })];
      case "PROM":
        if (m.rnd !== s.promised || s.promises === null) return [];
        s.promises[m.from] = m.votes;
        return Object.keys(s.promises).length >= majority(s) ? lead(s, Object.values(s.promises)) : [];
      case "ACC":
        if (m.rnd < s.promised) return [refuse(`its promise ${s.promised} is higher than ${m.rnd}`)];
        enter(s, m.rnd);
        s.accepted[m.slot] = { rnd: m.rnd, value: m.value };
        return [broadcast(s, { ...m, type: "LRN" }), ...count(s, m, [m.from, s.me])];
      case "LRN":
        return count(s, m, [m.from]);
    }
  },

  onTimeout(s) {
    if (s.promises !== null) return [broadcast(s, { type: "PREP", rnd: s.promised })];
    if (!s.leads) return [];
    const known = Object.entries(s.learned).map(([slot, value]) => accept(s, Number(slot), value));
    return s.open === null ? known : [...known, accept(s, s.applied + 1, s.open)];
  },

  onSuspect(s, peer) {
    if (peer !== leaderOf(s)) return [];
    enter(s, roundAbove(s.promised, numberOf(s.me), s.servers.length));
    s.promises = { [s.me]: { ...s.accepted } };
    return [broadcast(s, { type: "PREP", rnd: s.promised })];
  },
};

/** What may have been chosen goes first: of several reports for a number the one of the highest round. */
function lead(s: State, reported: readonly Record<number, Vote>[]): Effect[] {
  s.promises = null;
  s.leads = true;
  const highest: Record<number, Vote> = {};
  for (const [slot, vote] of reported.flatMap((votes) => Object.entries(votes))) {
    if (vote.rnd > (highest[Number(slot)]?.rnd ?? 0)) highest[Number(slot)] = vote;
  }
  const again = Object.entries(highest).filter(([slot]) => s.learned[Number(slot)] === undefined);
  s.queue = [...new Set([...again.map(([, vote]) => vote.value), ...s.queue])];
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
  return [accept(s, s.applied + 1, value)];
}

function accept(s: State, slot: number, value: Value): Effect {
  s.accepted[slot] = { rnd: s.promised, value };
  // The leader has accepted too, and its vote is one like any other.
  if ((s.learns[slot]?.rnd ?? 0) < s.promised) s.learns[slot] = { rnd: s.promised, by: [s.me] };
  return broadcast(s, { type: "ACC", rnd: s.promised, slot, value });
}

function count(s: State, { rnd, slot, value }: Accept | Learn, who: readonly ProcessId[]): Effect[] {
  const old = s.learns[slot];
  if (old !== undefined && old.rnd > rnd) return [];
  const by = [...new Set([...(old?.rnd === rnd ? old.by : []), ...who])].sort();
  s.learns[slot] = { rnd, by };
  if (s.learned[slot] !== undefined) return [];
  const counted = note(`has counted ${by.length} of ${s.servers.length}`, `${by.length} of ${s.servers.length}`);
  return by.length >= majority(s) ? [counted, ...learn(s, slot, value), ...next(s)] : [counted];
}

/** It is chosen; what is next in order is executed. */
function learn(s: State, slot: number, value: Value): Effect[] {
  s.learned[slot] = value;
  const answers: Effect[] = [];
  for (let due = s.learned[s.applied + 1]; due !== undefined; due = s.learned[s.applied + 1]) {
    s.applied++;
    answers.push(execute(s, due));
    s.open = null;
  }
  return answers;
}
