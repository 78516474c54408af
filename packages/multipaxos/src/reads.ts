import type { QuorumSystem } from "@synod/paxos";
import type { NodeId, Slot } from "@synod/interface";

/** Who wants to read: a caller of this node, or a follower that asked for an index. */
export type Reader =
  | { readonly kind: "local"; readonly token: number }
  | { readonly kind: "remote"; readonly from: NodeId; readonly bootId: string; readonly nonce: number };

type Readers = Map<number | string, Reader>;

/** A follower has one question open at a time, so its id says which. */
const keyOf = (reader: Reader): number | string => (reader.kind === "local" ? reader.token : `from ${reader.from}`);

/** Whether `a` is the question `b`, or one that the same follower asked later. */
function coversQuestion(a: Reader | undefined, b: Reader): boolean {
  if (a?.kind !== "remote" || b.kind !== "remote") return false;
  return a.from === b.from && a.bootId === b.bootId && a.nonce >= b.nonce;
}

interface Round {
  readonly nonce: number;
  /** Of the configuration that governs the slot after the index. */
  readonly quorums: QuorumSystem;
  readonly index: Slot;
  readonly confirmed: Set<NodeId>;
  readonly readers: Readers;
  sentAtMs: number;
}

interface Settling {
  readonly index: Slot;
  readonly readers: Readers;
}

/** What vouched for an index: a lease, or a round. */
type Via = "lease" | "leader";

/**
 * Read-index at the leader: all reads that arrive during a confirmation round share the next one, never the one under way,
 * since that one proves leadership only for a time before they were asked.
 */
export class ReadRounds {
  #waiting: Readers = new Map();
  #round: Round | null = null;
  /**
   * Readers of an index that is confirmed and that this leader does not yet know as chosen. Each kind by index, ascending: what was proposed
   * last only grows while a leadership lasts. So no more of them than slots are open.
   */
  #settling: Record<Via, Settling[]> = { lease: [], leader: [] };
  #lastNonce = 0;

