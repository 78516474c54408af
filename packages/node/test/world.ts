import type {
  Clock,
  Codec,
  Incarnation,
  Member,
  Random,
  Recovered,
  StateMachine,
  Storage,
  StorageWrite,
  StoreIdentity,
  Transport,
  TransportHandlers,
  Vote,
  Ballot,
} from "@synod/interface";
import { SynodError } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { createNode, type NodeLimits, type SynodNode } from "../src/index.js";

/** Virtual time: nothing happens until `run` moves it. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  #timers: { atMs: number; sequence: number; callback: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, sequence: this.#sequence++, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(callback: () => void): void {
    this.timer(0, callback);
  }

  /** Runs one timer after the other, with promises drained in between, until the condition holds. */
  async until(condition: () => boolean, limitMs: number = 20_000): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    while (!condition()) {
      const next = this.#timers.sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence).shift();
      if (next === undefined || next.atMs > endMs) throw new Error(`the condition did not hold within ${limitMs} ms`);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async run(forMs: number): Promise<void> {
    let over = false;
    this.timer(forMs, () => {
      over = true;
    });
    await this.until(() => over, forMs + 1);
  }
}

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return {
    uint32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return (t ^ (t >>> 14)) >>> 0;
    },
  };
}

/** Envelopes as they are: the bytes of a frame are a key into a table. */
export function tableCodec(): Codec<Envelope> {
  const table: Envelope[] = [];
  return {
    encode(envelope) {
      table.push(structuredClone(envelope));
      return Uint8Array.from(String(table.length - 1), (c) => c.charCodeAt(0));
    },
    decode(bytes) {
      const envelope = table[Number(String.fromCharCode(...bytes))];
      if (envelope === undefined) throw new SynodError("Malformed", "no such frame");
      return structuredClone(envelope);
    },
  };
}

/** A network with a fixed delay whose links can be cut. */
export class Net {
  readonly #clock: VirtualClock;
  readonly #handlers = new Map<number, { handlers: TransportHandlers; self: Incarnation }>();
  readonly #cut = new Set<string>();
  delayMs = 1;
  /** Further delay of each frame, its loss and its doubling, as told by `chance`. */
  jitterMs = 0;
  loss = 0;
  doubling = 0;
  chance: () => number = () => 0.5;
  frames = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  cut(a: number, b: number): void {
    this.#cut.add(`${a}-${b}`).add(`${b}-${a}`);
  }

  isolate(id: number): void {
    for (const other of this.#handlers.keys()) if (other !== id) this.cut(id, other);
  }

  heal(): void {
    this.#cut.clear();
  }

  transport(id: number): Transport {
    let closed = false;
    let book = new Set<number>();
    const setMembers = (members: readonly Member[]): void => {
      book = new Set(members.map((member) => member.id));
    };
    return {
      start: async ({ self, handlers, members }) => {
        setMembers(members);
        for (const [other, peer] of this.#handlers) {
          if (other === id) continue;
          this.#clock.soon(() => peer.handlers.peerUp(self));
          this.#clock.soon(() => handlers.peerUp(peer.self));
        }
        this.#handlers.set(id, { handlers, self });
      },
      setMembers,
      send: (to, frame) => {
        for (const peer of typeof to === "number" ? [to] : to) {
          this.frames++;
          if (!book.has(peer)) continue;
          if (this.chance() < this.loss) continue;
          const copies = this.chance() < this.doubling ? 2 : 1;
          for (let copy = 0; copy < copies; copy++) {
            this.#clock.timer(this.delayMs + this.chance() * this.jitterMs, () => {
              if (!this.#cut.has(`${id}-${peer}`)) this.#handlers.get(peer)?.handlers.frame(id, frame);
            });
          }
        }
        return true;
      },
      close: async () => {
        if (closed) return;
        closed = true;
        this.#handlers.delete(id);
        for (const peer of this.#handlers.values()) this.#clock.soon(() => peer.handlers.peerDown(id));
      },
    };
  }
}

/** A disk whose writes take a moment and can be made to fail. It outlives the nodes that open it. */
export class Disk {
  readonly #clock: VirtualClock;
  #identity: StoreIdentity | null = null;
  #promised: Ballot | null = null;
  readonly #votes = new Map<number, Vote>();
  readonly #chosen = new Map<number, Uint8Array>();
  #chosenUpTo = 0;
  delayMs = 1;
  failure: SynodError | null = null;
  writes = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  storage(): Storage {
    let closed = false;
    return {
      open: async ({ create } = {}) => {
        if (create !== undefined) {
          if (this.#identity !== null) throw new SynodError("AlreadyFormatted", "formatted");
          this.#identity = { ...create, storeId: "5".repeat(32), bootCount: 0, bootId: "" };
        }
        if (this.#identity === null) throw new SynodError("NotFormatted", "blank");
        const bootCount = this.#identity.bootCount + 1;
        this.#identity = {
          ...this.#identity,
          bootCount,
          bootId: `${this.#identity.nodeId}${bootCount}`.padStart(32, "0"),
        };
        const recovered: Recovered = {
          identity: this.#identity,
          promised: this.#promised,
          votes: [...this.#votes.values()].sort((a, b) => a.slot - b.slot),
          chosen: [...this.#chosen].map(([slot, value]) => ({ slot, value })).sort((a, b) => a.slot - b.slot),
          chosenUpTo: this.#chosenUpTo,
          snapshot: null,
        };
        return structuredClone(recovered);
      },
      write: (write: StorageWrite) =>
        new Promise((resolve, reject) => {
          this.writes++;
          this.#clock.timer(this.delayMs, () => {
            if (closed) return;
            if (this.failure !== null) return reject(this.failure);
            if (write.promised !== undefined) this.#promised = write.promised;
            for (const vote of write.votes) this.#votes.set(vote.slot, vote);
            for (const { slot, value } of write.chosen) this.#chosen.set(slot, value);
            this.#chosenUpTo = write.chosenUpTo ?? this.#chosenUpTo;
            resolve();
          });
        }),
      saveSnapshot: () => Promise.reject(new Error("not here")),
      readSnapshot: () => {
        throw new Error("not here");
      },
      drop: () => Promise.reject(new Error("not here")),
      close: async () => {
        closed = true;
      },
    };
  }
}

export type CounterCommand = { readonly add: number } | { readonly crash: true };

/** Adds up; remembers every addend in the order of execution. */
export class Counter implements StateMachine<CounterCommand, "total" | "throw", number> {
  total = 0;
  readonly applied: number[] = [];

