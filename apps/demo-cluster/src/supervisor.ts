import type { StaleAnswer } from "@synod/node";
import { type Answered, CALL_MS, Client, type Target } from "./client.js";
import type { DataDirectory } from "./data-directory.js";
import { broken, usage } from "./failure.js";
import { Feed } from "./feed.js";
import { Fleet } from "./fleet.js";
import type { KvAnswer, KvCommand, KvResult } from "./kv.js";
import { liveTrace } from "./live-trace.js";
import { everydayLoad, Load, type LoadOutcome } from "./load.js";
import { Operations } from "./operations.js";
import { Observer } from "./observer.js";
import type { Digest, ReplicaEvent } from "./protocol.js";
import { CallError, type ReplicaProcess } from "./replica-process.js";
import { ballotText, replicaView } from "./replica-view.js";
import { Roster } from "./roster.js";
import { described, membersText, partsOf } from "./supervisor-texts.js";
import { counted, grouped } from "./table.js";
import { SAMPLE_MS, Throughput } from "./throughput.js";
import type { ClusterView } from "./view.js";

/** How long one may take to end that answers its calls first, and hands over. */
const STOP_IN_ORDER_MS = 5000;

/** Where a call goes: to one replica, or to whichever takes it. */
export interface CallOptions {
  readonly replica?: number | undefined;
  readonly timeoutMs?: number;
}

/** Starts the replicas, watches them, does to them what is asked, and is their client. */
export class Supervisor {
  readonly feed: Feed = new Feed();
  readonly throughput: Throughput = new Throughput(performance.now());
  readonly observer: Observer = new Observer(this.feed);
  readonly #directory: DataDirectory;
  readonly #roster: Roster;
  readonly #fleet: Fleet;
  readonly #listeners = new Set<() => void>();
  readonly #client: Client;
  readonly #load: Load;
  /** Changes of the members and what else an operator does. */
  readonly operations: Operations;
  /** Newest configuration that some replica told of. */
  #epoch = 1;
  #nextLoad: () => KvCommand = everydayLoad();
  #onLoad: (outcome: LoadOutcome) => void = () => undefined;
  #sampler: NodeJS.Timeout | null = null;
  #closing: Promise<void> | null = null;

