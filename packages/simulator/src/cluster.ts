import { type Codec, type Configuration, type NodeId, SynodError } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import type { SynodNode, WitnessNode } from "@synod/node";
import type { Config } from "./config.js";
import type { Deploy } from "./deploy.js";
import { Disk } from "./disk.js";
import type { Judge } from "./judge.js";
import type { Ledger } from "./ledger.js";
import { SimulatedNetwork } from "./network.js";
import { Observer } from "./observer.js";
import type { Oracle } from "./oracle.js";
import { FATAL_CALLS } from "./ports.js";
import { type Life, Process } from "./process.js";
import type { SeededRandom } from "./random.js";
import { startNode } from "./start-node.js";
import type { Tagged } from "./tags.js";
import type { Timeline } from "./timeline.js";
import { type Note, type TraceEvent, TraceHash } from "./trace.js";
import { Traffic } from "./traffic.js";
import { watchedStorage } from "./watched-storage.js";
import type { StorageFactory, Workload } from "./workload.js";

export type AnyWorkload = Workload<unknown, unknown, unknown, unknown>;
export type AnyNode = SynodNode<Tagged<unknown>, unknown, unknown, unknown>;

/** A node that runs. */
export interface Running {
  readonly life: Life;
  readonly node: AnyNode | WitnessNode;
}

/** One that takes commands and reads. */
export interface Serving extends Running {
  readonly node: AnyNode;
}

export interface ClusterParts {
  readonly config: Config;
  readonly configuration: Configuration;
  readonly workload: AnyWorkload;
  readonly storage: StorageFactory;
  readonly codec: Codec<Envelope>;
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly judge: Judge;
  readonly oracle: Oracle;
  readonly ledger: Ledger;
  readonly deploy: Deploy;
  readonly trace: ((event: TraceEvent) => void) | undefined;
}

/** The nodes of one cluster, each a process with a disk and a clock of its own, over one network. */
export class Cluster {
  readonly hash: TraceHash = new TraceHash();
  readonly network: SimulatedNetwork;
  /** Nodes that there are: founders, and those that joined, but for those that were thrown away. */
  readonly ids: NodeId[];
  readonly running: Map<NodeId, Running> = new Map();
  /** From here on nothing is provoked that takes more than the cluster may be able to carry. */
  healed = false;
  /** A node was added to those that there are. */
  onJoined: ((id: NodeId) => void) | null = null;
  /** A node began to lead. */
  onElected: ((id: NodeId) => void) | null = null;
  /** A node stopped since it was removed. */
  onRemoved: ((id: NodeId) => void) | null = null;
  /** Whether the disk of a node may be spoiled; decided by who the members are. */
  maySpare: (id: NodeId) => boolean = () => false;
  readonly #p: ClusterParts;
  readonly #processes = new Map<NodeId, Process>();
  /** Nodes whose store has been opened once. */
  readonly #formatted = new Set<NodeId>();
  readonly #traffic: Traffic;
  readonly #observer: Observer;

  constructor(parts: ClusterParts) {
    this.#p = parts;
    this.#observer = new Observer(parts, this);
    const { timeline, random, config } = parts;
    this.ids = parts.configuration.members.map((member) => member.id);
    const trace = (make: () => Note): void => this.#trace(make);
    this.#traffic = new Traffic({ ...parts, hash: this.hash, trace });
    this.network = new SimulatedNetwork({
      timeline,
      random: random.fork(),
      options: config.network,
      watch: this.#traffic,
    });
    for (const id of this.ids) this.#place(id);
  }

