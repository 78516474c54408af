import {
  type Codec,
  type Configuration,
  type Incarnation,
  type LogDamage,
  type Logger,
  type Metrics,
  type NodeId,
  type ProposeOptions,
  type ReadOptions,
  type Recovered,
  type Slot,
  type SnapshotInfo,
  SynodError,
} from "@synod/interface";
import { Replica } from "@synod/multipaxos";
import { replicatedMachine, type ReplicatedMachine } from "@synod/rsm";
import { checkCodec, checkMembers, checkOptions, checkTicket, founders, wireName } from "./checks.js";
import { announceDamage, whyNotVoting } from "./damage.js";
import { systemClock, systemRandom } from "./clock.js";
import { Driver } from "./driver.js";
import { publish } from "./gauges.js";
import { nodeLimits } from "./limits.js";
import { quietLogger, quietMetrics } from "./quiet.js";
import { openSession } from "./session.js";
import { reasonOf } from "./sight.js";
import { SnapshotInstall } from "./snapshot-layout.js";
import { StaleReads } from "./stale-reads.js";
import type {
  CloseOptions,
  NodeEvent,
  NodeLimits,
  NodeOptions,
  NodeSession,
  NodeStatus,
  StaleAnswer,
  StaleReadOptions,
  SynodNode,
  TransferOptions,
} from "./types.js";
import { supportedVersions } from "./versions.js";

async function restoreSnapshot(
  machine: Pick<ReplicatedMachine<never, unknown>, "restore">,
  storage: NodeOptions<unknown, unknown, unknown>["storage"],
  recovered: Recovered,
): Promise<{ readonly head: Uint8Array; readonly hash: string } | null> {
  if (recovered.snapshot === null) return null;
  const install = new SnapshotInstall(machine);
  for await (const chunk of storage.readSnapshot()) install.write(chunk);
  return install.end();
}

/**
 * Opens the store, starts one replica and joins it to its peers. Settles when the replica runs, with or without a leader.
 * @throws SynodError `InvalidArgument`, `InvalidConfiguration`, `NotFormatted` (set `bootstrap` on the very first start),
 * `AlreadyFormatted` (leave `bootstrap` out afterwards), the errors of storage and transport. With `details.formatted` the first start failed
 * after the store was formatted, e.g. by `AddressInUse`: leave `bootstrap` out when you try again.
 */
export async function createNode<Command, Query, Result, Answer = Result>(
  options: NodeOptions<Command, Query, Result, Answer>,
): Promise<SynodNode<Command, Query, Result, Answer>> {
  checkOptions(options);
  const limits = nodeLimits(options.limits);
  const supports = supportedVersions(options);
  checkCodec(options, limits, supports);
  const { id, cluster, storage, transport } = options;
  const given = founders(options);
  const recovered = await storage.open({
    ...(options.bootstrap === true ? { create: { clusterId: cluster.id, nodeId: id, founders: given } } : {}),
    expect: { clusterId: cluster.id, nodeId: id },
  });
  try {
    checkMembers(recovered.identity.founders, options);
    const resultCodec = options.resultCodec ?? (options.commandCodec as unknown as Codec<Result>);
    const machine = replicatedMachine({
      stateMachine: options.stateMachine,
      commandCodec: options.commandCodec,
      resultCodec,
      supports,
    });
    const snapshot = await restoreSnapshot(machine, storage, recovered);
    const node = new Node({ snapshot, options, limits, recovered, machine, resultCodec });
    await node.start();
    return node;
  } catch (cause) {
    // The store must not stay locked by a node that never ran.
    await Promise.allSettled([transport.close(), storage.close()]);
    throw options.bootstrap === true ? notAgain(cause) : cause;
  }
}

/** Formatting is done once: who tries again after another failure of the first start must leave it out. */
function notAgain(cause: unknown): unknown {
  if (!(cause instanceof SynodError)) return cause;
  const { code, message, details } = cause;
  const text = `${message} The store is formatted by now: leave bootstrap out when you try again.`;
  return new SynodError(code, text, { cause, details: { ...details, formatted: true } });
}

class Node<Command, Query, Result, Answer> implements SynodNode<Command, Query, Result, Answer> {
  readonly id: NodeId;
  readonly #options: NodeOptions<Command, Query, Result, Answer>;
  readonly #limits: NodeLimits;
  readonly #configuration: Configuration;
  readonly #self: Incarnation;
  readonly #replica: Replica;
  readonly #machine: ReplicatedMachine<Query, Answer>;
  readonly #resultCodec: Codec<Result>;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #driver: Driver;
  readonly #damage: LogDamage | undefined;
  readonly #stale: StaleReads<Query, Answer>;
  #state: NodeStatus["state"] = "starting";
  #failure: SynodError | null = null;
  #closing: Promise<void> | null = null;
  #handingOver: Promise<void> | null = null;

