import type { NodeId } from "@synod/interface";
import type { SeededRandom } from "../random.js";
import { check, type CoreInvariant } from "./broken.js";
import type { CoreCluster } from "./cluster.js";
import { isEnough } from "./epochs.js";
import { type CoreConfig, TIMEOUT_MS } from "./config.js";
import type { CoreNode } from "./node.js";

/** How often progress is looked at. */
const STEP_MS = 10;
const STATES = ["down", "cut off", "deaf", "mute", "whole"] as const;

/** A quorum is healed, the rest stays broken: everything must come to its end, in time. */
export class CoreRecovery {
  readonly #cluster: CoreCluster;
  readonly #config: CoreConfig;
  readonly #random: SeededRandom;
  readonly #drawn: readonly CoreNode[];
  /** A node with some links asks and is not heard, or the other way round. */
  #ragged = false;

  constructor(cluster: CoreCluster, config: CoreConfig, random: SeededRandom) {
    this.#cluster = cluster;
    this.#config = config;
    this.#random = random;
    const core = this.#drawCore();
    this.#drawn = cluster.nodes.filter((node) => core.has(node.id));
  }

  /** Those of the healed nodes that are members. */
  get #core(): readonly CoreNode[] {
    const { members } = this.#cluster.oracle.epochs.last;
    return this.#drawn.filter((node) => !node.lost && members.includes(node.id));
  }

  run(): void {
    this.#heal();
    const start = this.#cluster.world.nowMs;
    const slackMs = this.#slackMs();
    for (const { id } of this.#core) this.#cluster.read(id);
    const leads = (): boolean => this.#leader() !== undefined;
    // With changes under way members learn of each other first, and a leader that was removed makes room.
    const times = this.#config.changeEveryMs > 0 ? 3 : 1;
    this.#expect(
      "a leader after healing",
      start + times * 4 * TIMEOUT_MS + slackMs,
      leads,
      () => `no leader: ${this.#members()}`,
    );
    for (const { id } of this.#core) {
      this.#cluster.read(id);
      this.#cluster.forward(id);
    }
    this.#progress();
    // A node that asked in vain for long asks again within eight timeouts.
    const end = this.#cluster.world.nowMs + times * 12 * TIMEOUT_MS + 2 * slackMs;
    this.#expect(
      "convergence after healing",
      end,
      () => this.#converged(),
      () => this.#text(),
    );
    const { reads, nodes } = this.#cluster;
    this.#expect(
      "every call settles",
      end,
      () => {
        // Whoever is no member, or not yet, may have nobody to ask.
        for (const node of nodes) if (!this.#core.includes(node) && node.life !== null) reads.forget(node.life);
        return reads.size === 0;
      },
      () => `${reads.size} reads have no answer: ${this.#readersText()}`,
    );
    if (!this.#ragged && times === 1 && this.#random.chance(0.1)) this.#calm();
  }

  /** A random set of nodes that holds a quorum of both phases. */
  #drawCore(): Set<NodeId> {
    const { ids, operator } = this.#cluster;
    const needed = operator.needed();
    const core = new Set<NodeId>();
    const areEnough = (): boolean => needed.every((configuration) => isEnough(configuration, core));
    for (const id of this.#random.shuffle(ids)) if (!areEnough() || this.#random.chance(0.5)) core.add(id);
    return core;
  }

  /** Ends all faults of the core. What is under way in the network is lost, most of the time. */
  #heal(): void {
    const { network, world, nodes, reads } = this.#cluster;
    if (this.#random.chance(0.8)) network.forget();
    network.open();
    network.options = { delayMs: [0.5, 3], tail: 0, loss: 0, duplication: 0, replay: 0 };
    for (const node of nodes) {
      node.healDisk([0, 1]);
      node.resume();
      if (this.#drawn.includes(node)) node.boot();
      else this.#leaveBroken(node);
    }
    world.noteWorld(() => `healed: ${this.#drawn.map((node) => node.id).join(", ")}`);
    for (const node of nodes) if (!this.#drawn.includes(node) && node.life !== null) reads.forget(node.life);
  }

  #leaveBroken(node: CoreNode): void {
    const { network, world, ids } = this.#cluster;
    const state = this.#random.pick(STATES);
    world.sometimes(`outside the healed core: ${state}`);
    this.#ragged ||= state === "deaf" || state === "mute" || state === "cut off";
    if (state === "down") node.crash();
    if (state === "whole") node.boot();
    for (const id of ids) {
      if (id === node.id) continue;
      if (state === "cut off" || state === "deaf") network.cut(id, node.id);
      if (state === "cut off" || state === "mute") network.cut(node.id, id);
    }
  }

  /** Where a frame or a window holds one value only, each slot costs a round trip. */
  #slackMs(): number {
    const { settings, configuration } = this.#config;
    const small = (settings.frameValueBytesMax ?? Infinity) < 1_000 || configuration.alpha < 8;
    const behind = this.#cluster.oracle.prefix - Math.min(...this.#core.map((node) => node.life?.handedOut ?? 0));
    const changes = this.#config.changeEveryMs > 0 ? 12 * 4 * this.#cluster.oracle.epochs.alphaMax : 0;
    return (small ? 12 * (behind + configuration.alpha) : 0) + 20 + changes;
  }

  /** The leader of the healed core. One of the rest may lead it too, where it is whole. */
  #leader(): CoreNode | undefined {
    return this.#cluster.nodes.find((node) => {
      if (!node.leads) return false;
      const status = node.status();
      return status?.content === true && this.#core.every((each) => each.status()?.leader === node.id);
    });
  }

  #expect(invariant: CoreInvariant, untilMs: number, condition: () => boolean, text: () => string): void {
    const { world } = this.#cluster;
    while (!condition()) {
      check(world.nowMs < untilMs, invariant, () => `${text()}, in time`);
      world.run(Math.min(untilMs, world.nowMs + STEP_MS));
    }
  }

  /** At least one new command, and as many as the run is to have. */
  #progress(): void {
    const { oracle, world } = this.#cluster;
    const { slotsMin, configuration } = this.#config;
    const first = oracle.prefix;
    const wanted = Math.max(first + 1, slotsMin);
    // What was sent in vain is sent again within eight timeouts, and an election may come before that.
    const patienceMs = 12 * TIMEOUT_MS + this.#slackMs();
    let lastMs = world.nowMs;
    for (let prefix = first; prefix < wanted; ) {
      const leader = this.#leader();
      if (leader !== undefined) this.#cluster.propose(leader.id, Math.min(configuration.alpha, wanted - prefix));
      world.run(world.nowMs + STEP_MS);
      if (oracle.prefix > prefix) lastMs = world.nowMs;
      prefix = oracle.prefix;
      check(world.nowMs < lastMs + patienceMs, "progress after healing", () => `stuck at slot ${prefix}`);
    }
  }

  #converged(): boolean {
    const leader = this.#leader()?.status();
    const { prefix } = this.#cluster.oracle;
    const { last } = this.#cluster.oracle.epochs;
    return (
      leader?.openSlots === 0 &&
      this.#cluster.operator.isComplete(last.from) &&
      this.#core.every(
        (node) => node.life?.applied === prefix && node.life.replica.membership().last.epoch === last.epoch,
      )
    );
  }

  #readersText(): string {
    const waiting = new Set(this.#cluster.reads.readers);
    const nodes = this.#core.filter(({ life }) => life !== null && waiting.has(life));
    return `at ${nodes.map(({ id }) => id).join()}, ${this.#members()}`;
  }

  /** Who decides, and what the healed nodes know of it. */
  #members(): string {
    const { oracle } = this.#cluster;
    const { last } = oracle.epochs;
    const nodes = this.#drawn.map((node) => {
      const known = node.life?.replica.membership();
      const { chosenUpTo, leader, durableUpTo } = node.status() ?? {};
      return `${node.id}${known === undefined ? " down" : ` knows epoch ${known.last.epoch}${known.complete ? " complete" : ""}`} chosen ${chosenUpTo} durable ${durableUpTo} leader ${leader ?? "-"}`;
    });
    return `epoch ${last.epoch}, ${last.configuration.quorum.kind}, [${last.voters.join()}] from ${last.from} of ${oracle.prefix}; ${nodes.join("; ")}`;
  }

  #text(): string {
    const states = this.#core.map((node) => `node ${node.id} has executed ${node.life?.applied}`);
    return `${states.join(", ")} of ${this.#cluster.oracle.prefix} slots, leader ${this.#leader()?.id ?? "none"}`;
  }

  /** The leader stays, a quiet cluster is quiet, and a command costs what it must. */
  #calm(): void {
    const { world, network, ids } = this.#cluster;
    world.sometimes("calm");
    const leader = this.#leader();
    if (leader === undefined) return;
    // No packet of the bad times is under way any more, and none overtakes another.
    network.forget();
    network.options = { delayMs: [1, 1], tail: 0, loss: 0, duplication: 0, replay: 0 };
    const { ballot } = leader.life?.replica.status() ?? {};
    world.run(world.nowMs + 2 * TIMEOUT_MS);
    const quiet = network.sentForWork;
    const beats = network.sent - quiet;
    world.run(world.nowMs + 2 * TIMEOUT_MS);
    const work = network.sentForWork - quiet;
    check(work === 0, "message budget", () => `${work} messages besides the election's while nothing happens`);
    const spent = network.sent - network.sentForWork - beats;
    const most = 2 * (2 * 8 + 2) * ids.length * (ids.length - 1);
    check(
      spent <= most,
      "message budget",
      () => `${spent} messages of the election in two timeouts; ${most} are enough`,
    );
    this.#countCommands(leader);
    const now = leader.life?.replica.status();
    check(
      now?.role === "leader" && now.ballot === ballot,
      "a leader after healing",
      () => `node ${leader.id} did not stay leader`,
    );
  }

  #countCommands(leader: CoreNode): void {
    const { world, network, ids } = this.#cluster;
    const before = network.sentForWork;
    const commands = 10;
    for (let i = 0; i < commands; i++) {
      this.#cluster.propose(leader.id, 1);
      world.run(world.nowMs + 2 * STEP_MS);
    }
    const spent = network.sentForWork - before;
    // One at a time, each is announced on its own.
    const most = commands * 3 * (ids.length - 1);
    check(spent <= most, "message budget", () => `${spent} messages for ${commands} commands; ${most} are enough`);
  }
}
