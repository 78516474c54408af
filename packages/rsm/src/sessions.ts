import { NumberMap, type SessionId, type SessionTicket, type Slot } from "@synod/interface";
import { type CowMap, cowMap, type CowSnapshot } from "./cow-map.js";

/**
 * What a session remembers of a command: the encoded result; null if the command codec refused the command; `unencodable` if it was
 * executed and the result codec refused its result.
 */
export type Reply = Uint8Array | null | "unencodable";

const replyLength = (reply: Reply | undefined): number => (reply instanceof Uint8Array ? reply.length : 0);

/** The replicated state of one session. */
export interface Session {
  readonly id: SessionId;
  /** Sequences up to floor + limit are executed. */
  readonly limit: number;
  /** Replies up to here were given up by the client. Never falls. */
  floor: number;
  lastUsedMs: number;
  /** By sequence, all above the floor. */
  readonly replies: NumberMap<Reply>;
  /** Sum of the replies' lengths. */
  replyBytes: number;
}

/** Limits on sessions: part of what must be equal on every replica. */
export interface SessionLimits {
  readonly sessionTtlMs: number;
  readonly sessionsMax: number;
  readonly sessionReplyBytesMax: number;
}

/** What is to be done with a command, decided before it is executed. */
export type Admission =
  | { readonly kind: "execute"; readonly session: Session }
  | { readonly kind: "cached"; readonly reply: Reply }
  | { readonly kind: "stale" | "unknownSession" | "beyondLimit" };

/** Place of a session in the order of last use. Apart from the session, since a snapshot may hold on to an older copy of that. */
interface Use {
  readonly key: string;
  older: Use | null;
  newer: Use | null;
}

const STALE: Admission = { kind: "stale" };
const UNKNOWN: Admission = { kind: "unknownSession" };
const BEYOND: Admission = { kind: "beyondLimit" };

/**
 * The table of sessions: at-most-once execution as a deterministic function of the log. The sessions are kept in the
 * order of their ids, and apart from that in the order of last use, so that expiring looks at expired ones only.
 */
