import {
  type CallOptions,
  type Codec,
  type Configuration,
  type DirectService,
  type Incarnation,
  type LogDamage,
  type Logger,
  type Member,
  type Metrics,
  type NodeId,
  type ProposeOptions,
  quietLogger,
  quietMetrics,
  type ReadOptions,
  type Service,
  type Session,
  type SessionId,
  type Slot,
  type SnapshotInfo,
  SynodError,
  type Watched,
  type WatchOptions,
} from "@synod/interface";
import { systemClock, systemRandom } from "@synod/interface/host";
import { type Replica, votersOf } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import { beginChange, beginCommand, beginProposal, beginSnapshot, beginTransfer, decodeResult } from "./calls.js";
import { wireName } from "./founders.js";
import { ConfirmedReads } from "./confirmed-reads.js";
import { announceDamage } from "./damage.js";
import { Driver } from "./driver.js";
import { closePorts, notRunning, removedError } from "./ending.js";
import { Gauges } from "./gauges.js";
import { addressBook } from "./membership.js";
import { type ReplicaStart, replicaOf } from "./replica-of.js";
import { closeSession, openSession } from "./session.js";
import { StaleReads } from "./stale-reads.js";
import { statusOf } from "./status.js";
import { WatchIterator } from "./watch-iterator.js";
import { Watches } from "./watches.js";
import type {
  ChangeOptions,
  CloseOptions,
  MembershipChange,
  NodeEvent,
  NodeLimits,
  NodeOptions,
  NodeStatus,
  StaleAnswer,
  StaleReadOptions,
  SynodNode,
  TransferOptions,
} from "./types.js";

/** Reads that may wait at one node, and watches that may be open. */
const READS_MAX = 100_000;
const WATCHES_MAX = 100_000;
/** What the replicated machine takes by default. */
const SESSION_TTL_MS = 600_000;

export interface NodeStart<Command, Query, Result, Answer> extends Omit<ReplicaStart, "options"> {
  readonly options: NodeOptions<Command, Query, Result, Answer>;
  readonly machine: ReplicatedMachine<Query, Answer>;
  readonly resultCodec: Codec<Result>;
}

/** One replica with its ports and its callers. */
export class Node<Command, Query, Result, Answer> implements SynodNode<Command, Query, Result, Answer> {
  readonly id: NodeId;
  readonly encoded: Service<Uint8Array, Query, Uint8Array, Answer>;
  readonly direct: DirectService<Query, Answer>;
  readonly #options: NodeOptions<Command, Query, Result, Answer>;
  readonly #limits: NodeLimits;
  readonly #storeId: string;
  /** Where members listen, as the options say. */
  readonly #addresses: readonly Member[];
  readonly #self: Incarnation;
  readonly #replica: Replica;
  readonly #machine: ReplicatedMachine<Query, Answer>;
  readonly #resultCodec: Codec<Result>;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #driver: Driver;
  readonly #gauges: Gauges;
  readonly #damage: LogDamage | undefined;
  readonly #stale: StaleReads<Query, Answer>;
  readonly #confirmed: ConfirmedReads<Query, Answer>;
  readonly #watches: Watches<Query, Answer>;
  #state: NodeStatus["state"] = "starting";
  #failure: SynodError | null = null;
  #closing: Promise<void> | null = null;
  #handingOver: Promise<void> | null = null;

