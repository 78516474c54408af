import { ballotsEqual, compareBallots, type QuorumSystem } from "@synod/paxos";
import type { Ballot, LeaseTerms, NodeId } from "@synod/interface";

/** How long a leader may use a lease, from when it asked. */
export const heldMs = ({ durationMs, driftPercent }: LeaseTerms): number => (durationMs * (100 - driftPercent)) / 100;

/** How long a lease binds its grantor, from when the question arrived. Whole milliseconds, since it goes to disk. */
export const boundMs = ({ durationMs, driftPercent }: LeaseTerms): number =>
  Math.ceil((durationMs * (100 + driftPercent)) / 100);

/** What a member has promised to leaders that hold a lease: to promise nothing to another ballot for a while. */
export class Grantor {
  #ballot: Ballot | null = null;
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Of the latest question that was granted in the ballot. */
  #nonce = 0;
  #released: { readonly ballot: Ballot; readonly nonce: number } | null = null;
  /** What an earlier life may have granted, to whomever, ends here. Unknown until the first tick tells the time. */
  #formerUntilMs: number;
  readonly #formerMs: number;

  /** @param formerMs the longest time for which an earlier life of this node can have bound itself */
  constructor(formerMs: number) {
    this.#formerMs = formerMs;
    this.#formerUntilMs = formerMs > 0 ? Infinity : Number.NEGATIVE_INFINITY;
  }

  /** The first tick of this life. Clocks of two lives need not be the same, so all of the time is waited for. */
  started(nowMs: number): void {
    if (this.#formerMs > 0) this.#formerUntilMs = nowMs + this.#formerMs;
  }

  /** For how long a new promise to this ballot is forbidden. */
  leftMs(ballot: Ballot | null, nowMs: number): number {
    return Math.max(0, this.#ownLeftMs(ballot, nowMs), this.#formerUntilMs - nowMs);
  }

  #ownLeftMs(ballot: Ballot | null, nowMs: number): number {
    return ballotsEqual(ballot, this.#ballot) ? 0 : this.#untilMs - nowMs;
  }

  /** Whether no lease stands against one for this ballot. What an earlier life granted does not if the ballot is promised already. */
  free(ballot: Ballot, nonce: number, promised: Ballot | null, nowMs: number): boolean {
    const released = this.#released;
    // A question that was on its way when its leadership ended.
    if (released !== null && ballotsEqual(released.ballot, ballot) && nonce <= released.nonce) return false;
    if (this.#ownLeftMs(ballot, nowMs) > 0) return false;
    return this.#formerUntilMs <= nowMs || ballotsEqual(ballot, promised);
  }

  grant(ballot: Ballot, nonce: number, untilMs: number): void {
    const again = ballotsEqual(ballot, this.#ballot);
    this.#nonce = again ? Math.max(this.#nonce, nonce) : nonce;
    this.#ballot = ballot;
    this.#untilMs = again ? Math.max(this.#untilMs, untilMs) : untilMs;
  }

  /** A late copy says nothing of what was granted after it: a leader that hands over in vain asks anew in its ballot. */
  release(ballot: Ballot, nonce: number): void {
    const order = compareBallots(ballot, this.#released?.ballot ?? null);
    if (order > 0 || (order === 0 && nonce > (this.#released?.nonce ?? 0))) this.#released = { ballot, nonce };
    if (ballotsEqual(ballot, this.#ballot) && nonce >= this.#nonce) this.#untilMs = Number.NEGATIVE_INFINITY;
  }
}

/** What a leader was granted. It counts from when it **sent** the question: the grantor counts from later on, and for longer. */
export class Lease {
  /** Number of a question -> when it was sent. */
  readonly #asks = new Map<number, number>();
  /** Member -> when the latest question that it granted was sent. */
  readonly #granted = new Map<NodeId, number>();
  #lastNonce = 0;
  #lastSentAtMs = Number.NEGATIVE_INFINITY;

  get lastNonce(): number {
    return this.#lastNonce;
  }

  /** When the latest question was sent: no lease lasts longer than its time from then. */
  get lastSentAtMs(): number {
    return this.#lastSentAtMs;
  }

  get granted(): boolean {
    return this.#granted.size > 0;
  }

  /** A new question. Those that could not count any more are forgotten. */
  ask(nowMs: number, termMs: number): number {
    for (const [nonce, sentAtMs] of this.#asks) if (sentAtMs + termMs <= nowMs) this.#asks.delete(nonce);
    this.#asks.set(++this.#lastNonce, nowMs);
    this.#lastSentAtMs = nowMs;
    return this.#lastNonce;
  }

  onGrant(from: NodeId, nonce: number): void {
    const sentAtMs = this.#asks.get(nonce);
    if (sentAtMs === undefined) return;
    this.#granted.set(from, Math.max(sentAtMs, this.#granted.get(from) ?? sentAtMs));
  }

  /** The moment up to which those that granted are a phase-2 quorum: a rival finds no phase-1 quorum that misses them all. */
  untilMs(quorums: QuorumSystem, termMs: number): number {
    const latestFirst = [...this.#granted].sort(([, a], [, b]) => b - a);
    const grantors = new Set<NodeId>();
    for (const [member, sentAtMs] of latestFirst) {
      grantors.add(member);
      if (quorums.phase2(grantors)) return sentAtMs + termMs;
    }
    return Number.NEGATIVE_INFINITY;
  }

  /** Trusts nothing that was granted or asked for so far. */
  drop(): void {
    this.#asks.clear();
    this.#granted.clear();
  }

  /** The leadership is over. Numbers start again, since they belong to a ballot. */
  stop(): void {
    this.drop();
    this.#lastNonce = 0;
    this.#lastSentAtMs = Number.NEGATIVE_INFINITY;
  }
}
