import type { FeedLine } from "../view.js";
import { element } from "./dom.js";

const LINES_MAX = 300;

/** What happened and what was typed, newest at the bottom. */
export class Log {
  readonly #list: HTMLElement;

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  clear(): void {
    this.#list.replaceChildren();
  }

  feed({ kind, text, atMs }: FeedLine): void {
    this.add(kind, text, atMs);
  }

  add(kind: FeedLine["kind"] | "typed" | "answer", text: string, atMs: number = Date.now()): void {
    const list = this.#list;
    // Someone who has scrolled up is reading.
    const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const item = element("li");
    item.className = kind;
    item.append(element("time", new Date(atMs).toTimeString().slice(0, 8)), element("span", text));
    list.append(item);
    while (list.childElementCount > LINES_MAX) list.firstElementChild?.remove();
    if (follows) list.scrollTop = list.scrollHeight;
  }
}