  private constructor(directory: DataDirectory, roster: Roster, program: string | undefined) {
    this.#directory = directory;
    this.#roster = roster;
    this.#fleet = new Fleet({
      directory,
      roster,
      feed: this.feed,
      observer: this.observer,
      program,
      event: (id, event) => this.#onEvent(id, event),
      changed: () => this.#changed(),
    });
    this.#client = new Client({
      throughput: this.throughput,
      running: () => this.#fleet.running,
      leader: () => this.leader,
    });
    this.#load = new Load({
      targets: () => this.#fleet.running.map((process) => this.#client.loadTarget(process)),
      next: () => this.#nextLoad(),
      settled: (outcome) => this.#onLoad(outcome),
      codeOf: (cause) => (cause instanceof CallError ? cause.code : "Error"),
    });
    this.operations = new Operations({
      roster,
      client: this.#client,
      feed: this.feed,
      ids: () => this.ids,
      leader: () => this.leader,
      process: (id) => this.#fleet.process(id),
      running: () => this.#fleet.running,
      join: (id) => this.#fleet.join(id),
      retire: (id) => this.#fleet.retire(id),
      restart: (id) => this.restart(id),
      cutTo: (pairs) => this.#fleet.cutTo(pairs),
      waitFor: (condition, timeoutMs) => this.waitFor(condition, timeoutMs),
    });
  }

  /** @param program - what is started as a replica; for tests */
  static async create(directory: DataDirectory, nodes: number, program?: string): Promise<Supervisor> {
    return new Supervisor(directory, await Roster.open(directory, nodes), program);
  }

  /**
   * Starts all replicas; founds the cluster if the directory holds none yet.
   * @throws Failure
   */
  async start(): Promise<void> {
    this.#sampler = setInterval(() => {
      this.#sample();
      this.#changed();
    }, SAMPLE_MS);
    const founding = !this.#directory.founded;
    const starts = this.ids.map((id) => this.#fleet.startFirst(id, founding));
    for (const result of await Promise.allSettled(starts)) if (result.status === "rejected") throw result.reason;
    await this.#directory.markFounded();
    this.feed.add(
      "good",
      `${counted(this.ids.length)} ${founding ? "founded" : "resumed"} the cluster in ${this.#directory.path}`,
    );
  }

  get ids(): readonly number[] {
    return this.#fleet.ids;
  }

  /** Calls back on every change until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Settles with true as soon as the condition holds, with false after the time. */
  waitFor(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        stop();
        resolve(result);
      };
      const timer = setTimeout(() => end(condition()), timeoutMs);
      const stop = this.onChange(() => {
        if (condition()) end(true);
      });
      if (condition()) end(true);
    });
  }

  view(): ClusterView {
    return {
      replicas: this.ids.map((id) => replicaView(this.#fleet.entryOf(id), this.observer)),
      leader: this.leader,
      cuts: this.#fleet.links.pairs,
      loadPerSecond: this.#load.ratePerSecond,
      throughput: this.throughput.view(),
      directory: this.#directory.path,
      freshId: this.#roster.freshId,
      links: this.observer.traffic.links,
      reach: this.observer.reach.view(Date.now()),
      check: this.observer.check.view,
    };
  }

  /** The running leader with the highest ballot, or null. A leader that is cut off may not know yet that it is none. */
  get leader(): number | null {
    let best: { id: number; round: number } | null = null;
    for (const { id, status } of this.#fleet.running) {
      if (status?.role !== "leader" || status.ballot === null) continue;
      if (best === null || status.ballot.round > best.round) best = { id, round: status.ballot.round };
    }
    return best?.id ?? null;
  }

  /** Proposes a command. Without a replica given, tries one after the other while none has proposed it. @throws CallError */
  propose(command: KvCommand, options: CallOptions = {}): Promise<Answered<KvResult>> {
    return this.#client.propose(command, this.#target(options));
  }

  /** Reads linearizably. @throws CallError */
  read(
    keys: readonly string[],
    { via, ...options }: CallOptions & { readonly via?: "leader" | "quorum" } = {},
  ): Promise<Answered<KvAnswer>> {
    return this.#client.read(keys, this.#target(options), via);
  }

  /** Reads what a replica has, which may be old. @throws CallError */
  readStale(keys: readonly string[], options: CallOptions = {}): Promise<Answered<StaleAnswer<KvAnswer>>> {
    return this.#client.readStale(keys, this.#target(options));
  }

  /** Digest of the whole state of one replica. @throws CallError */
  digest(id: number): Promise<Digest> {
    return this.#fleet.process(id).call({ kind: "digest" }, CALL_MS);
  }

  /** What went between the replicas last, as a trace file. Of one that does not answer only what the others saw. */
  async trace(): Promise<string> {
    const calls = this.#fleet.running.map((process) => process.call({ kind: "recent" }, CALL_MS));
    const kept = await Promise.allSettled(calls);
    return liveTrace(
      kept.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])),
      this.feed.lines,
    );
  }

  async kill(id: number): Promise<void> {
    const process = this.#fleet.process(id);
    if (process.state === "down") throw usage(`replica ${id} is down already`);
    const { pid } = process;
    await process.kill();
    this.observer.act(id, { kind: "killed" }, "bad", `replica ${id} killed with SIGKILL (process ${pid ?? "?"})`);
    this.#changed();
  }

  /** Starts a replica that is down from its files; one that runs is stopped in order first. */
  async restart(id: number): Promise<void> {
    const entry = this.#fleet.entryOf(id);
    if (entry.process.state !== "down") await entry.process.stop(STOP_IN_ORDER_MS, { inOrder: true });
    try {
      await this.#fleet.start(id, false);
    } catch (cause) {
      entry.failed = true;
      throw broken(`replica ${id} did not start: ${described(cause)}`);
    }
    this.observer.act(
      id,
      { kind: "restarted" },
      "good",
      `replica ${id} restarted from its files (process ${entry.process.pid ?? "?"})`,
    );
    this.#changed();
  }

  pause(id: number): void {
    const process = this.#fleet.process(id);
    if (process.state !== "running") throw usage(`replica ${id} does not run`);
    process.pause();
    this.observer.act(id, { kind: "paused" }, "bad", `replica ${id} paused with SIGSTOP`);
  }

  resume(id: number): void {
    const process = this.#fleet.process(id);
    if (process.state !== "paused") throw usage(`replica ${id} is not paused`);
    process.resume();
    this.observer.act(id, { kind: "resumed" }, "good", `replica ${id} resumed with SIGCONT`);
  }

  /** Cuts the links of one replica to others. Settles when all replicas that run drop the frames. */
  async cut(id: number, others: readonly number[]): Promise<void> {
    this.#fleet.process(id);
    if (others.length === 0) throw usage("a single replica has no links");
    for (const other of others) {
      if (this.#fleet.process(other).id === id) throw usage("a replica has no link to itself");
    }
    for (const other of others) this.#fleet.links.cut(id, other);
    this.observer.tell(0, { kind: "cut", links: others.map((other) => [id, other]) });
    await this.#fleet.tellCuts();
    this.feed.add(
      "bad",
      `link${others.length > 1 ? "s" : ""} cut: ${others.map((other) => `${id}–${other}`).join(", ")}`,
    );
    this.#changed();
  }

  /** Heals one link, or all. */
  async heal(pair?: readonly [number, number]): Promise<void> {
    if (pair === undefined) this.#fleet.links.healAll();
    else this.#fleet.links.heal(this.#fleet.process(pair[0]).id, this.#fleet.process(pair[1]).id);
    await this.#fleet.tellCuts();
    this.observer.tell(0, { kind: "healed" });
    this.feed.add("good", pair === undefined ? "all links healed" : `link healed: ${pair.join("–")}`);
    this.#changed();
  }

  /** Makes each write to the disk of a replica take so much longer; 0 ends it. Goes on after a restart. */
  async slow(id: number, ms: number): Promise<void> {
    const entry = this.#fleet.entryOf(id);
    entry.slowMs = ms;
    if (entry.process.state === "running") await entry.process.call({ kind: "slow", ms }, CALL_MS);
    const text = ms === 0 ? "as fast as before" : `${ms} ms slower for each write`;
    this.observer.act(id, { kind: "slowed", ms }, ms === 0 ? "good" : "bad", `the disk of replica ${id} is ${text}`);
    this.#changed();
  }

  /** Sets the everyday load in commands a second; 0 stops it. */
  load(ratePerSecond: number): void {
    this.#load.set(ratePerSecond);
    this.feed.add("plain", ratePerSecond === 0 ? "load stopped" : `load of ${ratePerSecond} commands a second`);
    this.#changed();
  }

  /** A load with commands of the caller's, who also learns how each of them ended. */
  customLoad(ratePerSecond: number, next: () => KvCommand, settled: (outcome: LoadOutcome) => void): void {
    this.#nextLoad = next;
    this.#onLoad = settled;
    this.load(ratePerSecond);
  }

  /** Commands of the load that are under way. */
  get loadOpen(): number {
    return this.#load.open;
  }

  statusOf(id: number): ReplicaProcess["status"] {
    return this.#fleet.process(id).status;
  }

  /** Ends all processes. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#load.set(0);
      clearInterval(this.#sampler ?? undefined);
      await this.#fleet.stopAll();
    })();
    return this.#closing;
  }

  /** For when nothing can be awaited any more. */
  closeNow(): void {
    this.#fleet.killAllNow();
  }

  #sample(): void {
    const nowMs = performance.now();
    const leaders = this.#fleet.running.flatMap(({ id, status }) =>
      status?.role === "leader" && status.ballot !== null ? [[id, status.ballot.round] as const] : [],
    );
    this.throughput.sample(nowMs, Date.now(), { traffic: this.observer.traffic.sample(nowMs), leaders });
    this.observer.story.tell(Date.now());
    this.observer.reach.sample();
  }

  #onEvent(id: number, event: ReplicaEvent): void {
    this.observer.event(id, event);
    if (event.kind === "elected")
      this.feed.add("leader", `replica ${id} leads with ballot ${ballotText(event.ballot)}`);
    if (event.kind === "configuration" && event.configuration.epoch > this.#epoch) {
      this.#epoch = event.configuration.epoch;
      this.feed.add("good", membersText(event.configuration));
      this.observer.tell(0, { kind: "members", epoch: this.#epoch, ...partsOf(event.configuration) });
    }
    if (event.kind === "snapshotInstalled")
      this.feed.add("plain", `replica ${id} took in a snapshot up to slot ${grouped(event.index)}`);
    if (event.kind === "leadershipEnded") this.feed.add("plain", `replica ${id} no longer leads (${event.reason})`);
  }

  #target({ replica, timeoutMs = CALL_MS }: CallOptions): Target {
    return { only: replica === undefined ? null : this.#fleet.process(replica), timeoutMs };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
