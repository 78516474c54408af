import { SynodError } from "@synod/interface";
import { violationOf } from "./check.js";
import { shapeOfRounds, waitingAfterAll } from "./judge.js";
import { textOf } from "./plain.js";
import { beginRun, replay, type Run } from "./play.js";
import type { ProcessId, Protocol, Value } from "./shape.js";
import { nextWorld } from "./step.js";
import { type Action, isCut, type Spending, type World } from "./world.js";

/**
 * How far a search goes. Messages may be delayed for ever and overtake each other at no cost, so that losses and lasting
 * partitions need no number of their own.
 */
export interface Bounds extends Partial<Record<Spending, number>> {
  /** The commands, who asks for them, and which servers may be asked (default: as the protocol says). */
  readonly values: readonly { readonly value: Value; readonly by: ProcessId; readonly to?: readonly ProcessId[] }[];
  /** Who may suspect others, rightly or wrongly, and who may time out; default: everybody. */
  readonly suspects?: readonly ProcessId[];
  readonly timeoutsAt?: readonly ProcessId[];
  /** Who may crash; default: everybody. */
  readonly crashesAt?: readonly ProcessId[];
  /** Nobody times out while a message of one of its own rounds is on its way. */
  readonly patient?: boolean;
  /** Types of messages that never arrive: what cannot matter for the goal makes a search only longer. */
  readonly withhold?: readonly string[];
  /** Steps of one run. Default 30. */
  readonly steps?: number;
}

/** What is looked for: a contradiction, a situation without a way out, a circle, or anything else. */
export type Goal = "diverges" | "blocks" | "livelocks" | ((world: World) => boolean);

export interface SearchOptions {
  readonly goal: Goal;
  readonly bounds: Bounds;
  /** Where it begins. Default: the beginning. */
  readonly from?: Run;
}

export interface SearchReport {
  /** `none`: there is none within the bounds, every run was tried. `unknown`: it was stopped before that. */
  readonly verdict: "found" | "none" | "unknown";
  /** Distinct situations seen. */
  readonly states: number;
  /** Steps of the longest of the shortest ways to them. */
  readonly depth: number;
  /** A shortest run to the goal. */
  readonly run: Run | null;
}

export interface Search {
  /** Goes on for so many more situations, and reports. */
  run(statesMax?: number): SearchReport;
}

interface Node {
  readonly world: World;
  readonly parent: Node | null;
  readonly action: Action | null;
  readonly depth: number;
}

/** A breadth-first search that works in slices, so that a page can show how far it is, and stop it. */
export function createSearch(protocol: Protocol, options: SearchOptions): Search {
  return new BreadthFirst(protocol, options);
}

/** Searches to the end, or until `statesMax` (default 200,000) situations were seen. */
export function search(protocol: Protocol, options: SearchOptions, statesMax: number = 200_000): SearchReport {
  return createSearch(protocol, options).run(statesMax);
}

class BreadthFirst implements Search {
  readonly #protocol: Protocol;
  readonly #options: SearchOptions;
  readonly #start: Run;
  readonly #keys = new Keys();
  readonly #seen = new Set<string>();
  #layer: Node[] = [];
  #at = 0;
  #next: Node[] = [];
  #found: Node | null = null;
  #depth = 0;

  constructor(protocol: Protocol, options: SearchOptions) {
    this.#protocol = protocol;
    this.#options = options;
    this.#start = options.from ?? beginRun(protocol);
    const world = this.#start.worlds.at(-1);
    if (world === undefined) throw new SynodError("InvalidArgument", "A search begins in a world.");
    this.#visit({ world, parent: null, action: null, depth: 0 });
  }

  run(statesMax: number = Number.POSITIVE_INFINITY): SearchReport {
    const limit = this.#seen.size + statesMax;
    while (this.#found === null && this.#seen.size < limit) {
      const node = this.#take();
      if (node === null) return this.#report("none");
      this.#expand(node);
    }
    return this.#report(this.#found === null ? "unknown" : "found");
  }

  #take(): Node | null {
    if (this.#at === this.#layer.length) {
      [this.#layer, this.#next, this.#at] = [this.#next, [], 0];
    }
    return this.#layer[this.#at++] ?? null;
  }

