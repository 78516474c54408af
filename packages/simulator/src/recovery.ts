import type { Configuration, NodeId } from "@synod/interface";
import type { Client } from "./clients.js";
import type { Cluster } from "./cluster.js";
import { type Config, HEALED } from "./config.js";
import { isEnough } from "./core/epochs.js";
import type { Deploy } from "./deploy.js";
import type { Judge } from "./judge.js";
import type { Members } from "./members.js";
import { healLinks, SLOWEST_MS } from "./nemesis.js";
import type { Oracle } from "./oracle.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";

export interface RecoveryParts {
  readonly cluster: Cluster;
  readonly config: Config;
  readonly deploy: Deploy;
  readonly members: Members;
  readonly oracle: Oracle;
  readonly judge: Judge;
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly clients: readonly Client[];
  /** Proposes at a node and tells when it has an answer. */
  probe(node: NodeId): { readonly answered: boolean };
}

/** What comes on top of each bound: delays and turns of a healed world. */
const SLACK_MS = 100;

/** A quorum is healed, the rest stays broken: from here on everything must come to its end, in time. */
export class Recovery {
  readonly #p: RecoveryParts;
  readonly #drawn: readonly NodeId[];
  #over = false;
  /** A node with some links may lead, and those that do not hear it get no service through it. */
  #ragged = false;

  constructor(parts: RecoveryParts) {
    this.#p = parts;
    const { whole } = parts.cluster;
    const drawn = drawCore(parts.members.needed(), whole, parts.random);
    const most = parts.oracle.witnesses.mostOf(whole);
    this.#drawn = whole.filter((id) => drawn.includes(id) || id === most);
  }

  /** The healed nodes that are members: a change under way may remove one, and one that was to join may have been too late. */
  get core(): readonly NodeId[] {
    const { cluster, oracle } = this.#p;
    const { members } = oracle.epochs.last;
    return this.#drawn.filter((id) => cluster.ids.includes(id) && members.includes(id));
  }

  get #serving(): readonly NodeId[] {
    return this.core.filter((id) => !this.#p.cluster.isWitness(id));
  }

