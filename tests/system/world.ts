import type { Clock, Codec, LeaseTerms, QuorumSpec, Random, Storage, Transport } from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";
import { createNode, type NodeLimits, type SynodNode } from "@synod/node";
import { Disk, json, Net, seeded, tableCodec, VirtualClock } from "../../packages/node/test/world.js";
import { type Command, type Query, type Result, TextMachine } from "./key-value.js";

export type TextNode = SynodNode<Command, Query, Result>;

export const ELECTION_TIMEOUT_MS = 250;

export interface WorldOptions {
  readonly seed?: number;
  readonly quorum?: QuorumSpec;
  readonly alpha?: number;
  readonly limits?: Partial<NodeLimits>;
  readonly lease?: LeaseTerms;
  /** By default one that keeps every frame, as it is, for ever. */
  readonly codec?: Codec<Envelope>;
  /** Each store by default a disk in memory. */
  readonly storage?: (id: number) => Storage;
}

/** Production nodes in virtual time. Links are directed; what is lost is decided when it is sent. */
export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly net: Net = new Net(this.clock);
  readonly ids: readonly number[];
  readonly disks = new Map<number, Disk>();
  readonly nodes = new Map<number, TextNode>();
  readonly machines = new Map<number, TextMachine>();
  readonly random: Random;
  /** Whether a message is lost. */
  loses: (from: number, to: number, message: Message) => boolean = () => false;
  /** Further delay of a message. */
  slowsMs: (from: number, to: number) => number = () => 0;
  /** Messages that were handed to nodes, by kind. */
  readonly delivered = new Map<Message["kind"], number>();
  readonly #clocks = new Map<number, ProcessClock>();
  readonly #codec: Codec<Envelope>;
  readonly #options: WorldOptions;

  constructor(count: number, options: WorldOptions = {}) {
    this.ids = Array.from({ length: count }, (_, index) => index + 1);
    this.#options = options;
    this.#codec = options.codec ?? tableCodec();
    this.random = seeded(options.seed ?? 1);
    this.net.chance = () => this.random.uint32() / 2 ** 32;
    for (const id of this.ids) this.disks.set(id, new Disk(this.clock));
  }

  static async of(count: number, options: WorldOptions = {}): Promise<World> {
    const world = new World(count, options);
    for (const id of world.ids) await world.boot(id, true);
    await world.leader();
    return world;
  }

  async boot(id: number, bootstrap = false): Promise<TextNode> {
    const machine = new TextMachine();
    const { limits, quorum, alpha, lease, storage = (each: number) => this.disk(each).storage() } = this.#options;
    const node = await createNode<Command, Query, Result>({
      id,
      cluster: {
        id: "test",
        members: this.ids.map((each) => ({ id: each })),
        ...(quorum && { quorum }),
        ...(alpha && { alpha }),
        ...(lease && { lease }),
      },
      stateMachine: machine,
      transport: this.#transport(id),
      storage: storage(id),
      codec: this.#codec,
      commandCodec: json<Command>(),
      resultCodec: json<Result>(),
      bootstrap,
      limits: { electionTimeoutMs: ELECTION_TIMEOUT_MS, ...limits },
      clock: this.process(id),
      random: this.random,
    });
    this.nodes.set(id, node);
    this.machines.set(id, machine);
    return node;
  }

  /** The process of a node, with a clock of its own. */
  process(id: number): ProcessClock {
    const clock = this.#clocks.get(id) ?? new ProcessClock(this.clock);
    this.#clocks.set(id, clock);
    return clock;
  }

  disk(id: number): Disk {
    return found(this.disks, id);
  }

  node(id: number): TextNode {
    return found(this.nodes, id);
  }

  machine(id: number): TextMachine {
    return found(this.machines, id);
  }

  async stop(...ids: number[]): Promise<void> {
    for (const id of ids) {
      await this.node(id).close({ transferTimeoutMs: 0 });
      this.nodes.delete(id);
    }
  }

  /** Only within a group messages pass. */
  split(...groups: number[][]): void {
    this.loses = (from, to) => !groups.some((group) => group.includes(from) && group.includes(to));
  }

  /** Only these links are left, both ways. */
  links(...pairs: [number, number][]): void {
    this.loses = (from, to) => !pairs.some((pair) => pair.includes(from) && pair.includes(to));
  }

  heal(): void {
    this.loses = () => false;
  }

  /** Who leads and is content with it. Two may believe so for a while; then the one with the higher ballot. */
  get leads(): number | null {
    const statuses = [...this.nodes.values()].map((node) => node.status());
    const leaders = statuses.filter(({ role, content }) => role === "leader" && content);
    leaders.sort((a, b) => (b.ballot?.round ?? 0) - (a.ballot?.round ?? 0));
    return leaders[0]?.id ?? null;
  }

  async leader(): Promise<number> {
    await this.clock.until(() => this.leads !== null, 60_000);
    return this.leads ?? 0;
  }

  /** Makes this node of five or more the leader: for a while it is the only one that reaches a quorum. */
  async lead(id: number): Promise<void> {
    this.links(...this.ids.filter((other) => other !== id).map((other): [number, number] => [id, other]));
    await this.clock.until(() => this.leads === id, 60_000);
    this.heal();
    await this.clock.run(2 * ELECTION_TIMEOUT_MS);
    if (this.leads !== id) throw new Error(`node ${id} does not stay the leader`);
  }

  /** Lets time pass until the promise settles. */
  async settle<T>(promise: Promise<T>, limitMs?: number): Promise<T> {
    let done = false;
    const mark = (): void => {
      done = true;
    };
    promise.then(mark, mark);
    await this.clock.until(() => done, limitMs);
    return promise;
  }

  put(id: number, key: string, value: string): Promise<Result> {
    return this.node(id).propose({ type: "put", key, value });
  }

  append(id: number, key: string, value: string): Promise<Result> {
    return this.node(id).propose({ type: "append", key, value });
  }

  get(id: number, key: string): Promise<Result> {
    return this.node(id).read({ type: "get", key });
  }

  async close(): Promise<void> {
    await this.stop(...this.nodes.keys());
  }

  #transport(id: number): Transport {
    const inner = this.net.transport(id);
    return {
      ...inner,
      start: (options) =>
        inner.start({
          ...options,
          handlers: {
            ...options.handlers,
            frame: (from, frame) => {
              const { kind } = this.#codec.decode(frame).message;
              this.delivered.set(kind, (this.delivered.get(kind) ?? 0) + 1);
              options.handlers.frame(from, frame);
            },
          },
        }),
      send: (to, frame, lane) => {
        const { message } = this.#codec.decode(frame);
        for (const peer of typeof to === "number" ? [to] : to) {
          if (this.loses(id, peer, message)) continue;
          const slowMs = this.slowsMs(id, peer);
          if (slowMs === 0) inner.send(peer, frame, lane);
          else this.clock.timer(slowMs, () => void inner.send(peer, frame, lane));
        }
        return true;
      },
    };
  }
}

