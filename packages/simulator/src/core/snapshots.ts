import type { NodeId, Slot } from "@synod/interface";
import type { Effects, Message, SnapshotFacts, SnapshotStep } from "@synod/multipaxos";
import { check } from "./broken.js";
import type { Disk, HeldSnapshot } from "./disk.js";
import type { CoreNodeParts, Life } from "./life.js";

/** How often and how large. */
export interface SnapshotPlan {
  /** Slots after which a node takes one; 0: never. */
  readonly everySlots: number;
  readonly bytes: number;
  /** Part of the nodes' snapshots that have other bytes than those of the same slot elsewhere. */
  readonly own: number;
  /** Part of the snapshots received that turn out to be damaged, as long as there are faults. */
  readonly damaged: number;
}

export const NO_SNAPSHOTS: SnapshotPlan = { everySlots: 0, bytes: 1, own: 0, damaged: 0 };

interface Receiving {
  readonly facts: SnapshotFacts;
  got: number;
  /** Comes with each part of it. */
  head: Uint8Array | null;
}

/** What one life does about snapshots. */
export interface SnapshotLife {
  taking: boolean;
  receiving: Receiving | null;
  installing: boolean;
  servedMs: number;
  /** What the disk has begun and not ended. */
  readonly onDisk: Set<DiskWork>;
}

export interface DiskWork {
  readonly action: () => void;
}

export const newSnapshotLife = (): SnapshotLife => ({
  taking: false,
  receiving: null,
  installing: false,
  servedMs: Number.NEGATIVE_INFINITY,
  onDisk: new Set(),
});

/** A node that sends its snapshot keeps it for a while after each part, unless its log grows far. */
const KEPT_MS = 100;

interface Host {
  readonly id: NodeId;
  readonly witness: boolean;
  readonly disk: Disk;
  /** Later, if this life still goes on, and as soon as it is awake. */
  later(life: Life, ms: readonly [number, number], action: () => void): void;
  /** The same for the disk, which goes on while the process stands still. */
  onDisk(life: Life, action: () => void): void;
  settle(life: Life): void;
}

/** Plays the part of the node: takes, serves, receives and installs snapshots, whose bytes tell what they belong to. */
export class CoreSnapshots {
  readonly #host: Host;
  readonly #p: CoreNodeParts;
  /** Damage is no longer done. */
  healed = false;

  constructor(host: Host, parts: CoreNodeParts) {
    this.#host = host;
    this.#p = parts;
  }

