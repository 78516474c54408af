import type { FeedKind, FeedLine } from "./view.js";

const LINES_MAX = 200;

/** What happened lately, for everybody who shows it. */
export class Feed {
  readonly #lines: FeedLine[] = [];
  readonly #listeners = new Set<(line: FeedLine) => void>();
  #last = 0;

  get lines(): readonly FeedLine[] {
    return this.#lines;
  }

  add(kind: FeedKind, text: string): void {
    const line = { number: ++this.#last, atMs: Date.now(), kind, text };
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }

  /** Calls back for each new line until the returned function is called. */
  onLine(listener: (line: FeedLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
