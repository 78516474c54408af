import { agreement } from "../agreement.js";
import type { ClusterView, ReplicaView } from "../view.js";
import { element, grouped, type Run, toneOf } from "./dom.js";

const FACTS = ["epoch", "ballot", "cmds/s", "chosen", "applied", "snapshot", "hash", "process"] as const;
type Fact = (typeof FACTS)[number];

interface Card {
  readonly root: HTMLElement;
  readonly role: HTMLElement;
  readonly facts: Readonly<Record<Fact, HTMLElement>>;
  readonly power: HTMLButtonElement;
  readonly pause: HTMLButtonElement;
  readonly cut: HTMLButtonElement;
  readonly lead: HTMLButtonElement;
  readonly remove: HTMLButtonElement;
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
    for (const [id, card] of this.#cards) {
      if (replicas.some((replica) => replica.id === id)) continue;
      card.root.remove();
      this.#cards.delete(id);
    }
    for (const replica of replicas) {
      const card = this.#cards.get(replica.id) ?? this.#add(replica.id);
      fill(card, replica, replicas);
    }
    // One that went between the sending of the page and of the first facts.
    while (this.#parent.childElementCount > this.#cards.size) this.#parent.lastElementChild?.remove();
    const shown = [...this.#parent.children];
    const wanted = replicas.map(({ id }) => this.#cards.get(id)?.root ?? element("article"));
    if (wanted.some((root, index) => root !== shown[index])) this.#parent.append(...wanted);
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
    const [lead, remove] = [this.#button(id), this.#button(id)];
    label(cut, "Cut off", "cut");
    label(lead, "Make leader", "transfer");
    label(remove, "Remove", "remove");
    const actions = element("div");
    actions.className = "actions";
    actions.append(power, pause, cut, lead, remove);
    const root = this.#place();
    root.replaceChildren(title, list, actions);
    const card = { root, role, facts, power, pause, cut, lead, remove };
    this.#cards.set(id, card);
    return card;
  }

  /** The server has put an empty card there for each, so that nothing moves when they are filled; later ones get one of their own. */
  #place(): HTMLElement {
    const empty = this.#parent.children.item(this.#cards.size);
    if (empty !== null) return empty as HTMLElement;
    const root = element("article");
    root.className = "replica";
    this.#parent.append(root);
    return root;
  }

  #button(id: number): HTMLButtonElement {
    const button = element("button");
    button.addEventListener("click", () => this.#run(`${button.dataset["verb"]} ${id}`));
    return button;
  }
}

function fill(card: Card, replica: ReplicaView, replicas: readonly ReplicaView[]): void {
  const { facts, power, pause, cut, lead, remove } = card;
  const up = replica.state === "running" || replica.state === "paused";
  card.root.dataset["tone"] = toneOf(replica);
  card.role.textContent = roleOf(replica);
  facts.epoch.textContent = replica.epoch === 0 ? "–" : String(replica.epoch);
  facts.snapshot.textContent = replica.snapshot === 0 ? "–" : grouped(replica.snapshot);
  facts.ballot.textContent = replica.ballot || "–";
  facts["cmds/s"].textContent = grouped(replica.commandsPerSecond);
  facts.chosen.textContent = grouped(replica.chosen);
  facts.applied.textContent = grouped(replica.applied);
  facts.hash.textContent = replica.hash || "–";
  facts.hash.dataset["agreement"] = agreement(replica, replicas);
  facts.process.textContent = replica.pid === null ? "–" : String(replica.pid);
  label(power, up ? "Kill" : "Restart", up ? "kill" : "restart");
  power.className = up ? "danger" : "";
  power.disabled = replica.state === "starting" || replica.state === "stopping";
  label(pause, replica.state === "paused" ? "Resume" : "Pause", replica.state === "paused" ? "resume" : "pause");
  pause.disabled = !up;
  cut.disabled = replicas.length === 1;
  lead.disabled = replica.state !== "running" || replica.role === "leader" || replica.part !== "voter";
  remove.disabled = replicas.length === 1 || replica.part === "none";
}

function roleOf({ state, role, part }: ReplicaView): string {
  if (state !== "running") return state;
  return part === "voter" ? role : part === "none" ? "no member" : part;
}

function label(button: HTMLButtonElement, text: string, verb: string): void {
  button.textContent = text;
  button.dataset["verb"] = verb;
}
