import type { Fields, Logger } from "@synod/interface";

/** Strangers may come up with any number of subjects; past this many, new ones are counted but not logged. */
const subjectsMax = 256;

/** Logs what repeats itself with every try (refusals, broken connections) once, until the peer was well again. */
export class Notices {
  readonly #logger: Logger;
  readonly #told = new Map<string, Set<string>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `subject` is a node id or a remote host. */
  warn(subject: string, message: string, fields: Fields): void {
    let told = this.#told.get(subject);
    if (!told) {
      if (this.#told.size >= subjectsMax) return;
      this.#told.set(subject, (told = new Set()));
    }
    if (told.has(message)) return;
    told.add(message);
    this.#logger.warn(message, fields);
  }

  forget(subject: string): void {
    this.#told.delete(subject);
  }
}
