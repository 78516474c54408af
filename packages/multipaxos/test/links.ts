import type { ChosenValue, NodeId } from "@synod/interface";
import { type Message, type Notice, Outbox, Replica, type ReplicaSettings, type Send } from "../src/index.js";
import { configurationOf } from "./disk.js";

/** What a value or a message costs besides its values, about. */
const ITEM_BYTES = 64;
const LATENCY_MS = 1;

/** Bytes that a link of so many Mbit/s carries in a millisecond. */
export const mbit = (perSecond: number): number => (perSecond * 1_000_000) / 8 / 1000;

function valuesOf(message: Message): readonly Uint8Array[] {
  if (message.kind === "accept" || message.kind === "learn") return message.values;
  return message.kind === "promise" ? message.votes.map(({ value }) => value) : [];
}

const sizeOf = (message: Message): number =>
  valuesOf(message).reduce((sum, value) => sum + value.length + ITEM_BYTES, ITEM_BYTES);

interface Machine {
  readonly id: NodeId;
  readonly replica: Replica;
  readonly outbox: Outbox;
  /** Uniform in [0, 1): the lowest campaigns first. */
  readonly random: number;
  readonly hungDisk: boolean;
  readonly notices: { atMs: number; notice: Notice }[];
}

export interface LinksOptions {
  /** How each node starts: how eager it is, what it knows as chosen, whether its writes never end. Null: it is down. */
  readonly nodes: readonly ({ random?: number; chosen?: readonly ChosenValue[]; hungDisk?: boolean } | null)[];
  /** Of every link, in one direction. */
  readonly bytesPerMs: number;
  readonly settings?: Partial<ReplicaSettings>;
  readonly alpha?: number;
  /** How many of the nodes are founders; the rest join later. Default all. */
  readonly founders?: number;
}

/**
 * Replicas in virtual time over links that are reliable and in order, but of limited speed: a frame of the bulk lane leaves when
 * all before it have left, one of the control lane overtakes them. Disks are at once, or never.
 */
export class Links {
  nowMs = 0;
  /** Bytes handed to the bulk lane of each node, by receiver. */
  readonly bulkBytes: Map<NodeId, number> = new Map();
  readonly #machines: (Machine | null)[];
  readonly #bytesPerMs: number;
  readonly #freeAtMs = new Map<string, number>();
  readonly #due = new Map<number, (() => void)[]>();

  constructor({ nodes, bytesPerMs, settings = {}, alpha = 64, founders }: LinksOptions) {
    const configuration = configurationOf(founders ?? nodes.length, alpha);
    this.#bytesPerMs = bytesPerMs;
    this.#machines = nodes.map((node, i) => {
      if (node === null) return null;
      const { random = 0, chosen = [], hungDisk = false } = node;
      const recovered = { promised: null, votes: [], chosen, chosenUpTo: chosen.length, leaseMs: 0, snapshot: null };
      const id = i + 1;
      const replica = new Replica({ nodeId: id, bootId: `${id}`, configuration, recovered, settings });
      return { id, replica, outbox: new Outbox(), random, hungDisk, notices: [] };
    });
  }

  machine(id: NodeId): Machine {
    const machine = this.#machines[id - 1];
    if (machine === null || machine === undefined) throw new Error(`node ${id} is down`);
    return machine;
  }

  replica(id: NodeId): Replica {
    return this.machine(id).replica;
  }

  /** Runs until this holds, checked each millisecond after `each`, or until so many milliseconds are over. */
  run(ms: number, until: () => boolean = () => false, each: () => void = () => {}): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs && !until(); ) {
      this.nowMs++;
      for (const arrive of this.#due.get(this.nowMs) ?? []) arrive();
      this.#due.delete(this.nowMs);
      each();
      for (const machine of this.#machines) if (machine !== null) this.#turn(machine, () => {});
    }
  }

  #turn(machine: Machine, event: () => void): void {
    const { replica, outbox } = machine;
    replica.tick(this.nowMs, machine.random);
    event();
    for (;;) {
      const { sends, chosen, notices } = replica.takeEffects();
      machine.notices.push(...notices.map((notice) => ({ atMs: this.nowMs, notice })));
      for (const send of outbox.add(sends)) this.#leave(machine.id, send);
      const last = chosen.at(-1);
      if (last !== undefined) replica.appliedUpTo(last.slot);
      const write = machine.hungDisk ? null : replica.takeWrite();
      if (write === null && last === undefined) return;
      if (write === null) continue;
      replica.writeDone(write.id);
      for (const send of outbox.durable(write.id)) this.#leave(machine.id, send);
    }
  }

  #leave(from: NodeId, { to: receivers, message, lane }: Send): void {
    for (const to of receivers) {
      const machine = this.#machines[to - 1];
      if (machine === null || machine === undefined) continue;
      let leftAtMs = this.nowMs;
      if (lane === "bulk") {
        const bytes = sizeOf(message);
        this.bulkBytes.set(to, (this.bulkBytes.get(to) ?? 0) + bytes);
        const link = `${from}>${to}`;
        leftAtMs = Math.max(this.nowMs, this.#freeAtMs.get(link) ?? 0) + bytes / this.#bytesPerMs;
        this.#freeAtMs.set(link, leftAtMs);
      }
      const atMs = Math.ceil(leftAtMs) + LATENCY_MS;
      const due = this.#due.get(atMs) ?? [];
      due.push(() => this.#turn(machine, () => machine.replica.receive(from, message)));
      this.#due.set(atMs, due);
    }
  }
}