  /** Ends all faults of the core. */
  heal(): void {
    const { cluster, random, judge } = this.#p;
    healLinks(cluster);
    cluster.healed = true;
    cluster.network.options = HEALED.network;
    for (const id of cluster.ids) {
      const disk = cluster.disk(id);
      disk.armed = null;
      disk.misreads = 0;
      cluster.process(id).ports.armed = null;
      disk.full = false;
      Object.assign(disk, HEALED.disk);
      cluster.process(id).resume();
    }
    const outside = cluster.ids.filter((id) => !this.#drawn.includes(id));
    for (const id of outside) {
      const state = random.pick(["down", "cut off", "deaf", "mute", "ragged", "whole"] as const);
      judge.sometimes(`outside the healed core: ${state}`);
      if (state === "down") cluster.crash(id, "kill");
      if (state === "whole") cluster.boot(id);
      if (state === "ragged") this.#ragged = true;
      for (const other of cluster.ids) {
        if (other === id) continue;
        const ragged = state === "ragged" && random.chance(0.5);
        if (state === "cut off" || state === "deaf" || ragged) cluster.network.cut(other, id);
        if (state === "cut off" || state === "mute" || (state === "ragged" && random.chance(0.5))) {
          cluster.network.cut(id, other);
        }
      }
    }
    this.#p.deploy.finish(cluster);
    cluster.noteWorld(`healed: ${this.core.join(", ")}`);
    this.#bootCore();
  }

  /** A node whose disk had just failed may end after the healing only: it is started again. */
  #bootCore(): void {
    const { cluster, timeline } = this.#p;
    if (this.#over) return;
    for (const id of this.#drawn) {
      // A wrong bit that was read once may pass for a damaged log: its operator starts it again, and the bit is right.
      if (cluster.running.get(id)?.node.status().voting === false) cluster.crash(id, "kill");
      cluster.boot(id);
    }
    timeline.after(5, () => this.#bootCore());
  }

  #coreRuns(): boolean {
    return this.core.every((id) => this.#p.cluster.running.has(id));
  }

  async run(): Promise<void> {
    const { cluster, judge, config, clients, timeline } = this.#p;
    const { electionTimeoutMs, proposeTimeoutMs, readTimeoutMs } = config.limits;
    this.heal();
    // What a slow disk has begun takes as long as it was to take. One outside of the core that leads makes room.
    const slow = (): boolean => this.core.some((id) => cluster.disk(id).busyUntilMs > timeline.nowMs);
    await timeline.run(timeline.nowMs + 2 * SLOWEST_MS, () => judge.failure !== null || !slow());
    await this.#expect(
      "convergence after healing",
      4_000,
      () => this.#coreRuns(),
      () => "a node does not start",
    );
    const leads = (): boolean => cluster.leader() !== undefined;
    // What was leased before the healing, or may have been before a restart, is waited for.
    const leaseMs = config.lease === null ? 0 : 2 * config.lease.durationMs + 2 * electionTimeoutMs;
    await this.#expect("a leader after healing", 4 * electionTimeoutMs + leaseMs, leads, () => "no leader");
    const probes = new Map(this.#serving.map((id) => [id, this.#p.probe(id)]));
    const waiting = (): NodeId[] => this.#serving.filter((id) => probes.get(id)?.answered === false);
    const done = (): boolean => waiting().length === 0 || (this.#ragged && waiting().length < this.core.length);
    const open = (): string => `no answer at ${waiting().join(", ")}`;
    await this.#expect("progress after healing", 12 * electionTimeoutMs + leaseMs, done, open);
    for (const client of clients) client.stop();
    const settleMs = Math.max(proposeTimeoutMs, readTimeoutMs) + 2 * electionTimeoutMs;
    const busy = (): string => clients.find((client) => client.busy)?.text ?? "";
    await this.#expect("every call settles", settleMs, () => clients.every((client) => !client.busy), busy);
    const { members } = this.#p;
    const changing = (): string => `a change of the members is open: ${members.open}`;
    await this.#expect("every call settles", members.timeoutMs + settleMs, () => members.open === null, changing);
    await this.#converge();
    if (judge.failure === null) await this.#idle();
    // A disk that was full may have been heard of only now.
    await this.#converge();
    if (judge.failure === null) this.#p.deploy.checkEnd(cluster, this.core);
    this.#over = true;
  }

  #converge(): Promise<void> {
    const { cluster, config } = this.#p;
    return this.#expect(
      "convergence after healing",
      12 * config.limits.electionTimeoutMs,
      () => this.#converged(),
      () => this.core.map((id) => `node ${id} at slot ${cluster.running.get(id)?.node.status().applied}`).join(", "),
    );
  }

  #converged(): boolean {
    const { cluster } = this.#p;
    // A witness may wait for full voters that are broken for good.
    const ids = this.#p.oracle.witnesses.areAllFullIn(this.core) ? this.core : this.#serving;
    const slots = ids.map((id) => cluster.running.get(id)?.node.status().applied);
    return slots.every((slot) => slot !== undefined && slot === slots[0]);
  }

  /** With nothing to do, nodes talk for their elections and for nothing else. */
  async #idle(): Promise<void> {
    const { cluster, judge, timeline, config } = this.#p;
    const timeouts = 4;
    const before = cluster.talkSent;
    await timeline.run(timeline.nowMs + timeouts * config.limits.electionTimeoutMs, () => judge.failure !== null);
    const sent = cluster.talkSent - before;
    // Words about states are left out: whoever still catches up tells many.
    // Eight rounds a timeout, each a question and an answer for every pair; as much again for stragglers.
    const most = 2 * timeouts * 8 * 2 * cluster.ids.length * (cluster.ids.length - 1) + 100;
    judge.check(
      sent <= most,
      "message budget",
      () => `${sent} frames in ${timeouts} idle timeouts; ${most} are enough`,
    );
  }

  async #expect(
    invariant: Parameters<Judge["fail"]>[0],
    withinMs: number,
    condition: () => boolean,
    text: () => string,
  ): Promise<void> {
    const { timeline, judge } = this.#p;
    if (judge.failure !== null) return;
    await timeline.run(timeline.nowMs + withinMs + SLACK_MS, () => judge.failure !== null || condition());
    judge.check(judge.failure !== null || condition(), invariant, () => `${text()}, ${withinMs} ms after healing`);
  }
}

/** A random set of nodes that holds a quorum of both phases, in each of these configurations. */
function drawCore(needed: readonly Configuration[], ids: readonly NodeId[], random: SeededRandom): NodeId[] {
  const core = new Set<NodeId>();
  const enough = (): boolean => needed.every((configuration) => isEnough(configuration, core));
  for (const id of random.shuffle(ids)) if (!enough() || random.chance(0.3)) core.add(id);
  return ids.filter((id) => core.has(id));
}
