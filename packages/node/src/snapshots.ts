import type { NodeId, SnapshotInfo } from "@synod/interface";
import type { SnapshotFacts, SnapshotStep } from "@synod/multipaxos";
import { ContentHash } from "@synod/rsm";
import { SnapshotInstall, snapshotFront } from "./snapshot-layout.js";
import { SnapshotReceiving } from "./snapshot-receiving.js";
import { SnapshotServing } from "./snapshot-serving.js";
import { SnapshotTaker } from "./snapshot-taker.js";
import type { SnapshotsOptions } from "./snapshots-options.js";
import type { NodeSnapshotStatus } from "./types.js";
import { witnessBody } from "./witness-machine.js";

/** A snapshot that is being served stays until no part was asked for in so many election timeouts. */
const KEPT_TIMEOUTS = 8;

/** Takes snapshots, gives them to peers, and installs those of peers: one of these at a time, in small steps. */
export class Snapshots {
  readonly #o: SnapshotsOptions;
  readonly #serving: SnapshotServing;
  readonly #taker: SnapshotTaker;
  #receiving: SnapshotReceiving | null = null;
  #installing: SnapshotFacts | null = null;
  #dropping = false;
  #dropUpTo = 0;
  #stopped = false;

  constructor(options: SnapshotsOptions) {
    this.#o = options;
    this.#serving = new SnapshotServing({
      ...options,
      damaged: (index) => options.inTurn(() => this.#taker.damaged(index)),
    });
    this.#taker = new SnapshotTaker(options, {
      receiving: () => this.#receiving !== null || this.#installing !== null,
      serving: () => options.now() - this.#serving.lastMs < this.#keptMs,
      superseded: () => this.#serving.superseded(),
    });
  }

  /** The state machine takes in a snapshot: it executes and answers nothing. */
  get installing(): boolean {
    return this.#installing !== null;
  }

  stop(): void {
    this.#stopped = true;
    this.#serving.stop();
    this.#receiving?.giveUp();
    this.#taker.stop();
  }

  status(nowMs: number): NodeSnapshotStatus {
    const { snapshot, receiving } = this.#o.replica.status();
    const { heldSinceMs } = this.#taker;
    return {
      index: snapshot?.index ?? 0,
      bytes: snapshot?.bytes ?? 0,
      ageMs: heldSinceMs === null || this.#stopped ? null : nowMs - heldSinceMs,
      taking: this.#taker.progress,
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

  /** At the end of a turn: takes a snapshot where one is due. */
  consider(): void {
    this.#taker.consider();
  }

  /** At the caller's wish. */
  take(): Promise<SnapshotInfo> {
    return this.#taker.take();
  }

  get #keptMs(): number {
    return KEPT_TIMEOUTS * this.#o.limits.electionTimeoutMs;
  }

  tick(): void {
    this.#serving.expire(this.#keptMs);
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
    await this.#taker.ended();
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
      await new Promise<void>((resolve) => this.#o.clock.soon(resolve));
    }
    return install.end().head;
  }

  #installed(facts: SnapshotFacts, head: Uint8Array, skipped: boolean): void {
    const { replica, applier, logger, metrics, emit } = this.#o;
    this.#installing = null;
    if (skipped) this.#o.outcomesMissed();
    applier.installed(facts.index);
    replica.installSnapshot(facts, head);
    this.#taker.holds(facts, applier.bytesExecuted);
    const { index, bytes } = facts;
    if (this.#o.witness) return logger.debug("a witness has forgotten what others have", { index });
    logger.info("the snapshot of a peer is installed", { index, bytes });
    metrics.count("synod_snapshots_installed_total");
    metrics.count("synod_snapshot_received_bytes_total", bytes);
    emit({ kind: "snapshotInstalled", index, bytes });
  }
}
