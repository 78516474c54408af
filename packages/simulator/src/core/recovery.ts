import type { NodeId } from "@synod/interface";
import type { SeededRandom } from "../random.js";
import { check, type CoreInvariant } from "./broken.js";
import type { CoreCluster } from "./cluster.js";
import { isHeldByAll, isHeldByQuorum, type Marks } from "./changes.js";
import { type Epoch, fullVotersOf, isEnough } from "./epochs.js";
import { type CoreConfig, KEEPS_ALL, TIMEOUT_MS } from "./config.js";
import type { CoreNode } from "./node.js";

/** How often progress is looked at. */
const STEP_MS = 10;
const STATES = ["down", "cut off", "deaf", "mute", "stalled", "lagging", "whole"] as const;
/** For so long a disk that stood still is not the first choice. */
const REMEMBERED_MS = 16 * TIMEOUT_MS;
/** Longer than any bound. */
const FOR_EVER_MS = 1e9;

/** A quorum is healed, the rest stays broken: everything must come to its end, in time. */
export class CoreRecovery {
  readonly #cluster: CoreCluster;
  readonly #config: CoreConfig;
  readonly #random: SeededRandom;
  readonly #drawn: readonly CoreNode[];
  /** Nodes with damaged logs that hear the core and are heard: they are repaired. */
  readonly #damaged: CoreNode[] = [];
  /** A node with some links asks and is not heard, or the other way round; or one does not do its part. */
  #ragged = false;
  /** Their disks end no write. */
  readonly #hung: CoreNode[] = [];

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

