import type { NodeId, Slot } from "@synod/interface";
import type { Message } from "@synod/multipaxos";
import { counting } from "./core/changes.js";
import { type Epochs, fullVotersOf, isWitness } from "./core/epochs.js";
import type { Judge } from "./judge.js";

/** What only a node with a state machine sends. */
const FOR_FULL: readonly Message["kind"][] = ["prepare", "accept", "snapshotOffer", "snapshotChunk"];

export interface WitnessesParts {
  readonly judge: Judge;
  readonly epochs: Epochs;
  readonly markedUpTo: (id: NodeId) => Slot;
}

/** Nodes that only vote: founders, and those that join as such. */
export class Witnesses {
  readonly #p: WitnessesParts;
  readonly #ids: Set<NodeId>;

  constructor(parts: WitnessesParts) {
    this.#p = parts;
    this.#ids = new Set(parts.epochs.last.configuration.members.filter(isWitness).map(({ id }) => id));
  }

  has(id: NodeId): boolean {
    return this.#ids.has(id);
  }

  /** One more is about to join. */
  add(id: NodeId): void {
    this.#ids.add(id);
  }

  /** A message leaves. */
  onSend(from: NodeId, message: Message): void {
    if (!this.#ids.has(from)) return;
    const { kind } = message;
    const { judge } = this.#p;
    judge.check(!FOR_FULL.includes(kind), "a witness only votes", () => `witness ${from} sends ${kind}`);
    if (kind === "accepted" && message.slots.length > 0) judge.sometimes("a witness voted");
  }

  /** Its disk holds a snapshot in place of everything up to a slot, and it knows the configurations up to there at least. */
  onSnapshotSaved(id: NodeId, index: Slot): void {
    if (!this.#ids.has(id)) return;
    const { judge, epochs, markedUpTo } = this.#p;
    const known = epochs.upTo(index).at(-1)?.slot ?? 0;
    const newest = epochs.from(1).filter(({ slot }) => slot >= known);
    judge.check(
      newest.some((each) => fullVotersOf(each).some((full) => markedUpTo(full) >= index)),
      "a witness only votes",
      () => `witness ${id} forgets slots up to ${index}, which no full voter marks as chosen on its disk`,
    );
    judge.sometimes(markedUpTo(id) < index ? "a witness skipped" : "a witness forgot");
    if (epochs.count > 1) judge.sometimes("a witness forgot, members changed");
  }

  /** Whether another full voter with a whole disk has all that this node has: a witness may have forgotten it. */
  isHeldWithout(id: NodeId, whole: readonly NodeId[]): boolean {
    if (this.#ids.size === 0 || this.#ids.has(id)) return true;
    const { epochs, markedUpTo } = this.#p;
    const others = fullVotersOf(epochs.last).filter((each) => each !== id && whole.includes(each));
    return others.some((each) => markedUpTo(each) >= markedUpTo(id));
  }

  /** The node with a state machine that has most, which the others may have to wait for; null without witnesses. */
  mostOf(whole: readonly NodeId[]): NodeId | null {
    if (this.#ids.size === 0) return null;
    const { markedUpTo } = this.#p;
    const [most] = whole.filter((id) => !this.#ids.has(id)).sort((a, b) => markedUpTo(b) - markedUpTo(a) || a - b);
    return most ?? null;
  }

  /** Whether all full voters that may still be needed are among these: then witnesses wait for nobody. */
  areAllFullIn(ids: readonly NodeId[]): boolean {
    const { epochs, markedUpTo } = this.#p;
    return counting(epochs.from(1), markedUpTo).every((each) => fullVotersOf(each).every((id) => ids.includes(id)));
  }
}
