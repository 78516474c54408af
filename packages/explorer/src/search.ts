import { SynodError } from "@synod/interface";
import { fingerprint, isBelow, WORDS } from "./fingerprints.js";
import type { Model, Path } from "./model.js";
import { StateTable } from "./state-table.js";
import { Watch } from "./watch.js";

/**
 * - `holds`: every state within the bounds was visited, and none breaks a rule.
 * - `violated`: a state breaks a rule; no shorter way leads to one.
 * - `found`: the goal is reached; no shorter way leads to it.
 * - `unfinished`: there is more to visit.
 */
export type Verdict = "holds" | "violated" | "found" | "unfinished";

export interface Report<State, Action> {
  readonly verdict: Verdict;
  /** Distinct states. */
  readonly states: number;
  /** Initial states and steps taken, including those to states already known. */
  readonly generated: number;
  /** Length of the longest of the shortest ways, in states: an initial state has depth 1. */
  readonly depth: number;
  /** Distinct states that wait to be followed. */
  readonly open: number;
  /** With `violated`: the name of the rule. */
  readonly violation: string | null;
  /** With `violated` and `found`: a shortest way there. */
  readonly path: Path<State, Action> | null;
}

export interface SearchOptions<State> {
  /** Stops as soon as such a state is reached. With it rules are still checked, whichever comes first. */
  readonly goal?: (state: State) => boolean;
  /** Gives up, as `unfinished`, when this many distinct states were seen. Default: 20 million. */
  readonly statesMax?: number;
}

/** A breadth-first search that can be done in slices. */
export interface Search<State, Action> {
  /**
   * Follows up to `statesMax` more states, all if left out, and reports what stands. Call again while the verdict is
   * `unfinished`.
   */
  run(statesMax?: number): Report<State, Action>;
}

const STATES_MAX = 20_000_000;

/** So many states are watched while they are followed: a model that mutates one does so early, and each look costs a key. */
const WATCHED_MAX = 2_000;

class BreadthFirst<State, Action> implements Search<State, Action> {
  readonly #model: Model<State, Action>;
  readonly #goal: (state: State) => boolean;
  readonly #statesMax: number;
  readonly #table = new StateTable();
  /** The states of the present depth; their numbers follow each other from `#first`. */
  #level: State[] = [];
  #first = 0;
  #position = 0;
  #deeper: State[] = [];
  #depth = 0;
  #generated = 0;
  /** How it ended, and the way there: an initial state, then a step from each state to the next. */
  #end: { verdict: "violated" | "found"; rule: string | null; way: readonly number[] } | null = null;
  readonly #followed: Watch<State>;
  readonly #reached: Watch<State>;
  readonly #mine = new Uint32Array(WORDS);
  readonly #other = new Uint32Array(WORDS);

  constructor(model: Model<State, Action>, { goal = () => false, statesMax = STATES_MAX }: SearchOptions<State>) {
    if (!Number.isSafeInteger(statesMax) || statesMax < 1) {
      refuse(`statesMax must be an integer from 1, not ${String(statesMax)}.`);
    }
    this.#model = model;
    this.#goal = goal;
    this.#statesMax = statesMax;
    this.#followed = new Watch((state) => model.key(state));
    this.#reached = new Watch((state) => model.key(state));
    for (const [index, state] of model.initial().entries()) this.#reach(state, null, -1, index);
    this.#descend();
  }

  run(statesMax = Infinity): Report<State, Action> {
    for (let followed = 0; followed < statesMax && !this.#isOver; followed++) {
      this.#follow(this.#level[this.#position] as State, this.#first + this.#position);
      this.#position++;
      if (this.#position === this.#level.length) this.#descend();
    }
    return this.#report();
  }

  get #isOver(): boolean {
    return this.#end !== null || this.#level.length === 0 || this.#table.count >= this.#statesMax;
  }

  #descend(): void {
    this.#first += this.#level.length;
    this.#level = this.#deeper;
    this.#deeper = [];
    this.#position = 0;
    if (this.#level.length > 0) this.#depth++;
  }

  #follow(state: State, number: number): void {
    const isWatched = number < WATCHED_MAX;
    if (isWatched) this.#followed.remember(state);
    const actions = this.#model.actions(state);
    if (isWatched) this.#followed.verify(state, "actions");
    for (const [index, action] of actions.entries()) {
      const after = this.#model.next(state, action);
      if (isWatched) this.#followed.verify(state, "next");
      if (after === undefined) refuse("next(state, action) must return a state, or null where nothing happens.");
      if (after !== null) this.#reach(after, state, number, index);
      if (isWatched) this.#followed.verify(state, "check");
      if (this.#end !== null) return;
    }
  }