  /** Those of the damaged nodes that are members: they are repaired. */
  get #learners(): readonly CoreNode[] {
    const { members } = this.#cluster.oracle.epochs.last;
    return this.#damaged.filter((node) => !node.lost && members.includes(node.id));
  }

  run(): void {
    this.#heal();
    const { world, network } = this.#cluster;
    // Until then packets of the bad times may still win promises.
    const start = Math.max(world.nowMs, network.lastArrivalMs);
    const slackMs = this.#slackMs();
    for (const { id } of this.#core) this.#cluster.read(id);
    // With changes under way members learn of each other first, and a leader that was removed makes room.
    const times = this.#config.changeEveryMs > 0 ? 3 : 1;
    const leaderMs = times * 4 * TIMEOUT_MS + slackMs;
    const leads = (): boolean => this.#leader() !== undefined;
    const noLeader = (): string => `no leader: ${this.#members()}`;
    let leaderUntilMs = start + leaderMs;
    const leaderUntil = (): number => {
      const excused = world.nowMs < start + REMEMBERED_MS && this.#isHeldUp();
      if (excused) leaderUntilMs = Math.max(leaderUntilMs, world.nowMs + leaderMs);
      return leaderUntilMs;
    };
    this.#expect("a leader after healing", leaderUntil, leads, noLeader);
    for (const { id } of this.#core) {
      this.#cluster.read(id);
      this.#cluster.forward(id);
    }
    this.#progress();
    // A node that asked in vain for long asks again within eight timeouts. What it had no credit for it fetches only now.
    const end = this.#cluster.world.nowMs + times * 12 * TIMEOUT_MS + 2 * Math.max(slackMs, this.#slackMs());
    this.#expect(
      "convergence after healing",
      () => end,
      () => this.#converged(),
      () => this.#text(),
    );
    const lives = this.#core.map((node) => node.life);
    // One that stands still again and again reads whenever it goes on, if it believes that it leads; that may take for ever.
    const open = (): number => this.#cluster.reads.openOf(lives);
    this.#expect(
      "every call settles",
      () => end,
      () => open() === 0,
      () => `${open()} reads have no answer: ${this.#readersText()}`,
    );
    if (!this.#ragged && times === 1 && this.#random.chance(0.1)) this.#calm();
  }

  /** A random set of nodes that holds a quorum of both phases. */
  #drawCore(): Set<NodeId> {
    const { nodes, operator } = this.#cluster;
    const needed = operator.needed();
    const ids = nodes.filter(({ disk }) => !disk.forgot).map(({ id }) => id);
    const core = new Set<NodeId>();
    const areEnough = (): boolean => needed.every((configuration) => isEnough(configuration, core)) && holdsAll(core);
    // What a witness forgets, now or on account of what it heard before, one full member has: while that is down the group waits.
    const watched = this.#witnessesForget();
    const mostOf = (some: readonly CoreNode[]): number =>
      Math.max(0, ...some.map((node) => (node.witness ? 0 : node.marked)));
    const most = mostOf(nodes);
    const holdsAll = (chosen: ReadonlySet<NodeId>): boolean =>
      !watched || mostOf(nodes.filter(({ id }) => chosen.has(id))) >= most;
    for (const id of this.#random.shuffle(ids)) if (!areEnough() || this.#random.chance(0.5)) core.add(id);
    return core;
  }

  #witnessesForget(): boolean {
    const isWatched = this.#cluster.nodes.some(({ witness }) => witness);
    return isWatched && (this.#config.settings.retainedBytesMax ?? 0) < KEEPS_ALL;
  }

  /** Ends all faults of the core. What is under way in the network is lost, most of the time. */
  #heal(): void {
    const { network, world, nodes, reads } = this.#cluster;
    if (this.#random.chance(0.8)) network.forget();
    network.open();
    network.options = { delayMs: [0.5, 3], tail: 0, loss: 0, duplication: 0, replay: 0 };
    for (const node of nodes) {
      node.healDisk([0, 1]);
      node.snapshots.healed = true;
      node.resume();
      if (this.#drawn.includes(node)) node.boot();
      else this.#leaveBroken(node);
    }
    world.noteWorld(() => `healed: ${this.#drawn.map((node) => node.id).join(", ")}`);
    for (const node of nodes) if (!this.#drawn.includes(node) && node.life !== null) reads.forget(node.life);
  }

  #leaveBroken(node: CoreNode): void {
    const { network, world, ids } = this.#cluster;
    const drawn = this.#random.pick(STATES);
    // What a deaf full member says to have a witness forgets, and nobody can ask for it: the group would wait.
    const state = drawn === "deaf" && !node.witness && this.#witnessesForget() ? "cut off" : drawn;
    world.sometimes(`outside the healed core: ${state}`);
    this.#ragged ||= state !== "down" && state !== "whole";
    if (state === "down") node.crash();
    if (state === "whole" || state === "stalled" || state === "lagging") node.boot();
    if (state === "stalled") this.#hung.push(node);
    if (state === "stalled") node.healDisk([FOR_EVER_MS, FOR_EVER_MS]);
    if (state === "lagging") this.#lag(node);
    if (state === "whole" && node.disk.forgot) this.#damaged.push(node);
    for (const id of ids) {
      if (id === node.id) continue;
      if (state === "cut off" || state === "deaf") network.cut(id, node.id);
      if (state === "cut off" || state === "mute") network.cut(node.id, id);
    }
  }

  /** It never ends: two or three timeouts without a turn, then one. */
  #lag(node: CoreNode): void {
    const ms = this.#random.between(2 * TIMEOUT_MS, 3 * TIMEOUT_MS);
    node.pause(ms);
    this.#cluster.world.after(ms + 1, () => this.#lag(node));
  }

  /** Where a frame or a window holds one value only, each slot costs a round trip. */
  #slackMs(): number {
    const { settings, configuration, plan } = this.#config;
    const { oracle } = this.#cluster;
    const { frameValueBytesMax = Infinity, creditBytesMax = Infinity, applyBytesMax = Infinity } = settings;
    // Without room for the next value it is asked for in the next round only.
    const cramped = Math.min(creditBytesMax, applyBytesMax) < 1_000;
    const small = cramped || frameValueBytesMax < 1_000 || configuration.alpha < 8;
    const behind =
      oracle.prefix - Math.min(...[...this.#core, ...this.#learners].map((node) => node.life?.handedOut ?? 0));
    // A lease that somebody was granted before the healing, or may have been before a restart, is waited for.
    const { lease } = configuration;
    const leaseMs = lease === undefined ? 0 : 2 * lease.durationMs + 2 * TIMEOUT_MS;
    // A transfer may have to begin anew once, and takes a round trip for each part at first.
    const parts = plan.bytes / (settings.snapshotChunkBytes ?? Infinity) + 2;
    const snapshotMs = plan.everySlots > 0 ? 2 * 12 * parts + 4 * TIMEOUT_MS : 0;
    const changes = this.#config.changeEveryMs > 0 ? 12 * 4 * oracle.epochs.alphaMax : 0;
    // Such a leader sends nothing before its own vote is on disk, and stays while the disks of those that could do without it stood still lately.
    const hungMs = this.#hung.length > 0 && configuration.learning === "onAccept" ? REMEMBERED_MS : 0;
    const cramp = small ? (cramped ? 30 : 12) * (behind + configuration.alpha) : 0;
    return cramp + 20 + leaseMs + snapshotMs + changes + hungMs;
  }

  /** The leader of the healed core. One of the rest may lead it too, where it is whole. */
  #leader(): CoreNode | undefined {
    return this.#cluster.nodes.find((node) => {
      if (!node.leads) return false;
      const status = node.status();
      return status?.content === true && this.#core.every((each) => each.status()?.leader === node.id);
    });
  }

  /**
   * A candidate, or a leader, whose disk stands still stays while the disks of those that could do without it stood still lately: they may do so again,
   * and somebody must lead.
   */
  #isHeldUp(): boolean {
    const holds = this.#hung.some(({ life }) => life !== null && life.replica.status().role !== "follower");
    const able = new Set(this.#core.filter(({ life }) => life?.impaired === false).map(({ id }) => id));
    return holds && this.#cluster.operator.needed().some((configuration) => !isEnough(configuration, able));
  }

  #expect(invariant: CoreInvariant, until: () => number, condition: () => boolean, text: () => string): void {
    const { world } = this.#cluster;
    while (!condition()) {
      const untilMs = until();
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
    const isRepaired = ({ disk }: CoreNode): boolean => !disk.forgot || disk.forgotUpTo > prefix;
    const repaired = this.#learners.every((node) => isRepaired(node) || this.#mayWait(node));
    return (
      repaired &&
      leader?.openSlots === 0 &&
      this.#cluster.operator.isSettled &&
      this.#core.every(
        (node) =>
          this.#mayWait(node) ||
          (node.life?.applied === prefix && node.life.replica.membership().last.epoch === last.epoch),
      )
    );
  }

  /**
   * A voter that is a witness, whose gap only a snapshot closes, and that has room for what it holds, waits until full members that are a quorum, or all
   * of them, have what is in it; some of them may be broken for good. One that only joins, or has no room, does not wait.
   */
  #mayWait({ id, witness, life }: CoreNode): boolean {
    const { epochs, changes } = this.#cluster.oracle;
    if (!witness || !epochs.last.voters.includes(id)) return false;
    const applied = life?.applied ?? 0;
    const { retainedBytesMax = Infinity } = this.#config.settings;
    if ((life?.rule?.heldBytes ?? 0) > retainedBytesMax) return false;
    const healed = this.#core.filter((node) => fullVotersOf(epochs.last).includes(node.id));
    if (healed.some((node) => (node.status()?.compactedUpTo ?? 0) <= applied)) return false;
    const index = Math.min(...healed.map((node) => node.status()?.snapshot?.index ?? Infinity));
    const marks: Marks = (each) => healed.find((node) => node.id === each)?.marked ?? 0;
    const has = (epoch: Epoch): boolean => isHeldByQuorum(epoch, index, marks) || isHeldByAll(epoch, index, marks);
    return !changes.counting.every(has);
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
    const states = [...this.#core, ...this.#learners].map(
      (node) => `node ${node.id} has executed ${node.life?.applied}`,
    );
    return `${states.join(", ")} of ${this.#cluster.oracle.prefix} slots, leader ${this.#leader()?.id ?? "none"}`;
  }

  /** The leader stays, a quiet cluster is quiet, and a command costs what it must. */
  #calm(): void {
    const { world, network, ids } = this.#cluster;
    world.sometimes("calm");
    const leader = this.#leader();
    const { prefix } = this.#cluster.oracle;
    // One outside of the core may still fetch what it had no credit for.
    const idle = this.#cluster.nodes.every(({ life }) => life === null || life.applied === prefix);
    if (leader === undefined || !idle) return;
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
    // The leader alone renews its lease, once per round at most.
    const talkers = ids.length + (this.#config.configuration.lease === undefined ? 0 : 1);
    const most = 2 * (2 * 8 + 2) * talkers * (ids.length - 1);
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
    // One at a time, each is announced on its own. A credit of less than a command is used up by each, and given again.
    const { creditBytesMax = Infinity, applyBytesMax = Infinity, thrifty = false } = this.#config.settings;
    const cramped = Math.min(creditBytesMax, applyBytesMax) < 1_000;
    // A member that is left out, by thrift or for want of credit, fetches what it hears to be chosen, sometimes in two parts; or part by part the
    // snapshot in its place.
    if ((thrifty || cramped) && this.#config.plan.everySlots > 0) return;
    const usual = cramped ? 7 : thrifty ? 4 : 3;
    // Each vote goes to everybody, and the leader's own too.
    const each = this.#config.configuration.learning === "allToAll" ? usual + ids.length : usual;
    const most = commands * each * (ids.length - 1);
    check(spent <= most, "message budget", () => `${spent} messages for ${commands} commands; ${most} are enough`);
  }
}
