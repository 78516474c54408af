import {
  type Clock,
  type Incarnation,
  type Logger,
  type Metrics,
  type NodeId,
  type SnapshotInfo,
  type Storage,
  SynodError,
} from "@synod/interface";
import type { Message, Replica, SnapshotFacts, SnapshotStep } from "@synod/multipaxos";
import { ContentHash, type MachineSnapshot, type ReplicatedMachine } from "@synod/rsm";
import type { Applier } from "./applier.js";
import { SnapshotInstall, snapshotFront } from "./snapshot-layout.js";
import { SnapshotReceiving } from "./snapshot-receiving.js";
import { SnapshotServing } from "./snapshot-serving.js";
import { inSlices, isSnapshotFailed, snapshotFailed } from "./snapshot-taking.js";
import { SnapshotTurn } from "./snapshot-turn.js";
import { witnessBody } from "./witness-machine.js";
import type { NodeEvent, NodeLimits, NodeSnapshotStatus } from "./types.js";

export interface SnapshotsOptions {
  readonly self: Pick<Incarnation, "nodeId">;
  readonly replica: Replica;
  /** It takes snapshots only where the core wants to forget. */
  readonly witness: boolean;
  readonly machine: Omit<ReplicatedMachine<never, unknown>, "query" | "watch">;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly applier: Applier;
  readonly now: () => number;
  /** Runs something in a turn: nothing here touches the replica outside of one. */
  readonly inTurn: (run: () => void) => void;
  readonly send: (to: NodeId, message: Message) => void;
  /** The state has skipped slots whose outcomes nobody here was told. */
  readonly outcomesMissed: () => void;
  readonly emit: (event: NodeEvent) => void;
  readonly fail: (cause: unknown) => void;
}

/** A snapshot is written again only after so large a part of its size was logged: a big state is not rewritten all the time. */
const STATE_PART = 0.5;

/** A snapshot that is being served stays until no part was asked for in so many election timeouts, … */
const KEPT_TIMEOUTS = 8;

/** … or the log has grown so many times over. */
const KEPT_PART = 4;

interface Taking {
  readonly index: number;
  bytes: number;
  readonly done: Promise<SnapshotInfo>;
}

const closedMeanwhile = (): SynodError => new SynodError("Closed", "the node was closed while it took a snapshot");

/** Ends one that waits for its turn. Nobody hears of it: who asks for a snapshot does not wait. */
const SERVES = new SynodError("Busy", "a peer is being served the snapshot before this one");

/** Takes snapshots, gives them to peers, and installs those of peers: one of these at a time, in small steps. */
export class Snapshots {
  readonly #o: SnapshotsOptions;
  readonly #serving: SnapshotServing;
  readonly #turn: SnapshotTurn;
  #taking: Taking | null = null;
  #receiving: SnapshotReceiving | null = null;
  #installing: SnapshotFacts | null = null;
  /** Bytes executed when the last snapshot was made. */
  #bytesThen = 0;
  #heldSinceMs: number | null = null;
  #heldBytes: number;
  /** A snapshot that was found to be rotten. As long as it is the one that is held, the next one is due at once. */
  #damagedIndex = 0;
  /** Then no next one is due at once: every turn would try it. */
  #lastFailed = false;
  /** Ends the wait for a turn that will never come. */
  #abandon: ((reason: SynodError) => void) | null = null;
  #dropping = false;
  #dropUpTo = 0;
  #stopped = false;