  #reach(state: State, before: State | null, parent: number, step: number): void {
    if (this.#end !== null) return;
    const model = this.#model;
    if (model.within?.(state) === false) return;
    this.#generated++;
    if (state === before) return;
    this.#fingerprint(state);
    // Rules about steps must see every step, not only the first one to a state.
    const isWatched = parent < WATCHED_MAX && model.check !== undefined;
    if (isWatched) this.#reached.remember(state);
    const rule = model.check?.(state, before) ?? null;
    if (isWatched) this.#reached.verify(state, "check");
    const isNew = this.#table.add(this.#mine, parent, step);
    if (isNew) this.#deeper.push(state);
    if (rule !== null) this.#finish("violated", rule, parent, step, isNew);
    else if (isNew && this.#goal(state)) this.#finish("found", null, parent, step, isNew);
  }

  /** The key of a state, or the least one among those that are alike, becomes `#mine`. */
  #fingerprint(state: State): void {
    fingerprint(this.#model.key(state), this.#mine);
    for (const other of this.#model.alike?.(state) ?? []) {
      fingerprint(this.#model.key(other), this.#other);
      if (isBelow(this.#other, this.#mine)) this.#mine.set(this.#other);
    }
  }

  #finish(verdict: "violated" | "found", rule: string | null, parent: number, step: number, isNew: boolean): void {
    // A step that breaks a rule may lead to a state that is known already: the way to it goes over this step.
    const way = isNew ? this.#wayTo(this.#table.count - 1) : [...this.#wayTo(parent), step];
    this.#end = { verdict, rule, way };
  }

  #wayTo(state: number): number[] {
    const way: number[] = [];
    for (let at = state; at >= 0; at = this.#table.parent(at)) way.push(this.#table.step(at));
    return way.reverse();
  }

  #report(): Report<State, Action> {
    const end = this.#end;
    const open = this.#level.length - this.#position + this.#deeper.length;
    return {
      verdict: end?.verdict ?? (open > 0 ? "unfinished" : "holds"),
      states: this.#table.count,
      generated: this.#generated,
      depth: end === null ? this.#depth : end.way.length,
      open,
      violation: end?.rule ?? null,
      path: end === null ? null : this.#replay(end.way),
    };
  }

  #replay([first = 0, ...steps]: readonly number[]): Path<State, Action> {
    const states = [this.#model.initial()[first] as State];
    const actions: Action[] = [];
    for (const step of steps) {
      const before = states.at(-1) as State;
      const action = this.#model.actions(before)[step] as Action;
      actions.push(action);
      states.push(this.#model.next(before, action) as State);
    }
    return { actions, states };
  }
}

function refuse(message: string): never {
  throw new SynodError("InvalidArgument", message);
}

/**
 * Prepares a breadth-first search of all states of a model. Nothing is visited before `run`.
 *
 * @throws SynodError `InvalidArgument` for a bad option, and while running for a key that is none and for a model that
 * mutates a state it was given.
 */
export function createSearch<State, Action>(
  model: Model<State, Action>,
  options: SearchOptions<State> = {},
): Search<State, Action> {
  return new BreadthFirst(model, options);
}

/**
 * Visits every state of a model, and reports.
 *
 * @throws SynodError as `createSearch` and its `run` do.
 */
export function explore<State, Action>(
  model: Model<State, Action>,
  options: SearchOptions<State> = {},
): Report<State, Action> {
  return createSearch(model, options).run();
}

/** The same model, begun in other states: to go on from where a search has ended. */
export function startingAt<State, Action>(model: Model<State, Action>, states: readonly State[]): Model<State, Action> {
  return {
    ...(model.processes === undefined ? {} : { processes: model.processes }),
    initial: () => states,
    actions: (state) => model.actions(state),
    next: (state, action) => model.next(state, action),
    key: (state) => model.key(state),
    check: (state, before) => model.check?.(state, before) ?? null,
    within: (state) => model.within?.(state) ?? true,
    alike: (state) => model.alike?.(state) ?? [],
    ...(model.describe === undefined ? {} : { describe: model.describe.bind(model) }),
  };
}

/** Looks for the nearest state with a property. Its report says `found`, or that there is none within the bounds. */
export function find<State, Action>(
  model: Model<State, Action>,
  goal: (state: State) => boolean,
  options: Omit<SearchOptions<State>, "goal"> = {},
): Report<State, Action> {
  return explore(model, { ...options, goal });
}
