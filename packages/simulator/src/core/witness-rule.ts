import type { NodeId, Slot } from "@synod/interface";
import { type Accept, type Effects, type Message, unpackNoops } from "@synod/multipaxos";
import { check } from "./broken.js";
import { counting, heldByQuorum, isHeldByAll, isHeldByQuorum, type Marks } from "./changes.js";
import type { Disk } from "./disk.js";
import { type Epoch, fullVotersOf } from "./epochs.js";
import type { CoreOracle } from "./oracle.js";

/** What a slot costs a witness besides its value. */
const SLOT_BYTES = 64;

export interface Got<M extends Message = Message> {
  readonly from: NodeId;
  readonly message: M;
}
type Offered = Got<Extract<Message, { kind: "snapshotOffer" }>>;

export interface WitnessRuleParts {
  readonly id: NodeId;
  readonly oracle: Pick<CoreOracle, "epochs" | "bytesOf">;
  readonly disk: Disk;
  /** What it may keep, in bytes, before it forgets anything. */
  readonly roomBytes: number;
  readonly timeoutMs: number;
}

/**
 * What one life of a witness must forget and what it must not: worked out anew from what the others told it, what it holds, and the configurations
 * that are really chosen.
 */
export class WitnessRule {
  readonly #p: WitnessRuleParts;
  /** What each member, this one included, said to have on disk as chosen. */
  readonly #told = new Map<NodeId, Slot>();
  readonly #heardAtMs = new Map<NodeId, number>();
  /** Slots in which it may have a vote, and what that costs at most. */
  readonly #mayVote = new Map<Slot, number>();
  readonly #marks: Marks = (id) => this.#told.get(id) ?? 0;
  /** As the turn began. */
  #nowMs = 0;
  #chosenUpTo: Slot;
  #forgotUpTo: Slot;
  /** The disk is about to forget. */
  #forgetting = false;

  constructor(parts: WitnessRuleParts) {
    const { disk } = parts;
    this.#p = parts;
    this.#forgotUpTo = disk.snapshot?.index ?? 0;
    this.#chosenUpTo = this.#forgotUpTo;
    this.#tell(parts.id, Math.max(disk.chosenUpTo, this.#forgotUpTo));
    for (const { slot, value } of disk.votes.values()) this.#mayVote.set(slot, value.length + SLOT_BYTES);
  }

  /** A turn begins: nothing has happened in it. */
  begin(nowMs: number, chosenUpTo: Slot): void {
    this.#nowMs = nowMs;
    this.#chosenUpTo = chosenUpTo;
    for (const slot of this.#mayVote.keys()) if (slot <= chosenUpTo) this.#mayVote.delete(slot);
  }

  /** The turn is over, in which it was given at most one message. */
  end(effects: Effects, heard: () => readonly NodeId[], got: Got | null): void {
    if (got?.message.kind === "accept") this.#mayVoteFor(got.message);
    const offer = got === null ? null : this.#offerOf(got);
    const step = effects.snapshots.find(({ kind }) => kind === "forget");
    const index = step?.kind === "forget" ? step.index : null;
    if (index !== null && index <= this.#chosenUpTo) this.#drops(index);
    else if (index !== null) this.#skips(index, offer);
    else if (!this.#forgetting) {
      if (offer !== null) this.#keepsOn(offer);
      // What is in memory is looked at once a round, which begins with a beat to everybody.
      if (effects.sends.some(({ message }) => message.kind === "beat"))
        this.#keeps(() => heard().filter((id) => id !== got?.from));
    }
    if (index !== null) this.#forgetting = true;
    if (got !== null) this.#hears(got);
  }

  /** What it keeps at least: values that it knows as chosen, and votes that are on its disk. */
  get heldBytes(): number {
    let bytes = this.#keptBytes(this.#forgotUpTo);
    for (const { slot, value } of this.#p.disk.votes.values()) {
      if (slot > this.#chosenUpTo) bytes += value.length + SLOT_BYTES;
    }
    return bytes;
  }

  #offerOf({ from, message }: Got): Offered | null {
    return message.kind === "snapshotOffer" && message.index > this.#chosenUpTo ? { from, message } : null;
  }

  /** The disk has forgotten everything up to a slot, and the witness was told. */
  forgot(index: Slot): void {
    this.#forgetting = false;
    this.#forgotUpTo = Math.max(this.#forgotUpTo, index);
    this.#tell(this.#p.id, index);
  }

  /** A write of its own ended. */
  marked(upTo: Slot): void {
    this.#tell(this.#p.id, upTo);
  }

  #tell(id: NodeId, upTo: Slot): void {
    this.#told.set(id, Math.max(this.#marks(id), upTo));
  }

  #mayVoteFor({ firstSlot, values }: Accept): void {
    for (const [i, { length }] of (unpackNoops(values) ?? []).entries()) {
      const known = this.#mayVote.get(firstSlot + i) ?? 0;
      this.#mayVote.set(firstSlot + i, Math.max(known, length + SLOT_BYTES));
    }
  }

