import type { NodeId } from "@synod/interface";

/** Sequences this far below the highest seen of the same life are taken for copies. */
const SEQUENCES_KEPT = 4096;
/** Lives of one sender that are told apart: a late frame of an earlier life must not make the present one look new. */
const LIVES_KEPT = 4;

interface Life {
  highest: number;
  readonly seen: Set<number>;
}

/** Tells copies of a forwarded frame apart: (sender, boot id, sequence) is taken once. */
export class ForwardFilter {
  /** Per sender its lives by boot id, the one heard last at the end. */
  readonly #senders = new Map<NodeId, Map<string, Life>>();

  /** True the first time. */
  firstSeen(from: NodeId, bootId: string, sequence: number): boolean {
    const life = this.#life(from, bootId);
    if (sequence <= life.highest - SEQUENCES_KEPT || life.seen.has(sequence)) return false;
    life.seen.add(sequence);
    life.highest = Math.max(life.highest, sequence);
    if (life.seen.size > 2 * SEQUENCES_KEPT) {
      for (const old of life.seen) if (old <= life.highest - SEQUENCES_KEPT) life.seen.delete(old);
    }
    return true;
  }

  /** The sender is gone for good: nothing is taken from it any more. */
  forget(from: NodeId): void {
    this.#senders.delete(from);
  }

  #life(from: NodeId, bootId: string): Life {
    let lives = this.#senders.get(from);
    if (lives === undefined) this.#senders.set(from, (lives = new Map()));
    const life = lives.get(bootId) ?? { highest: 0, seen: new Set() };
    lives.delete(bootId);
    lives.set(bootId, life);
    for (const oldest of lives.keys()) {
      if (lives.size <= LIVES_KEPT) break;
      lives.delete(oldest);
    }
    return life;
  }
}
