import { SynodError } from "@synod/interface";
import type { Message, ProcessId, Protocol, ServerState, Value } from "./shape.js";

/** A message on its way. It stays so until it is delivered or lost, however long that takes. */
export interface Flight {
  readonly id: number;
  readonly from: ProcessId;
  readonly to: ProcessId;
  readonly message: Message;
  /** The row of the trace in which it was sent. */
  readonly row: number;
}

export interface Server {
  readonly up: boolean;
  readonly state: ServerState;
}

/** What a client was told: the commands executed up to and with its own. */
export interface Answer {
  readonly client: ProcessId;
  readonly value: Value;
  readonly by: ProcessId;
  readonly state: readonly Value[];
}

/** What was accepted by whom, ever. Nobody in the system sees this; the checker does. */
export interface Ballots {
  readonly slot: number;
  readonly rnd: number;
  readonly value: Value;
  readonly by: readonly ProcessId[];
}

export interface Decision {
  readonly slot: number;
  readonly rnd: number;
  readonly value: Value;
}

/** A proposal that was sent out for acceptance. */
export interface Issued extends Decision {
  readonly by: ProcessId;
}

/** What has been used up of what a search allows. */
export type Spending = "timeouts" | "suspicions" | "crashes" | "restarts" | "lostDisks" | "losses" | "duplicates";

/** Everything at one moment. Plain data that is never changed: each step makes a new one. */
export interface World {
  readonly servers: Readonly<Record<ProcessId, Server>>;
  readonly flights: readonly Flight[];
  /** Pairs that cannot talk, such as `S1 S2`, the lower first. What is sent there is lost. */
  readonly cuts: readonly string[];
  /** By value that was asked for: its client, and what had been answered before. */
  readonly asked: Readonly<Record<Value, { readonly client: ProcessId; readonly after: readonly Value[] }>>;
  readonly answers: readonly Answer[];
  readonly accepted: readonly Ballots[];
  readonly chosen: readonly Decision[];
  readonly issued: readonly Issued[];
  /** Accepted although a higher round had been promised. */
  readonly tooLate: readonly {
    readonly by: ProcessId;
    readonly promised: number;
    readonly rnd: number;
    readonly value: Value;
  }[];
  /** What servers that lost their disk had executed and learned. */
  readonly forgotten: readonly Pick<ServerState, "me" | "executed" | "learned">[];
  /** Who has noticed that whom is down, such as `S2 S1`. */
  readonly noticed: readonly string[];
  readonly spent: Readonly<Partial<Record<Spending, number>>>;
  /** Rows so far. */
  readonly row: number;
  readonly nextId: number;
}

export type Action =
  /** A client asks one server, and is heard at once. Where there are no clients the server itself has the wish. */
  | { readonly do: "ask"; readonly client: ProcessId; readonly value: Value; readonly to: ProcessId }
  /** A client sends its command to some servers; each copy travels like any message. */
  | { readonly do: "send"; readonly client: ProcessId; readonly value: Value; readonly to: readonly ProcessId[] }
  | { readonly do: "deliver"; readonly id: number }
  | { readonly do: "lose"; readonly id: number }
  /** A copy is delivered, and the message is still on its way. */
  | { readonly do: "duplicate"; readonly id: number }
  | { readonly do: "timeout"; readonly at: ProcessId }
  | { readonly do: "suspect"; readonly at: ProcessId; readonly of: ProcessId }
  | { readonly do: "crash"; readonly at: ProcessId }
  | { readonly do: "restart"; readonly at: ProcessId; readonly disk: "kept" | "lost" }
  /** Processes of different sides cannot talk; who is on no side can talk to all. */
  | { readonly do: "cut"; readonly sides: readonly (readonly ProcessId[])[] }
  | { readonly do: "heal" };

function serverIds(count: number): ProcessId[] {
  return Array.from({ length: count }, (_, index) => `S${index + 1}`);
}

const SERVERS_MAX = 7;

/** The beginning: all servers are up, nothing was sent. `servers`: other than the protocol's own number. */
export function createWorld(protocol: Protocol, servers: number = protocol.servers): World {
  if (!Number.isSafeInteger(servers) || servers < 1 || servers > SERVERS_MAX) {
    throw new SynodError("InvalidArgument", `servers must be an integer from 1 to ${SERVERS_MAX}, not ${servers}.`);
  }
  const ids = serverIds(servers);
  return {
    servers: Object.fromEntries(ids.map((id) => [id, { up: true, state: protocol.start(id, [...ids]) }])),
    flights: [],
    cuts: [],
    asked: {},
    answers: [],
    accepted: [],
    chosen: [],
    issued: [],
    tooLate: [],
    forgotten: [],
    noticed: [],
    spent: {},
    row: 0,
    nextId: 1,
  };
}

/** How many votes choose a value; undefined where nothing is ever chosen. */
export function quorumOf({ quorum }: Protocol, world: World): number | undefined {
  return quorum === "majority" ? Math.floor(Object.keys(world.servers).length / 2) + 1 : quorum;
}

export function linkOf(a: ProcessId, b: ProcessId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

export function isCut(world: World, a: ProcessId, b: ProcessId): boolean {
  return world.cuts.length > 0 && world.cuts.includes(linkOf(a, b));
}

export function linksBetween(sides: readonly (readonly ProcessId[])[]): string[] {
  const links = sides.flatMap((side, index) =>
    sides.slice(index + 1).flatMap((other) => side.flatMap((a) => other.map((b) => linkOf(a, b)))),
  );
  return [...new Set(links)].sort();
}