  #expand(node: Node): void {
    if (node.depth >= (this.#options.bounds.steps ?? 30)) return;
    for (const action of choices(this.#protocol, node.world, this.#options.bounds)) {
      const world = nextWorld(this.#protocol, node.world, action);
      this.#visit({ world, parent: node, action, depth: node.depth + 1 });
      if (this.#found !== null) return;
    }
  }

  #visit(node: Node): void {
    const key = this.#keys.of(node.world);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#next.push(node);
    this.#depth = Math.max(this.#depth, node.depth);
    if (this.#isGoal(node)) this.#found = node;
  }

  #isGoal(node: Node): boolean {
    const { goal } = this.#options;
    if (typeof goal === "function") return goal(node.world);
    if (goal === "diverges") return violationOf(node.world) !== null;
    if (goal === "livelocks") return endsInCircle(this.#protocol, node);
    return waitingAfterAll({ protocol: this.#protocol, actions: [], worlds: [node.world], rows: [] }).length > 0;
  }

  #report(verdict: SearchReport["verdict"]): SearchReport {
    const run = this.#found === null ? null : replay(this.#start, actionsTo(this.#found));
    return { verdict, states: this.#seen.size, depth: this.#depth, run };
  }
}

function actionsTo(node: Node): Action[] {
  const actions: Action[] = [];
  for (let at: Node | null = node; at !== null; at = at.parent) {
    if (at.action !== null) actions.unshift(at.action);
  }
  return actions;
}

const ACCIDENTS = ["lose", "crash", "restart", "cut", "heal"];

function endsInCircle(protocol: Protocol, node: Node): boolean {
  const end = shapeOfRounds(protocol, node.world);
  const left = new Set(node.world.flights.map((flight) => flight.id));
  for (let at: Node = node; at.parent !== null && at.action !== null; at = at.parent) {
    if (ACCIDENTS.includes(at.action.do)) return false;
    const { world } = at.parent;
    const { shape, top } = shapeOfRounds(protocol, world);
    if (shape === end.shape && top < end.top && !world.flights.some((flight) => left.has(flight.id))) return true;
  }
  return false;
}

/** Everything that can happen next, in an order that is always the same: a run can be told by the indexes of its choices. */
export function choices(protocol: Protocol, world: World, bounds: Bounds): Action[] {
  const left = (what: Spending): boolean => (world.spent[what] ?? 0) < (bounds[what] ?? 0);
  const servers = Object.entries(world.servers);
  const up = servers.filter(([, server]) => server.up).map(([id]) => id);
  const down = servers.filter(([, server]) => !server.up).map(([id]) => id);
  const among = (ids: readonly ProcessId[], allowed: readonly ProcessId[] | undefined): readonly ProcessId[] =>
    allowed === undefined ? ids : ids.filter((id) => allowed.includes(id));
  return [
    ...asks(protocol, world, bounds, up),
    ...deliveries(world, bounds.withhold ?? [], left),
    ...suspicions(protocol, world, bounds, left),
    ...(left("timeouts")
      ? among(up, bounds.timeoutsAt)
          .filter((at) => mayTimeOut(world, bounds, at))
          .map((at): Action => ({ do: "timeout", at }))
      : []),
    ...(left("crashes") ? among(up, bounds.crashesAt).map((at): Action => ({ do: "crash", at })) : []),
    ...(left("restarts") ? down.map((at): Action => ({ do: "restart", at, disk: "kept" })) : []),
    ...(left("lostDisks") ? down.map((at): Action => ({ do: "restart", at, disk: "lost" })) : []),
  ];
}

function asks(protocol: Protocol, world: World, bounds: Bounds, up: readonly ProcessId[]): Action[] {
  const open = bounds.values.filter(({ value }) => world.asked[value] === undefined);
  return open.flatMap(({ value, by, to }): Action[] => {
    const all = Object.keys(world.servers);
    if (protocol.asks === "all") return [{ do: "send", client: by, value, to: to ?? all }];
    const usual = protocol.asks === "none" ? [by] : protocol.asks === "leader" ? all.slice(0, 1) : all;
    return (to ?? usual).filter((id) => up.includes(id)).map((id) => ({ do: "ask", client: by, value, to: id }));
  });
}

function deliveries(world: World, withheld: readonly string[], left: (what: Spending) => boolean): Action[] {
  const seen = new Set<string>();
  const actions: Action[] = [];
  for (const { id, from, to, message } of world.flights) {
    if (world.servers[to]?.up !== true || isCut(world, from, to) || withheld.includes(message.type)) continue;
    const key = `${to} ${messageText(message)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    actions.push({ do: "deliver", id });
    if (left("duplicates")) actions.push({ do: "duplicate", id });
    if (left("losses")) actions.push({ do: "lose", id });
  }
  return actions;
}

function mayTimeOut(world: World, { patient, withhold = [] }: Bounds, at: ProcessId): boolean {
  if (patient !== true) return true;
  const count = Object.keys(world.servers).length;
  return !world.flights.some(({ message }) => {
    const { rnd } = message as { rnd?: number };
    return rnd !== undefined && `S${((rnd - 1) % count) + 1}` === at && !withhold.includes(message.type);
  });
}

const messageTexts = new WeakMap<object, string>();

function messageText(message: object): string {
  const known = messageTexts.get(message);
  if (known !== undefined) return known;
  const text = textOf(message);
  messageTexts.set(message, text);
  return text;
}

function suspicions(protocol: Protocol, world: World, bounds: Bounds, left: (what: Spending) => boolean): Action[] {
  if (protocol.onSuspect === undefined) return [];
  const servers = Object.entries(world.servers);
  return servers.flatMap(([at, server]) => {
    if (!server.up || !(bounds.suspects ?? [at]).includes(at)) return [];
    const peers = servers.filter(([of]) => of !== at);
    const mayErr = left("suspicions");
    const isOpen = (of: ProcessId, isUp: boolean): boolean => (isUp ? mayErr : !world.noticed.includes(`${at} ${of}`));
    return peers.filter(([of, peer]) => isOpen(of, peer.up)).map(([of]): Action => ({ do: "suspect", at, of }));
  });
}

/** Short keys for worlds: equal keys are equal situations. Parts that many worlds share are named once. */
class Keys {
  readonly #names = new Map<string, number>();
  readonly #known = new WeakMap<object, number>();

  of(world: World): string {
    const { flights, servers, asked, answers, accepted, issued, forgotten, cuts, spent, tooLate, noticed } = world;
    let key = "";
    for (const id in servers) key += `${this.#name(servers[id] ?? {})},`;
    const moving = flights.map(({ to, message }) => `${to}${this.#name(message)}`).sort();
    const parts = [asked, answers, accepted, issued, forgotten, cuts, spent, tooLate, noticed].map((part) =>
      this.#name(part),
    );
    return `${key} ${moving.join()} ${parts.join()}`;
  }

  #name(part: object): number {
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    const text = Array.isArray(part) ? part.map(textOf).sort().join() : textOf(part);
    const name = this.#names.get(text) ?? this.#names.size;
    this.#names.set(text, name);
    this.#known.set(part, name);
    return name;
  }
}