  constructor(start: {
    options: NodeOptions<Command, Query, Result, Answer>;
    limits: NodeLimits;
    recovered: Recovered;
    machine: ReplicatedMachine<Query, Answer>;
    resultCodec: Codec<Result>;
    snapshot: { readonly head: Uint8Array; readonly hash: string } | null;
  }) {
    const { options, limits, recovered, machine, snapshot } = start;
    const { identity } = recovered;
    this.id = options.id;
    this.#options = options;
    this.#limits = limits;
    this.#machine = machine;
    this.#resultCodec = start.resultCodec;
    this.#configuration = identity.founders;
    this.#logger = quietLogger(options.logger);
    this.#metrics = quietMetrics(options.metrics);
    this.#damage = recovered.damage;
    const { nodeId, bootCount, bootId } = identity;
    this.#self = { clusterId: identity.clusterId, nodeId, bootCount, bootId };
    this.#replica = new Replica({
      nodeId,
      bootId,
      configuration: identity.founders,
      recovered,
      ...(snapshot === null ? {} : { snapshotHash: snapshot.hash, snapshotHead: snapshot.head }),
      settings: {
        electionTimeoutMs: limits.electionTimeoutMs,
        creditBytesMax: limits.peerBytesMax,
        applyBytesMax: limits.applyBytesMax,
        priority: options.priority ?? 0,
        retainedBytesMax: limits.snapshotTailBytesMax,
        snapshotChunkBytes: limits.snapshotChunkBytes,
      },
    });
    this.#driver = new Driver({
      self: { ...this.#self, clusterId: wireName(identity.clusterId, identity.founders) },
      configuration: this.#configuration,
      replica: this.#replica,
      machine,
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
      onFailure: (error) => this.#fail(error),
      publish: () => publish(this.#metrics, this.status()),
    });
    this.#stale = new StaleReads({
      driver: this.#driver,
      replica: this.#replica,
      machine,
      readTimeoutMs: limits.readTimeoutMs,
    });
  }

  async start(): Promise<void> {
    const { transport, cluster } = this.#options;
    await transport.start({
      self: this.#self,
      members: cluster.members,
      handlers: {
        frame: (from, frame) => this.#driver.input({ kind: "frame", from, frame }),
        peerUp: (peer) => this.#driver.input({ kind: "peerUp", peer }),
        peerDown: (id) => this.#driver.input({ kind: "peerDown", id }),
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

  async propose(command: Command, options: ProposeOptions = {}): Promise<Result> {
    const body = this.#options.commandCodec.encode(command);
    const reply = await this.#proposeBytes(body, options);
    return this.#resultCodec.decode(reply);
  }

  #proposeBytes(body: Uint8Array, { signal, session }: ProposeOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      if (body.length > this.#limits.commandBytesMax) {
        throw new SynodError(
          "TooLarge",
          `the command has ${body.length} bytes; limits.commandBytesMax is ${this.#limits.commandBytesMax}: split it, or raise the limit on all nodes (up to 4 MiB)`,
        );
      }
      if (signal?.aborted === true) {
        throw new SynodError("NotProposed", "the signal was aborted before the command was proposed", {
          cause: signal.reason,
        });
      }
      const { proposals } = this.#driver;
      if (session !== undefined) checkTicket(session, body);
      const refusal = proposals.refusal(session?.session ?? null, body.length);
      if (refusal !== null) throw this.#driver.busy("commands", refusal);
      const onAbort = (): void => proposal.giveUp("the signal was aborted", { cause: signal?.reason });
      const proposal = proposals.add({
        body,
        ticket: session,
        deadlineMs: this.#driver.nowMs + this.#limits.proposeTimeoutMs,
        resolve: (reply) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(reply);
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#driver.wake();
    });
  }

  read(query: Query, { signal, via = "leader" }: ReadOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      const { reads } = this.#driver;
      const aborted = (): SynodError =>
        new SynodError("NoLeader", "the signal was aborted before the read was confirmed", { cause: signal?.reason });
      if (signal?.aborted === true) throw aborted();
      if (via !== "leader" && via !== "quorum") {
        throw new SynodError("InvalidArgument", `via is "leader" or "quorum", not ${String(via)}`);
      }
      if (reads.count >= READS_MAX) throw this.#driver.busy("reads", { retryAfterMs: this.#limits.electionTimeoutMs });
      const startedMs = this.#driver.nowMs;
      const onAbort = (): void => {
        this.#driver.cancelRead(token);
        reads.fail(token, aborted());
      };
      const token = reads.add({
        deadlineMs: startedMs + this.#limits.readTimeoutMs,
        answer: (untilMs) => {
          const outcome = outcomeOf(() => this.#machine.query(query));
          // Only now: the process may have stood still since the lease was looked at.
          if (untilMs < Infinity && this.#driver.nowMs >= untilMs) return "round";
          signal?.removeEventListener("abort", onAbort);
          this.#stale.confirmed(startedMs);
          if ("answer" in outcome) resolve(outcome.answer);
          else reject(outcome.cause);
          return null;
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#driver.askIndex(token, via);
    });
  }

  get applied(): Slot {
    return this.#machine.applied;
  }

  readStale(query: Query, options: StaleReadOptions = {}): Promise<StaleAnswer<Answer>> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      if (this.#driver.reads.count >= READS_MAX)
        throw this.#driver.busy("reads", { retryAfterMs: this.#limits.electionTimeoutMs });
      this.#stale.read(query, options, resolve, reject);
    });
  }

  async openSession(options: { readonly signal?: AbortSignal } = {}): Promise<NodeSession> {
    this.#checkRunning();
    return openSession(this.#driver, this.#limits, options.signal);
  }

  raiseVersions(): void {
    this.#checkRunning();
    this.#driver.upgrade.allow();
  }

  #checkRunning(): void {
    if (this.#state === "running") return;
    const options = this.#failure === null ? {} : { cause: this.#failure };
    throw new SynodError(
      "Closed",
      this.#failure === null ? "the node is closed" : "the node stopped by itself: see the cause",
      options,
    );
  }

  status(): NodeStatus {
    const replica = this.#replica.status();
    const driver = this.#driver;
    const { members } = this.#options.cluster;
    return {
      id: this.id,
      clusterId: this.#options.cluster.id,
      state: this.#state,
      failure: this.#failure,
      role: replica.role,
      leader: replica.leader,
      ballot: replica.ballot,
      promised: replica.promised,
      configuration: this.#configuration,
      reason: this.#state === "running" ? reasonOf(replica, this.#configuration) : this.#state,
      verdict: replica.verdict,
      elections: { campaigns: driver.campaigns, won: driver.electionsWon },
      content: replica.content,
      impaired: replica.impaired,
      transferringTo: replica.transferringTo,
      voting: replica.voting,
      notVotingReason: whyNotVoting(this.#damage, replica),
      chosenUpTo: replica.chosenUpTo,
      durableUpTo: replica.durableUpTo,
      applied: this.#machine.applied,
      commandsApplied: driver.commandsApplied,
      chainHash: this.#machine.chainHash,
      leaseLeftMs: replica.leaseUntilMs === null ? null : Math.max(0, replica.leaseUntilMs - driver.nowMs),
      openSlots: replica.openSlots,
      openBytes: replica.openBytes,
      windowSlots: replica.windowSlots,
      queuedCommands: driver.proposals.count,
      queuedBytes: driver.proposals.bytes,
      queues: driver.queues,
      readsWaiting: driver.reads.count,
      sessions: this.#machine.sessionCount,
      loopLagMs: driver.loopLagMs,
      versions: {
        inForce: this.#machine.versions,
        supports: this.#machine.supports,
        heldBackBy: driver.upgrade.heldBackBy(replica.heard),
      },
      peers: members
        .filter((member) => member.id !== this.id)
        .map((member) => ({ member, peer: replica.peers.find(({ id }) => id === member.id) }))
        .map(({ member, peer }) => ({
          id: member.id,
          ...(member.address === undefined ? {} : { address: member.address }),
          connected: driver.peers.isConnected(member.id),
          heard: replica.heard.includes(member.id),
          lagSlots: Math.max(0, replica.chosenUpTo - (peer?.chosenUpTo ?? 0)),
          sentBytes: peer?.sentBytes ?? 0,
          creditBytes: peer?.creditBytes ?? 0,
          withheldBytes: peer?.withheldBytes ?? 0,
          supports: driver.upgrade.supportsOf(member.id),
          refused: driver.refused.get(member.id) ?? null,
        })),
      snapshot: driver.snapshots.status(),
      storage: { writes: driver.writes, lastWriteMs: driver.lastWriteMs },
    };
  }

  async snapshot(): Promise<SnapshotInfo> {
    this.#checkRunning();
    return this.#driver.snapshots.take();
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
      this.#driver.reads.failAll(new SynodError("Closed", why, { cause }));
      this.#driver.events.close();
      const closing = [transport, storage].map(async (port) => port.close());
      const results = await Promise.allSettled(closing);
      for (const result of results) {
        if (result.status === "rejected")
          this.#logger.warn("a port did not close cleanly", { cause: result.reason as unknown });
      }
    })();
    return this.#closing;
  }

  transferLeadership({ to, timeoutMs = TRANSFER_MS }: TransferOptions = {}): Promise<NodeId> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
        throw new SynodError("InvalidArgument", `timeoutMs must be a positive number, not ${String(timeoutMs)}`);
      }
      this.#driver.transfers.begin({ to, timeoutMs, settle: { resolve, reject } });
      this.#driver.wake();
    });
  }

  /** A leader that just ended would leave the others to find out, and commands waiting meanwhile. */
  async #handOver(timeoutMs: number): Promise<void> {
    if (timeoutMs <= 0 || !this.#replica.leads) return;
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

function outcomeOf<T>(query: () => T): { readonly answer: T } | { readonly cause: unknown } {
  try {
    return { answer: query() };
  } catch (cause) {
    return { cause };
  }
}

/** Reads that may wait at one node. */
const READS_MAX = 100_000;

const TRANSFER_MS = 5_000;
