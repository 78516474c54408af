import type {
  ApplyContext,
  SnapshotSink,
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
import { messageCodec } from "@synod/codec-msgpack";
import { SynodError } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import {
  type ClusterOptions,
  createNode,
  createWitness,
  type NodeLimits,
  type NodeOptions,
  type SynodNode,
  type WitnessNode,
} from "../src/index.js";

/** Virtual time: nothing happens until `run` moves it. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  #timers: { atMs: number; sequence: number; callback: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  /** Time goes by, and nobody gets to do anything. */
  stall(ms: number): void {
    this.#nowMs += ms;
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
  /** Frames that are lost. */
  lose: (to: number, frame: Uint8Array) => boolean = () => false;
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
          if (this.chance() < this.loss || this.lose(peer, frame)) continue;
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
  #leaseMs = 0;
  delayMs = 1;
  failure: SynodError | null = null;
  /** Called when a snapshot is saved, before that is said. */
  saved: (() => Promise<void>) | null = null;
  writes = 0;
  snapshot: { readonly index: number; readonly bytes: Uint8Array } | null = null;
  /** Saved so far. */
  snapshots = 0;
  /** A bit fell over in the snapshot of this index. */
  rottenIndex = 0;
  /** What reading that snapshot ends with. */
  rot: Error = new SynodError("StoreDamaged", "a checksum is wrong");
  /** Readers of snapshots that were neither read to the end nor closed. */
  openReaders = 0;
  dropped = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  storage(): Storage {
    let closed = false;
    return {
      open: async ({ create } = {}) => {
        if (create !== undefined) {
          const isUsed = this.#promised !== null || this.#chosenUpTo > 0 || this.snapshot !== null;
          if (this.#identity !== null && isUsed) throw new SynodError("AlreadyFormatted", "formatted");
          this.#identity ??= { ...create, storeId: "5".repeat(32), bootCount: 0, bootId: "" };
        }
        if (this.#identity === null) throw new SynodError("NotFormatted", "blank");
        const bootCount = this.#identity.bootCount + 1;
        this.#identity = {
          ...this.#identity,
          bootCount,
          bootId: `${this.#identity.nodeId}${bootCount}`.padStart(32, "0"),
        };
        const covered = this.snapshot?.index ?? 0;
        const above = ({ slot }: { slot: number }): boolean => slot > covered;
        const recovered: Recovered = {
          identity: this.#identity,
          promised: this.#promised,
          votes: [...this.#votes.values()].filter(above).sort((a, b) => a.slot - b.slot),
          chosen: [...this.#chosen]
            .map(([slot, value]) => ({ slot, value }))
            .filter(above)
            .sort((a, b) => a.slot - b.slot),
          chosenUpTo: Math.max(this.#chosenUpTo, this.snapshot?.index ?? 0),
          leaseMs: this.#leaseMs,
          snapshot: this.snapshot && { index: this.snapshot.index, bytes: this.snapshot.bytes.length },
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
            this.#leaseMs = write.leaseMs ?? this.#leaseMs;
            resolve();
          });
        }),
      saveSnapshot: async (index, chunks) => {
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks) {
          parts.push(chunk.slice());
          await this.#later();
          if (this.failure !== null) throw this.failure;
        }
        if (closed) return new Promise(() => undefined);
        if (index <= (this.snapshot?.index ?? 0)) throw new SynodError("InvalidArgument", "no newer snapshot");
        this.snapshot = { index, bytes: new Uint8Array(Buffer.concat(parts)) };
        this.snapshots++;
        await this.saved?.();
        return { index, bytes: this.snapshot.bytes.length };
      },
      readSnapshot: (part) => this.#read(part),
      drop: async (upTo) => {
        if (upTo > (this.snapshot?.index ?? 0)) throw new SynodError("InvalidArgument", "not covered");
        for (const map of [this.#votes, this.#chosen])
          for (const slot of map.keys()) if (slot <= upTo) map.delete(slot);
        this.dropped = upTo;
      },
      close: async () => {
        closed = true;
      },
    };
  }

  #later(): Promise<void> {
    return new Promise((resolve) => void this.#clock.timer(this.delayMs, resolve));
  }

  async *#read(part?: { index: number; offset: number }): AsyncGenerator<Uint8Array> {
    const { snapshot } = this;
    if (snapshot === null || (part !== undefined && part.index !== snapshot.index)) {
      throw new SynodError("InvalidArgument", "no such snapshot");
    }
    this.openReaders++;
    try {
      for (let at = part?.offset ?? 0; at < snapshot.bytes.length; at += 700) {
        await this.#later();
        if (snapshot.index === this.rottenIndex) throw this.rot;
        yield snapshot.bytes.slice(at, at + 700);
      }
    } finally {
      this.openReaders--;
    }
  }
}

export type CounterCommand = { readonly add: number } | { readonly crash: true };

/** What a snapshot of a counter holds besides the sum. */
const BALLAST_BYTES = 1000;

/** Adds up; remembers every addend in the order of execution. */
export class Counter implements StateMachine<CounterCommand, "total" | "throw", number> {
  total = 0;
  /** Chunks that make a snapshot larger. */
  ballast = 0;
  readonly applied: number[] = [];
  version = 1;

  /** From version 2 on every addend counts ten times. */
  apply(command: CounterCommand, { machineVersion }: Pick<ApplyContext, "machineVersion">): { result: number } {
    if ("crash" in command) throw new Error("a bug in apply");
    this.total += command.add * (machineVersion >= 2 ? 10 : 1);
    this.applied.push(command.add);
    return { result: this.total };
  }

  query(query: "total" | "throw"): number {
    if (query === "throw") throw new Error("a bug in query");
    return this.total;
  }

  *snapshot(): Iterable<Uint8Array> {
    const text = String(this.total);
    const { ballast } = this;
    yield new TextEncoder().encode(text);
    for (let i = 0; i < ballast; i++) yield new Uint8Array(BALLAST_BYTES).fill(32);
  }

  restore(): SnapshotSink {
    let text = "";
    return {
      write: (chunk) => {
        text += new TextDecoder().decode(chunk);
      },
      end: () => {
        this.ballast = Math.floor(text.length / BALLAST_BYTES);
        this.total = Number(text.trim());
      },
    };
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

/** What a node is started with. */
export type Release = Partial<
  Pick<NodeOptions<unknown, unknown, unknown>, "supports" | "upgrade" | "codec" | "clock" | "logger" | "metrics">
> & {
  readonly commandCodec?: Codec<CounterCommand>;
  readonly version?: number;
  /** Whom it knows besides the founders; by default all that run. */
  readonly contacts?: readonly number[];
};

/** Some nodes over one network, each with a disk that outlives it. */
export class World {
  readonly clock = new VirtualClock();
  readonly net: Net = new Net(this.clock);
  /** Of even seeds the one of the product, which refuses what its format cannot say. */
  readonly codec: Codec<Envelope>;
  readonly ids: readonly number[];
  readonly disks = new Map<number, Disk>();
  readonly nodes = new Map<number, CounterNode>();
  readonly machines = new Map<number, Counter>();
  readonly #random: Random;
  readonly #limits: Partial<NodeLimits>;
  readonly #agreed: Pick<ClusterOptions, "lease" | "alpha" | "learning">;
  readonly #witnessIds: readonly number[];
  readonly witnesses = new Map<number, WitnessNode>();
  readonly #joined = new Set<number>();

  constructor(
    count: number,
    seed = 1,
    limits: Partial<NodeLimits> = {},
    { witnesses = [], ...agreed }: Pick<ClusterOptions, "lease" | "alpha" | "learning"> & { witnesses?: number[] } = {},
  ) {
    this.codec = seed % 2 === 0 ? messageCodec() : tableCodec();
    this.#agreed = agreed;
    this.#witnessIds = witnesses;
    this.ids = Array.from({ length: count }, (_, i) => i + 1);
    for (const id of this.ids) this.disks.set(id, new Disk(this.clock));
    this.#random = seeded(seed);
    this.#limits = limits;
  }

  static async of(...args: ConstructorParameters<typeof World>): Promise<World> {
    const world = new World(...args);
    for (const id of world.ids) await (world.#witnessIds.includes(id) ? world.witness(id, true) : world.boot(id, true));
    await world.leader();
    return world;
  }

  /** A node that is no founder. */
  async join(id: number, bootstrap = true, release: Release = {}): Promise<CounterNode> {
    this.#joined.add(id);
    if (!this.disks.has(id)) this.disks.set(id, new Disk(this.clock));
    return this.boot(id, bootstrap, release);
  }

  async boot(id: number, bootstrap = false, release: Release = {}): Promise<CounterNode> {
    const { version, contacts: known = [...this.nodes.keys()], ...options } = release;
    const contacts = known.map((member) => ({ id: member }));
    const stateMachine = new Counter();
    if (version !== undefined) stateMachine.version = version;
    const node = await createNode({
      id,
      cluster: { ...this.#cluster(), contacts },
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
      ...options,
    });
    this.nodes.set(id, node);
    this.machines.set(id, stateMachine);
    return node;
  }

  #cluster(): ClusterOptions {
    const members = this.ids.map((id): Member => (this.#witnessIds.includes(id) ? { id, role: "witness" } : { id }));
    return { id: "test", members, ...this.#agreed };
  }

  async witness(id: number, bootstrap = false): Promise<WitnessNode> {
    if (!this.ids.includes(id)) this.#joined.add(id);
    if (!this.disks.has(id)) this.disks.set(id, new Disk(this.clock));
    const node = await createWitness({
      id,
      cluster: { ...this.#cluster(), contacts: [...this.nodes.keys()].map((member) => ({ id: member })) },
      ...(this.#joined.has(id) ? { join: {} } : {}),
      transport: this.net.transport(id),
      storage: this.disk(id).storage(),
      codec: this.codec,
      bootstrap,
      limits: this.#limits,
      clock: this.clock,
      random: this.#random,
    });
    this.witnesses.set(id, node);
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
    await this.node(id).close({ transferTimeoutMs: 0 });
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
    for (const node of this.nodes.values()) await node.close({ transferTimeoutMs: 0 });
    for (const node of this.witnesses.values()) await node.close();
  }
}
