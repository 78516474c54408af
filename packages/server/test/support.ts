import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import type { Codec, Logger, Metrics, StateMachine, Storage } from "@synod/interface";
import { createNode, type NodeLimits, type SynodNode } from "@synod/node";
import { expect } from "vitest";
import { memoryStorage } from "@synod/storage-memory";
import { type MemoryNetwork, memoryNetwork } from "@synod/transport-memory";
import { type Client, connect, type ConnectOptions } from "@synod/client";
import { serve, type ServedNode, type ServeOptions, type Server } from "../src/index.js";

/** `add` counts; `set` writes a register; both leave a line in the history. */
export type Command =
  | { readonly op: "add"; readonly key: string; readonly by: number }
  | { readonly op: "set"; readonly key: string; readonly value: number }
  | { readonly op: "fill"; readonly bytes: number };
export type Query =
  | { readonly op: "get"; readonly key: string }
  /** History from this line on. */
  | { readonly op: "history"; readonly from: number }
  | { readonly op: "large"; readonly bytes: number }
  | { readonly op: "throw" };
export type Result = number;
export type Answer = number | null | readonly string[] | Uint8Array;

const commandCodec: Codec<Command> = msgpackCodec<Command>();
export const queryCodec: Codec<Query> = msgpackCodec<Query>();
const resultCodec: Codec<Result> = msgpackCodec<Result>();
const answerCodec: Codec<Answer> = msgpackCodec<Answer>();
const codecs = { commandCodec, queryCodec, resultCodec, answerCodec };

const stateCodec = msgpackCodec<{ values: [string, number][]; history: string[] }>();

class Machine implements StateMachine<Command, Query, Result, Answer> {
  values = new Map<string, number>();
  history: string[] = [];

  apply(command: Command): { result: number } {
    if (command.op === "fill") return { result: command.bytes };
    const { op, key } = command;
    const value = op === "add" ? (this.values.get(key) ?? 0) + command.by : command.value;
    this.values.set(key, value);
    this.history.push(`${key}=${value}`);
    return { result: value };
  }

  query(query: Query): Answer {
    if (query.op === "throw") throw new Error("a bug of the state machine");
    if (query.op === "large") return new Uint8Array(query.bytes);
    return query.op === "get" ? (this.values.get(query.key) ?? null) : this.history.slice(query.from);
  }

  watch(query: Query): { answer: Answer; next: Query | null } | null {
    if (query.op !== "history") throw new Error("only the history can be watched");
    if (this.history.length <= query.from) return null;
    return { answer: this.history.slice(query.from), next: { op: "history", from: this.history.length } };
  }

  snapshot(): Iterable<Uint8Array> {
    return [stateCodec.encode({ values: [...this.values], history: [...this.history] })];
  }

  restore(): { write(chunk: Uint8Array): void; end(): void } {
    return {
      write: (chunk) => {
        const { values, history } = stateCodec.decode(chunk);
        this.values = new Map(values);
        this.history = history;
      },
      end: () => {},
    };
  }
}

export type TestNode = SynodNode<Command, Query, Result, Answer>;
export type TestClient = Client<Command, Query, Result, Answer>;

const clusterId = "orders";

export interface Member {
  readonly node: TestNode;
  readonly storage: Storage;
  readonly machine: Machine;
  readonly server: Server;
}

export type ServeOverrides = Partial<ServeOptions<Query, Answer>>;

/** Nodes in this process, each with a server on a real port. */
export class World {
  readonly members: Member[] = [];
  /** Between the nodes. */
  readonly network: MemoryNetwork = memoryNetwork();
  readonly #clients: TestClient[] = [];

  static async of(
    count: number,
    options: {
      serve?: ServeOverrides | ((id: number) => ServeOverrides);
      limits?: Partial<NodeLimits>;
      sessionTtlMs?: number;
    } = {},
  ): Promise<World> {
    const world = new World();
    const { network } = world;
    const members = Array.from({ length: count }, (_, i) => ({ id: i + 1 }));
    await Promise.all(
      members.map(async ({ id }) => {
        const machine = new Machine();
        const storage = memoryStorage();
        const node = await createNode({
          id,
          cluster: { id: clusterId, members },
          stateMachine: machine,
          transport: network.transport(),
          storage,
          codec: messageCodec(),
          commandCodec,
          resultCodec,
          bootstrap: true,
          ...(options.limits === undefined ? {} : { limits: options.limits }),
          ...(options.sessionTtlMs === undefined ? {} : { sessionTtlMs: options.sessionTtlMs }),
        });
        const { serve: overrides } = options;
        const given = typeof overrides === "function" ? overrides(id) : overrides;
        const server = await world.serve(node, { storage, ...given });
        world.members[id - 1] = { node, storage, machine, server };
      }),
    );
    return world;
  }

  serve(node: ServedNode<Query, Answer>, overrides: ServeOverrides = {}): Promise<Server> {
    return serve(node, { cluster: clusterId, listen: "127.0.0.1:0", queryCodec, answerCodec, ...overrides });
  }

  get addresses(): string[] {
    return this.members.map(({ server }) => server.address);
  }

  member(id: number): Member {
    const member = this.members[id - 1];
    if (member === undefined) throw new Error(`no node ${id}`);
    return member;
  }

  /** The one that leads, once there is one. */
  async leader(): Promise<Member> {
    await Promise.any(this.members.map(({ node }) => node.read({ op: "get", key: "leader?" })));
    const leader = this.members.find(({ node }) => node.status().role === "leader");
    return leader ?? this.leader();
  }

  async connect(overrides: Partial<ConnectOptions<Command, Query, Result, Answer>> = {}): Promise<TestClient> {
    const client = await connect({ cluster: clusterId, servers: this.addresses, ...codecs, ...overrides });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.members.map(({ server }) => server.close({ drainTimeoutMs: 0 })));
    await Promise.all(this.members.map(({ node }) => node.close({ transferTimeoutMs: 0 })));
  }
}

/** Until it holds; what it stands on changes with some event that the test cannot see. */
export async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 5, timeout: 60_000 }).toBe(true);
}

/** Counters by name and label. */
export class Counts implements Metrics {
  readonly #totals = new Map<string, Record<string, number>>();

  count(name: string, delta = 1, labels: Readonly<Record<string, string>> = {}): void {
    const totals = this.#totals.get(name) ?? {};
    const label = Object.values(labels).join(" ");
    totals[label] = (totals[label] ?? 0) + delta;
    this.#totals.set(name, totals);
  }

  of(name: string): Readonly<Record<string, number>> {
    return this.#totals.get(name) ?? {};
  }

  gauge(): void {}

  observe(): void {}
}

/** Log lines. */
export class Lines implements Logger {
  readonly warnings: string[] = [];

  warn(message: string): void {
    this.warnings.push(message);
  }

  debug(): void {}

  info(): void {}

  error(message: string): void {
    this.warnings.push(message);
  }
}
