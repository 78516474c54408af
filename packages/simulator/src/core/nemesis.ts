import type { NodeId } from "@synod/interface";
import type { SeededRandom } from "../random.js";
import { partition } from "../topology.js";
import type { CoreCluster } from "./cluster.js";
import { type CoreConfig, type CoreFaultWeights, drawKind, TIMEOUT_MS } from "./config.js";
import type { CoreNode } from "./node.js";

const KINDS = [
  "crash",
  "powerCut",
  "restart",
  "arm",
  "pause",
  "clockJump",
  "slowDisk",
  "cut",
  "partition",
  "ghost",
  "stumble",
  "straggle",
  "loseKinds",
  "replay",
  "open",
  "transfer",
  "lag",
  "rot",
] as const satisfies readonly (keyof CoreFaultWeights)[];

const CATCH_UP = ["learn", "snapshotOffer"] as const;

const STEPS = ["write begun", "write begun", "write durable", "message sent"] as const;

/** Breaks things. */
export class CoreNemesis {
  readonly #cluster: CoreCluster;
  readonly #config: CoreConfig;
  readonly #random: SeededRandom;
  readonly #total: number;
  #stopped = false;

  constructor(cluster: CoreCluster, config: CoreConfig, random: SeededRandom) {
    this.#cluster = cluster;
    this.#config = config;
    this.#random = random;
    this.#total = KINDS.reduce((sum, kind) => sum + config.faults[kind], 0);
  }

  stop(): void {
    this.#stopped = true;
  }

  strike(): void {
    let at = this.#random.between(0, this.#total);
    const kind = KINDS.find((each) => (at -= this.#config.faults[each]) < 0);
    if (kind !== undefined) this.#do(kind);
  }

  /** Those that lead, or have a write under way, are the better victims. */
  #victim(): CoreNode {
    const random = this.#random;
    const { nodes } = this.#cluster;
    const choice = random.fraction();
    const better =
      choice < 0.4
        ? nodes.filter((node) => node.leads)
        : choice < 0.7
          ? nodes.filter((node) => (node.life?.writing ?? null) !== null)
          : [];
    return random.pick(better.length > 0 ? better : nodes);
  }

  #do(kind: (typeof KINDS)[number]): void {
    const random = this.#random;
    const { nodes, network, world } = this.#cluster;
    const node = this.#victim();
    switch (kind) {
      case "crash":
        return node.crash();
      case "powerCut":
        world.sometimes("power cut of several");
        for (const each of nodes) if (random.chance(0.7)) each.crash();
        for (const each of nodes) if (random.chance(0.6)) each.boot();
        return;
      case "restart":
        for (const each of nodes) if (random.chance(0.7)) each.boot();
        return;
      case "arm":
        node.armed = { step: random.pick(STEPS), left: random.int(0, 6) };
        return;
      case "pause":
        return node.pause(random.between(5, 4 * TIMEOUT_MS));
      case "clockJump":
        return node.jump(random.between(1, 5 * TIMEOUT_MS));
      case "slowDisk":
        return this.#slowDisk(node);
      case "cut":
        return this.#cut(node);
      case "partition":
        return this.#partition();
      case "ghost":
        return this.#ghost();
      case "stumble":
        return this.#stumble();
      case "straggle":
        return this.#straggle(node);
      case "loseKinds":
        // Odd knowledge: who hears of what it voted for, who learns that it is deposed?
        for (let n = random.int(1, 3); n > 0; n--) network.lostKinds.add(drawKind(random));
        return;
      case "replay":
        return network.replay(node.id, random.int(1, 20));
      case "open":
        return network.open();
      case "transfer":
        return this.#cluster.transfer(random.pick([null, ...this.#cluster.ids]), random.between(5, 6 * TIMEOUT_MS));
      case "lag":
        return this.#lag(node, random.int(2, 6));
      case "rot":
        return this.#rot(node);
    }
  }

  #slowDisk(node: CoreNode): void {
    const random = this.#random;
    const { world } = this.#cluster;
    world.sometimes("slow disk");
    node.diskMs = [20, random.pick([100, 2_000])];
    world.after(random.between(20, 5 * TIMEOUT_MS), () => {
      if (!this.#stopped) node.healDisk(this.#config.diskMs);
    });
  }

