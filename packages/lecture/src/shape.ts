/** A server, `S1` to `S7`, or a client, `C1` and so on. */
export type ProcessId = string;

/** What is to be executed, or agreed on: a short name such as `m1` or `burgers`. */
export type Value = string;

/** Fills a slot for which nobody has a command. Executed, it does nothing. */
export const NOOP: Value = "no-op";

/** A message as it arrives. What else is in it is up to the protocol; fields called `rnd` and `vrnd` are rounds. */
export interface Message {
  readonly type: string;
  readonly from: ProcessId;
}

/** A client's wish, or, where there are no clients, that of the server itself. The same in every protocol. */
export interface Request extends Message {
  readonly type: "REQ";
  readonly value: Value;
}

/** Accepted: `value` in round `rnd`. Not known to be chosen. */
export interface Vote {
  rnd: number;
  value: Value;
}

/**
 * What every server has. The optional fields are known to the checker and to pictures, and mean the same in every protocol;
 * a protocol adds what else it needs. Plain data.
 */
export interface ServerState {
  me: ProcessId;
  servers: ProcessId[];
  /** The commands that were executed, in order: the state of the service. */
  executed: Value[];
  /** Whether it believes that it leads. Several may. */
  leads?: boolean;
  /** The round below which it accepts nothing. 0: none yet. */
  promised?: number;
  /** What it accepted last, by slot. */
  accepted?: Record<number, Vote>;
  /** What it knows to be decided, by slot. */
  learned?: Record<number, Value>;
}

/** Fields of a message without `from`, which is added when it is sent. */
export type Body = { readonly type: string } & Readonly<Record<string, unknown>>;

/** What a server does besides changing its state. */
export type Effect =
  | { readonly do: "send"; readonly to: readonly ProcessId[]; readonly message: Body }
  /** To the client that asked for `value`: `state` is everything executed up to and with it. */
  | { readonly do: "answer"; readonly value: Value; readonly state: readonly Value[] }
  /** For the reader: why nothing happened. */
  | { readonly do: "refuse"; readonly because: string }
  /** For the reader: what it makes of what came; `brief` stands in the picture. */
  | { readonly do: "note"; readonly text: string; readonly brief: string };

/**
 * A protocol. A handler changes the state that it is given, its own copy, and returns what else it does; it has no clock, no
 * chance, and no memory but that state.
 */
export interface Protocol<S extends ServerState = ServerState, M extends Message = Message> {
  readonly id: string;
  readonly title: string;
  /** What it adds to the protocol before it, in one sentence. */
  readonly adds: string;
  /** The protocol that it is a small step from. */
  readonly previous: string | null;
  /** Its file, below `src` of this package. */
  readonly source: string;
  readonly servers: number;
  /** Whom a client asks: every server, the server that leads at first, any one server; or `none`: servers have wishes of their own. */
  readonly asks: "all" | "leader" | "any" | "none";
  /** How many servers must accept the same value in the same round for it to be chosen; left out where nothing is ever chosen. */
  readonly quorum?: number | "majority";
  /**
   * As in Raft: nobody owns a round before a majority has voted for it, and an entry of a log keeps the round in which it was first
   * written. A copy of it made in a later round is no vote; a vote for an entry is one for all before it.
   */
  readonly family?: "raft";
  start(me: ProcessId, servers: readonly ProcessId[]): S;
  onMessage(s: S, m: M): readonly Effect[];
  /** Nothing has happened here for a while. */
  onTimeout?(s: S): readonly Effect[];
  /** Its failure detector says, rightly or wrongly, that `peer` is down. */
  onSuspect?(s: S, peer: ProcessId): readonly Effect[];
  /** It was down and is back; `s` is what was on its disk. Left out: everything was. */
  onRestart?(s: S): readonly Effect[];
}

export function send(to: ProcessId | readonly ProcessId[], message: Body): Effect {
  return { do: "send", to: typeof to === "string" ? [to] : to, message };
}

/** To every server but the sender. */
export function broadcast(s: ServerState, message: Body): Effect {
  return send(others(s), message);
}

export function others(s: ServerState): ProcessId[] {
  return s.servers.filter((id) => id !== s.me);
}

export function refuse(because: string): Effect {
  return { do: "refuse", because };
}

/** `text` goes on after the server's name. */
export function note(text: string, brief: string = ""): Effect {
  return { do: "note", text, brief };
}

/** Executes a command, once however often it is asked for, and answers its client. */
export function execute(s: ServerState, value: Value): Effect {
  if (!s.executed.includes(value) && value !== NOOP) s.executed.push(value);
  return { do: "answer", value, state: s.executed.slice(0, s.executed.indexOf(value) + 1) };
}

export function majority(s: ServerState): number {
  return Math.floor(s.servers.length / 2) + 1;
}

/** 1 for `S1`. */
export function numberOf(id: ProcessId): number {
  return Number(id.slice(1));
}
