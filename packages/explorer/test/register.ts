import type { Model } from "../src/index.js";

/*
 * Three servers of single-decree Paxos, and clients that write one value each and read afterwards, with their history in the
 * state: the model of stateright's example `paxos`. Messages are delivered once, in any order; none is lost. Servers are
 * 0 to 2, clients come after them.
 */

type Ballot = readonly [round: number, server: number];
type Proposal = readonly [request: number, client: number, value: string];
type Accepted = readonly [Ballot, Proposal] | null;

type Message =
  | readonly ["put", request: number, value: string]
  | readonly ["get", request: number]
  | readonly ["putOk", request: number]
  | readonly ["getOk", request: number, value: string]
  | readonly ["prepare", Ballot]
  | readonly ["prepared", Ballot, Accepted]
  | readonly ["accept", Ballot, Proposal]
  | readonly ["accepted", Ballot]
  | readonly ["decided", Ballot, Proposal];

interface Server {
  readonly ballot: Ballot;
  readonly proposal: Proposal | null;
  readonly prepares: readonly (readonly [server: number, Accepted])[];
  readonly accepts: readonly number[];
  readonly accepted: Accepted;
  readonly decided: boolean;
}

/** `waits` = the request without an answer. */
interface Client {
  readonly waits: number | null;
  readonly operations: number;
}

/** `after` = how many operations of each client were completed when this one was called. */
interface Operation {
  readonly after: readonly number[];
  readonly write: string | null;
  /** What a read returned; null for a write, and while it is under way. */
  readonly read: string | null;
  readonly done: boolean;
}

