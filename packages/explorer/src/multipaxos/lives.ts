import type { Ballot, ChosenValue, Configuration, NodeId, Recovered, Slot, Vote } from "@synod/interface";
import {
  type Effects,
  type Message,
  Outbox,
  Replica,
  type ReplicaSettings,
  type ReplicaStatus,
} from "@synod/multipaxos";

/** What a replica is told. A life of a replica is the list of what it was told since it began. */
export type Input =
  /** All that it knew of time and peers is old; they answer that nobody leads, and so it campaigns. */
  | { readonly type: "campaign" }
  /** One election round passes, without answers. */
  | { readonly type: "round" }
  | { readonly type: "propose"; readonly value: Uint8Array }
  /** Somebody asks for a change of the members. */
  | { readonly type: "change"; readonly value: Uint8Array }
  | { readonly type: "receive"; readonly from: NodeId; readonly message: Message }
  /** The write under way becomes durable. */
  | { readonly type: "written" };

/** What a disk holds. */
export interface Disk {
  readonly promised: Ballot | null;
  readonly votes: readonly Vote[];
  readonly chosen: readonly ChosenValue[];
  readonly chosenUpTo: Slot;
}

export const EMPTY_DISK: Disk = { promised: null, votes: [], chosen: [], chosenUpTo: 0 };

export interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

/** What can be seen from outside of one life after its last input. */
export interface Seen {
  readonly disk: Disk;
  /** Everything executed in this life, slot 1 first. */
  readonly executed: readonly Uint8Array[];
  /** What left in the last step. */
  readonly packets: readonly Packet[];
  readonly phase: ReplicaStatus["phase"];
  /** Of the own candidacy or leadership, else of the leader that is followed. */
  readonly ballot: Ballot | null;
  /** Whether on disk or not. */
  readonly promised: Ballot | null;
  readonly capacity: number;
  /** Of the newest configuration that it knows. */
  readonly epoch: number;
  /** A write waits to become durable. */
  readonly writing: boolean;
  /** What the code itself objected to. */
  readonly objection: string | null;
}

export interface LifeSetup {
  readonly me: NodeId;
  /** All there are, members or not. */
  readonly nodes: readonly NodeId[];
  /** The founders'. */
  readonly configuration: Configuration;
  readonly settings: Partial<ReplicaSettings>;
  readonly disk: Disk;
  /** Whether a write takes a step of its own. */
  readonly slowDisk: boolean;
}

/** Far more than any time-out. */
const LONG_MS = 1e6;
const TIMEOUT_MS = 80;

function bySlot<T extends { readonly slot: Slot }>(old: readonly T[], added: readonly T[]): T[] {
  const all = new Map([...old, ...added].map((item) => [item.slot, item]));
  return [...all.values()].sort((a, b) => a.slot - b.slot);
}

/** One life of one replica, with its disk, told step by step. Never forked: another way is told from the start again. */
export class Life {
  readonly #setup: LifeSetup;
  readonly #replica: Replica;
  readonly #outbox = new Outbox();
  #nowMs = 0;
  #disk: Disk;
  #executed: Uint8Array[] = [];
  #packets: Packet[] = [];
  #round = 0;
  #writing: (() => void) | null = null;
  #objection: string | null = null;

  constructor(setup: LifeSetup) {
    this.#setup = setup;
    this.#disk = setup.disk;
    const { me, configuration, disk } = setup;
    const recovered: Pick<Recovered, "promised" | "votes" | "chosen" | "chosenUpTo" | "leaseMs" | "snapshot"> = {
      leaseMs: 0,
      ...disk,
      snapshot: null,
    };
    const settings = { electionTimeoutMs: TIMEOUT_MS, ...setup.settings };
    this.#replica = new Replica({ nodeId: me, bootId: `boot ${me}`, configuration, recovered, settings });
    this.#settle();
  }

  tell(input: Input): void {
    this.#packets = [];
    if (this.#objection !== null) return;
    try {
      this.#do(input);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#objection = error.message;
    }
  }

  #do(input: Input): void {
    const replica = this.#replica;
    switch (input.type) {
      case "campaign":
        return this.#campaign();
      case "round":
        this.#tick(TIMEOUT_MS / 8);
        break;
      case "propose":
        replica.propose(input.value);
        break;
      case "change":
        // Who is gone is not made a voter.
        this.#hearAll();
        replica.change(input.value);
        break;
      case "receive":
        replica.receive(input.from, input.message);
        break;
      case "written":
        this.#writing?.();
        return;
    }
    this.#settle();
  }

  /** A candidacy, as in a place where nobody has heard of a leader for long. The beats that lead to it are not in the model. */
  #campaign(): void {
    this.#tick(LONG_MS);
    // A replica that stood still for so long leaves elections to others for one timeout.
    for (let round = 0; round < 8; round++) this.#tick(TIMEOUT_MS / 8);
    this.#settle();
    this.#hearAll();
    this.#tick(TIMEOUT_MS / 8);
    this.#settle();
  }

  /** The next round of the election, after at least as long as one takes. */
  #tick(afterMs: number): void {
    this.#nowMs += afterMs;
    this.#round++;
    this.#replica.tick(this.#nowMs, 0);
  }

  /** All others answer the round of now. */
  #hearAll(): void {
    for (const id of this.#setup.nodes) {
      if (id !== this.#setup.me) this.#replica.receive(id, this.#nobodyLeads());
    }
  }

  #nobodyLeads(): Message {
    const nothing = {
      candidacy: null,
      promised: null,
      leaderBallot: null,
      content: false,
      impaired: true,
      priority: 0,
    };
    return { kind: "beatReply", round: this.#round, ...nothing, chosenUpTo: 0, durableUpTo: 0 };
  }

  #settle(): void {
    const effects = this.#replica.takeEffects();
    this.#take(effects);
    if (effects.chosen.length > 0) {
      this.#replica.appliedUpTo(this.#executed.length);
      this.#settle();
      return;
    }
    this.#write();
  }

  #take(effects: Effects): void {
    for (const { slot, value } of effects.chosen) {
      if (slot !== this.#executed.length + 1)
        throw new Error(`slot ${slot} is executed after slot ${this.#executed.length}`);
      this.#executed.push(value);
    }
    this.#leave(this.#outbox.add(effects.sends));
  }

  #leave(sends: Effects["sends"]): void {
    for (const { to, message } of sends) {
      if (message.kind === "beat" || message.kind === "beatReply") continue;
      for (const peer of to) this.#packets.push({ from: this.#setup.me, to: peer, message });
    }
  }

  #write(): void {
    const next = this.#writing === null ? this.#replica.takeWrite() : null;
    if (next === null) return;
    const { id, write } = next;
    this.#writing = () => {
      this.#writing = null;
      this.#disk = {
        promised: write.promised ?? this.#disk.promised,
        votes: bySlot(this.#disk.votes, write.votes),
        chosen: bySlot(this.#disk.chosen, write.chosen),
        chosenUpTo: write.chosenUpTo ?? this.#disk.chosenUpTo,
      };
      this.#replica.writeDone(id);
      this.#leave(this.#outbox.durable(id));
      this.#settle();
    };
    if (!this.#setup.slowDisk) this.#writing();
  }

  see(): Seen {
    const { phase, ballot, promised } = this.#replica.status();
    return {
      disk: this.#disk,
      executed: [...this.#executed],
      packets: this.#packets,
      phase,
      ballot,
      promised,
      capacity: this.#replica.capacity(),
      epoch: this.#replica.membership().last.epoch,
      writing: this.#writing !== null,
      objection: this.#objection,
    };
  }
}
