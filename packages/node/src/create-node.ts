import {
  type Codec,
  type Configuration,
  type Incarnation,
  type Logger,
  type Member,
  type Metrics,
  type NodeId,
  type ProposeOptions,
  type ReadOptions,
  type Recovered,
  type Slot,
  SynodError,
} from "@synod/interface";
import { Replica } from "@synod/multipaxos";
import { replicatedMachine, type ReplicatedMachine } from "@synod/rsm";
import { checkCodec, checkMembers, checkOptions, checkTicket, founders, wireName } from "./checks.js";
import { systemClock, systemRandom } from "./clock.js";
import { Driver } from "./driver.js";
import { addressBook, tolerance } from "./membership.js";
import { nodeLimits } from "./limits.js";
import { quietLogger, quietMetrics } from "./quiet.js";
import { openSession } from "./session.js";
import type {
  ChangeOptions,
  MembershipChange,
  NodeEvent,
  NodeLimits,
  NodeMembership,
  NodeOptions,
  NodeSession,
  NodeStatus,
  SynodNode,
} from "./types.js";

async function restoreSnapshot(
  machine: Pick<ReplicatedMachine<never, unknown>, "restore">,
  storage: NodeOptions<unknown, unknown, unknown>["storage"],
  recovered: Recovered,
): Promise<void> {
  if (recovered.snapshot === null) return;
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.readSnapshot()) chunks.push(chunk);
  machine.restore(chunks);
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
  checkCodec(options, limits);
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
    });
    await restoreSnapshot(machine, storage, recovered);
    const node = new Node({ options, limits, recovered, machine, resultCodec });
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
  #state: NodeStatus["state"] = "starting";
  #failure: SynodError | null = null;
  #closing: Promise<void> | null = null;

  constructor(start: {
    options: NodeOptions<Command, Query, Result, Answer>;
    limits: NodeLimits;
    recovered: Recovered;
    machine: ReplicatedMachine<Query, Answer>;
    resultCodec: Codec<Result>;
  }) {
    const { options, limits, recovered, machine } = start;
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
    const { nodeId, bootCount, bootId } = identity;
    this.#self = { clusterId: identity.clusterId, nodeId, bootCount, bootId };
    this.#replica = new Replica({
      nodeId,
      bootId,
      configuration: identity.founders,
      recovered,
      settings: { electionTimeoutMs: limits.electionTimeoutMs },
    });
    this.#driver = new Driver({
      self: { ...this.#self, clusterId: wireName(identity.clusterId, identity.founders) },
      addresses: this.#addresses,
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
      onFailure: (error) => this.#fail(error),
      onRemoved: (epoch) => this.#leave(epoch),
    });
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
      },
      logger: this.#logger,
      metrics: this.#metrics,
    });
    // A handler may have met a fatal frame already.
    if (this.#failure !== null) throw this.#failure;
    this.#state = "running";
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
    const { signal, expectedEpoch, timeoutMs = CHANGE_TIMEOUT_MS } = options;
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      if (signal?.aborted === true) {
        throw new SynodError("NotProposed", "the signal was aborted before the change was asked for", {
          cause: signal.reason,
        });
      }
      const onAbort = (): void => asked.giveUp("the signal was aborted", signal?.reason);
      const asked = this.#driver.changes.add({
        change,
        expectedEpoch,
        deadlineMs: this.#driver.nowMs + timeoutMs,
        resolve: (configuration) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(configuration);
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
      if (!proposals.hasRoom(body.length)) throw this.#busy("commands");
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

  read(query: Query, { signal }: ReadOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#checkRunning();
      const { reads } = this.#driver;
      const aborted = (): SynodError =>
        new SynodError("NoLeader", "the signal was aborted before the read was confirmed", { cause: signal?.reason });
      if (signal?.aborted === true) throw aborted();
      if (reads.count >= READS_MAX) throw this.#busy("reads");
      const onAbort = (): void => {
        this.#driver.cancelRead(token);
        reads.fail(token, aborted());
      };
      const token = reads.add({
        deadlineMs: this.#driver.nowMs + this.#limits.readTimeoutMs,
        answer: () => {
          signal?.removeEventListener("abort", onAbort);
          try {
            resolve(this.#machine.query(query));
          } catch (cause) {
            reject(cause);
          }
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#driver.askIndex(token);
    });
  }

  async openSession(options: { readonly signal?: AbortSignal } = {}): Promise<NodeSession> {
    this.#checkRunning();
    return openSession(this.#driver, this.#limits, options.signal);
  }

  #checkRunning(): void {
    if (this.#state === "running") return;
    if (this.#state === "removed") throw this.#removedError();
    const options = this.#failure === null ? {} : { cause: this.#failure };
    throw new SynodError(
      "Closed",
      this.#failure === null ? "the node is closed" : "the node stopped by itself: see the cause",
      options,
    );
  }

  #removedError(): SynodError {
    return new SynodError("Removed", "this node is no member of the cluster any more: ask another node");
  }

  #busy(what: string): SynodError {
    const retryAfterMs = this.#limits.electionTimeoutMs;
    return new SynodError("Busy", `too many ${what} wait at this node: try again later`, { details: { retryAfterMs } });
  }

  status(): NodeStatus {
    const replica = this.#replica.status();
    const driver = this.#driver;
    const { configuration } = this.#replica.membership().governing;
    const peers = addressBook(this.#replica.membership(), this.#addresses);
    return {
      id: this.id,
      clusterId: this.#options.cluster.id,
      state: this.#state,
      failure: this.#failure,
      role: replica.role,
      leader: replica.leader,
      ballot: replica.ballot,
      promised: replica.promised,
      configuration,
      membership: this.#membership(replica.heard),
      storeId: this.#storeId,
      content: replica.content,
      chosenUpTo: replica.chosenUpTo,
      durableUpTo: replica.durableUpTo,
      applied: this.#machine.applied,
      commandsApplied: driver.commandsApplied,
      chainHash: this.#machine.chainHash,
      openSlots: replica.openSlots,
      queuedCommands: driver.proposals.count,
      queuedBytes: driver.proposals.bytes,
      sessions: this.#machine.sessionCount,
      peers: peers
        .filter((member) => member.id !== this.id)
        .map((member) => ({
          id: member.id,
          ...(member.address === undefined ? {} : { address: member.address }),
          connected: driver.peers.isConnected(member.id),
          heard: replica.heard.includes(member.id),
          refused: driver.refused.get(member.id) ?? null,
        })),
      storage: { writes: driver.writes, lastWriteMs: driver.lastWriteMs },
    };
  }

  #membership(heard: readonly NodeId[]): NodeMembership {
    const { last, complete, governing, reported, removed } = this.#replica.membership();
    const { configuration } = governing;
    const { chosenUpTo } = this.#replica.status();
    const now = tolerance(configuration, new Set([this.id, ...heard]));
    const expected = tolerance(configuration, new Set(configuration.members.map(({ id }) => id)));
    const learners = last.configuration.members.filter(({ role }) => role !== undefined && role !== "voter");
    const lagOf = (id: NodeId): Slot | null => {
      const known = id === this.id ? chosenUpTo : reported(id);
      return known === null ? null : Math.max(0, chosenUpTo - known);
    };
    const failures = (n: number): string => (n === 1 ? "1 failure" : `${n} failures`);
    const text =
      now < 0
        ? `no quorum in sight, ${failures(expected)} expected`
        : `tolerates ${failures(now)}, ${expected} expected`;
    return {
      epoch: last.epoch,
      change: complete ? null : { epoch: last.epoch, from: last.from },
      learners: learners.map(({ id }) => ({ id, lag: lagOf(id) })),
      tolerates: { now, expected, text },
      removed,
    };
  }

  digest(): { readonly applied: Slot; readonly digest: string } {
    return { applied: this.#machine.applied, digest: this.#machine.digest() };
  }

  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<NodeEvent> {
    return this.#driver.events.subscribe(options.signal);
  }

  /** Removed, and nobody needs this disk any more. */
  #leave(epoch: number): void {
    if (this.#closing !== null) return;
    this.#state = "removed";
    this.#shutDown("the node was removed from the cluster", this.#removedError()).catch((cause: unknown) => {
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

  async close(): Promise<void> {
    if (this.#state !== "failed" && this.#state !== "removed") this.#state = "closed";
    await this.#shutDown("the node was closed", new SynodError("Closed", "the node was closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A change may have to wait until a new member has fetched everything. */
const CHANGE_TIMEOUT_MS = 60_000;
/** Reads that may wait at one node. */
const READS_MAX = 100_000;
