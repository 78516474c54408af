import { roundAbove } from "@synod/paxos";
import {
  broadcast,
  type Effect,
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
  /** What it would like to have chosen. */
  wish: Value | null;
  /** Its own last round, as a proposer. */
  rnd: number;
  promised: number;
  accepted: Record<number, Vote>;
  learned: Record<number, Value>;
  /** Who has promised `rnd`, and what each of them had accepted; null while it does not ask for promises. */
  promises: Record<ProcessId, Vote | null> | null;
  /** Votes heard of. */
  heard: Record<ProcessId, Vote>;
}

interface Prepare extends Message {
  type: "PREP";
  rnd: number;
}

interface Promise1 extends Message {
  type: "PROM";
  rnd: number;
  vote: Vote | null;
}

interface Accept extends Message {
  type: "ACC";
  rnd: number;
  value: Value;
}

interface Learn extends Message {
  type: "LRN";
  rnd: number;
  value: Value;
}

/** What somebody knows to be decided. */
interface Commit extends Message {
  type: "COM";
  value: Value;
}

/** The lines that matter, each of which can be exchanged to see what breaks. */
export interface PaxosRules {
  /** A round above `above` that is `s.me`'s own. */
  newRound(s: State, above: number): number;
  /** What a promise reports. `before` is what had been promised. */
  report(s: State, before: number): Vote | null;
  /** What to propose after promises with these reports. */
  pick(reports: readonly Vote[], wish: Value): Value;
  mayAccept(s: State, rnd: number): boolean;
  /** Promises before a proposal, and votes for a decision. */
  phase1(s: State): number;
  phase2(s: State): number;
  /** Whether two votes count together. */
  alike(a: Vote, b: Vote): boolean;
  /** What a crash takes from the state. */
  forget(s: State): void;
}

export const PAXOS_RULES: PaxosRules = {
  newRound: (s, above) => roundAbove(above, numberOf(s.me), s.servers.length),
  report: (s) => s.accepted[0] ?? null,
  pick: (reports, wish) => [...reports].sort((a, b) => b.rnd - a.rnd)[0]?.value ?? wish,
  mayAccept: (s, rnd) => rnd >= s.promised,
  phase1: majority,
  phase2: majority,
  alike: (a, b) => a.rnd === b.rnd && a.value === b.value,
  forget: () => {},
};

/** Paxos for one decision. Every server proposes, accepts and learns. */
export function basicPaxosWith(
  rules: PaxosRules,
  about: Pick<Protocol, "id" | "title" | "adds" | "previous" | "source">,
): Protocol<State, Request | Prepare | Promise1 | Accept | Learn | Commit> {
  function prepare(s: State): Effect[] {
    if (s.wish === null || s.learned[0] !== undefined) return [];
    s.rnd = rules.newRound(s, Math.max(s.rnd, s.promised));
    const before = s.promised;
    s.promised = Math.max(s.promised, s.rnd);
    s.promises = { [s.me]: rules.report(s, before) };
    return [broadcast(s, { type: "PREP", rnd: s.rnd })];
  }

  function propose(s: State, wish: Value): Effect[] {
    const reports = Object.values(s.promises ?? {}).filter((vote) => vote !== null);
    const value = rules.pick(reports, wish);
    s.promises = null;
    return [broadcast(s, { type: "ACC", rnd: s.rnd, value }), ...accept(s, s.rnd, value)];
  }

  function accept(s: State, rnd: number, value: Value): Effect[] {
    if (!rules.mayAccept(s, rnd)) return [refuse(`its promise ${s.promised} is higher than ${rnd}`)];
    s.promised = Math.max(s.promised, rnd);
    s.accepted[0] = { rnd, value };
    learn(s, s.me, { rnd, value });
    return [broadcast(s, { type: "LRN", rnd, value })];
  }

  function learn(s: State, from: ProcessId, vote: Vote): void {
    const old = s.heard[from];
    if (old === undefined || old.rnd < vote.rnd) s.heard[from] = vote;
    const together = Object.values(s.heard).filter((one) => rules.alike(one, vote));
    if (together.length >= rules.phase2(s)) s.learned[0] ??= vote.value;
  }

  return {
    ...about,
    servers: 3,
    asks: "none",
    quorum: "majority",

    start: (me, servers) => {
      const nothing = { executed: [], accepted: {}, learned: {}, heard: {}, promises: null, wish: null };
      return { me, servers: [...servers], rnd: 0, promised: 0, ...nothing };
    },

    onMessage(s, m) {
      switch (m.type) {
        case "REQ":
          s.wish = m.value;
          return prepare(s);
        case "PREP": {
          if (m.rnd < s.promised) return [refuse(`it has promised ${s.promised}`)];
          const before = s.promised;
          s.promised = m.rnd;
          return [send(m.from, { type: "PROM", rnd: m.rnd, vote: rules.report(s, before) })];
        }
        case "PROM":
          if (m.rnd !== s.rnd || s.promises === null || s.wish === null) return [];
          s.promises[m.from] = m.vote;
          return Object.keys(s.promises).length >= rules.phase1(s) ? propose(s, s.wish) : [];
        case "ACC":
          return accept(s, m.rnd, m.value);
        case "LRN":
          learn(s, m.from, { rnd: m.rnd, value: m.value });
          return [];
        case "COM":
          s.learned[0] ??= m.value;
          return [];
      }
    },

    onTimeout(s) {
      const known = s.learned[0];
      return known === undefined ? prepare(s) : [broadcast(s, { type: "COM", value: known })];
    },

    onRestart(s) {
      s.promises = null;
      rules.forget(s);
      return [];
    },
  };
}

export const basicPaxos: ReturnType<typeof basicPaxosWith> = basicPaxosWith(PAXOS_RULES, {
  id: "basic-paxos",
  title: "Paxos for one decision",
  adds: "Multi-Paxos with one number only: anybody may propose, in a round of its own.",
  previous: "multi-paxos",
  source: "protocols/basic-paxos.ts",
});
