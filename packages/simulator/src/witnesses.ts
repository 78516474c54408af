import type { Configuration, NodeId, Slot } from "@synod/interface";
import type { Message } from "@synod/multipaxos";
import { isFull, isWitness } from "./core/epochs.js";
import type { Judge } from "./judge.js";

/** What only a node with a state machine sends. */
const FOR_FULL: readonly Message["kind"][] = ["prepare", "accept", "snapshotOffer", "snapshotChunk"];

/** Founders that only vote, where the members never change. */
export class Witnesses {
  readonly #judge: Judge;
  readonly #ids: ReadonlySet<NodeId>;
  readonly #full: readonly NodeId[];
  readonly #markedUpTo: (id: NodeId) => Slot;

  constructor(configuration: Configuration, judge: Judge, markedUpTo: (id: NodeId) => Slot) {
    this.#judge = judge;
    this.#ids = new Set(configuration.members.filter(isWitness).map(({ id }) => id));
    this.#full = configuration.members.filter(isFull).map(({ id }) => id);
    this.#markedUpTo = markedUpTo;
  }

  has(id: NodeId): boolean {
    return this.#ids.has(id);
  }

  /** A message leaves. */
  onSend(from: NodeId, message: Message): void {
    if (!this.#ids.has(from)) return;
    const { kind } = message;
    this.#judge.check(!FOR_FULL.includes(kind), "a witness only votes", () => `witness ${from} sends ${kind}`);
    if (kind === "accepted" && message.slots.length > 0) this.#judge.sometimes("a witness voted");
  }

  /** Its disk holds a snapshot in place of everything up to a slot. */
  onSnapshotSaved(id: NodeId, index: Slot): void {
    if (!this.#ids.has(id)) return;
    this.#judge.check(
      this.#full.some((each) => this.#markedUpTo(each) >= index),
      "a witness only votes",
      () => `witness ${id} forgets slots up to ${index}, which no full voter marks as chosen on its disk`,
    );
    this.#judge.sometimes(this.#markedUpTo(id) < index ? "a witness skipped" : "a witness forgot");
  }

  /** Whether another full voter with a whole disk has all that this one has: a witness may have forgotten it. */
  isHeldWithout(id: NodeId, whole: readonly NodeId[]): boolean {
    if (this.#ids.size === 0 || this.#ids.has(id)) return true;
    const others = whole.filter((each) => each !== id && this.#full.includes(each));
    return others.some((each) => this.#markedUpTo(each) >= this.#markedUpTo(id));
  }

  /** The full voter that has most, which the others may have to wait for; null without witnesses. */
  mostOf(whole: readonly NodeId[]): NodeId | null {
    if (this.#ids.size === 0) return null;
    const [most] = whole
      .filter((id) => this.#full.includes(id))
      .sort((a, b) => this.#markedUpTo(b) - this.#markedUpTo(a) || a - b);
    return most ?? null;
  }

  /** Whether all full voters are among these: then witnesses wait for nobody. */
  areAllFullIn(ids: readonly NodeId[]): boolean {
    return this.#full.every((id) => ids.includes(id));
  }
}