  /** Whether anybody waits for a round to begin. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  get roundUnderWay(): boolean {
    return this.#round !== null;
  }

  /** A follower has one question open at a time: a newer one replaces what still waits of it. */
  add(reader: Reader): void {
    const key = keyOf(reader);
    // A late copy. Whoever waits for what the round under way answers asked before it began.
    if (coversQuestion(this.#round?.readers.get(key), reader)) return;
    if (coversQuestion(this.#waiting.get(key), reader)) return;
    this.#waiting.delete(key);
    this.#waiting.set(key, reader);
  }

  /**
   * Starts the next round if readers wait and none is under way. The caller vouches that it leads and has applied its barrier.
   * @param index the last slot that anybody can know as chosen at this moment
   * @param quorums of the configuration that governs the slot after it: a rival would need a phase-1 quorum of that one
   * @returns the number of the round, never used before in this ballot
   */
  start(index: Slot, quorums: QuorumSystem, nowMs: number): { nonce: number; to: readonly NodeId[] } | null {
    if (this.#round !== null || this.#waiting.size === 0) return null;
    const nonce = ++this.#lastNonce;
    this.#round = { nonce, quorums, index, confirmed: new Set(), readers: this.#waiting, sentAtMs: nowMs };
    this.#waiting = new Map();
    return { nonce, to: quorums.members };
  }

  /** A member confirms. Returns whether a phase-2 quorum did: the readers wait for their index to be chosen, if it is not. */
  onConfirm(from: NodeId, nonce: number): boolean {
    const round = this.#round;
    if (round === null || round.nonce !== nonce) return false;
    round.confirmed.add(from);
    if (!round.quorums.phase2(round.confirmed)) return false;
    this.#round = null;
    const { index, readers } = round;
    const { leader } = this.#settling;
    const last = leader.at(-1);
    if (last?.index !== index) {
      leader.push({ index, readers });
      return true;
    }
    // Any number of rounds may end while one slot stays open.
    for (const [key, reader] of readers) {
      if (!coversQuestion(last.readers.get(key), reader)) last.readers.set(key, reader);
    }
    return true;
  }

  /** A lease vouches for an index that is not chosen yet. */
  settleLater(reader: Reader, index: Slot): void {
    const { lease } = this.#settling;
    const last = lease.at(-1);
    if (last?.index === index) last.readers.set(keyOf(reader), reader);
    else lease.push({ index, readers: new Map([[keyOf(reader), reader]]) });
  }

  /**
   * Readers whose index this leader knows as chosen. Should its leadership end before, they have to ask anew: a slot that was proposed
   * and not chosen may never be filled.
   */
  settle(chosenUpTo: Slot): { readers: readonly Reader[]; index: Slot; via: Via }[] {
    const settled: { readers: readonly Reader[]; index: Slot; via: Via }[] = [];
    for (const via of ["lease", "leader"] as const) {
      const waiting = this.#settling[via];
      let count = 0;
      for (let first = waiting[0]; first !== undefined && first.index <= chosenUpTo; first = waiting[++count]) {
        if (first.readers.size > 0) settled.push({ readers: [...first.readers.values()], index: first.index, via });
      }
      if (count > 0) waiting.splice(0, count);
    }
    return settled;
  }

  /**
   * Other members decide by now: those of the round under way may be gone for good. Its readers share the next one.
   * @param quorumsAfter of the configuration that governs the slot after an index, and after the chosen prefix
   */
  moveOn(quorumsAfter: (index: Slot) => QuorumSystem): void {
    const round = this.#round;
    if (round === null || round.quorums === quorumsAfter(round.index)) return;
    this.#round = null;
    // A newer question of the same follower replaces an older one.
    this.#waiting = new Map([...round.readers, ...this.#waiting]);
  }

  /** Members to ask again in a round that is late, or null. The same number is safe: no answer to it is older than its readers. */
  overdue(nowMs: number, waitMs: number): { nonce: number; to: NodeId[] } | null {
    const round = this.#round;
    if (round === null || nowMs - round.sentAtMs < waitMs) return null;
    round.sentAtMs = nowMs;
    return { nonce: round.nonce, to: round.quorums.members.filter((id) => !round.confirmed.has(id)) };
  }

  /** A caller of this node is no longer interested. */
  cancel(token: number): void {
    this.#waiting.delete(token);
    this.#round?.readers.delete(token);
    for (const { readers } of [...this.#settling.lease, ...this.#settling.leader]) readers.delete(token);
  }

  /** Leadership is over: gives back everybody who waits. Numbers start again, since they belong to a ballot. */
  stop(): Reader[] {
    const { lease, leader } = this.#settling;
    const settling = [...lease, ...leader].flatMap(({ readers: waiting }) => [...waiting.values()]);
    const readers = [...settling, ...(this.#round?.readers.values() ?? []), ...this.#waiting.values()];
    this.#round = null;
    this.#settling = { lease: [], leader: [] };
    this.#waiting = new Map();
    this.#lastNonce = 0;
    return readers;
  }
}

/** Reads at a node that does not lead: asks the leader for an index, one question at a time. */
export class ReadAsks {
  #waiting = new Set<number>();
  #ask: { nonce: number; to: NodeId; tokens: Set<number>; sentAtMs: number } | null = null;
  #lastNonce = 0;

  add(token: number): void {
    this.#waiting.add(token);
  }

  /** The next question, if somebody waits and none is open. */
  start(leader: NodeId, nowMs: number): { nonce: number; to: NodeId } | null {
    if (this.#ask !== null || this.#waiting.size === 0) return null;
    this.#ask = { nonce: ++this.#lastNonce, to: leader, tokens: this.#waiting, sentAtMs: nowMs };
    this.#waiting = new Set();
    return { nonce: this.#ask.nonce, to: leader };
  }

  /** The answer. Returns whose reads it serves, or null if it answers no open question. */
  onReply(from: NodeId, nonce: number): number[] | null {
    const ask = this.#ask;
    if (ask === null || ask.nonce !== nonce || ask.to !== from) return null;
    this.#ask = null;
    return [...ask.tokens];
  }

  /**
   * The open question if it is late, to be sent again under the same number: its readers are older than the first copy, so
   * the answer to any copy is good, however slow the way. With another leader, or none, the question is given up and its
   * readers wait for a new one.
   */
  overdue(leader: NodeId | null, nowMs: number, waitMs: number): { nonce: number; to: NodeId } | null {
    const ask = this.#ask;
    if (ask === null) return null;
    if (ask.to !== leader) {
      this.#waiting = new Set([...ask.tokens, ...this.#waiting]);
      this.#ask = null;
      return null;
    }
    if (nowMs - ask.sentAtMs < waitMs) return null;
    ask.sentAtMs = nowMs;
    return { nonce: ask.nonce, to: ask.to };
  }

  /** The caller is no longer interested. */
  cancel(token: number): void {
    this.#waiting.delete(token);
    this.#ask?.tokens.delete(token);
  }

  /** This node leads now: its readers go to its own rounds. */
  takeAll(): number[] {
    const tokens = [...(this.#ask?.tokens ?? []), ...this.#waiting];
    this.#ask = null;
    this.#waiting = new Set();
    return tokens;
  }
}
