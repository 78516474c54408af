import type { NodeId } from "@synod/interface";

/** Sequences this far below the highest seen are taken for copies. */
const MEMORY = 4096;

/** Tells copies of a forwarded frame apart: (sender, boot id, sequence) is taken once. */
export class ForwardFilter {
  readonly #senders = new Map<NodeId, { bootId: string; highest: number; seen: Set<number> }>();

  /** True the first time. */
  firstSeen(from: NodeId, bootId: string, sequence: number): boolean {
    let sender = this.#senders.get(from);
    if (sender === undefined || sender.bootId !== bootId) {
      sender = { bootId, highest: 0, seen: new Set() };
      this.#senders.set(from, sender);
    }
    if (sequence <= sender.highest - MEMORY || sender.seen.has(sequence)) return false;
    sender.seen.add(sequence);
    sender.highest = Math.max(sender.highest, sequence);
    if (sender.seen.size > 2 * MEMORY) {
      for (const old of sender.seen) if (old <= sender.highest - MEMORY) sender.seen.delete(old);
    }
    return true;
  }
}