  /** A machine with a blank disk. */
  #place(id: NodeId): void {
    const { timeline, random, config, judge } = this.#p;
    const disk = new Disk(random.fork());
    disk.flushMs = config.disk.flushMs;
    disk.otherMs = config.disk.otherMs;
    const onPortFault = (call: string): void => {
      judge.sometimes(`thrown by ${call}`);
      this.note(id, `a bug behind ${call}`);
      timeline.after(0, () => {
        const { life } = this.process(id);
        if (life !== null) this.#observer.observe(id, life);
      });
    };
    this.#processes.set(id, new Process(id, { disk, timeline, random: random.fork(), onPortFault }));
  }

  /** A node that is no founder starts on a blank disk. */
  join(id: NodeId, as: { readonly witness: boolean }): void {
    this.#place(id);
    if (as.witness) this.#p.oracle.witnesses.add(id);
    this.ids.push(id);
    this.boot(id);
    this.onJoined?.(id);
  }

  /** A node ends for good, and its disk with it. */
  throwAway(id: NodeId): void {
    const at = this.ids.indexOf(id);
    if (at < 0) return;
    this.note(id, "is thrown away");
    this.crash(id, "kill");
    this.disk(id).lose();
    this.ids.splice(at, 1);
    this.#p.judge.sometimes("node thrown away");
  }

  /** All that there ever were. */
  get everybody(): NodeId[] {
    return [...this.#processes.keys()];
  }

  /** Nodes that belong to the cluster now, or are about to: whom users know. */
  get members(): NodeId[] {
    const { last, previous } = this.#p.oracle.epochs;
    return this.ids.filter((id) => last.members.includes(id) || previous?.members.includes(id) === true);
  }

  isLost(id: NodeId): boolean {
    return !this.ids.includes(id) || this.disk(id).state === "lost";
  }

  /** Whether a node only votes. */
  isWitness(id: NodeId): boolean {
    return this.#p.oracle.witnesses.has(id);
  }

  /** A running node with a state machine. */
  serving(id: NodeId): Serving | undefined {
    const { life, node } = this.running.get(id) ?? {};
    return life === undefined || node === undefined || !("propose" in node) ? undefined : { life, node };
  }

  get framesSent(): number {
    return this.#traffic.framesSent;
  }

  /** Without those that tell what a state looks like: one that catches up sends many. */
  get talkSent(): number {
    return this.#traffic.framesSent - this.#traffic.digestsSent;
  }

  compareDigest(id: NodeId): void {
    this.#observer.compareDigest(id);
  }

  process(id: NodeId): Process {
    return this.#processes.get(id) as Process;
  }

  disk(id: NodeId): Disk {
    return this.process(id).disk;
  }

  /** The node that leads and knows of nobody above it, if there is one. */
  leader(): NodeId | undefined {
    return this.ids.find((id) => {
      const status = this.running.get(id)?.node.status();
      return status?.role === "leader" && status.content;
    });
  }

  /** Something happened to one node. */
  note(node: NodeId, text: string): void {
    this.hash.add(node);
    this.hash.addText(text);
    this.#trace(() => ({ kind: "node", node, text }));
  }

  /** Something happened to all. */
  noteWorld(text: string): void {
    this.hash.addText(text);
    this.#trace(() => ({ kind: "world", text }));
  }

  // ---- processes

  boot(id: NodeId): void {
    const process = this.process(id);
    if (process.life !== null || !this.ids.includes(id)) return;
    const life = process.begin();
    this.note(id, `starts, life ${life.number}`);
    this.#create(id, life, !this.#formatted.has(id)).then(
      (node) => life.alive && this.#onRunning(id, life, node),
      (error: unknown) => life.alive && this.#onBootFailed(id, life, error),
    );
  }

  /** The process ends between two instructions. Without power what was not flushed is at risk, too. */
  crash(id: NodeId, how: "kill" | "power cut"): void {
    const process = this.process(id);
    if (process.life !== null) {
      this.note(id, how === "kill" ? "is killed" : "loses power");
      this.#p.judge.sometimes(how === "kill" ? "process killed" : "power cut");
    }
    process.crash();
    this.running.delete(id);
    this.#observer.gone(id);
    if (how === "kill") process.disk.processEnded();
    else process.disk.powerCut((what) => this.#p.judge.sometimes(what));
  }

  /** Whether the nodes with whole disks are enough without this one, and it has something to lose. */
  canSpare(id: NodeId): boolean {
    return this.disk(id).state === "whole" && this.#formatted.has(id) && this.maySpare(id);
  }

  /** Nodes whose disk has everything that it ever acknowledged. */
  get whole(): NodeId[] {
    return this.ids.filter((id) => this.disk(id).state === "whole");
  }

  loseDisk(id: NodeId): void {
    this.note(id, "has a blank disk");
    this.disk(id).lose();
  }

  /** A bit flips, as long as a majority of the states is right. */
  flipState(id: NodeId): void {
    const { life } = this.process(id);
    const flipped = this.ids.filter((each) => (this.process(each).life?.flipped ?? null) !== null);
    const tooMany = 2 * (flipped.length + 1) >= this.ids.filter((each) => !this.isWitness(each)).length;
    if (life === null || life.flipped !== null || tooMany || this.serving(id) === undefined) return;
    life.flipped = `!${id}.${life.number}`;
    this.note(id, "has a bit flipped");
    this.#p.judge.sometimes("state bit flipped");
  }

  jumpClock(id: NodeId, byMs: number): void {
    this.process(id).jump(byMs);
    this.#p.ledger.clocksAheadMs += byMs;
  }

  /** Tells whoever leads to hand over, to this node or to the best one. */
  transfer(to: NodeId | null, timeoutMs: number): void {
    const id = this.leader();
    const running = id === undefined ? undefined : this.serving(id);
    if (id === undefined || running === undefined) return;
    const { judge } = this.#p;
    this.note(id, `is to hand over${to === null ? "" : ` to node ${to}`}`);
    this.process(id).whenAwake(running.life, () => {
      running.node.transferLeadership({ timeoutMs, ...(to === null ? {} : { to }) }).then(
        () => judge.sometimes("leadership transferred"),
        (error: unknown) => {
          const code = error instanceof SynodError ? error.code : String(error);
          const ends = running.life.ending || this.running.get(id)?.life !== running.life;
          const known = ["NotTransferred", "Closed", "InvalidArgument", ...(ends ? ["OutcomeUnknown"] : [])].includes(
            code,
          );
          judge.check(known, "every call settles", () => `a transfer by node ${id} fails: ${String(error)}`);
          judge.sometimes(`transfer in vain: ${code}`);
        },
      );
    });
  }

  /** Asks the node to end in an orderly way. */
  close(id: NodeId): void {
    const running = this.running.get(id);
    if (running === undefined) return;
    const { life, node } = running;
    this.note(id, "is closed");
    this.running.delete(id);
    this.#observer.gone(id);
    const ended = (): void => {
      if (!life.alive) return;
      this.process(id).end(life);
      this.disk(id).processEnded();
      this.#p.judge.sometimes("closed in order");
    };
    this.process(id).whenAwake(life, () => {
      node.close().then(ended, (error: unknown) => {
        this.#p.judge.fail("no node stops itself", `closing node ${id} failed: ${String(error)}`);
      });
    });
  }

  #create(id: NodeId, life: Life, bootstrap: boolean): Promise<Running["node"]> {
    const { codec, oracle, timeline, judge } = this.#p;
    return startNode({
      ...this.#p,
      id,
      life,
      bootstrap,
      process: this.process(id),
      contacts: this.ids,
      transport: this.network.transport(id, life),
      watchCodec: (inner) => this.#traffic.watchCodec(inner),
      watchStorage: (inner) =>
        watchedStorage(inner, {
          id,
          life,
          oracle,
          note: (text) => this.note(id, text),
          opened: () => this.#formatted.add(id),
          failed: () => timeline.after(0, () => this.#observer.observe(id, life)),
          writtenLate: () => judge.fail("nothing after close", `node ${id} writes to its store after closing it`),
        }),
      codec,
      isHealed: () => this.healed,
      onCrash: (how) => this.crash(id, how),
      onTurn: () => this.#observer.glance(id, life),
      onApplied: (slot) => this.#observer.applied(id, slot),
      onCounted: (name, labels) => this.#observer.counted(name, labels),
    });
  }

  #onRunning(id: NodeId, life: Life, node: Running["node"]): void {
    this.running.set(id, { life, node });
    if (life.number > 1) this.#p.judge.sometimes("restart");
    this.note(id, "runs");
  }

  #onBootFailed(id: NodeId, life: Life, error: unknown): void {
    const code = error instanceof SynodError ? error.code : String(error);
    this.note(id, `does not start: ${code}`);
    // At its start a node may refuse any port that does not work.
    const excused = this.process(id).ports.struck !== null || this.excuses(id, code);
    this.#p.judge.check(excused, "stores open again", () => `node ${id}: ${String(error)}`);
    this.#p.deploy.onStopped(id, code);
    if (code === "StoreDamaged") this.#p.judge.sometimes("damage refused");
    if (code === "NotFormatted") this.#p.judge.sometimes("lost disk refused");
    this.process(id).end(life);
    this.disk(id).processEnded();
  }

  /** Whether something that was done to the node explains why it stopped with this code. */
  excuses(id: NodeId, code: string): boolean {
    const { disk, ports } = this.process(id);
    if (this.#p.deploy.explains(id, code)) return true;
    if (code === "StateDiverged") return (this.process(id).life?.flipped ?? null) !== null;
    if (ports.struck !== null && FATAL_CALLS.includes(ports.struck)) return true;
    if (disk.faulty) return code === "StoreFailed" || code === "StoreFull";
    if (disk.state === "lost") return code === "NotFormatted";
    // A wrong bit may hit the very bytes that tell the format or the owner.
    const refusals = ["StoreDamaged", "VersionUnsupported", "StoreForeign"];
    return (disk.state === "rotten" || disk.misread) && refusals.includes(code);
  }

  #trace(make: () => Note): void {
    this.#p.trace?.({ atMs: this.#p.timeline.nowMs, ...make() });
  }
}
