import type { Model } from "./model.js";
import type { Timeline } from "./timeline.js";
import type { Unknowns, Used } from "./unknowns.js";

type Window = readonly [from: number, to: number];

/**
 * The second intervals of `model.window`. Items are the completed operations, then the unknown ones; a place in the order
 * by ends is a "front": everything before it has been placed.
 */
export class Windows<Input, Output> {
  readonly #timeline: Timeline;
  readonly #unknowns: Unknowns<Input, Output>;
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  /** Items whose window ends, the earliest first. */
  readonly #byEnd: Int32Array;

  constructor(
    model: Model<unknown, Input, Output>,
    inputs: readonly Input[],
    timeline: Timeline,
    unknowns: Unknowns<Input, Output>,
  ) {
    this.#timeline = timeline;
    this.#unknowns = unknowns;
    const anywhere: Window = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const windows = [...inputs, ...unknowns.inputs].map((input) => model.window?.(input) ?? anywhere);
    this.#from = Float64Array.from(windows, ([from]) => from);
    this.#to = Float64Array.from(windows, ([, to]) => to);
    const ends = [...windows.keys()].filter((item) => Number.isFinite(this.#to[item]));
    this.#byEnd = Int32Array.from(ends.sort((a, b) => (this.#to[a] as number) - (this.#to[b] as number)));
  }

  /** Whether nothing must come before this completed operation that is not placed. */
  mayPlace(operation: number, front: number): boolean {
    return this.#allows(operation, front);
  }

  mayPlaceUnknown(j: number, front: number): boolean {
    return this.#allows(this.#timeline.completed.length + j, front);
  }

  /** The front after something was placed. */
  advance(front: number, used: Used): number {
    let now = front;
    while (now < this.#byEnd.length && this.#isPlaced(this.#byEnd[now] as number, used)) now += 1;
    return now;
  }

  #allows(item: number, front: number): boolean {
    if (front >= this.#byEnd.length) return true;
    return (this.#from[item] as number) <= (this.#to[this.#byEnd[front] as number] as number);
  }

  #isPlaced(item: number, used: Used): boolean {
    const completed = this.#timeline.completed.length;
    if (item < completed) return this.#timeline.taken[item] === 1;
    return this.#unknowns.isUsed(used, item - completed);
  }
}