  #hears({ from, message }: Got): void {
    this.#heardAtMs.set(from, this.#nowMs);
    if (message.kind === "beat" || message.kind === "beatReply" || message.kind === "accepted") {
      this.#tell(from, message.durableUpTo);
    }
  }

  // ---- what it knows as chosen, and need not keep

  #drops(index: Slot): void {
    const { id, timeoutMs } = this.#p;
    const answers = (each: NodeId): boolean => this.#nowMs - (this.#heardAtMs.get(each) ?? -Infinity) <= timeoutMs;
    const most = this.#droppable(answers);
    check(
      index <= most,
      "a witness only votes",
      () => `witness ${id} forgets slots up to ${index}; those that it may count on hold ${most}, ${this.#text()}`,
    );
  }

  #keeps(heard: () => readonly NodeId[]): void {
    const { id } = this.#p;
    const most = this.#droppable((each) => heard().includes(each));
    check(
      Math.min(most, this.#chosenUpTo) <= this.#forgotUpTo,
      "memory bounds",
      () => `witness ${id} keeps slots from ${this.#forgotUpTo + 1} on; others hold ${most}, ${this.#text()}`,
    );
  }

  /** Up to where it may forget what it knows as chosen. */
  #droppable(answers: (id: NodeId) => boolean): Slot {
    const { roomBytes } = this.#p;
    if (this.#keptBytes(this.#forgotUpTo) <= roomBytes) return 0;
    const deciding = this.#deciding(this.#chosenUpTo);
    const all = Math.min(...deciding.map((each) => heldByQuorum(each, this.#marks)));
    if (this.#keptBytes(Math.max(all, this.#forgotUpTo)) <= roomBytes) return all;
    const full = fullVotersOf(deciding.at(-1) as Epoch).filter(answers);
    return Math.max(all, ...full.map(this.#marks));
  }

  /** Of what it knows as chosen above a slot. */
  #keptBytes(above: Slot): number {
    let bytes = 0;
    for (let slot = above + 1; slot <= this.#chosenUpTo; slot++) bytes += this.#p.oracle.bytesOf(slot) + SLOT_BYTES;
    return bytes;
  }

  // ---- what it lacks, and others have compacted

  #skips(index: Slot, offer: Offered | null): void {
    const { id } = this.#p;
    let votes = 0;
    for (const bytes of this.#mayVote.values()) votes += bytes;
    const isAllowed =
      offer?.message.index === index && this.#isSkippable(offer, this.#keptBytes(this.#forgotUpTo) + votes);
    check(
      isAllowed,
      "a witness only votes",
      () =>
        `witness ${id} takes slots up to ${index} for chosen; those that it may count on lack them, ${this.#text()}`,
    );
  }

  #keepsOn(offer: Offered): void {
    if (offer.message.head === undefined) return;
    const { id } = this.#p;
    const { index } = offer.message;
    check(
      !this.#isSkippable(offer, this.heldBytes),
      "memory bounds",
      () => `witness ${id} does not take slots up to ${index} for chosen, though it may, ${this.#text()}`,
    );
  }

  /** Whether it may forget its votes for a snapshot that it was offered. */
  #isSkippable({ from, message: { index } }: Offered, heldBytes: number): boolean {
    const { id, roomBytes } = this.#p;
    const deciding = this.#deciding(index);
    const isHeld = (each: Epoch): boolean =>
      isHeldByQuorum(each, index, this.#marks) || isHeldByAll(each, index, this.#marks);
    if (deciding.every(isHeld)) return true;
    const votes = deciding.some(({ voters }) => voters.includes(id));
    return !(votes && heldBytes <= roomBytes) && fullVotersOf(deciding.at(-1) as Epoch).includes(from);
  }

  /** Those whose members may still be needed, as far as it knows with the log up to a slot. */
  #deciding(knownUpTo: Slot): readonly Epoch[] {
    return counting(this.#p.oracle.epochs.upTo(knownUpTo), this.#marks);
  }

  #text(): string {
    const told = [...this.#told].map(([id, upTo]) => `${id} ${upTo}`);
    return `as it was told: ${told.join(", ")}; it knows ${this.#chosenUpTo} slots, and keeps ${this.#keptBytes(this.#forgotUpTo)} bytes of ${this.#p.roomBytes}`;
  }
}
