import type { Told } from "../story.js";
import type { ClusterView, FeedLine, PageMessage, Sample } from "../view.js";

/** A line of the event log: what happened, what was typed, what was answered. */
export interface Line {
  readonly key: number;
  readonly atMs: number;
  readonly kind: FeedLine["kind"] | "typed" | "answer";
  readonly text: string;
}

/** All that the page shows. Replaced, never changed. */
export interface State {
  readonly connection: "connecting" | "live" | "gone";
  /** It shows what was, until it is let go. */
  readonly held: boolean;
  readonly view: ClusterView | null;
  readonly samples: readonly Sample[];
  readonly lines: readonly Line[];
  readonly story: readonly Told[];
  /** The playground is served beside this page. */
  readonly lecture: boolean;
}

const LINES_MAX = 200;
/** A minute and a bit. */
const SAMPLES_MAX = 300;

/** What came last, and who wants to know. */
export class Store {
  #state: State = {
    connection: "connecting",
    held: false,
    view: null,
    samples: [],
    lines: [],
    story: [],
    lecture: false,
  };
  /** What to show again when the page is let go. */
  #latest: State = this.#state;
  #listener: (state: State) => void = () => undefined;
  #lastKey = 0;

  get state(): State {
    return this.#state;
  }

  onChange(listener: (state: State) => void): void {
    this.#listener = listener;
  }

  hold(held: boolean): void {
    this.#latest = { ...this.#latest, held };
    this.#state = held ? { ...this.#state, held } : this.#latest;
    this.#listener(this.#state);
  }

  /** Sends a command as if it were typed. */
  run(line: string): void {
    this.#line("typed", line);
    send(line).then(
      ({ ok, lines }) => {
        for (const text of lines) this.#line(ok ? "answer" : "bad", text);
      },
      () => this.#line("bad", "the demo does not answer"),
    );
  }

  connect(): void {
    const events = new EventSource("/events");
    events.addEventListener("open", () => this.#set({ connection: "live" }));
    events.addEventListener("error", () => this.#set({ connection: "gone" }));
    events.addEventListener("message", ({ data }: MessageEvent<string>) =>
      this.#receive(JSON.parse(data) as PageMessage),
    );
  }

  #receive(message: PageMessage): void {
    const { samples, lines, story } = this.#latest;
    switch (message.kind) {
      case "hello": {
        const { view, feed } = message;
        return this.#set({
          view,
          samples: message.samples.slice(-SAMPLES_MAX),
          story: message.story,
          lecture: message.lecture,
          lines: feed.map((line) => this.#feedLine(line)),
        });
      }
      case "view":
        return this.#set({ view: message.view, samples: [...samples, message.sample].slice(-SAMPLES_MAX) });
      case "feed":
        return this.#set({ lines: [...lines, this.#feedLine(message.line)].slice(-LINES_MAX) });
      case "told":
        return this.#set({ story: [...story, message.told].slice(-LINES_MAX) });
    }
  }

  #feedLine({ atMs, kind, text }: FeedLine): Line {
    return { key: ++this.#lastKey, atMs, kind, text };
  }

  #line(kind: Line["kind"], text: string): void {
    const line = { key: ++this.#lastKey, atMs: Date.now(), kind, text };
    this.#set({ lines: [...this.#latest.lines, line].slice(-LINES_MAX) });
  }

  #set(part: Partial<State>): void {
    this.#latest = { ...this.#latest, ...part };
    // Whoever holds the page still wants to read; what they type is answered all the same.
    this.#state = this.#latest.held
      ? { ...this.#state, connection: this.#latest.connection, lines: this.#latest.lines }
      : this.#latest;
    this.#listener(this.#state);
  }
}

async function send(line: string): Promise<{ readonly ok: boolean; readonly lines: readonly string[] }> {
  const response = await fetch("/command", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ line }),
  });
  if (!response.ok) return { ok: false, lines: [await response.text()] };
  return (await response.json()) as { ok: boolean; lines: string[] };
}
