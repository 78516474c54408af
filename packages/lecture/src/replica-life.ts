import type { Ballot, ChosenValue, NodeId, Slot, StorageWrite, Vote as LogVote } from "@synod/interface";
import { type Message as LogMessage, NOOP as NOOP_BYTES, Outbox, Replica, VALUE_BATCH } from "@synod/multipaxos";
import { NOOP, type Value } from "./shape.js";

/** What a replica of `@synod/multipaxos` is told. Plain data: what it was told is what it is. */
export type ReplicaInput =
  /** Time passes, nobody is heard of who has a leader, and so it campaigns. */
  | { readonly do: "campaign" }
  /** One election round passes. */
  | { readonly do: "round" }
  | { readonly do: "propose"; readonly value: Value }
  | { readonly do: "receive"; readonly from: NodeId; readonly message: LogMessage }
  /** It crashes, and comes back with its disk. */
  | { readonly do: "restart" };

export interface Disk {
  promised: Ballot | null;
  votes: Map<Slot, LogVote>;
  chosen: Map<Slot, ChosenValue>;
  chosenUpTo: Slot;
}

export interface Packet {
  readonly to: readonly NodeId[];
  readonly message: LogMessage;
}

const TIMEOUT_MS = 80;
/** Far more than any time-out. */
const LONG_MS = 1e6;

/** A replica with its disk, driven from outside. The disk is fast: what is written is there before anything leaves. */
export class ReplicaLife {
  readonly #me: NodeId;
  readonly #members: readonly NodeId[];
  readonly disk: Disk = { promised: null, votes: new Map(), chosen: new Map(), chosenUpTo: 0 };
  /** What it knows to be chosen. */
  readonly chosen: Map<Slot, Value> = new Map();
  #replica: Replica;
  #outbox = new Outbox();
  #lives = 1;
  #nowMs = 0;
  #round = 0;
  #applied: Slot = 0;
  #executed: Value[] = [];
  #packets: Packet[] = [];

  constructor(me: NodeId, members: readonly NodeId[]) {
    this.#me = me;
    this.#members = members;
    this.#replica = this.#begin();
    this.#settle();
  }

  /** Does one thing, and returns what left and what was executed because of it. */
  tell(input: ReplicaInput): { packets: readonly Packet[]; executed: readonly Value[] } {
    this.#packets = [];
    this.#executed = [];
    this.#do(input);
    this.#settle();
    return { packets: this.#packets, executed: this.#executed };
  }

  get leads(): boolean {
    return this.#replica.leads;
  }

  #begin(): Replica {
    const configuration = {
      epoch: 1,
      members: this.#members.map((id) => ({ id, role: "voter" as const, address: `s${id}` })),
      alpha: 64,
      quorum: { kind: "majority" } as const,
    };
    const { promised, votes, chosen, chosenUpTo } = this.disk;
    const recovered = {
      promised,
      votes: [...votes.values()],
      chosen: [...chosen.values()],
      chosenUpTo,
      leaseMs: 0,
      snapshot: null,
    };
    const settings = { electionTimeoutMs: TIMEOUT_MS };
    const bootId = `life ${this.#lives} of ${this.#me}`;
    return new Replica({ nodeId: this.#me, bootId, configuration, recovered, settings });
  }

  #do(input: ReplicaInput): void {
    switch (input.do) {
      case "campaign":
        return this.#campaign();
      case "round":
        return this.#tick(1);
      case "propose":
        this.#replica.propose(encode(input.value));
        return;
      case "receive":
        return this.#replica.receive(input.from, input.message);
      case "restart":
        this.#lives++;
        this.#applied = 0;
        this.chosen.clear();
        this.#outbox = new Outbox();
        this.#replica = this.#begin();
        return;
    }
  }

  #tick(rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      this.#nowMs += TIMEOUT_MS / 8;
      this.#replica.tick(this.#nowMs, 0);
    }
  }

  /** What the beats of an election would come to where nobody has heard of a leader for long. */
  #campaign(): void {
    this.#nowMs += LONG_MS;
    // A replica that stood still for so long leaves elections to others for one time-out.
    this.#tick(9);
    this.#settle();
    const nothing = {
      candidacy: null,
      promised: null,
      leaderBallot: null,
      content: false,
      impaired: true,
      priority: 0,
    };
    const reply = { kind: "beatReply" as const, round: this.#round, ...nothing, chosenUpTo: 0, durableUpTo: 0 };
    for (const id of this.#members) if (id !== this.#me) this.#replica.receive(id, reply);
    this.#tick(1);
  }

  #settle(): void {
    for (;;) {
      const effects = this.#replica.takeEffects();
      for (const { slot, value } of effects.chosen) {
        this.#applied = slot;
        this.#executed.push(decode(value));
        this.chosen.set(slot, decode(value));
      }
      this.#leave(this.#outbox.add(effects.sends));
      if (effects.chosen.length > 0) this.#replica.appliedUpTo(this.#applied);
      const next = this.#replica.takeWrite();
      if (next !== null) {
        this.#write(next.write);
        this.#replica.writeDone(next.id);
        this.#leave(this.#outbox.durable(next.id));
      } else if (effects.chosen.length === 0) return;
    }
  }

  #write({ promised, votes, chosen, chosenUpTo }: StorageWrite): void {
    const { disk } = this;
    if (promised !== undefined) disk.promised = promised;
    for (const vote of votes) disk.votes.set(vote.slot, vote);
    for (const one of chosen) disk.chosen.set(one.slot, one);
    if (chosenUpTo !== undefined) disk.chosenUpTo = chosenUpTo;
  }

  #leave(sends: readonly { readonly to: readonly NodeId[]; readonly message: LogMessage }[]): void {
    for (const { to, message } of sends) {
      if (message.kind === "beat") this.#round = message.round;
      this.#packets.push({ to, message });
    }
  }
}

function encode(value: Value): Uint8Array {
  return value === NOOP ? NOOP_BYTES : Uint8Array.of(VALUE_BATCH, ...new TextEncoder().encode(value));
}

export function decode(bytes: Uint8Array): Value {
  return bytes[0] === VALUE_BATCH ? new TextDecoder().decode(bytes.subarray(1)) : NOOP;
}