  /** Every turn comes late, by less than an election takes or by more. */
  #lag(node: CoreNode, times: number): void {
    if (times === 0 || this.#stopped) return;
    const ms = this.#random.between(0.3 * TIMEOUT_MS, 3.5 * TIMEOUT_MS);
    node.pause(ms);
    this.#cluster.world.after(ms + this.#random.between(0, 5), () => this.#lag(node, times - 1));
  }

  #rot(node: CoreNode): void {
    if (this.#cluster.operator.canSpare(node)) node.rot();
  }

  #cut(node: CoreNode): void {
    const other = this.#random.pick(this.#cluster.nodes);
    if (other === node) return;
    if (this.#random.chance(0.3)) this.#cluster.network.clog(node.id, other.id);
    else this.#cluster.network.cut(node.id, other.id);
  }

  #partition(): void {
    const { ids, network, world } = this.#cluster;
    if (ids.length < 3) return;
    if (this.#random.chance(0.5)) network.open();
    const { name, links, clog } = partition(ids, this.#cluster.leader(), this.#random);
    world.sometimes(`partition: ${name}`);
    world.noteWorld(() => `partition: ${name}`);
    for (const [from, to] of links) {
      if (clog === true) network.clog(from, to);
      else network.cut(from, to);
    }
  }

  #stumble(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const { world, network } = cluster;
    const id = cluster.leader();
    if (id === undefined) return;
    world.sometimes("stumble");
    world.noteWorld(() => `node ${id} stumbles`);
    const node = cluster.node(id);
    // The own votes stay in memory most of the time.
    node.diskMs = [5, 50];
    for (const other of cluster.ids) if (other !== id) network.cut(id, other);
    cluster.propose(id, random.int(1, 3));
    world.after(random.between(0, 5), () => {
      if (this.#stopped) return;
      network.open();
      cluster.propose(id, random.int(1, 3));
      world.after(random.between(0, 10), () => {
        // Healing has given it a quick disk.
        if (this.#stopped) return;
        node.crash();
        node.healDisk(this.#config.diskMs);
      });
    });
  }

  /** Long enough for the others to forget what it misses, so that it needs a snapshot of them. */
  #straggle(node: CoreNode): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const { world, network, ids } = cluster;
    const leader = cluster.leader();
    if (leader === undefined || leader === node.id || ids.length < 4) return;
    world.sometimes("straggler");
    world.noteWorld(() => `node ${node.id} is left behind`);
    for (const id of ids) {
      if (id === node.id) continue;
      network.cut(id, node.id);
      network.cut(node.id, id);
    }
    const ms = random.between(0.3 * TIMEOUT_MS, 2 * TIMEOUT_MS);
    world.often(5, world.nowMs + ms, () => {
      if (!this.#stopped) cluster.propose(leader, 3);
    });
    world.after(ms, () => {
      if (this.#stopped || node.life === null) return;
      network.open();
      const first = cluster.leader();
      if (first !== undefined && first !== node.id) cluster.node(first).crash();
      const rest = cluster.ids.filter((id) => id !== node.id);
      for (const from of rest) for (const to of rest) if (from !== to) network.cut(from, to);
      // What it lacks it hears of once it leads.
      for (const kind of CATCH_UP) network.lostKinds.add(kind);
      const untilMs = world.nowMs + 4 * TIMEOUT_MS;
      world.often(5, untilMs + 50, () => {
        if (this.#stopped || (!node.leads && world.nowMs < untilMs)) return;
        for (const kind of CATCH_UP) network.lostKinds.delete(kind);
      });
    });
  }

  /** For as long as it takes the others to elect another leader, this one is asked, and told what was true once. */
  #ghost(): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const { world } = cluster;
    const id = cluster.leader();
    if (id === undefined) return;
    world.sometimes("ghost leader");
    world.noteWorld(() => `node ${id} becomes a ghost`);
    // So that there are confirmations to be replayed.
    cluster.read(id);
    world.after(random.between(2, 15), () => {
      if (!this.#stopped && cluster.node(id).leads) this.#haunt(id);
    });
  }

  #haunt(id: NodeId): void {
    const random = this.#random;
    const cluster = this.#cluster;
    const { world, network } = cluster;
    const mute = random.chance(0.7);
    for (const other of cluster.ids) {
      if (other === id) continue;
      network.cut(other, id);
      if (mute) network.cut(id, other);
    }
    world.often(10, world.nowMs + 4 * TIMEOUT_MS, () => {
      if (this.#stopped || !cluster.node(id).leads) return;
      cluster.read(id);
      network.replay(id, random.int(1, 3), random.chance(0.5) ? "confirmReply" : undefined);
    });
  }
}
