import type { QuorumSystem } from "@synod/paxos";
import type { NodeId, Slot } from "@synod/interface";
import { invariant } from "./invariant.js";

/** A question to a quorum that is open. */
interface Round {
  readonly nonce: number;
  readonly quorums: QuorumSystem;
  readonly tokens: Set<number>;
  readonly replied: Set<NodeId>;
  /** Largest slot that a reply named. */
  index: Slot;
  sentAtMs: number;
  progressAtMs: number;
}

/** Readers that know their index and wait for this node to apply it. */
interface Settling {
  readonly tokens: Set<number>;
  readonly index: Slot;
  readonly quorums: QuorumSystem;
  applied: Slot;
  progressAtMs: number;
}

/** What one member knows of. */
export interface SlotFacts {
  readonly highestVote: Slot;
  readonly chosenUpTo: Slot;
  readonly snapshotIndex: Slot;
}

/**
 * Reads without a leader, after Paxos Quorum Reads: a phase-1 quorum meets every phase-2 quorum that can have chosen something, so
 * no slot above the largest that one of its members knows of was chosen when it was asked. All reads that arrive during a round
 * share the next one. Numbers are never used again in one life, and replies carry its boot id.
 */
export class QuorumReads {
  #waiting = new Set<number>();
  #round: Round | null = null;
  #settling: Settling[] = [];
  #lastNonce = 0;

  add(token: number): void {
    this.#waiting.add(token);
  }

  /** Starts the next round if readers wait and none is under way. `quorums`: of the slot after what is applied. */
  start(quorums: QuorumSystem, nowMs: number): { nonce: number; to: readonly NodeId[] } | null {
    if (this.#round !== null || this.#waiting.size === 0) return null;
    const nonce = ++this.#lastNonce;
    const tokens = this.#waiting;
    this.#waiting = new Set();
    this.#round = { nonce, quorums, tokens, replied: new Set(), index: 0, sentAtMs: nowMs, progressAtMs: nowMs };
    return { nonce, to: quorums.members };
  }

  /** A member's answer. Once a phase-1 quorum of them is there the readers wait for the largest slot named. */
  onReply(from: NodeId, nonce: number, facts: SlotFacts, applied: Slot, nowMs: number): boolean {
    const round = this.#round;
    if (round === null || round.nonce !== nonce) return false;
    if (!round.replied.has(from)) round.progressAtMs = nowMs;
    round.replied.add(from);
    // The vote alone is not enough: who compacted the slot, or was told its value, has none.
    round.index = Math.max(round.index, facts.highestVote, facts.chosenUpTo, facts.snapshotIndex);
    if (!round.quorums.phase1(round.replied)) return false;
    const { tokens, index, quorums } = round;
    this.#round = null;
    if (tokens.size > 0) this.#settling.push({ tokens, index, quorums, applied, progressAtMs: nowMs });
    return true;
  }

  /**
   * Readers whose index is applied. If another configuration governs the slot after it, one of its quorums could have chosen more:
   * they ask again, there.
   */
  settle(applied: Slot, quorumsAt: (slot: Slot) => QuorumSystem, nowMs: number): { tokens: number[]; index: Slot }[] {
    const done: { tokens: number[]; index: Slot }[] = [];
    this.#settling = this.#settling.filter((group) => {
      if (applied > group.applied) group.progressAtMs = nowMs;
      group.applied = applied;
      const { tokens, index, quorums } = group;
      if (index > applied) return true;
      if (quorumsAt(index + 1) === quorums) {
        invariant(applied >= index, "a read is answered only once its index is applied", () => ({ applied, index }));
        done.push({ tokens: [...tokens], index });
      } else for (const token of tokens) this.#waiting.add(token);
      return false;
    });
    return done;
  }

  /** Members to ask again, in a round that is late. */
  overdue(nowMs: number, waitMs: number): { nonce: number; to: NodeId[] } | null {
    const round = this.#round;
    if (round === null || nowMs - round.sentAtMs < waitMs) return null;
    round.sentAtMs = nowMs;
    return { nonce: round.nonce, to: round.quorums.members.filter((id) => !round.replied.has(id)) };
  }

  /** Gives up what saw no progress for so long: no quorum answers, or nobody settles a vote above the leader's log. */
  stuck(nowMs: number, patienceMs: number): number[] {
    const tokens: number[] = [];
    const round = this.#round;
    if (round !== null && nowMs - round.progressAtMs >= patienceMs) {
      tokens.push(...round.tokens);
      this.#round = null;
    }
    this.#settling = this.#settling.filter((group) => {
      if (nowMs - group.progressAtMs < patienceMs) return true;
      tokens.push(...group.tokens);
      return false;
    });
    return tokens;
  }

  /** The caller is no longer interested. */
  cancel(token: number): void {
    this.#waiting.delete(token);
    this.#round?.tokens.delete(token);
    // Most that give up have waited longest, and stand in front. A group without readers would stay until its index is applied.
    const at = this.#settling.findIndex(({ tokens }) => tokens.delete(token));
    if (this.#settling[at]?.tokens.size === 0) this.#settling.splice(at, 1);
  }
}
