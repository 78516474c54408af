import type { ReplicaView } from "../view.js";

/** Sends a command line as if it were typed. */
export type Run = (line: string) => void;

export function element<K extends keyof HTMLElementTagNameMap>(name: K, text = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function shape<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** The element of the page with this id; it is in `index.html`. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found;
}

export const grouped = (value: number): string => Math.round(value).toLocaleString("en");

export type Tone = "leader" | "follower" | "waiting" | "dead";

export function toneOf({ state, role, part }: ReplicaView): Tone {
  if (state === "killed" || state === "failed") return "dead";
  if (state !== "running" || role === "candidate" || part !== "voter") return "waiting";
  return role;
}
