import {
  broadcast,
  type Effect,
  execute,
  majority,
  type Message,
  NOOP,
  note,
  others,
  type ProcessId,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
  type Vote,
} from "../shape.js";

/** The end of a log. An empty one ends with number 0 of term 0. */
interface LogEnd {
  rnd: number;
  slot: number;
}

interface State extends ServerState {
  /** Its term: the highest number that it has heard of. */
  promised: number;
  /** Whom it voted for in this term. */
  votedFor: ProcessId | null;
  /** Of a candidate: who votes for it. */
  votes: ProcessId[];
  leads: boolean;
  /** The log: every entry keeps the term in which its leader first wrote it. */
  accepted: Record<number, Vote>;
  learned: Record<number, Value>;
  /** Everything up to this number is committed and executed. */
  applied: number;
  /** Of a leader: the next entry for each of the others, and up to where the other's log is known to be like its own. */
  next: Record<ProcessId, number>;
  has: Record<ProcessId, number>;
}

/** RequestVote. */
interface Ask extends Message {
  type: "RV";
  rnd: number;
  log: LogEnd;
}

interface Voted extends Message {
  type: "VOTED";
  rnd: number;
}

/** AppendEntries, one entry at a time; none is a heartbeat. `before`: the term of the entry before it. */
interface Append extends Message {
  type: "AE";
  rnd: number;
  slot: number;
  before: { rnd: number };
  entry: Vote | null;
  /** Left out: nothing is committed yet. */
  upTo?: number;
}

/** Its log is like the leader's up to this number. */
interface Ok extends Message {
  type: "OK";
  rnd: number;
  slot: number;
}

/** Of a higher term; or, with a number, of a log that lacks what should stand before it. */
interface No extends Message {
  type: "NO";
  rnd: number;
  slot?: number;
}

/** The lines that a what-if exchanges. */
export interface RaftRules {
  /** Whether copies of an entry on a majority make it committed. */
  mayCount(s: ServerState, entry: Vote): boolean;
}

export const RAFT_RULES: RaftRules = {
  mayCount: (s, entry) => entry.rnd === s.promised,
};

const ABOUT = {
  id: "raft",
  title: "Raft",
  adds: "A number is called term and belongs to whom a majority votes for. Nobody votes for a log that is older than its own, so that a leader has the past already and a vote need not report it.",
  previous: "multi-paxos",
  source: "protocols/raft.ts",
};

export const raft: Protocol = raftWith(RAFT_RULES, ABOUT);

export function raftWith(
  rules: RaftRules,
  about: Pick<Protocol, "id" | "title" | "adds" | "previous" | "source">,
): Protocol {
  const protocol: Protocol<State, Request | Ask | Voted | Append | Ok | No> = {
    ...about,
    servers: 3,
    asks: "any",
    quorum: "majority",
    family: "raft",

    start: (me, servers) => {
      // As in Multi-Paxos here, S1 leads from the start: everybody has voted for it in term 1.
      const leads = me === "S1";
      const nothing = { executed: [], accepted: {}, learned: {}, applied: 0, votes: [], has: {} };
      const next = leads ? Object.fromEntries(servers.filter((id) => id !== me).map((id) => [id, 1])) : {};
      return { me, servers: [...servers], promised: 1, votedFor: "S1", leads, ...nothing, next };
    },

    onMessage(s, m) {
      if (m.type !== "REQ" && m.rnd > s.promised) enter(s, m.rnd);
      switch (m.type) {
        case "REQ":
          if (!s.leads) return [refuse("only the leader takes requests")];
          if (s.executed.includes(m.value)) return [execute(s, m.value)];
          return Object.values(s.accepted).some(({ value }) => value === m.value) ? [] : append(s, m.value);
        case "RV":
          return vote(s, m);
        case "VOTED":
          if (m.rnd !== s.promised || s.leads || s.votedFor !== s.me) return [];
          if (!s.votes.includes(m.from)) s.votes.push(m.from);
          return s.votes.length >= majority(s) ? lead(s) : [];
        case "AE":
          return store(s, m);
        case "OK":
          if (m.rnd !== s.promised || !s.leads) return [];
          s.has[m.from] = Math.max(s.has[m.from] ?? 0, m.slot);
          s.next[m.from] = (s.has[m.from] ?? 0) + 1;
          return [...commit(s, rules), ...(m.slot < lastOf(s).slot ? [copyTo(s, m.from)] : [])];
        case "NO":
          if (m.rnd !== s.promised || !s.leads || m.slot === undefined) return [];
          s.next[m.from] = Math.max((s.has[m.from] ?? 0) + 1, m.slot - 1);
          return [copyTo(s, m.from)];
      }
    },

    onTimeout: (s) => (s.leads ? others(s).map((peer) => copyTo(s, peer)) : stand(s)),

    onRestart(s) {
      s.leads = false;
      s.votes = [];
      return [];
    },
  };
  return protocol;
}

/** A higher term: whoever led or stood in a lower one does so no more, and the vote is free again. */
function enter(s: State, rnd: number): void {
  s.promised = rnd;
  s.votedFor = null;
  s.votes = [];
  s.leads = false;
}

