import type { Configuration, NodeId, Slot } from "@synod/interface";
import type { ReplicaSettings } from "@synod/multipaxos";
import type { SeededRandom } from "../random.js";
import type { TraceEvent } from "../trace.js";
import { CoreNetwork, type CoreNetworkOptions } from "./network.js";
import { CoreNode, type CoreNodeParts } from "./node.js";
import { Operator } from "./operator.js";
import { CoreOracle } from "./oracle.js";
import { Reads } from "./reads.js";
import { idOf, valueOf } from "./values.js";
import { World } from "./world.js";

export interface CoreClusterOptions {
  readonly random: SeededRandom;
  readonly configuration: Configuration;
  readonly settings: Partial<ReplicaSettings> & { readonly electionTimeoutMs: number };
  readonly network: CoreNetworkOptions;
  readonly diskMs: readonly [number, number];
  readonly applyMs: number;
  readonly drift: number;
  readonly echo: number;
  readonly freeze: boolean;
  /** Longest value. */
  readonly valueBytesMax: number;
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
  readonly #byId = new Map<NodeId, CoreNode>();
  readonly #valueBytesMax: number;
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
    const { world, oracle, network, reads } = this;
    this.operator = new Operator(this);
    const onNotice: CoreNodeParts["onNotice"] = (node, notice) => this.operator.onNotice(node, notice);
    this.#parts = { ...options, world, oracle, network, reads, onNotice };
    this.nodes = this.ids.map((id) => new CoreNode(id, this.#parts));
    for (const node of this.nodes) this.#byId.set(node.id, node);
  }

  node(id: NodeId): CoreNode {
    const node = this.#byId.get(id);
    if (node === undefined) throw new RangeError(`no node ${id}`);
    return node;
  }

  /** A new node with a blank disk. It takes part as soon as the log says so. */
  join(id: NodeId): CoreNode {
    const node = new CoreNode(id, this.#parts);
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
    this.node(id).turn(({ replica }) => {
      if (replica.forward(this.#newValue()) !== null) this.world.sometimes("forward");
    });
  }

  read(id: NodeId): void {
    this.node(id).turn((life) => {
      const token = this.reads.open(life);
      life.replica.read(token);
      if (!this.world.random.chance(0.05)) return;
      life.replica.cancelRead(token);
      this.reads.cancel(token);
    });
  }

  #newValue(): Uint8Array {
    this.oracle.introduce(++this.values);
    const value = valueOf(this.values, this.world.random.int(5, this.#valueBytesMax));
    if (idOf(value) !== this.values) throw new RangeError("too many values");
    return value;
  }
}
