import { type SnapshotInfo, SynodError } from "@synod/interface";
import type { SnapshotFacts } from "@synod/multipaxos";
import { ContentHash, type MachineSnapshot } from "@synod/rsm";
import { snapshotFront } from "./snapshot-layout.js";
import { inSlices, isSnapshotFailed, release, snapshotFailed } from "./snapshot-taking.js";
import { SnapshotTurn } from "./snapshot-turn.js";
import type { SnapshotsOptions } from "./snapshots-options.js";

/** A snapshot is written again only after so large a part of its size was logged: a big state is not rewritten all the time. */
const STATE_PART = 0.5;

/** The log may grow so many times over as long as a peer is served the snapshot before. */
const KEPT_PART = 4;

interface Taking {
  readonly index: number;
  bytes: number;
  readonly done: Promise<SnapshotInfo>;
}

interface Around {
  /** A snapshot of a peer is on its way, or taken in. */
  readonly receiving: () => boolean;
  /** A peer is being served the snapshot that is held. */
  readonly serving: () => boolean;
  /** Another one is held now. */
  readonly superseded: () => void;
}

const closedMeanwhile = (): SynodError => new SynodError("Closed", "the node was closed while it took a snapshot");

/** Ends one that waits for its turn. Nobody waits for that: who asks for a snapshot has it written at once. */
const SERVES = new SynodError("Busy", "a peer is being served the snapshot before this one");

/** Takes snapshots of the own state, where one is due or a caller asks: one at a time, in small steps. */
export class SnapshotTaker {
  readonly #o: SnapshotsOptions;
  readonly #around: Around;
  readonly #turn: SnapshotTurn;
  #taking: Taking | null = null;
  /** Bytes executed when the one that is held was made. */
  #bytesThen = 0;
  #heldSinceMs: number | null = null;
  #heldBytes: number;
  /** A snapshot that was found to be rotten. As long as it is the one that is held, the next one is due at once. */
  #damagedIndex = 0;
  /** Then no next one is due at once: every turn would try it. */
  #lastFailed = false;
  /** Ends the wait for a turn that will never come. */
  #abandon: ((reason: SynodError) => void) | null = null;
  #stopped = false;

  constructor(options: SnapshotsOptions, around: Around) {
    this.#o = options;
    this.#around = around;
    this.#turn = new SnapshotTurn(options.self.nodeId, options.limits);
    this.#heldBytes = options.replica.status().snapshot?.bytes ?? 0;
  }

  get progress(): { readonly index: number; readonly bytes: number } | null {
    return this.#taking && { index: this.#taking.index, bytes: this.#taking.bytes };
  }

  /** When the one that is held came; null where it was there at the start. */
  get heldSinceMs(): number | null {
    return this.#heldSinceMs;
  }

  stop(): void {
    this.#stopped = true;
    this.#abandon?.(closedMeanwhile());
    this.#turn.come();
  }

  /** At the end of a turn: begins a snapshot where enough was executed since the last one, or to write the one that has begun. */
  consider(): void {
    const { applier, limits, now } = this.#o;
    const bytes = applier.bytesExecuted - this.#bytesThen;
    const due = Math.max(limits.snapshotLogBytes, this.#heldBytes * STATE_PART);
    // A peer that is being served would have to begin anew, each time again where its link is slow. One that waits would be old when it is written.
    const isKept = bytes < KEPT_PART * due && this.#around.serving();
    if (isKept) this.#giveWay();
    else this.#turn.look(applier.bytesExecuted, now());
    if (this.#o.witness || this.#stopped || this.#taking !== null || this.#around.receiving()) return;
    if (!this.#replacesDamaged && (bytes < due || isKept)) return;
    try {
      this.#take(!this.#replacesDamaged).catch(() => undefined);
    } catch (cause) {
      if (!isSnapshotFailed(cause)) throw cause;
    }
  }

  /** One that waits is forgotten at once: who asks for a snapshot from now on gets another. */
  #giveWay(): void {
    if (this.#turn.giveUp()) this.#taking = null;
  }

  /** A store takes only a newer one: something has to be executed first. */
  get #replacesDamaged(): boolean {
    if (this.#damagedIndex === 0 || this.#lastFailed || this.#o.machine.applied <= this.#damagedIndex) return false;
    return this.#o.replica.status().snapshot?.index === this.#damagedIndex;
  }

  /** Rot on the disk. The state in memory has everything that was in it. */
  damaged(index: number): void {
    if (this.#damagedIndex === index) return;
    this.#damagedIndex = index;
    this.#lastFailed = false;
    this.#turn.come();
    this.#o.metrics.count("synod_snapshots_damaged_total");
  }

  /** At the caller's wish. @throws SynodError `Busy`, `InvalidArgument`, `SnapshotFailed`, `Closed` */
  async take(): Promise<SnapshotInfo> {
    const { replica, machine } = this.#o;
    if (this.#around.receiving()) {
      throw new SynodError("Busy", "this node is receiving a snapshot from a peer: try again later");
    }
    this.#turn.come();
    if (this.#taking !== null) return this.#taking.done;
    const held = replica.status().snapshot;
    if (machine.applied === 0) throw new SynodError("InvalidArgument", "nothing has been executed yet");
    if (held !== null && held.index === machine.applied) return { index: held.index, bytes: held.bytes };
    return this.#take();
  }

  /** Settles when none is being taken. One that waits for its turn is written at once. */
  async ended(): Promise<void> {
    this.#turn.come();
    await this.#taking?.done.catch(() => undefined);
  }

  /** A snapshot is held, taken here or by a peer. @param bytesThen - executed up to it */
  holds(facts: SnapshotFacts, bytesThen: number): void {
    this.#bytesThen = bytesThen;
    this.#heldSinceMs = this.#o.now();
    this.#heldBytes = facts.bytes;
    this.#around.superseded();
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
      release(chunks);
      throw cause;
    }
    const hash = new ContentHash();
    const bytesThen = applier.bytesExecuted;
    const turn = waits ? this.#turn.wait(bytesThen, now()) : null;
    const done = (async () => {
      const mayWrite = turn === null || (await turn);
      if (this.#stopped || !mayWrite) {
        release(chunks);
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
          this.#taken({ index, hash: hash.hex(), bytes: info.bytes }, bytesThen, now() - startedMs);
          this.#abandon = null;
          resolve(info);
        });
      });
    })();
    const taking = { index, bytes: 0, done };
    this.#taking = taking;
    done.catch((cause: unknown) => {
      if (this.#taking === taking) this.#taking = null;
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

  #taken(facts: SnapshotFacts, bytesThen: number, tookMs: number): void {
    const { replica, logger, metrics, emit } = this.#o;
    this.#lastFailed = false;
    replica.snapshotTaken(facts);
    this.holds(facts, bytesThen);
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
    const soon = (): Promise<void> => new Promise((resolve) => this.#o.clock.soon(resolve));
    return inSlices({ front, chunks, hash, now: this.#o.now, soon, onBytes });
  }
}