export class Sessions {
  readonly #limits: SessionLimits;
  readonly #table: CowMap<string, Session> = cowMap({
    // As it was made, not spread, which would be of another shape for V8 each time.
    copy: ({ id, limit, floor, lastUsedMs, replies, replyBytes }: Session): Session => ({
      id,
      limit,
      floor,
      lastUsedMs,
      replies: replies.copy(),
      replyBytes,
    }),
  });
  readonly #uses = new Map<string, Use>();
  /** Commands of a batch are of few sessions: the key is made once for several. */
  #lastId: SessionId = { slot: 0, index: 0 };
  #lastKey = "";
  #oldest: Use | null = null;
  #newest: Use | null = null;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#table.size;
  }

  /** In the order of their ids. */
  values(): IterableIterator<Session> {
    return this.#table.values();
  }

  /** All sessions as of this call, in the order of their ids; see `CowMap`. */
  snapshot(): CowSnapshot<string, Session> {
    return this.#table.snapshot();
  }

  /** Opens a session whose id is above all others. False if there are as many sessions as may be. */
  open(id: SessionId, limit: number, nowMs: number): boolean {
    if (this.#table.size >= this.#limits.sessionsMax) return false;
    const key = keyOf(id);
    this.#table.set(key, { id, limit, floor: 0, lastUsedMs: nowMs, replies: new NumberMap(), replyBytes: 0 });
    this.#register(key);
    return true;
  }

  /**
   * Fills an empty table with the sessions of a snapshot, in the order of their ids.
   * Two sessions of the same last use expire together, so that their order does not matter.
   */
  fill(sessions: readonly Session[]): void {
    for (const session of sessions) this.#table.set(keyOf(session.id), session);
    for (const { id } of [...sessions].sort((a, b) => a.lastUsedMs - b.lastUsedMs)) {
      this.#register(keyOf(id));
    }
  }

  close(id: SessionId): boolean {
    return this.#remove(keyOf(id));
  }

  /** Uses the session, raises its floor, and decides about the command. PROTOCOL, "Exactly once". */
  admit(ticket: SessionTicket, nowMs: number): Admission {
    const session = this.#use(this.#keyOf(ticket.session), nowMs);
    if (!session) return UNKNOWN;
    raiseFloor(session, ticket.floor);
    if (ticket.sequence <= session.floor) return STALE;
    const reply = session.replies.get(ticket.sequence);
    if (reply !== undefined) return { kind: "cached", reply };
    if (ticket.sequence - session.floor > session.limit) return BEYOND;
    // The next one above the floor is let in all the same: without it the floor could not rise, and what is kept could never be given up.
    const isFull = session.replyBytes >= this.#limits.sessionReplyBytesMax;
    if (isFull && ticket.sequence > session.floor + 1) return BEYOND;
    return { kind: "execute", session };
  }

  /** Removes every session that was not used for the time to live. */
  expire(nowMs: number): void {
    for (let use = this.#oldest; use; use = this.#oldest) {
      const session = this.#table.get(use.key);
      if (!session || nowMs - session.lastUsedMs < this.#limits.sessionTtlMs) return;
      this.#remove(use.key);
    }
  }

  /** Logged time at which the next session expires unless it is used, or null. */
  nextExpiryMs(): number | null {
    const session = this.#oldest && this.#table.get(this.#oldest.key);
    return session ? session.lastUsedMs + this.#limits.sessionTtlMs : null;
  }

  #keyOf(id: SessionId): string {
    if (id.slot !== this.#lastId.slot || id.index !== this.#lastId.index) {
      this.#lastId = id;
      this.#lastKey = keyOf(id);
    }
    return this.#lastKey;
  }

  #use(key: string, nowMs: number): Session | undefined {
    const session = this.#table.update(key);
    if (session && session.lastUsedMs !== nowMs) {
      session.lastUsedMs = nowMs;
      const use = this.#uses.get(key);
      if (use) {
        this.#detach(use);
        this.#append(use);
      }
    }
    return session;
  }

  #remove(key: string): boolean {
    const use = this.#uses.get(key);
    if (use) {
      this.#detach(use);
      this.#uses.delete(key);
    }
    return this.#table.delete(key);
  }

  #register(key: string): void {
    const use: Use = { key, older: null, newer: null };
    this.#uses.set(key, use);
    this.#append(use);
  }

  #append(use: Use): void {
    use.older = this.#newest;
    use.newer = null;
    if (this.#newest) this.#newest.newer = use;
    else this.#oldest = use;
    this.#newest = use;
  }

  #detach(use: Use): void {
    if (use.older) use.older.newer = use.newer;
    else this.#oldest = use.newer;
    if (use.newer) use.newer.older = use.older;
    else this.#newest = use.older;
  }
}

/** Keeps what a command was answered, for its repeats. The session comes from `admit`. */
export function storeReply(session: Session, sequence: number, reply: Reply): void {
  session.replies.set(sequence, reply);
  session.replyBytes += replyLength(reply);
}

/** Whether `a` was opened before `b`. */
export function opensBefore(a: SessionId, b: { readonly slot: Slot; readonly index: number }): boolean {
  return a.slot < b.slot || (a.slot === b.slot && a.index < b.index);
}

function keyOf(id: SessionId): string {
  return `${id.slot}.${id.index}`;
}

function raiseFloor(session: Session, floor: number): void {
  if (floor <= session.floor) return;
  const { replies } = session;
  if (floor - session.floor <= replies.size) {
    for (let sequence = session.floor + 1; sequence <= floor; sequence += 1) drop(session, sequence);
  } else {
    for (const [sequence] of replies.entries()) {
      if (sequence <= floor) drop(session, sequence);
    }
  }
  session.floor = floor;
}

function drop(session: Session, sequence: number): void {
  session.replyBytes -= replyLength(session.replies.delete(sequence));
}
