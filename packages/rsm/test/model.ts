import type { SessionId } from "@synod/interface";
import type { BatchEntry } from "../src/index.js";
import { text } from "./helpers.js";

interface ModelSession {
  slot: number;
  index: number;
  limit: number;
  floor: number;
  lastUsedMs: number;
  replies: { sequence: number; reply: string }[];
}

export interface ModelLimits {
  sessionTtlMs: number;
  sessionsMax: number;
  sessionReplyBytesMax: number;
}

/** The session rules once more, as plainly as they can be said: lists, filters, no order of last use. */
export class SlowModel {
  sessions: ModelSession[] = [];
  numbers: Record<string, number> = {};
  timeMs = 0;
  readonly #limits: ModelLimits;

  constructor(limits: ModelLimits) {
    this.#limits = limits;
  }

  /** Outcomes in the words of `brief`. */
  apply(slot: number, timeMs: number, entries: readonly BatchEntry[]): string[] {
    this.timeMs = Math.max(this.timeMs, timeMs);
    this.sessions = this.sessions.filter((each) => this.timeMs < each.lastUsedMs + this.#limits.sessionTtlMs);
    return entries.map((entry, index) => this.#entry(slot, index, entry));
  }

  get nextExpiryMs(): number | null {
    if (this.sessions.length === 0) return null;
    return Math.min(...this.sessions.map((each) => each.lastUsedMs)) + this.#limits.sessionTtlMs;
  }

  #find(id: SessionId): ModelSession | undefined {
    return this.sessions.find((each) => each.slot === id.slot && each.index === id.index);
  }

  #entry(slot: number, index: number, entry: BatchEntry): string {
    if (entry.kind === "open") {
      if (this.sessions.length >= this.#limits.sessionsMax) return "openRefused";
      const limit = entry.limit ?? 4096;
      this.sessions.push({ slot, index, limit, floor: 0, lastUsedMs: this.timeMs, replies: [] });
      return `opened ${slot}.${index}`;
    }
    if (entry.kind === "raise") return "raised";
    if (entry.kind === "close") {
      const found = this.#find(entry.session);
      this.sessions = this.sessions.filter((each) => each !== found);
      return `closed ${found !== undefined}`;
    }
    const { sequence, floor } = entry.ticket;
    const session = this.#find(entry.ticket.session);
    if (!session) return "unknownSession";
    session.lastUsedMs = this.timeMs;
    session.floor = Math.max(session.floor, floor);
    session.replies = session.replies.filter((each) => each.sequence > session.floor);
    if (sequence <= session.floor) return "stale";
    const stored = session.replies.find((each) => each.sequence === sequence);
    if (stored) return `${stored.reply} (cached)`;
    const bytes = session.replies.reduce((sum, { reply }) => sum + (reply === "invalid" ? 0 : reply.length), 0);
    if (sequence > session.floor + session.limit) return "beyondLimit";
    if (bytes >= this.#limits.sessionReplyBytesMax && sequence !== session.floor + 1) return "beyondLimit";
    const reply = this.#execute(text(entry.body));
    session.replies.push({ sequence, reply });
    return reply;
  }

  #execute(body: string): string {
    const [word, key = "", amount, padding = "0"] = body.split(" ");
    if (word !== "add") return "invalid";
    this.numbers[key] = (this.numbers[key] ?? 0) + Number(amount);
    return `${this.numbers[key]}${".".repeat(Number(padding))}`;
  }
}
