import {
  type Codec,
  type Configuration,
  type Logger,
  type Member,
  type Metrics,
  type NodeId,
  type Storage,
  SynodError,
} from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";
import { createNode, type SynodNode } from "@synod/node";
import type { Config } from "./config.js";
import { type Deploy, releaseCodec } from "./deploy.js";
import { Disk } from "./disk.js";
import { SimulatedFileSystem } from "./file-system.js";
import type { Judge } from "./judge.js";
import type { Ledger } from "./ledger.js";
import { messageText } from "./messages.js";
import { SimulatedNetwork } from "./network.js";
import { ballotText, type Oracle } from "./oracle.js";
import { FATAL_CALLS, faultyPorts, type Ports } from "./ports.js";
import { type Life, Process } from "./process.js";
import type { SeededRandom } from "./random.js";
import { Sight } from "./sight.js";
import { type Tagged, taggedCodec, watchedMachine } from "./tags.js";
import type { Timeline } from "./timeline.js";
import { type TraceEvent, TraceHash } from "./trace.js";
import { watchedStorage } from "./watched-storage.js";
import type { StorageFactory, Workload } from "./workload.js";

export type AnyWorkload = Workload<unknown, unknown, unknown, unknown>;
export type AnyNode = SynodNode<Tagged<unknown>, unknown, unknown, unknown>;

/** A node that runs. */
export interface Running {
  readonly life: Life;
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

const DIRECTORY = "/store";
const SNAPSHOTS = "synod_snapshots";
/** First words of the last line of a node that was removed. */
const STOPS = "the node stops";
/** At least one turn in so many is looked at. */
const GLANCES = 4;
/** What every transport takes. */
const FRAME_BYTES_MAX = 8 * 1024 * 1024;
const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const UNCOUNTED: Metrics = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

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
  /** A node stopped since it was removed. */
  onRemoved: ((id: NodeId) => void) | null = null;
  /** Whether the disk of a node may be spoiled; decided by who the members are. */
  maySpare: (id: NodeId) => boolean = () => false;
  readonly #p: ClusterParts;
  readonly #processes = new Map<NodeId, Process>();
  /** Nodes whose store has been opened once. */
  readonly #formatted = new Set<NodeId>();
  readonly #messages = new WeakMap<Uint8Array, Message>();
  readonly #sight: Sight;
  readonly #roles = new Map<NodeId, string>();
  /** The last slot that each life was seen to have executed. */
  readonly #applied = new WeakMap<Life, number>();
  framesSent = 0;

