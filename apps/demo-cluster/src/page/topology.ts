import type { ClusterView, ReplicaView } from "../view.js";
import { type Run, shape, toneOf } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 205;
const RING = 78;
const DOT = 17;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Link {
  readonly a: number;
  readonly b: number;
  readonly group: SVGGElement;
  cut: boolean;
}

/** The replicas on a ring with all links between them; a click on a link cuts or heals it. */
export class Topology {
  readonly #svg: SVGSVGElement;
  readonly #run: Run;
  readonly #dots = new Map<number, SVGGElement>();
  readonly #links: Link[] = [];

  constructor(parent: HTMLElement, run: Run) {
    this.#run = run;
    this.#svg = shape("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "group",
      "aria-label": "Links between replicas",
    });
    parent.append(this.#svg);
  }

  show(view: ClusterView): void {
    const ids = view.replicas.map(({ id }) => id);
    if (ids.join() !== [...this.#dots.keys()].join()) this.#build(ids);
    const byId = new Map(view.replicas.map((replica) => [replica.id, replica]));
    for (const [id, dot] of this.#dots) {
      const replica = byId.get(id);
      if (replica !== undefined) dot.dataset["tone"] = toneOf(replica);
    }
    for (const link of this.#links) {
      link.cut = view.cuts.some(([a, b]) => a === link.a && b === link.b);
      link.group.dataset["state"] = stateOf(link, byId);
      link.group.setAttribute("aria-label", `${link.cut ? "heal" : "cut"} the link ${link.a}–${link.b}`);
    }
  }

  #build(ids: readonly number[]): void {
    this.#svg.replaceChildren();
    this.#dots.clear();
    this.#links.length = 0;
    const points = new Map(ids.map((id, index) => [id, place(index, ids.length)]));
    for (const [a, from] of points) {
      for (const [b, to] of points) if (a < b) this.#addLink(a, b, from, to);
    }
    for (const [id, { x, y }] of points) {
      const dot = shape("g", { class: "dot" });
      const text = shape("text", { x, y });
      text.textContent = String(id);
      dot.append(shape("circle", { cx: x, cy: y, r: DOT }), text);
      this.#svg.append(dot);
      this.#dots.set(id, dot);
    }
  }

  #addLink(a: number, b: number, from: Point, to: Point): void {
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
    const group = shape("g", { class: "link", role: "button", tabindex: 0 });
    group.append(shape("line", ends), shape("line", { ...ends, class: "hit" }));
    const link: Link = { a, b, group, cut: false };
    const toggle = (): void => this.#run(`${link.cut ? "heal" : "cut"} ${a} ${b}`);
    group.addEventListener("click", toggle);
    group.addEventListener("keydown", ({ key }) => {
      if (key === "Enter" || key === " ") toggle();
    });
    this.#svg.append(group);
    this.#links.push(link);
  }
}

function place(index: number, count: number): Point {
  const turn = (index / count) * 2 * Math.PI - Math.PI / 2;
  const ring = count === 1 ? 0 : RING;
  // Three stand as a triangle, whose middle lies lower.
  const lift = count === 3 ? 18 : 0;
  return { x: WIDTH / 2 + ring * 1.35 * Math.cos(turn), y: HEIGHT / 2 + lift + ring * Math.sin(turn) };
}

function stateOf({ a, b, cut }: Link, byId: ReadonlyMap<number, ReplicaView>): string {
  if (cut) return "cut";
  const [one, other] = [byId.get(a), byId.get(b)];
  const isDown = (replica: ReplicaView | undefined): boolean => replica === undefined || toneOf(replica) === "dead";
  if (isDown(one) || isDown(other)) return "down";
  const heard = one?.heard.includes(b) === true || other?.heard.includes(a) === true;
  return heard ? "up" : "silent";
}
