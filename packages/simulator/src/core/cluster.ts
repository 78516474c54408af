import { type Configuration, type NodeId, type Slot, SynodError } from "@synod/interface";
import type { ReplicaSettings } from "@synod/multipaxos";
import { SeededRandom } from "../random.js";
import type { TraceEvent } from "../trace.js";
import { CoreNetwork, type CoreNetworkOptions } from "./network.js";
import { isWitness } from "./epochs.js";
import type { CoreNodeParts, Life } from "./life.js";
import { CoreNode } from "./node.js";
import { Operator } from "./operator.js";
import { CoreOracle } from "./oracle.js";
import { Leases } from "./leases.js";
import { Reads } from "./reads.js";
import { NO_SNAPSHOTS, type SnapshotPlan } from "./snapshots.js";
import { idOf, valueOf } from "./values.js";
import { World } from "./world.js";

export interface CoreClusterOptions {
  readonly random: SeededRandom;
  readonly configuration: Configuration;
  readonly settings: Partial<ReplicaSettings> & { readonly electionTimeoutMs: number };
  readonly priorities?: readonly number[];
  readonly network: CoreNetworkOptions;
  readonly diskMs: readonly [number, number];
  readonly applyMs: number;
  readonly drift: number;
  readonly echo: number;
  readonly freeze: boolean;
  /** None are taken by default. */
  readonly plan?: SnapshotPlan;
  /** Between changes of the members; none by default. */
  readonly changeEveryMs?: number;
  /** Longest value. */
  readonly valueBytesMax: number;
  /** Part of the reads that ask a quorum. */
  readonly quorumReads?: number;
  /** Draws how to read. */
  readonly reading?: SeededRandom;
  /** Draws the quorums of members that change. */
  readonly shapes?: SeededRandom;
  readonly trace?: ((event: TraceEvent) => void) | undefined;
}

/** Bare replicas under virtual time, with a network, disks and clocks that fail, and an oracle that sees everything. */
export class CoreCluster {
  readonly world: World;
  readonly oracle: CoreOracle;
  readonly network: CoreNetwork;
  readonly reads: Reads;
  readonly ids: NodeId[];
  readonly nodes: CoreNode[];
  readonly #parts: CoreNodeParts;
  readonly operator: Operator;
  readonly leases: Leases;
  readonly #byId = new Map<NodeId, CoreNode>();
  readonly #valueBytesMax: number;
  readonly #quorumReads: number;
  readonly #reading: SeededRandom;
  /** Values that were given to replicas. */
  values = 0;

  constructor(options: CoreClusterOptions) {
    const { configuration, settings } = options;
    this.world = new World(options.random, options.trace);
    this.ids = configuration.members.map((member) => member.id);
    this.oracle = new CoreOracle(configuration, {
      frameValueBytesMax: settings.frameValueBytesMax ?? Infinity,
      writeBytesMax: settings.writeBytesMax ?? Infinity,
    });
    this.network = new CoreNetwork(this.world, options.network, (to, from, message) =>
      this.node(to).receive(from, message),
    );
    this.reads = new Reads(this.world, this.oracle);
    this.#valueBytesMax = options.valueBytesMax;
    this.#quorumReads = options.quorumReads ?? 0;
    this.#reading = options.reading ?? options.random.fork();
    const { world, oracle, network, reads } = this;
    this.operator = new Operator(this, configuration, {
      retainedBytesMax: settings.retainedBytesMax,
      shapes: options.shapes ?? new SeededRandom(0),
    });
    this.leases = new Leases(this);
    this.#parts = {
      ...options,
      plan: options.plan ?? NO_SNAPSHOTS,
      changes: (options.changeEveryMs ?? 0) > 0,
      world,
      oracle,
      network,
      reads,
      onNotice: (node, notice) => this.operator.onNotice(node, notice),
      // Clients that waited are served first, before the process has looked at the clock.
      onResume: (id) => this.read(id, true),
      leases: this.leases,
    };
    oracle.changes.markOf = (id) => this.node(id).marked;
    oracle.onChoice = (slot, proposer) => this.leases.chosen(slot, proposer);
    this.nodes = configuration.members.map((member) => new CoreNode(member.id, this.#parts, isWitness(member)));
    for (const node of this.nodes) this.#byId.set(node.id, node);
  }

  node(id: NodeId): CoreNode {
    const node = this.#byId.get(id);
    if (node === undefined) throw new RangeError(`no node ${id}`);
    return node;
  }

  /** A new node with a blank disk. It takes part as soon as the log says so. */
  join(id: NodeId, witness: boolean = false): CoreNode {
    const node = new CoreNode(id, this.#parts, witness);
    this.ids.push(id);
    this.nodes.push(node);
    this.#byId.set(id, node);
    node.boot();
    return node;
  }

  /** A node that leads and has followers, the one of the highest ballot. */
  leader(): NodeId | undefined {
    let best: CoreNode | undefined;
    for (const node of this.nodes) {
      if (!node.leads) continue;
      if (best === undefined || (node.status()?.ballot?.round ?? 0) > (best.status()?.ballot?.round ?? 0)) best = node;
    }
    return best?.id;
  }

  applied(id: NodeId): Slot {
    return this.node(id).life?.applied ?? 0;
  }

  // ---- clients

  /** Proposes up to `max` new values, if the node takes any. Returns how many it took. */
  propose(id: NodeId, max: number): number {
    const node = this.node(id);
    if (!node.leads) return 0;
    let taken = 0;
    node.turn(({ replica }) => {
      while (taken < max && replica.capacity() > 0) {
        if (replica.propose(this.#newValue()) === null) throw new Error("capacity, but nothing was taken");
        taken++;
      }
    });
    return taken;
  }

  forward(id: NodeId): void {
    if (this.node(id).witness) return;
    this.node(id).turn(({ replica }) => {
      if (replica.forward(this.#newValue()) !== null) this.world.sometimes("forward");
    });
  }

  /** Every node that leads is told to hand over, to this node or to the best one. */
  transfer(to: NodeId | null, timeoutMs: number): void {
    for (const { id } of this.nodes.filter((node) => node.leads)) {
      this.node(id).turn(({ replica }) => {
        try {
          replica.transferLeadership({ timeoutMs, ...(to === null ? {} : { to }) });
          this.world.sometimes("transfer begun");
        } catch (error) {
          if (!(error instanceof SynodError) || error.code === "InvariantViolated") throw error;
          this.world.sometimes("transfer refused");
        }
      });
    }
  }

  /** `blind`: the process has not looked at the clock since its last turn. */
  read(id: NodeId, blind: boolean = this.#reading.chance(0.5)): void {
    const via = this.#reading.chance(this.#quorumReads) ? "quorum" : "leader";
    const node = this.node(id);
    if (node.witness) return;
    const event = (life: Life): void => {
      const token = this.reads.open(life);
      life.replica.read(token, via);
      if (!this.world.random.chance(0.05)) return;
      life.replica.cancelRead(token);
      this.reads.cancel(token);
    };
    if (blind) node.call(event);
    else node.turn(event);
  }

  #newValue(): Uint8Array {
    this.oracle.introduce(++this.values);
    const value = valueOf(this.values, this.world.random.int(5, this.#valueBytesMax));
    if (idOf(value) !== this.values) throw new RangeError("too many values");
    return value;
  }
}