function stand(s: State): Effect[] {
  enter(s, s.promised + 1);
  s.votedFor = s.me;
  s.votes = [s.me];
  if (s.votes.length >= majority(s)) return lead(s);
  const why = note(`stands for election in term ${s.promised} and votes for itself`, `stands in ${s.promised}`);
  return [why, broadcast(s, { type: "RV", rnd: s.promised, log: lastOf(s) })];
}

/** One vote a term, and none for a log that is older than its own: by the term of its last entry, then by its length. */
function vote(s: State, m: Ask): Effect[] {
  if (m.rnd < s.promised) return [refuse(`its term ${s.promised} is higher than ${m.rnd}`), no(s, m.from)];
  if (s.votedFor !== null && s.votedFor !== m.from) {
    const whom = s.votedFor === s.me ? "itself" : s.votedFor;
    return [refuse(`it has voted for ${whom} in term ${m.rnd}`)];
  }
  const own = lastOf(s);
  const isOlder = m.log.rnd < own.rnd || (m.log.rnd === own.rnd && m.log.slot < own.slot);
  if (isOlder) return [refuse(`its own log is newer, it ends with number ${own.slot} of term ${own.rnd}`)];
  s.votedFor = m.from;
  return [send(m.from, { type: "VOTED", rnd: m.rnd })];
}

/** The first entry of a new leader does nothing: it must have one of its own term before it may count. */
function lead(s: State): Effect[] {
  s.leads = true;
  s.has = {};
  for (const peer of others(s)) s.next[peer] = lastOf(s).slot + 1;
  return append(s, NOOP);
}

function append(s: State, value: Value): Effect[] {
  const slot = lastOf(s).slot + 1;
  s.accepted[slot] = { rnd: s.promised, value };
  return others(s)
    .filter((peer) => s.next[peer] === slot)
    .map((peer) => copyTo(s, peer));
}

function copyTo(s: State, peer: ProcessId): Effect {
  const slot = s.next[peer] ?? 1;
  const before = { rnd: s.accepted[slot - 1]?.rnd ?? 0 };
  const entry = s.accepted[slot] ?? null;
  return send(peer, { type: "AE", rnd: s.promised, slot, before, entry, ...(s.applied > 0 && { upTo: s.applied }) });
}

/** Only behind the same entry as in the leader's log; so whoever has the same entry has the same ones before it too. */
function store(s: State, m: Append): Effect[] {
  if (m.rnd < s.promised) return [refuse(`its term ${s.promised} is higher than ${m.rnd}`), no(s, m.from)];
  if ((s.accepted[m.slot - 1]?.rnd ?? 0) !== m.before.rnd) {
    const lacks = `lacks number ${m.slot - 1} of term ${m.before.rnd}`;
    return [note(lacks, lacks), send(m.from, { type: "NO", rnd: m.rnd, slot: m.slot })];
  }
  const gone = m.entry === null || s.accepted[m.slot]?.rnd === m.entry.rnd ? [] : removeFrom(s, m.slot);
  if (m.entry !== null) s.accepted[m.slot] = { ...m.entry };
  const same = m.entry === null ? m.slot - 1 : m.slot;
  return [...gone, ...learnUpTo(s, Math.min(m.upTo ?? 0, same)), send(m.from, { type: "OK", rnd: m.rnd, slot: same })];
}

/** What a newer leader does not have is removed. */
function removeFrom(s: State, slot: number): Effect[] {
  const old = s.accepted[slot];
  for (const key of Object.keys(s.accepted)) if (Number(key) >= slot) delete s.accepted[Number(key)];
  return old === undefined
    ? []
    : [note(`removes ${old.value} of term ${old.rnd} from number ${slot}`, `− ${old.rnd} ${old.value}`)];
}

/** Committed: on a majority, and written in the leader's own term. With it, all before it. */
function commit(s: State, rules: RaftRules): Effect[] {
  const onMajority = (slot: number): boolean =>
    others(s).filter((peer) => (s.has[peer] ?? 0) >= slot).length + 1 >= majority(s);
  const copied = Object.keys(s.accepted).map(Number).filter(onMajority);
  const counted = copied.filter((slot) => rules.mayCount(s, s.accepted[slot] ?? { rnd: 0, value: NOOP }));
  const upTo = Math.max(0, ...counted);
  const old = copied.filter((slot) => slot > Math.max(upTo, s.applied)).at(-1);
  const words = `does not count the copies of number ${old}: they are of term ${s.accepted[old ?? 0]?.rnd}, not of its own`;
  return [...(old === undefined ? [] : [note(words, "old term: not counted")]), ...learnUpTo(s, upTo)];
}

function learnUpTo(s: State, upTo: number): Effect[] {
  const answers: Effect[] = [];
  while (s.applied < upTo) {
    s.applied++;
    const value = s.accepted[s.applied]?.value ?? NOOP;
    s.learned[s.applied] = value;
    answers.push(execute(s, value));
  }
  return answers;
}

function lastOf(s: State): LogEnd {
  const slot = Math.max(0, ...Object.keys(s.accepted).map(Number));
  return { rnd: s.accepted[slot]?.rnd ?? 0, slot };
}

function no(s: State, to: ProcessId): Effect {
  return send(to, { type: "NO", rnd: s.promised });
}