interface Envelope {
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

export interface RegisterState {
  readonly servers: readonly Server[];
  readonly clients: readonly Client[];
  /** Operations of each client. */
  readonly history: readonly (readonly Operation[])[];
  readonly network: readonly Envelope[];
}

const SERVERS = 3;
const MAJORITY = 2;

const compareBallots = (a: Ballot, b: Ballot): number => a[0] - b[0] || a[1] - b[1];
const textOf = (x: unknown): string => JSON.stringify(x);

function insert<T>(map: readonly (readonly [number, T])[], key: number, value: T): (readonly [number, T])[] {
  return [...map.filter(([other]) => other !== key), [key, value] as const].sort((a, b) => a[0] - b[0]);
}

/** What a server does with a message: null if it ignores it. */
function serverStep(me: number, s: Server, from: number, message: Message): { server: Server; out: Envelope[] } | null {
  const to = (peer: number, m: Message): Envelope => ({ from: me, to: peer, message: m });
  const others = [0, 1, 2].filter((id) => id !== me);
  if (s.decided) {
    if (message[0] !== "get" || s.accepted === null) return null;
    return { server: s, out: [to(from, ["getOk", message[1], s.accepted[1][2]])] };
  }
  switch (message[0]) {
    case "put": {
      if (s.proposal !== null) return null;
      const ballot: Ballot = [s.ballot[0] + 1, me];
      const proposal: Proposal = [message[1], from, message[2]];
      const server: Server = { ...s, ballot, proposal, prepares: [[me, s.accepted]], accepts: [] };
      return { server, out: others.map((peer) => to(peer, ["prepare", ballot])) };
    }
    case "prepare":
      if (compareBallots(s.ballot, message[1]) >= 0) return null;
      return { server: { ...s, ballot: message[1] }, out: [to(from, ["prepared", message[1], s.accepted])] };
    case "prepared": {
      const ballot = message[1];
      if (compareBallots(ballot, s.ballot) !== 0) return null;
      const prepares = insert(s.prepares, from, message[2]);
      if (prepares.length !== MAJORITY) return { server: { ...s, prepares }, out: [] };
      const best = prepares
        .map(([, accepted]) => accepted)
        .reduce((a, b) => (b !== null && (a === null || compareBallots(b[0], a[0]) > 0) ? b : a), null);
      const proposal = best?.[1] ?? s.proposal;
      if (proposal === null) return null;
      const accepts = [...new Set([...s.accepts, me])].sort((a, b) => a - b);
      const server: Server = { ...s, prepares, proposal, accepted: [ballot, proposal], accepts };
      return { server, out: others.map((peer) => to(peer, ["accept", ballot, proposal])) };
    }
    case "accept": {
      const [, ballot, proposal] = message;
      if (compareBallots(s.ballot, ballot) > 0) return null;
      return { server: { ...s, ballot, accepted: [ballot, proposal] }, out: [to(from, ["accepted", ballot])] };
    }
    case "accepted": {
      const { proposal } = s;
      if (compareBallots(message[1], s.ballot) !== 0 || proposal === null) return null;
      const accepts = [...new Set([...s.accepts, from])].sort((a, b) => a - b);
      if (accepts.length !== MAJORITY) return { server: { ...s, accepts }, out: [] };
      const out = others.map((peer) => to(peer, ["decided", s.ballot, proposal]));
      return { server: { ...s, accepts, decided: true }, out: [...out, to(proposal[1], ["putOk", proposal[0]])] };
    }
    case "decided": {
      const [, ballot, proposal] = message;
      return { server: { ...s, ballot, accepted: [ballot, proposal], decided: true }, out: [] };
    }
    default:
      return null;
  }
}

/** A client reads after its write, at the next server. */
function clientStep(me: number, c: Client, message: Message): { client: Client; out: Envelope[] } | null {
  if (c.waits === null || message[1] !== c.waits) return null;
  const operations = c.operations + 1;
  if (message[0] === "getOk") return { client: { waits: null, operations }, out: [] };
  if (message[0] !== "putOk") return null;
  const request = operations * me;
  const get: Envelope = { from: me, to: (me + c.operations) % SERVERS, message: ["get", request] };
  return { client: { waits: request, operations }, out: [get] };
}

type History = RegisterState["history"];

function called(history: History, client: number, write: string | null): History {
  const after = history.map((own, other) => (other === client ? 0 : own.filter(({ done }) => done).length));
  return history.map((own, other) => (other === client ? [...own, { after, write, read: null, done: false }] : own));
}

function returned(history: History, client: number, read: string | null): History {
  return history.map((own, other) =>
    other === client ? own.map((op) => (op.done ? op : { ...op, read, done: true })) : own,
  );
}

/** Whether some order explains it: depth first; an operation under way may have happened or not. */
function linearizable(history: History, placed: readonly number[], value: string | null): boolean {
  if (history.every((own, client) => own.every((op, i) => !op.done || i < (placed[client] ?? 0)))) return true;
  return history.some((own, client) => {
    const op = own[placed[client] ?? 0];
    if (op === undefined || op.after.some((count, other) => (placed[other] ?? 0) < count)) return false;
    if (op.write === null && op.done && op.read !== value) return false;
    const next = placed.map((count, other) => (other === client ? count + 1 : count));
    return linearizable(history, next, op.write ?? value);
  });
}

export function registerModel(clients: number): Model<RegisterState, Envelope> {
  const numbers = Array.from({ length: clients }, (_, i) => i);
  const server: Server = { ballot: [0, 0], proposal: null, prepares: [], accepts: [], accepted: null, decided: false };

  return {
    processes: ["s0", "s1", "s2", ...numbers.map((n) => `c${n + SERVERS}`)],
    initial: () => {
      let history: History = numbers.map(() => []);
      const network = numbers.map((n): Envelope => {
        const value = String.fromCharCode(65 + n);
        history = called(history, n, value);
        return { from: n + SERVERS, to: (n + SERVERS) % SERVERS, message: ["put", n + SERVERS, value] };
      });
      const waits = numbers.map((n) => ({ waits: n + SERVERS, operations: 1 }));
      return [{ servers: [server, server, server], clients: waits, history, network }];
    },
    actions: (state) => state.network,
    next: (state, envelope) => {
      const { from, to, message } = envelope;
      const rest = state.network.filter((other) => other !== envelope);
      const withSent = (out: Envelope[]): Envelope[] =>
        [...rest, ...out]
          .map((e) => [textOf(e), e] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([, e]) => e);
      const own = state.servers[to];
      if (own !== undefined) {
        const step = serverStep(to, own, from, message);
        if (step === null) return null;
        const servers = state.servers.map((s, id) => (id === to ? step.server : s));
        return { ...state, servers, network: withSent(step.out) };
      }
      const client = to - SERVERS;
      const step = clientStep(to, state.clients[client] as Client, message);
      if (step === null) return null;
      let history = returned(state.history, client, message[0] === "getOk" ? message[2] : null);
      if (step.out.length > 0) history = called(history, client, null);
      const all = state.clients.map((c, id) => (id === client ? step.client : c));
      return { ...state, clients: all, history, network: withSent(step.out) };
    },
    key: textOf,
    check: ({ history }) =>
      linearizable(
        history,
        history.map(() => 0),
        null,
      )
        ? null
        : "linearizable",
    describe: ({ from, to, message }) => ({ at: to, from, text: textOf(message) }),
  };
}
