import type { Fields, Logger } from "@synod/interface";
import { hostClock } from "./ports.js";

/** Strangers may come up with any number of subjects; past this many, new ones are counted but not logged. */
const subjectsMax = 256;
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
  readonly #told = new Map<string, Told>();

  constructor(logger: Logger, now: () => number = hostClock.now) {
    this.#logger = logger;
    this.#now = now;
  }

  /** `subject` is a node id or a remote host. */
  warn(subject: string, message: string, fields: Fields): void {
    let told = this.#told.get(subject);
    if (!told) {
      if (this.#told.size >= subjectsMax) this.#makeRoom();
      if (this.#told.size >= subjectsMax) return;
      this.#told.set(subject, (told = { sinceMs: this.#now(), messages: new Set() }));
    }
    if (told.messages.has(message)) return;
    told.messages.add(message);
    this.#logger.warn(message, fields);
  }

  forget(subject: string): void {
    this.#told.delete(subject);
  }

  /** In the order in which they came. */
  #makeRoom(): void {
    const beforeMs = this.#now() - keepMs;
    for (const [subject, { sinceMs }] of this.#told) {
      if (sinceMs > beforeMs) return;
      this.#told.delete(subject);
    }
  }
}
