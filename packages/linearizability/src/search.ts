import { identity } from "./canonical.js";
import type { Operation } from "./history.js";
import { Memo, placeOf } from "./memo.js";
import { type AnyOutput, anyOutput, type Model, type Step } from "./model.js";
import { Timeline } from "./timeline.js";
import { noneUsed, Unknowns, type Used } from "./unknowns.js";
import { Windows } from "./windows.js";

export interface SearchLimits {
  readonly stepsMax: number;
  readonly memoryBytesMax: number;
}

/** Numbers are indices into the operations searched. */
export type SearchResult =
  | { readonly verdict: "order"; readonly order: readonly number[]; readonly steps: number }
  | {
      readonly verdict: "none";
      readonly steps: number;
      /** The order that came furthest in time, and the operation that returned then and was not placed. */
      readonly attempt: readonly number[];
      readonly stuck: number;
    }
  | { readonly verdict: "steps" | "memory"; readonly steps: number };

/** A state that the operations placed so far may leave behind. */
interface Node {
  readonly state: unknown;
  readonly id: number;
  readonly used: Used;
  readonly windowFront: number;
  /** The unknown operation that led here, and the node it came from; -1 for the first node of a stage. */
  readonly via: number;
  readonly from: number;
}

/** One more completed operation placed. */
interface Stage {
  readonly operation: number;
  /** The highest number placed. */
  readonly last: number;
  /** The state after the operation, then what unknown operations make of it, by how many they are. */
  readonly nodes: Node[];
  node: number;
  /** Nodes from which no completed operation led to the end: more unknown ones may help. */
  readonly blocked: number[];
  /** Entry of the timeline to try next. */
  cursor: number;
}

const arrived = 0;
const exhausted = -1;

/** What a search may use of a model: `search` leaves out `refutes`, `plain` all that is made for one history. */
export type Hints = "all" | "search" | "plain";

/** Whether some order of these operations, which all belong to one partition, is legal. Nothing here recurses. */
export function search<Input, Output>(
  model: Model<unknown, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  limits: SearchLimits,
  hints: Hints = "all",
): SearchResult {
  const tuned = hints === "plain" ? model : (model.forHistory?.(operations) ?? model);
  const isFault = (one: Operation<Input, Output>): boolean => one.return !== null && tuned.refutes?.(one) === true;
  const stuck = hints === "all" ? operations.findIndex(isFault) : -1;
  if (stuck >= 0) return { verdict: "none", steps: operations.length, attempt: [], stuck };
  return new Search(tuned, operations, limits).run();
}

/**
 * Depth-first search over which operation took effect next: Wing and Gong 1993, with the memory of Lowe 2017. Unknown
 * operations are placed only where no completed one can be, fewest first.
 */
class Search<Input, Output> {
  readonly #model: Model<unknown, Input, Output>;
  readonly #limits: SearchLimits;
  readonly #inputs: readonly Input[];
  readonly #outputs: readonly Output[];
  readonly #readOnly: readonly boolean[];
  readonly #timeline: Timeline;
  readonly #unknowns: Unknowns<Input, Output>;
  readonly #memo: Memo;
  readonly #stages: Stage[] = [];
  /** The previous operation of the same client where the times alone do not order the two; -1 if there is none. */
  readonly #after: Int32Array;
  readonly #windows: Windows<Input, Output>;
  #steps = 0;
  #furthest = { entry: 0, attempt: [] as readonly number[] };

