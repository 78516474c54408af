import type { ChosenValue, Configuration, NodeId, Slot, StorageWrite } from "@synod/interface";
import { Outbox, type ReadReady, Replica, type ReplicaSettings, type SnapshotFacts } from "../src/index.js";
import { isWitness } from "../src/configuration-value.js";
import { Disk } from "./disk.js";

interface UnderWay {
  readonly id: number;
  readonly write: StorageWrite;
}

interface Read {
  readonly token: number;
  /** How much anybody had executed when it was asked. */
  readonly before: Slot;
  index: Slot | null;
  /** What vouches for the index. */
  via: ReadReady["via"] | null;
}

/** A snapshot as it lies on a disk: its bytes are made up, its state is what was executed. */
export interface StoredSnapshot extends SnapshotFacts {
  readonly head: Uint8Array;
  /** Empty where it stands for what a witness has forgotten. */
  readonly executed: readonly string[];
}

/** One server of a transcript: its process, and its disk, which outlives it. */
export class Server {
  readonly id: NodeId;
  /** It only votes. */
  readonly witness: boolean;
  readonly disk: Disk = new Disk();
  snapshot: StoredSnapshot | null = null;
  replica: Replica | null = null;
  outbox: Outbox = new Outbox();
  paused = false;
  holdsDisk = false;
  /** Its state machine stands still. */
  holdsApply = false;
  /** Handed out and not executed. */
  toExecute: ChosenValue[] = [];
  underWay: UnderWay | null = null;
  executed: string[] = [];
  reads: Read[] = [];
  receiving: { readonly facts: SnapshotFacts; got: number } | null = null;
  #lives = 0;

  constructor(id: NodeId, witness: boolean) {
    this.id = id;
    this.witness = witness;
  }

  /** Up to where the disk has everything as chosen, by the log or by a snapshot. */
  get holdsUpTo(): Slot {
    return Math.max(this.disk.chosenUpTo, this.snapshot?.index ?? 0);
  }

  start(configuration: Configuration, settings: Partial<ReplicaSettings>): void {
    if (this.replica !== null) throw new Error(`node ${this.id} is up`);
    const { snapshot } = this;
    this.replica = new Replica({
      nodeId: this.id,
      bootId: `${this.id}:${++this.#lives}`,
      configuration,
      recovered: { ...this.disk.recovered(), snapshot },
      settings,
      witness: this.witness,
      ...(snapshot === null ? {} : { snapshotHead: snapshot.head, snapshotHash: snapshot.hash }),
    });
    this.outbox = new Outbox();
    this.executed = [...this.#stateOf(snapshot)];
  }

  stop(): void {
    this.replica = null;
    this.underWay = null;
    this.paused = false;
    this.holdsDisk = false;
    this.holdsApply = false;
    this.toExecute = [];
    this.reads = [];
    this.receiving = null;
  }

  /** A snapshot is on the disk; where it has more than was executed, it is also the new state. */
  keep(snapshot: StoredSnapshot): void {
    this.snapshot = snapshot;
    if (snapshot.index > this.executed.length) this.executed = [...this.#stateOf(snapshot)];
  }

  /** The disk drops what a snapshot on it has. */
  drop(upTo: Slot): void {
    const { votes, chosen } = this.disk;
    for (const slot of votes.keys()) if (slot <= upTo) votes.delete(slot);
    for (const slot of chosen.keys()) if (slot <= upTo) chosen.delete(slot);
  }

  #stateOf(snapshot: StoredSnapshot | null): readonly string[] {
    if (snapshot === null) return [];
    return this.witness ? Array.from({ length: snapshot.index }, () => "(forgotten)") : snapshot.executed;
  }
}

/** Founders, and those who join later, each as the witness or the full member that it is to be. */
export function serversOf({ members }: Configuration, later: readonly Server[]): readonly Server[] {
  return [...members.map((member) => new Server(member.id, isWitness(member))), ...later];
}