  constructor(parts: ClusterParts) {
    this.#p = parts;
    this.#sight = new Sight(parts);
    const { timeline, random, config } = parts;
    this.ids = parts.configuration.members.map((member) => member.id);
    this.network = new SimulatedNetwork({
      timeline,
      random: random.fork(),
      options: config.network,
      watch: {
        sent: (from, to, frame, delivery) => this.#onSent(from, to, frame, delivery),
        delivered: (from, to, frame, delivery) => {
          this.hash.add(delivery);
          const message = this.#messages.get(frame);
          if (message?.kind === "learn" && message.values.length > 0) parts.judge.sometimes("catch-up by fetch");
          this.#trace(() => ({ kind: "deliver", from, to, message: this.#text(frame), delivery }));
        },
        dropped: (from, to, frame, why) =>
          this.#trace(() => ({ kind: "drop", from, to, message: this.#text(frame), why })),
        sentLate: (from) => parts.judge.fail("nothing after close", `node ${from} sends after closing its transport`),
      },
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
        if (life !== null) this.#observe(id, life);
      });
    };
    this.#processes.set(id, new Process(id, { disk, timeline, random: random.fork(), onPortFault }));
  }

  /** A node that is no founder starts on a blank disk. */
  join(id: NodeId): void {
    this.#place(id);
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
    this.#open(id, life, !this.#formatted.has(id)).then(
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
    this.#roles.delete(id);
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
    const tooMany = 2 * (flipped.length + 1) >= this.ids.length;
    if (life === null || life.flipped !== null || tooMany || !this.running.has(id)) return;
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
    const running = id === undefined ? undefined : this.running.get(id);
    if (id === undefined || running === undefined) return;
    const { judge } = this.#p;
    this.note(id, `is to hand over${to === null ? "" : ` to node ${to}`}`);
    this.process(id).whenAwake(running.life, () => {
      running.node.transferLeadership({ timeoutMs, ...(to === null ? {} : { to }) }).then(
        () => judge.sometimes("leadership transferred"),
        (error: unknown) => {
          const code = error instanceof SynodError ? error.code : String(error);
          const known = ["NotTransferred", "Closed", "InvalidArgument"].includes(code);
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
    this.#roles.delete(id);
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

  async #open(id: NodeId, life: Life, bootstrap: boolean): Promise<AnyNode> {
    try {
      return await this.#create(id, life, bootstrap);
    } catch (error) {
      // An earlier attempt may have formatted the store and ended before it could say so.
      if (!(bootstrap && error instanceof SynodError && error.code === "AlreadyFormatted")) throw error;
      return this.#create(id, life, false);
    }
  }

  #create(id: NodeId, life: Life, bootstrap: boolean): Promise<AnyNode> {
    const { workload, config, configuration, codec, storage, timeline, random, ledger, judge } = this.#p;
    const process = this.process(id);
    const fileSystem = new SimulatedFileSystem({
      disk: process.disk,
      life,
      timeline,
      onCrash: (how) => this.crash(id, how),
    });
    const { segmentBytes } = config;
    const place = { nodeId: id, directory: DIRECTORY, fileSystem, random: random.fork(), segmentBytes };
    const clock = process.clock(life, config.clock(random));
    const members: readonly Member[] = configuration.members;
    const release = this.#p.deploy.begin(id);
    const own = workload.stateMachine(release ?? 1);
    if (own.digest === undefined) judge.sometimes("states not compared: the state machine has no digest");
    const machine = watchedMachine(own, {
      applied: (tag, context, result) => ledger.onApply({ node: id, life, tag, context, result }),
      flipped: () => life.flipped ?? "",
      impure: (call, used) => judge.fail("deterministic apply", `${call} uses ${used.join(", ")}`),
    });
    const rare = random.fork();
    const ports: Ports = {
      transport: this.network.transport(id, life),
      storage: this.#watchStorage(id, life, storage(place)),
      codec: this.#watchCodec(release === null ? codec : releaseCodec(codec, release)),
      clock: {
        ...clock,
        soon: (callback) =>
          clock.soon(() => {
            callback();
            this.#glance(id, life);
          }),
      },
      random: random.fork(),
      // A node that stops says so, and runs no turn after it.
      logger: {
        ...SILENT,
        info: (line) => void (life.ending ||= line.startsWith(STOPS)),
        error: () => void (life.ending = true),
      },
      metrics: {
        ...UNCOUNTED,
        count: (name, _by, labels) => {
          if (name.startsWith(SNAPSHOTS)) judge.sometimes(textOf(name));
          this.#counted(name, labels);
        },
      },
    };
    return createNode<Tagged<unknown>, unknown, unknown, unknown>({
      id,
      cluster: {
        id: "simulated",
        members,
        // An operator tells a node whom to ask.
        contacts: this.ids.map((other) => ({ id: other })),
        quorum: configuration.quorum,
        alpha: configuration.alpha,
        ...(configuration.lease === undefined ? {} : { lease: configuration.lease }),
      },
      stateMachine: machine,
      ...faultyPorts(ports, process.ports),
      commandCodec: taggedCodec(workload.commandCodec),
      resultCodec: workload.resultCodec ?? workload.commandCodec,
      bootstrap,
      ...(members.some((member) => member.id === id) ? {} : { join: {} }),
      limits: config.limits,
      ...(release === null ? {} : { supports: { wire: release, log: release } }),
      buggify: (point) => {
        // Copies of everything, in each round, are more than a window of one slot takes.
        if (this.healed && point === "sent again at once") return false;
        const taken = config.buggify[point] > 0 && rare.chance(config.buggify[point]);
        if (taken) judge.sometimes(`provoked: ${point}`);
        return taken;
      },
    });
  }

  #onRunning(id: NodeId, life: Life, node: AnyNode): void {
    this.running.set(id, { life, node });
    if (life.number > 1) this.#p.judge.sometimes("restart");
    this.note(id, "runs");
  }

  #onBootFailed(id: NodeId, life: Life, error: unknown): void {
    const code = error instanceof SynodError ? error.code : String(error);
    this.note(id, `does not start: ${code}`);
    // At its start a node may refuse any port that does not work.
    const excused = this.process(id).ports.struck !== null || this.#excused(id, code);
    this.#p.judge.check(excused, "stores open again", () => `node ${id}: ${String(error)}`);
    this.#p.deploy.onStopped(id, code);
    if (code === "StoreDamaged") this.#p.judge.sometimes("damage refused");
    if (code === "NotFormatted") this.#p.judge.sometimes("lost disk refused");
    this.process(id).end(life);
    this.disk(id).processEnded();
  }

  /** Whether something that was done to the node explains why it stopped with this code. */
  #excused(id: NodeId, code: string): boolean {
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

  // ---- what is seen of a node

  /** After each turn. A status costs as much as a turn, so that where little happened only one in some turns is looked at. */
  #glance(id: NodeId, life: Life): void {
    const applied = this.running.get(id)?.node.applied;
    const due = applied !== this.#applied.get(life) || life.ending || ++life.glances % GLANCES === 0;
    if (due || this.#p.config.lease !== null) this.#observe(id, life);
  }

  #observe(id: NodeId, life: Life): void {
    const running = this.running.get(id);
    if (running === undefined || running.life !== life) return;
    const status = running.node.status();
    const { judge } = this.#p;
    if (status.state === "failed") {
      this.running.delete(id);
      const { failure } = status;
      judge.check(
        this.#excused(id, failure?.code ?? ""),
        "no node stops itself",
        () => `node ${id}: ${failure?.code} ${failureText(failure)}`,
      );
      if (this.disk(id).faulty) judge.sometimes("stopped by a failing disk");
      this.#p.deploy.onStopped(id, failure?.code ?? "");
      if (failure?.code === "StateDiverged") judge.sometimes("diverged state found");
      this.note(id, `stops by itself: ${failure?.code}`);
      this.#p.timeline.after(1, () => life.alive && this.crash(id, "kill"));
      return;
    }
    if (status.state === "removed") {
      this.running.delete(id);
      this.note(id, "stops: it was removed");
      this.onRemoved?.(id);
      this.#p.timeline.after(1, () => this.throwAway(id));
      return;
    }
    const { applied, role, ballot } = status;
    if (status.voting) this.#votes(id);
    else judge.sometimes("a damaged node learns");
    if ((status.leaseLeftMs ?? 0) > 0) this.#onlyLease(id);
    judge.check(
      applied >= (this.#applied.get(life) ?? 0),
      "in-order apply",
      () => `node ${id} goes back from slot ${this.#applied.get(life)} to ${applied}`,
    );
    this.#applied.set(life, applied);
    this.#roleChanged(id, role === "leader" ? `leads in ${ballotText(ballot)}` : "");
    const shared = this.#sight.check(id, status);
    if (this.#p.config.deploy !== null) this.#p.deploy.check(id, status);
    if (applied % 4 === 0 && shared) this.compareDigest(id);
  }

  /** A node that votes has, or has had chosen, everything that its disk ever lost: the disk may rot anew. */
  #votes(id: NodeId): void {
    if (this.disk(id).state !== "rotten") return;
    this.disk(id).state = "whole";
    this.note(id, "votes on a disk that had rotted");
    this.#p.judge.sometimes("rotten disk, and the node votes");
  }
  /** A node holds a lease by its clock: no other one does by its own, not even one that stands still. */
  #onlyLease(id: NodeId): void {
    for (const [other, { node }] of this.running) {
      if (other === id || !this.#roles.has(other)) continue;
      this.#p.judge.check(
        (node.status().leaseLeftMs ?? 0) <= 0,
        "one lease at a time",
        () => `nodes ${id} and ${other} hold a lease`,
      );
    }
  }

  /** Ways of reading that are worth a word in the report. */
  #counted(name: string, labels: Readonly<Record<string, string>> = {}): void {
    const { judge } = this.#p;
    if (name === "synod_reads_total" && labels["via"] !== "leader") judge.sometimes(`${labels["via"]} read`);
    if (name === "synod_lease_reads_refused_total") judge.sometimes("lease refused after a pause");
    if (name === "synod_quorum_reads_fell_back_total") judge.sometimes("quorum read fell back");
    if (name === "synod_leases_dropped_total") judge.sometimes(`lease dropped: ${labels["reason"]}`);
  }

  compareDigest(id: NodeId): void {
    const { life, node } = this.running.get(id) ?? {};
    if (node !== undefined && life?.flipped === null && !node.status().snapshot.installing)
      this.#sight.compare(id, node.digest());
  }

  #roleChanged(id: NodeId, role: string): void {
    const before = this.#roles.get(id) ?? "";
    if (before === role) return;
    this.#roles.set(id, role);
    this.note(id, role === "" ? "no longer leads" : role);
    this.#p.judge.sometimes(role === "" ? "leader deposed" : "leader elected");
  }

  #watchStorage(id: NodeId, life: Life, inner: Storage): Storage {
    const { oracle, timeline, judge } = this.#p;
    return watchedStorage(inner, {
      id,
      life,
      oracle,
      note: (text) => this.note(id, text),
      opened: () => this.#formatted.add(id),
      failed: () => timeline.after(0, () => this.#observe(id, life)),
      writtenLate: () => judge.fail("nothing after close", `node ${id} writes to its store after closing it`),
    });
  }

  #watchCodec(inner: Codec<Envelope>): Codec<Envelope> {
    return {
      encode: (envelope) => {
        const frame = inner.encode(envelope);
        const size = frame.length;
        this.#p.judge.check(size <= FRAME_BYTES_MAX, "bounds", () => `a frame of ${size} bytes`);
        this.#messages.set(frame, envelope.message);
        return frame;
      },
      decode: (frame) => inner.decode(frame),
    };
  }

  // ---- the network

  #onSent(from: NodeId, to: NodeId, frame: Uint8Array, delivery: number): void {
    this.framesSent++;
    this.hash.add(from * 256 + to);
    this.hash.add(Math.floor(this.#p.timeline.nowMs * 1000));
    this.hash.addBytes(frame);
    const message = this.#messages.get(frame);
    if (message !== undefined) this.#p.oracle.onSend(from, message);
    if (message?.kind === "reject") this.#p.judge.sometimes("rejected by a higher promise");
    this.#trace(() => ({ kind: "send", from, to, message: this.#text(frame), delivery }));
  }

  #text(frame: Uint8Array): string {
    const message = this.#messages.get(frame);
    return message === undefined ? "?" : messageText(message);
  }

  #trace(make: () => WithoutTime<TraceEvent>): void {
    this.#p.trace?.({ atMs: this.#p.timeline.nowMs, ...make() });
  }
}

/** As in "snapshots taken". */
const textOf = (name: string): string =>
  name.slice(SNAPSHOTS.length - "snapshots".length, -"_total".length).replace("_", " ");

type WithoutTime<T> = T extends unknown ? Omit<T, "atMs"> : never;

function failureText(failure: SynodError | null): string {
  if (failure === null) return "";
  const cause = failure.cause instanceof Error ? ` (${failure.cause.message})` : "";
  return `${failure.message}${cause} ${JSON.stringify(failure.details)}`;
}