  constructor(start: NodeStart<Command, Query, Result, Answer>) {
    const { options, limits, recovered, machine, witness } = start;
    const { identity } = recovered;
    this.id = options.id;
    this.#options = options;
    this.#limits = limits;
    this.#machine = machine;
    this.#resultCodec = start.resultCodec;
    this.#storeId = identity.storeId;
    const own = options.join === undefined ? [] : [{ ...options.join, id: options.id }];
    this.#addresses = [...(options.cluster.contacts ?? []), ...options.cluster.members, ...own];
    this.#logger = quietLogger(options.logger);
    this.#metrics = quietMetrics(options.metrics);
    this.#damage = recovered.damage;
    const { nodeId, storeId, bootCount, bootId } = identity;
    this.#self = { clusterId: identity.clusterId, nodeId, storeId, bootCount, bootId };
    this.#replica = replicaOf(start);
    this.#watches = this.#newWatches();
    this.#gauges = new Gauges(this.#metrics);
    this.#driver = new Driver({
      self: { ...this.#self, clusterId: wireName(identity.clusterId, identity.founders) },
      addresses: this.#addresses,
      replica: this.#replica,
      recoveredUpTo: recovered.chosenUpTo,
      witness,
      machine,
      watches: this.#watches,
      transport: options.transport,
      storage: options.storage,
      codec: options.codec,
      clock: options.clock ?? systemClock(),
      random: options.random ?? systemRandom(),
      logger: this.#logger,
      metrics: this.#metrics,
      limits,
      buggify: options.buggify ?? (() => false),
      manualUpgrade: options.upgrade === "manual",
      sessionTtlMs: options.sessionTtlMs ?? SESSION_TTL_MS,
      onFailure: (error) => this.#fail(error),
      onRemoved: (epoch) => this.#leave(epoch),
      publish: () => this.#gauges.publish(this.status()),
    });
    this.encoded = {
      propose: (body, given = {}) => this.#proposeBytes(body, given),
      read: (query, given) => this.read(query, given),
      watch: (query, given) => this.watch(query, given),
      openSession: (given) => this.openSession(given),
    };
    this.direct = this.#newDirect();
    this.#stale = new StaleReads({
      driver: this.#driver,
      replica: this.#replica,
      machine,
      readTimeoutMs: limits.readTimeoutMs,
      installing: () => this.#driver.snapshots.installing,
    });
    this.#confirmed = new ConfirmedReads({
      driver: this.#driver,
      machine,
      readTimeoutMs: limits.readTimeoutMs,
      confirmed: (startedMs) => this.#stale.confirmed(startedMs),
    });
  }

  #newWatches(): Watches<Query, Answer> {
    const machine = this.#machine;
    return new Watches({
      now: () => this.#driver.nowMs,
      applied: () => machine.applied,
      check: (count) => {
        this.#checkRunning();
        if (count >= WATCHES_MAX) throw this.#busy("watches");
      },
      wake: () => this.#driver.wake(),
      ask: (query) => {
        const answer = machine.watch(query);
        if (answer !== undefined) return answer;
        throw new SynodError("InvalidArgument", "the state machine offers no watches: it has no method `watch`");
      },
    });
  }

  #newDirect(): DirectService<Query, Answer> {
    return {
      propose: (body, session, caller) => {
        this.#checkRunning();
        // The client that asks knows by now which replies are done with: it asks again itself.
        return beginCommand(this.#driver, this.#limits, { body, session }, caller, false);
      },
      read: (query, via, caller) => {
        this.#checkReads();
        return this.#confirmed.begin(query, via, caller);
      },
    };
  }

  async start(): Promise<void> {
    const { transport } = this.#options;
    await transport.start({
      self: this.#self,
      members: this.#addressBook(),
      handlers: {
        frame: (from, frame) => this.#driver.input({ kind: "frame", from, frame }),
        peerUp: (peer) => this.#driver.input({ kind: "peerUp", peer }),
        peerDown: (id) => this.#driver.input({ kind: "peerDown", id }),
        peerRefused: (id, reason) => this.#driver.input({ kind: "peerRefused", id, reason }),
      },
      logger: this.#logger,
      metrics: this.#metrics,
    });
    // A handler may have met a fatal frame already.
    if (this.#failure !== null) throw this.#failure;
    this.#state = "running";
    announceDamage(this.#damage, this.#replica.status().voting, this.#logger, this.#metrics);
    this.#driver.start();
  }

  /** With this node's own address as the options have it: it listens there now, whatever the log says. */
  #addressBook(): Member[] {
    const own = this.#addresses.find(({ id }) => id === this.id);
    return addressBook(this.#replica.membership(), this.#addresses).map((member) =>
      member.id === this.id ? { ...member, ...own } : member,
    );
  }

  changeMembership(change: MembershipChange, options: ChangeOptions = {}): Promise<Configuration> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      beginChange(this.#driver, change, options, { resolve, reject });
    });
  }

  async propose(command: Command, options: ProposeOptions = {}): Promise<Result> {
    const body = this.#options.commandCodec.encode(command);
    const reply = await this.#proposeBytes(body, options);
    return decodeResult(this.#resultCodec, reply);
  }

  #proposeBytes(body: Uint8Array, options: ProposeOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      beginProposal(this.#driver, this.#limits, body, options, { resolve, reject });
    });
  }

  read(query: Query, options: ReadOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#checkReads();
      this.#confirmed.read(query, options, { resolve, reject });
    });
  }

  #checkReads(): void {
    this.#checkRunning();
    if (this.#driver.reads.count >= READS_MAX) throw this.#busy("reads");
  }

  #busy(what: "reads" | "watches"): SynodError {
    return this.#driver.busy(what, { retryAfterMs: this.#limits.electionTimeoutMs });
  }

  watch(query: Query, { signal }: WatchOptions = {}): AsyncIterableIterator<Watched<Query, Answer>> {
    return new WatchIterator(query, (next) => this.#watches.begin(next, signal));
  }

  get applied(): Slot {
    return this.#machine.applied;
  }

  readStale(query: Query, options: StaleReadOptions = {}): Promise<StaleAnswer<Answer>> {
    return new Promise((resolve, reject) => {
      this.#checkReads();
      this.#stale.read(query, options, { resolve, reject });
    });
  }

  async openSession(options: CallOptions = {}): Promise<Session> {
    this.#checkRunning();
    return openSession(this.#driver, this.#limits, options);
  }

  async closeSession(session: SessionId, options: CallOptions = {}): Promise<void> {
    this.#checkRunning();
    return closeSession(this.#driver, this.#limits, session, options);
  }

  raiseVersions(): void {
    this.#checkRunning();
    this.#driver.upgrade.allow();
  }

  #checkRunning(): void {
    if (this.#state !== "running") throw notRunning(this.#state, this.#failure);
  }

  status(): NodeStatus {
    return statusOf({
      id: this.id,
      clusterId: this.#options.cluster.id,
      storeId: this.#storeId,
      addresses: this.#addresses,
      state: this.#state,
      failure: this.#failure,
      damage: this.#damage,
      replica: this.#replica,
      driver: this.#driver,
      machine: this.#machine,
    });
  }

  snapshot(options: CallOptions = {}): Promise<SnapshotInfo> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      beginSnapshot(this.#driver, options, { resolve, reject });
    });
  }

  digest(): { readonly applied: Slot; readonly digest: string } {
    if (this.#driver.snapshots.installing) {
      throw new SynodError("Busy", "the snapshot of a peer is being installed: ask again when it is");
    }
    return { applied: this.#machine.applied, digest: this.#machine.digest() };
  }

  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<NodeEvent> {
    return this.#driver.events.subscribe(options.signal);
  }

  /** Removed, and nobody needs this disk any more. */
  #leave(epoch: number): void {
    if (this.#closing !== null) return;
    this.#state = "removed";
    this.#shutDown("the node was removed from the cluster", removedError()).catch((cause: unknown) => {
      this.#logger.error("closing after the removal failed", { cause });
    });
    this.#logger.info("the node stops: it was removed", { epoch });
  }

  #fail(error: SynodError): void {
    if (this.#closing !== null) return;
    this.#state = "failed";
    this.#failure = error;
    this.#driver.events.emit({ kind: "failed", error });
    this.#shutDown("the node stopped by itself", error).catch((cause: unknown) => {
      this.#logger.error("closing after a failure failed", { cause });
    });
    // Last: a logger that throws must leave nobody waiting.
    this.#logger.error("the node stops", { code: error.code, error });
  }

  /** Nobody is left waiting; then the ports are released. Only the first call does anything. */
  #shutDown(why: string, cause: SynodError): Promise<void> {
    this.#closing ??= (async () => {
      const { transport, storage } = this.#options;
      this.#driver.stop();
      this.#driver.proposals.giveUpAll(why, cause);
      this.#driver.reads.failAll(new SynodError(cause.code === "Removed" ? "Removed" : "Closed", why, { cause }));
      this.#driver.changes.failAll(why, cause);
      this.#watches.failAll(new SynodError(cause.code === "Removed" ? "Removed" : "Closed", why, { cause }));
      this.#driver.events.close();
      this.#lastGauges();
      await closePorts([transport, storage], this.#logger);
    })();
    return this.#closing;
  }

  /** They stay as they are from here on, so a leader that is gone must not be one in them. */
  #lastGauges(): void {
    try {
      this.#gauges.publish(this.status());
    } catch (cause) {
      this.#logger.warn("the metrics failed", { cause });
    }
  }

  transferLeadership(options: TransferOptions = {}): Promise<NodeId> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      beginTransfer(this.#driver, options, { resolve, reject });
    });
  }

  /** A leader that just ended would leave the others to find out, and commands waiting meanwhile. */
  async #handOver(timeoutMs: number): Promise<void> {
    if (timeoutMs <= 0 || !this.#replica.leads || votersOf(this.#driver.configuration).length < 2) return;
    try {
      await this.transferLeadership({ timeoutMs });
    } catch (cause) {
      this.#logger.info("closing without handing the leadership over", { cause });
    }
  }

  async close({ transferTimeoutMs = 4 * this.#limits.electionTimeoutMs }: CloseOptions = {}): Promise<void> {
    if (this.#state === "running") {
      const handedOver = this.#handOver(transferTimeoutMs);
      this.#state = "closed";
      this.#handingOver = handedOver;
    }
    await this.#handingOver;
    await this.#shutDown("the node was closed", new SynodError("Closed", "the node was closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