  /** After something was executed. */
  consider(life: Life): void {
    const { plan, world } = this.#p;
    const { snapshots } = life;
    const held = this.#host.disk.snapshot?.index ?? 0;
    if (this.#host.witness || plan.everySlots === 0 || life.applied < held + plan.everySlots) return;
    if (snapshots.taking || snapshots.receiving !== null || snapshots.installing) return;
    const kept = world.nowMs - snapshots.servedMs < KEPT_MS && life.applied < held + 4 * plan.everySlots;
    if (kept && (this.healed || world.random.chance(0.8))) return;
    this.#take(life);
  }

  #take(life: Life): void {
    const { plan, world } = this.#p;
    const index = life.applied;
    const own = world.random.chance(plan.own);
    const facts = { index, hash: own ? `${index}@${this.#host.id}` : `${index}`, bytes: plan.bytes + (index % 7) };
    const head = life.replica.snapshotHead(index);
    life.snapshots.taking = true;
    this.#host.onDisk(life, () => {
      this.#save({ ...facts, head });
      this.#host.later(life, [0, 0], () => {
        life.snapshots.taking = false;
        life.replica.snapshotTaken(facts);
        world.sometimes("snapshot taken");
        this.#host.settle(life);
      });
    });
  }

  #save(snapshot: HeldSnapshot): void {
    const { oracle } = this.#p;
    const { disk, id } = this.#host;
    const { index, head } = snapshot;
    if (index <= (disk.snapshot?.index ?? 0)) return;
    oracle.onSnapshot(id, index, head);
    disk.snapshot = snapshot;
    disk.chosenUpTo = Math.max(disk.chosenUpTo, index);
  }

  /** What the core wants. */
  onEffects(life: Life, { snapshots, compactedUpTo }: Effects): void {
    for (const step of snapshots) this.#step(life, step);
    if (compactedUpTo !== null) this.#onCompacted(life, compactedUpTo);
  }

  #onCompacted(life: Life, upTo: Slot): void {
    const { oracle, world } = this.#p;
    const { disk, id } = this.#host;
    const covered = disk.snapshot?.index ?? 0;
    check(upTo <= covered, "dropped log <= flushed snapshot", () => `node ${id} drops ${upTo}; ${covered} is saved`);
    world.sometimes("compacted");
    oracle.onCompacted(id, upTo);
    this.#host.onDisk(life, () => disk.drop(upTo));
  }

  #step(life: Life, step: SnapshotStep): void {
    const { world } = this.#p;
    const { snapshots } = life;
    switch (step.kind) {
      case "serve":
        snapshots.servedMs = world.nowMs;
        return this.#serve(life, step);
      case "receive":
        snapshots.receiving = { facts: step.snapshot, got: 0, head: null };
        world.sometimes("snapshot on its way");
        if (life.replica.leads) world.sometimes("leader fetches its base by snapshot");
        return;
      case "store":
        return this.#store(life, step);
      case "forget":
        return this.#forget(life, step);
      case "giveUp":
        snapshots.receiving = null;
        world.sometimes(`snapshot given up: ${step.reason}`);
    }
  }

  #serve(life: Life, { to, index, hash, offset, length }: Extract<SnapshotStep, { kind: "serve" }>): void {
    const { network } = this.#p;
    const { disk, id } = this.#host;
    this.#host.later(life, [0, 1], () => {
      const held = disk.snapshot;
      if (held === null || held.index !== index || held.hash !== hash) return;
      const end = Math.min(offset + length, held.bytes);
      const bytes = new Uint8Array(end - offset).map((_, i) => byteAt(held, offset + i));
      const message: Message = { kind: "snapshotChunk", index, hash, offset, checksum: textOf(held.head), bytes };
      network.send(id, to, message);
    });
  }

  #store(life: Life, { offset, bytes, checksum }: Extract<SnapshotStep, { kind: "store" }>): void {
    const { world } = this.#p;
    const { receiving } = life.snapshots;
    if (receiving === null) return;
    const { facts } = receiving;
    const where = (): string => `node ${this.#host.id}, snapshot ${facts.hash}, byte ${offset}`;
    check(offset === receiving.got, "snapshots in one piece", () => `${where()}: ${receiving.got} have come`);
    check(
      bytes.every((byte, i) => byte === byteAt(facts, offset + i)),
      "snapshots in one piece",
      () => `${where()}: bytes of another one`,
    );
    check(
      receiving.head === null || textOf(receiving.head) === checksum,
      "snapshots in one piece",
      () => `${where()}: the head of another one`,
    );
    receiving.head = headOf(checksum);
    receiving.got += bytes.length;
    check(receiving.got <= facts.bytes, "snapshots in one piece", () => `${where()}: more than there is`);
    const { got } = receiving;
    this.#host.later(life, [0, 1], () => {
      if (life.snapshots.receiving !== receiving) return;
      life.replica.snapshotStored(got);
      this.#host.settle(life);
    });
    if (got < facts.bytes) return;
    if (!this.healed && world.random.chance(this.#p.plan.damaged)) this.#refuse(life, receiving);
    else this.#saveReceived(life, receiving);
  }

  /** The disk of a witness keeps the head alone. */
  #forget(life: Life, { index, head }: Extract<SnapshotStep, { kind: "forget" }>): void {
    const { world } = this.#p;
    check(this.#host.witness, "a witness only votes", () => `node ${this.#host.id} forgets ${index}`);
    world.note(this.#host.id, () => `forgets up to slot ${index}`);
    this.#host.onDisk(life, () => {
      const facts = { index, hash: `${index}`, bytes: 1 };
      this.#save({ ...facts, head });
      this.#host.later(life, [0, 1], () => {
        world.sometimes(life.applied < index ? "witness caught up by a head" : "witness forgot values");
        life.applied = Math.max(life.applied, index);
        life.handedOut = Math.max(life.handedOut, index);
        life.replica.installSnapshot(facts, head);
        life.rule?.forgot(index);
        this.#host.settle(life);
      });
    });
  }

  #refuse(life: Life, receiving: Receiving): void {
    this.#host.later(life, [0, 1], () => {
      if (life.snapshots.receiving !== receiving) return;
      life.snapshots.receiving = null;
      this.#p.world.sometimes("snapshot damaged");
      life.replica.snapshotRefused(receiving.facts);
      this.#host.settle(life);
    });
  }

  #saveReceived(life: Life, receiving: Receiving): void {
    const { world, oracle } = this.#p;
    const { facts } = receiving;
    const head = receiving.head ?? new Uint8Array(0);
    // The older one first: a store takes only newer ones.
    if (life.snapshots.taking) return this.#host.later(life, [1, 1], () => this.#saveReceived(life, receiving));
    if (life.snapshots.receiving !== receiving) return;
    this.#host.onDisk(life, () => {
      this.#save({ ...facts, head });
      life.snapshots.receiving = null;
      life.snapshots.installing = true;
      this.#host.later(life, [0, 3], () => {
        life.snapshots.installing = false;
        world.sometimes(life.applied < facts.index ? "snapshot installed" : "snapshot installed, the log came first");
        life.applied = Math.max(life.applied, facts.index);
        life.handedOut = Math.max(life.handedOut, facts.index);
        const { epoch } = life.replica.membership().last;
        life.replica.installSnapshot(facts, head);
        oracle.epochs.compareAll(this.#host.id, life.replica.membership());
        if (life.replica.membership().last.epoch > epoch) world.sometimes("configuration known by a snapshot");
        this.#host.settle(life);
      });
    });
  }
}

/** Heads travel where a node has its checksums: the bytes of these snapshots are not real. */
const textOf = (head: Uint8Array): string => String.fromCharCode(...head);
const headOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Tells snapshots and places in them apart. */
function byteAt({ index, hash }: SnapshotFacts, offset: number): number {
  return (index * 31 + hash.length * 7 + offset * 13) & 255;
}