/** A process that can stand still, on a machine whose clock may be slow. Time goes on while it stands still. */
export class ProcessClock implements Clock {
  readonly #inner: VirtualClock;
  #sinceMs = 0;
  #baseMs = 0;
  #rate = 1;
  #deferred: (() => void)[] | null = null;

  constructor(inner: VirtualClock) {
    this.#inner = inner;
  }

  /** From now on the clock runs so many times as fast as it should. */
  run(rate: number): void {
    [this.#baseMs, this.#sinceMs, this.#rate] = [this.now(), this.#inner.now(), rate];
  }

  pause(): void {
    this.#deferred ??= [];
  }

  resume(): void {
    const deferred = this.#deferred ?? [];
    this.#deferred = null;
    for (const callback of deferred) callback();
  }

  now(): number {
    return this.#baseMs + (this.#inner.now() - this.#sinceMs) * this.#rate;
  }

  timer(delayMs: number, callback: () => void): () => void {
    return this.#inner.timer(delayMs / this.#rate, () => this.#whenAwake(callback));
  }

  soon(callback: () => void): void {
    this.#inner.soon(() => this.#whenAwake(callback));
  }

  #whenAwake(callback: () => void): void {
    if (this.#deferred === null) callback();
    else this.#deferred.push(callback);
  }
}

function found<T>(map: ReadonlyMap<number, T>, id: number): T {
  const value = map.get(id);
  if (value === undefined) throw new Error(`there is no node ${id}`);
  return value;
}

/** Whether a promise has settled so far. */
export function watch(promise: Promise<unknown>): () => boolean {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  promise.then(mark, mark);
  return () => settled;
}
