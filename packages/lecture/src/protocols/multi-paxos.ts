import { roundAbove } from "@synod/paxos";
import {
  broadcast,
  type Effect,
  execute,
  majority,
  type Message,
  NOOP,
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
  learned: Record<number, Value>;
  /** Everything up to this number is executed. */
  applied: number;
  /** Of a leader: who is known to have accepted its proposal, by number; what is decided is not in it. */
  open: Record<number, ProcessId[]>;
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
}

/** It is chosen, whatever the round is by now. */
interface Commit extends Message {
  type: "COM";
  slot: number;
  value: Value;
}

export const multiPaxos: Protocol<State, Request | Prepare | Promise1 | Accept | Learn | Commit> = {
  id: "multi-paxos",
  title: "Multi-Paxos: many numbers at once, no-ops in the gaps",
  adds: "The leader does not wait for one command before it begins the next; a new leader fills the gaps it finds with no-ops.",
  previous: "commit",
  source: "protocols/multi-paxos.ts",
  servers: 3,
  asks: "any",
  quorum: "majority",

  start: (me, servers) => {
    const leads = me === "S1";
    const nothing = { executed: [], accepted: {}, learned: {}, applied: 0, open: {} };
    return { me, servers: [...servers], promised: 1, leads, ...nothing, promises: null };
  },

  onMessage(s, m) {
    switch (m.type) {
      case "REQ":
        if (!s.leads) return [refuse("only the leader takes requests")];
        if (s.executed.includes(m.value)) return [execute(s, m.value)];
        return isProposed(s, m.value) ? [] : [accept(s, lastSlot(s) + 1, m.value)];
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
        return [send(m.from, { type: "LRN", rnd: m.rnd, slot: m.slot })];
      case "LRN":
        return m.rnd === s.promised ? count(s, m.slot, m.from) : [];
      case "COM":
        return learn(s, m.slot, m.value);
    }
  },

  onTimeout(s) {
    if (s.promises !== null) return [broadcast(s, { type: "PREP", rnd: s.promised })];
    if (!s.leads) return [];
    const known = Object.entries(s.learned).map(([slot, value]) => tell(s, Number(slot), value));
    const open = Object.keys(s.open).map((slot) => accept(s, Number(slot), s.accepted[Number(slot)]?.value ?? NOOP));
    return [...known, ...open];
  },

  onSuspect(s, peer) {
    if (peer !== leaderOf(s)) return [];
    enter(s, roundAbove(s.promised, numberOf(s.me), s.servers.length));
    s.promises = { [s.me]: { ...s.accepted } };
    return [broadcast(s, { type: "PREP", rnd: s.promised })];
  },
};

/** Everything that may have been chosen is proposed again, under the new round; what nobody reports is filled with no-ops. */
function lead(s: State, reported: readonly Record<number, Vote>[]): Effect[] {
  s.promises = null;
  s.leads = true;
  const highest: Record<number, Vote> = {};
  for (const [slot, vote] of reported.flatMap((votes) => Object.entries(votes))) {
    if (vote.rnd > (highest[Number(slot)]?.rnd ?? 0)) highest[Number(slot)] = vote;
  }
  const last = Math.max(lastSlot(s), ...Object.keys(highest).map(Number));
  const slots = Array.from({ length: last }, (_, index) => index + 1);
  const open = slots.filter((slot) => s.learned[slot] === undefined);
  return open.map((slot) => accept(s, slot, highest[slot]?.value ?? NOOP));
}

function leaderOf(s: State): ProcessId {
  return s.servers[(s.promised - 1) % s.servers.length] ?? s.me;
}

/** In a higher round this server leads no more; what it had begun is left behind. */
function enter(s: State, rnd: number): void {
  if (rnd === s.promised) return;
  s.promised = rnd;
  s.leads = false;
  s.open = {};
  s.promises = null;
}

function lastSlot(s: State): number {
  return Math.max(0, ...Object.keys(s.accepted).map(Number), ...Object.keys(s.learned).map(Number));
}

function isProposed(s: State, value: Value): boolean {
  return Object.keys(s.open).some((slot) => s.accepted[Number(slot)]?.value === value);
}

function accept(s: State, slot: number, value: Value): Effect {
  s.accepted[slot] = { rnd: s.promised, value };
  s.open[slot] ??= [s.me];
  return broadcast(s, { type: "ACC", rnd: s.promised, slot, value });
}

function count(s: State, slot: number, from: ProcessId): Effect[] {
  const by = s.open[slot];
  const value = s.accepted[slot]?.value;
  if (by === undefined || value === undefined) return [];
  if (!by.includes(from)) by.push(from);
  return by.length >= majority(s) ? [...learn(s, slot, value), tell(s, slot, value)] : [];
}

function tell(s: State, slot: number, value: Value): Effect {
  return broadcast(s, { type: "COM", slot, value });
}

/** It is chosen; what is next in order is executed. */
function learn(s: State, slot: number, value: Value): Effect[] {
  s.learned[slot] = value;
  delete s.open[slot];
  const answers: Effect[] = [];
  for (let due = s.learned[s.applied + 1]; due !== undefined; due = s.learned[s.applied + 1]) {
    s.applied++;
    answers.push(execute(s, due));
  }
  return answers;
}