  apply(command: CounterCommand): { result: number } {
    if ("crash" in command) throw new Error("a bug in apply");
    this.total += command.add;
    this.applied.push(command.add);
    return { result: this.total };
  }

  query(query: "total" | "throw"): number {
    if (query === "throw") throw new Error("a bug in query");
    return this.total;
  }

  *snapshot(): Iterable<Uint8Array> {
    yield new TextEncoder().encode(String(this.total));
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.total = Number([...chunks].map((chunk) => new TextDecoder().decode(chunk)).join(""));
  }

  digest(): string {
    return String(this.total);
  }
}

export const json = <T>(): Codec<T> => ({
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T,
});

export type CounterNode = SynodNode<CounterCommand, "total" | "throw", number>;

/** Some nodes over one network, each with a disk that outlives it. */
export class World {
  readonly clock = new VirtualClock();
  readonly net: Net = new Net(this.clock);
  readonly codec = tableCodec();
  readonly ids: readonly number[];
  readonly disks = new Map<number, Disk>();
  readonly nodes = new Map<number, CounterNode>();
  readonly machines = new Map<number, Counter>();
  readonly #random: Random;
  readonly #limits: Partial<NodeLimits>;

  readonly #alpha: number | undefined;
  readonly #joined = new Set<number>();

  constructor(count: number, seed = 1, limits: Partial<NodeLimits> = {}, alpha?: number) {
    this.#alpha = alpha;
    this.ids = Array.from({ length: count }, (_, i) => i + 1);
    for (const id of this.ids) this.disks.set(id, new Disk(this.clock));
    this.#random = seeded(seed);
    this.#limits = limits;
  }

  static async of(count: number, seed = 1, limits: Partial<NodeLimits> = {}, alpha?: number): Promise<World> {
    const world = new World(count, seed, limits, alpha);
    for (const id of world.ids) await world.boot(id, true);
    await world.leader();
    return world;
  }

  /** A node that is no founder. */
  async join(id: number, bootstrap = true): Promise<CounterNode> {
    this.#joined.add(id);
    if (!this.disks.has(id)) this.disks.set(id, new Disk(this.clock));
    return this.boot(id, bootstrap);
  }

  async boot(id: number, bootstrap = false): Promise<CounterNode> {
    const alpha = this.#alpha === undefined ? {} : { alpha: this.#alpha };
    const contacts = [...this.nodes.keys()].map((member) => ({ id: member }));
    const stateMachine = new Counter();
    const node = await createNode({
      id,
      cluster: { id: "test", members: this.ids.map((member) => ({ id: member })), contacts, ...alpha },
      ...(this.#joined.has(id) ? { join: {} } : {}),
      stateMachine,
      transport: this.net.transport(id),
      storage: this.disk(id).storage(),
      codec: this.codec,
      commandCodec: json<CounterCommand>(),
      resultCodec: json<number>(),
      bootstrap,
      limits: this.#limits,
      clock: this.clock,
      random: this.#random,
    });
    this.nodes.set(id, node);
    this.machines.set(id, stateMachine);
    return node;
  }

  disk(id: number): Disk {
    const disk = this.disks.get(id);
    if (disk === undefined) throw new Error(`no disk ${id}`);
    return disk;
  }

  node(id: number): CounterNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  machine(id: number): Counter {
    const machine = this.machines.get(id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  }

  /** The process ends between two instructions: what the disk was told before still happens or not, as the disk likes. */
  async crash(id: number): Promise<void> {
    await this.node(id).close();
    this.nodes.delete(id);
  }

  /** Waits until some node leads and returns its id. */
  async leader(except: number[] = []): Promise<number> {
    const find = (): number | undefined =>
      [...this.nodes.keys()].find(
        (id) =>
          !except.includes(id) && this.nodes.get(id)?.status().role === "leader" && this.node(id).status().content,
      );
    await this.clock.until(() => find() !== undefined, 100_000);
    const leader = find();
    if (leader === undefined) throw new Error("no leader");
    return leader;
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

  async close(): Promise<void> {
    for (const node of this.nodes.values()) await node.close();
  }
}