  constructor(options: SnapshotsOptions) {
    this.#o = options;
    this.#turn = new SnapshotTurn(options.self.nodeId, options.limits);
    this.#serving = new SnapshotServing({
      ...options,
      damaged: (index) => options.inTurn(() => this.#damaged(index)),
    });
    this.#heldBytes = options.replica.status().snapshot?.bytes ?? 0;
  }

  /** The state machine takes in a snapshot: it executes and answers nothing. */
  get installing(): boolean {
    return this.#installing !== null;
  }

  stop(): void {
    this.#stopped = true;
    this.#serving.stop();
    this.#receiving?.giveUp();
    this.#abandon?.(closedMeanwhile());
    this.#turn.come();
  }

  status(nowMs: number): NodeSnapshotStatus {
    const { snapshot, receiving } = this.#o.replica.status();
    const taking = this.#taking;
    return {
      index: snapshot?.index ?? 0,
      bytes: snapshot?.bytes ?? 0,
      ageMs: this.#heldSinceMs === null || this.#stopped ? null : nowMs - this.#heldSinceMs,
      taking: taking && { index: taking.index, bytes: taking.bytes },
      receiving: receiving && {
        index: receiving.snapshot.index,
        bytes: receiving.snapshot.bytes,
        received: receiving.received,
        from: receiving.from,
      },
      installing: this.installing,
      sending: this.#serving.progress,
    };
  }

  peerLost(peer: NodeId): void {
    this.#serving.lost(peer);
  }

  // ---- taking

  /** At the end of a turn: begins a snapshot where enough was executed since the last one, or to write the one that has begun. */
  consider(): void {
    const { applier, limits, now } = this.#o;
    const bytes = applier.bytesExecuted - this.#bytesThen;
    const due = Math.max(limits.snapshotLogBytes, this.#heldBytes * STATE_PART);
    // A peer that is being served would have to begin anew, each time again where its link is slow. One that waits would be old when it is written.
    const isKept = bytes < KEPT_PART * due && now() - this.#serving.lastMs < this.#keptMs;
    if (isKept) this.#turn.giveUp();
    else this.#turn.look(applier.bytesExecuted, now());
    if (this.#o.witness || this.#busy) return;
    if (!this.#replacesDamaged && (bytes < due || isKept)) return;
    try {
      this.#take(!this.#replacesDamaged).catch(() => undefined);
    } catch (cause) {
      if (!isSnapshotFailed(cause)) throw cause;
    }
  }

  get #keptMs(): number {
    return KEPT_TIMEOUTS * this.#o.limits.electionTimeoutMs;
  }

  /** A store takes only a newer one: something has to be executed first. */
  get #replacesDamaged(): boolean {
    if (this.#damagedIndex === 0 || this.#lastFailed || this.#o.machine.applied <= this.#damagedIndex) return false;
    return this.#o.replica.status().snapshot?.index === this.#damagedIndex;
  }

  /** Rot on the disk. The state in memory has everything that was in it. */
  #damaged(index: number): void {
    if (this.#damagedIndex === index) return;
    this.#damagedIndex = index;
    this.#lastFailed = false;
    this.#turn.come();
    this.#o.metrics.count("synod_snapshots_damaged_total");
  }

  tick(): void {
    this.#serving.expire(this.#keptMs);
  }

  /** At the caller's wish. */
  async take(): Promise<SnapshotInfo> {
    const { replica, machine } = this.#o;
    const busy = this.#receiving !== null || this.#installing !== null;
    if (busy) throw new SynodError("Busy", "this node is receiving a snapshot from a peer: try again later");
    this.#turn.come();
    if (this.#taking !== null) return this.#taking.done;
    const held = replica.status().snapshot;
    if (machine.applied === 0) throw new SynodError("InvalidArgument", "nothing has been executed yet");
    if (held !== null && held.index === machine.applied) return { index: held.index, bytes: held.bytes };
    return this.#take();
  }

  get #busy(): boolean {
    return this.#stopped || this.#taking !== null || this.#receiving !== null || this.#installing !== null;
  }

  /** Of the state as of now. @param waits - until it is this member's turn to write */
  #take(waits = false): Promise<SnapshotInfo> {
    const { replica, storage, applier, now } = this.#o;
    const { index, chunks } = this.#begin();
    let front: Uint8Array;
    try {
      // What the turn has executed and not yet said; a slot is never said twice.
      replica.appliedUpTo(index, applier.bytes);
      front = snapshotFront(replica.snapshotHead(index));
    } catch (cause) {
      // Nobody will read it: the state machine may let go of what it keeps for it.
      chunks.return();
      throw cause;
    }
    const hash = new ContentHash();
    const bytesThen = applier.bytesExecuted;
    const turn = waits ? this.#turn.wait(bytesThen, now()) : null;
    const done = (async () => {
      const mayWrite = turn === null || (await turn);
      if (this.#stopped || !mayWrite) {
        chunks.return();
        throw this.#stopped ? closedMeanwhile() : SERVES;
      }
      const startedMs = now();
      const info = await storage.saveSnapshot(index, this.#inSlices(front, chunks, hash));
      return new Promise<SnapshotInfo>((resolve, reject) => {
        // Saved while the node was closed: no turn comes any more.
        if (this.#stopped) return reject(closedMeanwhile());
        this.#abandon = reject;
        this.#o.inTurn(() => {
          this.#taking = null;
          this.#bytesThen = bytesThen;
          this.#taken({ index, hash: hash.hex(), bytes: info.bytes }, startedMs);
          this.#abandon = null;
          resolve(info);
        });
      });
    })();
    this.#taking = { index, bytes: 0, done };
    done.catch((cause: unknown) => {
      this.#taking = null;
      if (isSnapshotFailed(cause)) this.#notTaken(cause, bytesThen);
      else if (cause !== SERVES) this.#o.fail(cause);
    });
    return done;
  }

  /** @throws SynodError `SnapshotFailed` */
  #begin(): MachineSnapshot {
    try {
      return this.#o.machine.snapshot();
    } catch (cause) {
      const error = snapshotFailed(cause);
      this.#notTaken(error, this.#o.applier.bytesExecuted);
      throw error;
    }
  }

  /** All replicas may meet the same fault at the same slot: to stop would stop them all. */
  #notTaken(error: SynodError, bytesThen: number): void {
    const { logger, metrics, emit } = this.#o;
    // Tried again when as much was executed once more.
    this.#bytesThen = bytesThen;
    this.#lastFailed = true;
    logger.error("no snapshot could be taken", { error });
    metrics.count("synod_snapshots_failed_total");
    emit({ kind: "snapshotFailed", error });
  }

  #taken(facts: SnapshotFacts, startedMs: number): void {
    const { replica, logger, metrics, emit, now } = this.#o;
    this.#lastFailed = false;
    replica.snapshotTaken(facts);
    this.#serving.superseded();
    this.#heldSinceMs = now();
    this.#heldBytes = facts.bytes;
    const tookMs = now() - startedMs;
    const { index, bytes } = facts;
    logger.info("a snapshot was taken", { index, bytes, tookMs });
    metrics.count("synod_snapshots_taken_total");
    metrics.observe("synod_snapshot_take_ms", tookMs);
    emit({ kind: "snapshotTaken", index, bytes });
  }

  #inSlices(
    front: Uint8Array,
    chunks: Generator<Uint8Array, void>,
    hash: ContentHash,
  ): AsyncGenerator<Uint8Array, void> {
    const onBytes = (bytes: number): void => {
      if (this.#taking !== null) this.#taking.bytes = bytes;
    };
    return inSlices({ front, chunks, hash, now: this.#o.now, soon: () => this.#soon(), onBytes });
  }

  #soon(): Promise<void> {
    return new Promise((resolve) => this.#o.clock.soon(resolve));
  }

  // ---- what the core wants

  step(step: SnapshotStep): void {
    // The turn that ends the node may have more to do: its store is closed.
    if (this.#stopped) return;
    switch (step.kind) {
      case "serve":
        return this.#serving.serve(step);
      case "receive":
        return this.#receive(step.snapshot);
      case "store":
        return this.#receiving?.add(step);
      case "forget":
        this.#forget(step).catch((cause: unknown) => this.#o.fail(cause));
        return;
      case "giveUp":
        this.#o.logger.info("a snapshot under way is given up", { reason: step.reason });
        this.#receiving?.giveUp();
        this.#receiving = null;
    }
  }

  /** Everything up to here may be dropped from the disk. */
  drop(upTo: number): void {
    this.#dropUpTo = upTo;
    if (this.#dropping || this.#stopped) return;
    this.#dropping = true;
    this.#o.storage.drop(upTo).then(
      () => {
        this.#dropping = false;
        if (this.#dropUpTo > upTo) this.drop(this.#dropUpTo);
      },
      (cause: unknown) => this.#o.fail(cause),
    );
  }

  /** Of a witness: the head of the log takes the place of what it forgets. */
  async #forget({ index, head }: Extract<SnapshotStep, { kind: "forget" }>): Promise<void> {
    const chunks = [snapshotFront(head), witnessBody(index, this.#o.machine.versions)];
    const hash = new ContentHash();
    for (const chunk of chunks) hash.add(chunk);
    const { bytes } = await this.#o.storage.saveSnapshot(index, chunks);
    this.#o.inTurn(() => this.#install({ index, hash: hash.hex(), bytes }));
  }

  // ---- receiving

  #receive(facts: SnapshotFacts): void {
    const { inTurn, replica, logger } = this.#o;
    this.#receiving?.giveUp();
    const receiving = new SnapshotReceiving(facts, (offset) =>
      inTurn(() => {
        if (this.#receiving === receiving) replica.snapshotStored(offset);
      }),
    );
    this.#receiving = receiving;
    logger.info("a snapshot of a peer is on its way", { index: facts.index, bytes: facts.bytes });
    this.#store(receiving).catch((cause: unknown) => this.#o.fail(cause));
  }

  async #store(receiving: SnapshotReceiving): Promise<void> {
    const { storage, inTurn } = this.#o;
    // The older one first, without waiting for its turn: a store takes only newer ones.
    this.#turn.come();
    await this.#taking?.done.catch(() => undefined);
    if (receiving.state !== "open" || this.#stopped) return;
    try {
      await storage.saveSnapshot(receiving.facts.index, receiving.feed());
    } catch (cause) {
      if (receiving.state === "open") throw cause;
      inTurn(() => this.#notStored(receiving));
      return;
    }
    inTurn(() => this.#install(receiving.facts));
  }

  #notStored(receiving: SnapshotReceiving): void {
    const { replica, logger, metrics } = this.#o;
    if (this.#receiving === receiving) this.#receiving = null;
    if (receiving.state !== "refused") return;
    const { index, bytes } = receiving.facts;
    logger.warn("a snapshot of a peer was damaged on its way and is discarded", { index, bytes });
    metrics.count("synod_snapshots_refused_total");
    replica.snapshotRefused(receiving.facts);
  }

  /** The snapshot is on disk. Where the log did not come first, the state machine takes it in, chunk by chunk. */
  #install(facts: SnapshotFacts): void {
    const { machine } = this.#o;
    this.#receiving = null;
    this.#installing = facts;
    const skipped = facts.index > machine.applied;
    this.#restore(skipped).then(
      (head) => this.#o.inTurn(() => this.#installed(facts, head, skipped)),
      (cause: unknown) => this.#o.fail(cause),
    );
  }

  /** @returns the head of the snapshot */
  async #restore(whole: boolean): Promise<Uint8Array> {
    const { machine, storage } = this.#o;
    // The state that is there stays; only the head is of use.
    const target = whole ? machine : { restore: () => ({ write: () => undefined, end: () => undefined }) };
    const install = new SnapshotInstall(target);
    for await (const chunk of storage.readSnapshot()) {
      install.write(chunk);
      if (!whole && install.head !== null) return install.head;
      await this.#soon();
    }
    return install.end().head;
  }

  #installed(facts: SnapshotFacts, head: Uint8Array, skipped: boolean): void {
    const { replica, applier, logger, metrics, emit, now } = this.#o;
    this.#installing = null;
    if (skipped) this.#o.outcomesMissed();
    applier.installed(facts.index);
    this.#bytesThen = applier.bytesExecuted;
    replica.installSnapshot(facts, head);
    this.#serving.superseded();
    this.#heldSinceMs = now();
    this.#heldBytes = facts.bytes;
    const { index, bytes } = facts;
    if (this.#o.witness) return logger.debug("a witness has forgotten what others have", { index });
    logger.info("the snapshot of a peer is installed", { index, bytes });
    metrics.count("synod_snapshots_installed_total");
    metrics.count("synod_snapshot_received_bytes_total", bytes);
    emit({ kind: "snapshotInstalled", index, bytes });
  }
}
