import { agreement } from "../agreement.js";
import type { ClusterView, ReplicaView } from "../view.js";
import { element, grouped, type Run, toneOf } from "./dom.js";

const FACTS = ["ballot", "cmds/s", "chosen", "applied", "hash", "process"] as const;
type Fact = (typeof FACTS)[number];

interface Card {
  readonly root: HTMLElement;
  readonly role: HTMLElement;
  readonly facts: Readonly<Record<Fact, HTMLElement>>;
  readonly power: HTMLButtonElement;
  readonly pause: HTMLButtonElement;
  readonly cut: HTMLButtonElement;
}

/** One card a replica, made once and then only filled in. */
export class Cards {
  readonly #parent: HTMLElement;
  readonly #run: Run;
  readonly #cards = new Map<number, Card>();

  constructor(parent: HTMLElement, run: Run) {
    this.#parent = parent;
    this.#run = run;
  }

  show({ replicas }: ClusterView): void {
    for (const replica of replicas) {
      const card = this.#cards.get(replica.id) ?? this.#add(replica.id);
      fill(card, replica, replicas);
    }
  }

  #add(id: number): Card {
    const role = element("em");
    const list = element("dl");
    const facts = {} as Record<Fact, HTMLElement>;
    for (const name of FACTS) {
      const value = element("dd");
      facts[name] = value;
      const pair = element("div");
      pair.append(element("dt", name), value);
      list.append(pair);
    }
    facts.hash = facts.hash.appendChild(element("span"));
    facts.hash.className = "hash";
    const title = element("h2", `Replica ${id}`);
    title.append(role);
    const [power, pause, cut] = [this.#button(id), this.#button(id), this.#button(id)];
    cut.textContent = "Cut off";
    cut.dataset["verb"] = "cut";
    const actions = element("div");
    actions.className = "actions";
    actions.append(power, pause, cut);
    // The server has put an empty card there for each, so that nothing moves when they are filled.
    const root = this.#parent.children.item(this.#cards.size) as HTMLElement;
    root.replaceChildren(title, list, actions);
    const card = { root, role, facts, power, pause, cut };
    this.#cards.set(id, card);
    return card;
  }

  #button(id: number): HTMLButtonElement {
    const button = element("button");
    button.addEventListener("click", () => this.#run(`${button.dataset["verb"]} ${id}`));
    return button;
  }
}

function fill(card: Card, replica: ReplicaView, replicas: readonly ReplicaView[]): void {
  const { facts, power, pause, cut } = card;
  const up = replica.state === "running" || replica.state === "paused";
  card.root.dataset["tone"] = toneOf(replica);
  card.role.textContent = replica.state === "running" ? replica.role : replica.state;
  facts.ballot.textContent = replica.ballot || "–";
  facts["cmds/s"].textContent = grouped(replica.commandsPerSecond);
  facts.chosen.textContent = grouped(replica.chosen);
  facts.applied.textContent = grouped(replica.applied);
  facts.hash.textContent = replica.hash || "–";
  facts.hash.dataset["agreement"] = agreement(replica, replicas);
  facts.process.textContent = replica.pid === null ? "–" : String(replica.pid);
  label(power, up ? "Kill" : "Restart", up ? "kill" : "restart");
  power.className = up ? "danger" : "";
  power.disabled = replica.state === "starting";
  label(pause, replica.state === "paused" ? "Resume" : "Pause", replica.state === "paused" ? "resume" : "pause");
  pause.disabled = !up;
  cut.disabled = replicas.length === 1;
}

function label(button: HTMLButtonElement, text: string, verb: string): void {
  button.textContent = text;
  button.dataset["verb"] = verb;
}