  constructor(
    model: Model<unknown, Input, Output>,
    operations: readonly Operation<Input, Output>[],
    limits: SearchLimits,
  ) {
    this.#model = model;
    this.#limits = limits;
    this.#timeline = new Timeline(operations);
    const { completed } = this.#timeline;
    const get = (index: number): Operation<Input, Output> => operations[index] as Operation<Input, Output>;
    this.#inputs = completed.map((index) => get(index).input);
    this.#outputs = completed.map((index) => get(index).output as Output);
    this.#readOnly = completed.map((_, k) => model.readOnly?.(this.#input(k), this.#output(k)) ?? false);
    this.#unknowns = new Unknowns(model, operations, this.#timeline);
    this.#memo = new Memo();
    const lastOf = new Map<string | number, number>();
    this.#after = Int32Array.from(completed, (index, k) => {
      const { client, call } = get(index);
      const before = lastOf.get(client);
      lastOf.set(client, k);
      return before !== undefined && get(completed[before] as number).return === call ? before : -1;
    });
    this.#windows = new Windows(model, this.#inputs, this.#timeline, this.#unknowns);
  }

  run(): SearchResult {
    const state = this.#model.init();
    const id = this.#idOf(state);
    this.#memo.add(placeOf(this.#timeline, -1, id), noneUsed);
    const start: Node = { state, id, used: noneUsed, windowFront: 0, via: -1, from: -1 };
    this.#stages.push({ operation: -1, last: -1, nodes: [start], node: 0, blocked: [], cursor: arrived });
    for (;;) {
      const stage = this.#stages.at(-1) as Stage;
      const steps = this.#steps + this.#memo.comparisons;
      if (this.#timeline.left === 0) return { verdict: "order", order: this.#order(), steps };
      if (steps > this.#limits.stepsMax) return { verdict: "steps", steps };
      if (this.#memo.bytes > this.#limits.memoryBytesMax) return { verdict: "memory", steps };
      if (this.#placeOne(stage) || this.#nextNode(stage) || this.#backtrack()) continue;
      const { entry, attempt } = this.#furthest;
      const stuck = this.#timeline.completed[-1 - (this.#timeline.entryOf[entry] as number)] as number;
      return { verdict: "none", steps, attempt, stuck };
    }
  }

  /** Places the next operation that fits the state of the node and leads somewhere new. */
  #placeOne(stage: Stage): boolean {
    const { entryOf, next } = this.#timeline;
    if (stage.cursor === exhausted) return false;
    if (stage.cursor === arrived) {
      stage.cursor = next[0] as number;
      if (this.#isHopeless(stage)) {
        stage.cursor = exhausted;
        return false;
      }
      if (this.#placeRead(stage)) return true;
      if (stage.cursor === exhausted) return false;
    }
    for (; (entryOf[stage.cursor] as number) >= 0; stage.cursor = next[stage.cursor] as number) {
      const k = entryOf[stage.cursor] as number;
      if (this.#readOnly[k] || !this.#mayBeNext(stage, k)) continue;
      const result = this.#step((stage.nodes[stage.node] as Node).state, this.#input(k), this.#output(k));
      if (!result.ok || !this.#take(stage, k, result.state)) continue;
      stage.cursor = next[stage.cursor] as number;
      return true;
    }
    this.#noteDeadEnd(stage.cursor);
    stage.blocked.push(stage.node);
    return false;
  }

  /** Whether an operation that has been called can never again have its output. */
  #isHopeless(stage: Stage): boolean {
    if (!this.#model.hopeless) return false;
    const { entryOf, next } = this.#timeline;
    const { state } = stage.nodes[stage.node] as Node;
    let hopeless = false;
    let entry = stage.cursor;
    for (; (entryOf[entry] as number) >= 0; entry = next[entry] as number) {
      const k = entryOf[entry] as number;
      hopeless ||= this.#model.hopeless(state, this.#input(k), this.#output(k));
    }
    if (hopeless) this.#noteDeadEnd(entry);
    return hopeless;
  }

  /** A read that fits changes nothing now or later: to place it at once loses no order. */
  #placeRead(stage: Stage): boolean {
    const { entryOf, next } = this.#timeline;
    for (let entry = next[0] as number; (entryOf[entry] as number) >= 0; entry = next[entry] as number) {
      const k = entryOf[entry] as number;
      if (!this.#readOnly[k] || !this.#mayBeNext(stage, k)) continue;
      const result = this.#step((stage.nodes[stage.node] as Node).state, this.#input(k), this.#output(k));
      if (!result.ok) continue;
      stage.cursor = exhausted;
      return this.#take(stage, k, result.state);
    }
    return false;
  }

  #mayBeNext(stage: Stage, k: number): boolean {
    const after = this.#after[k] as number;
    if (after >= 0 && !this.#timeline.taken[after]) return false;
    return this.#windows.mayPlace(k, (stage.nodes[stage.node] as Node).windowFront);
  }

  #take(stage: Stage, k: number, state: unknown): boolean {
    const { used, windowFront } = stage.nodes[stage.node] as Node;
    const last = Math.max(stage.last, k);
    const id = this.#idOf(state);
    this.#timeline.take(k);
    if (!this.#memo.add(placeOf(this.#timeline, last, id), used)) {
      this.#timeline.giveBack(k);
      return false;
    }
    const node: Node = { state, id, used, windowFront: this.#windows.advance(windowFront, used), via: -1, from: -1 };
    this.#stages.push({ operation: k, last, nodes: [node], node: 0, blocked: [], cursor: arrived });
    return true;
  }

  /** Turns to the next state; lets one more unknown operation take effect only after all that need fewer. */
  #nextNode(stage: Stage): boolean {
    stage.node += 1;
    while (stage.node >= stage.nodes.length) {
      const from = stage.blocked.shift();
      if (from === undefined) return false;
      this.#expand(stage, from);
    }
    stage.cursor = arrived;
    return true;
  }

  #expand(stage: Stage, from: number): void {
    const { state, used, windowFront } = stage.nodes[from] as Node;
    const { entryOf, next: after, timeOf } = this.#timeline;
    let entry = after[0] as number;
    while ((entryOf[entry] as number) >= 0) entry = after[entry] as number;
    const deadline = timeOf[entry] as number;
    // To look through thousands of kinds is work too.
    this.#steps += this.#unknowns.kinds >> 4;
    for (const j of this.#unknowns.available(used, deadline)) {
      if (!this.#windows.mayPlaceUnknown(j, windowFront)) continue;
      const result = this.#step(state, this.#unknowns.inputs[j] as Input, anyOutput);
      if (!result.ok) continue;
      const next = this.#idOf(result.state);
      const usedNow = this.#unknowns.use(used, j);
      // What had no effect is not new either: the state is the same with more used up.
      if (!this.#memo.add(placeOf(this.#timeline, stage.last, next), usedNow)) continue;
      const front = this.#windows.advance(windowFront, usedNow);
      stage.nodes.push({
        state: result.state,
        id: next,
        used: usedNow,
        windowFront: front,
        via: j,
        from,
      });
    }
  }

  #backtrack(): boolean {
    const stage = this.#stages.pop() as Stage;
    if (this.#stages.length === 0) return false;
    this.#timeline.giveBack(stage.operation);
    return true;
  }

  #noteDeadEnd(entry: number): void {
    if (entry > this.#furthest.entry) this.#furthest = { entry, attempt: this.#order() };
  }

  /** The operations in the order in which the search has placed them. */
  #order(): number[] {
    const { completed, unknown } = this.#timeline;
    return this.#stages.flatMap(({ operation, nodes, node }) => {
      const chain: number[] = [];
      for (let at = nodes[node] as Node; at.via >= 0; at = nodes[at.from] as Node) {
        chain.unshift(unknown[this.#unknowns.positions[at.via] as number] as number);
      }
      return operation < 0 ? chain : [completed[operation] as number, ...chain];
    });
  }

  #step(state: unknown, input: Input, output: Output | AnyOutput): Step<unknown> {
    this.#steps += 1;
    return this.#model.step(state, input, output);
  }

  #idOf(state: unknown): number {
    return this.#memo.idOf(this.#model.key ? this.#model.key(state) : identity(state));
  }

  #input(k: number): Input {
    return this.#inputs[k] as Input;
  }

  #output(k: number): Output {
    return this.#outputs[k] as Output;
  }
}
