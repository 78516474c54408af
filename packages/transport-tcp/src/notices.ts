import type { Fields, Logger, NodeId } from "@synod/interface";
import { hostClock } from "./ports.js";

/** Strangers may come up with any number of subjects; past this many, new ones are counted but not logged. */
const subjectsMax = 256;
/** Texts for one subject: what others send, or an address in an error, may make any number of them. */
const messagesMax = 32;
/** Where there are so many, those that were told of longer ago than this make room. */
const keepMs = 3_600_000;

interface Told {
  readonly sinceMs: number;
  readonly messages: Set<string>;
}

/** Logs what repeats itself with every try (refusals, broken connections) once, until the peer was well again. */
export class Notices {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #told = new Map<NodeId | string, Told>();
  #strangers = 0;

  constructor(logger: Logger, now: () => number = hostClock.now) {
    this.#logger = logger;
    this.#now = now;
  }

  /** `subject` is the id of a member, for which there is always room, or what a stranger is known by. */
  warn(subject: NodeId | string, message: string, fields: Fields): void {
    let told = this.#told.get(subject);
    if (!told) {
      if (typeof subject === "string" && !this.#hasRoom()) return;
      this.#told.set(subject, (told = { sinceMs: this.#now(), messages: new Set() }));
      if (typeof subject === "string") this.#strangers++;
    }
    if (told.messages.has(message) || told.messages.size >= messagesMax) return;
    told.messages.add(message);
    this.#logger.warn(message, fields);
  }

  forget(subject: NodeId | string): void {
    if (this.#told.delete(subject) && typeof subject === "string") this.#strangers--;
  }

  #hasRoom(): boolean {
    if (this.#strangers >= subjectsMax) this.#makeRoom();
    return this.#strangers < subjectsMax;
  }

  /** In the order in which they came. */
  #makeRoom(): void {
    const beforeMs = this.#now() - keepMs;
    for (const [subject, { sinceMs }] of this.#told) {
      if (typeof subject === "number") continue;
      if (sinceMs > beforeMs) return;
      this.forget(subject);
    }
  }
}
