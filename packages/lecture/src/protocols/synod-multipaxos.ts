import type { Ballot } from "@synod/interface";
import type { Message as LogMessage } from "@synod/multipaxos";
import { decode, type Packet, ReplicaLife, type ReplicaInput } from "../replica-life.js";
import {
  type Body,
  type Effect,
  execute,
  type Message,
  numberOf,
  type Protocol,
  refuse,
  type Request,
  send,
  type ServerState,
  type Value,
  type Vote,
} from "../shape.js";

/** A replica is what it was told since it began; what the lecture calls promised, accepted and learned is read from its disk. */
interface State extends ServerState {
  told: readonly unknown[];
  /** Asked here, so that the client waits here. */
  waiting: Value[];
}

interface Wrapped extends Message {
  type: "PREP" | "PROM" | "ACC" | "LRN" | "COM" | "REJ" | "BEAT";
  inner: unknown;
}

export const synodMultipaxos: Protocol<State, Request | Wrapped> = {
  id: "synod-multipaxos",
  title: "@synod/multipaxos",
  adds: "The replica as shipped: pages of votes, catching up, elections; whoever suspects the leader campaigns.",
  previous: "multi-paxos",
  source: "protocols/synod-multipaxos.ts",
  servers: 3,
  asks: "any",
  quorum: "majority",

  start: (me, servers) => {
    const nothing = { executed: [], promised: 0, accepted: {}, learned: {}, leads: false, told: [], waiting: [] };
    return { me, servers: [...servers], ...nothing };
  },

  onMessage(s, m) {
    if (m.type !== "REQ")
      return tell(s, { do: "receive", from: numberOf(m.from), message: unpack(m.inner) as LogMessage });
    if (s.executed.includes(m.value)) return [execute(s, m.value)];
    if (s.leads !== true) return [refuse("it does not lead")];
    if (s.waiting.includes(m.value)) return [];
    s.waiting.push(m.value);
    return tell(s, { do: "propose", value: m.value });
  },

  onTimeout(s) {
    return tell(s, { do: "round" });
  },

  onSuspect(s) {
    return tell(s, { do: "campaign" });
  },

  onRestart(s) {
    s.executed = [];
    s.waiting = [];
    return tell(s, { do: "restart" });
  },
};

/** The same inputs give the same replica, so that it can be had again from them at any time. */
function tell(s: State, input: ReplicaInput): Effect[] {
  const life = new ReplicaLife(numberOf(s.me), s.servers.map(numberOf));
  for (const earlier of s.told) life.tell(unpack(earlier) as ReplicaInput);
  s.told = [...s.told, pack(input)];
  const { packets, executed } = life.tell(input);
  show(s, life);
  const answers = executed.flatMap((value) => {
    const answer = execute(s, value);
    return s.waiting.includes(value) ? [answer] : [];
  });
  // A candidacy stands for all the beats that led to it.
  const said = packets.filter(({ message }) => input.do === "round" || !isBeat(message) || input.do === "receive");
  return [...said.map((packet) => sendOf(s, packet)), ...answers];
}

function show(s: State, { disk, chosen, leads }: ReplicaLife): void {
  s.promised = roundOf(s, disk.promised);
  const votes = [...disk.votes.values()].map(({ slot, ballot, value }): [number, Vote] => [
    slot,
    { rnd: roundOf(s, ballot), value: decode(value) },
  ]);
  s.accepted = Object.fromEntries(votes);
  s.learned = Object.fromEntries(chosen);
  s.leads = leads;
}

/** Ballots in the lecture's numbering: ballot 2.1 among three is round 4, the second one of S1. */
function roundOf(s: State, ballot: Ballot | null): number {
  return ballot === null ? 0 : (ballot.round - 1) * s.servers.length + ballot.node;
}

function isBeat(message: LogMessage): boolean {
  return message.kind === "beat" || message.kind === "beatReply";
}

function sendOf(s: State, { to, message }: Packet): Effect {
  return send(
    to.map((id) => `S${id}`),
    { ...shown(s, message), inner: pack(message) },
  );
}

function shown(s: State, message: LogMessage): Body {
  switch (message.kind) {
    case "prepare":
      return { type: "PREP", rnd: roundOf(s, message.ballot), slot: message.fromSlot };
    case "promise": {
      const votes = message.votes.map(({ slot, ballot, value }): [number, Vote] => [
        slot,
        { rnd: roundOf(s, ballot), value: decode(value) },
      ]);
      const known = message.chosenUpTo === 0 ? {} : { upTo: message.chosenUpTo };
      return { type: "PROM", rnd: roundOf(s, message.ballot), ...known, votes: Object.fromEntries(votes) };
    }
    case "accept": {
      const [value = new Uint8Array()] = message.values;
      const many = message.values.length > 1 ? { more: message.values.slice(1).map(decode) } : {};
      return { type: "ACC", rnd: roundOf(s, message.ballot), slot: message.firstSlot, value: decode(value), ...many };
    }
    case "accepted":
      return { type: "LRN", rnd: roundOf(s, message.ballot), slot: message.slots.map(rangeText).join("+") };
    case "commit":
      return { type: "COM", rnd: roundOf(s, message.ballot), upTo: message.chosenUpTo };
    case "reject":
      return { type: "REJ", rnd: roundOf(s, message.ballot) };
    case "learn":
      return { type: "COM", slot: message.firstSlot, values: message.values.map(decode) };
    case "beat":
    case "beatReply":
      return { type: "BEAT", say: message.kind === "beat" ? "do you have a leader?" : message.content ? "yes" : "no" };
    default:
      return { type: message.kind.toUpperCase() };
  }
}

function rangeText([first, last]: readonly [number, number]): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/** Bytes in messages as plain arrays with a name, so that worlds stay plain data. */
function pack(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
}

function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== "object" || value === null) return value;
  if ("bytes" in value) return Uint8Array.from(value.bytes as number[]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)]));
}
