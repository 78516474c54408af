import { SynodError } from "@synod/interface";
import { canonical } from "./canonical.js";
import type { Operation } from "./history.js";
import { anyOutput, type Model } from "./model.js";
import type { Timeline } from "./timeline.js";

/**
 * How many of each kind have taken effect: kind, count, kind, count, ... by kind, without zeros. Operations with equal
 * inputs are of one kind. As they have no return, one that was called earlier can stand in for a later one: they are used
 * in the order of their calls, and a count says which.
 */
export type Used = readonly number[];

export const noneUsed: Used = [];

/** Whether `a` uses no more of any kind than `b`. */
export function usesNoMore(a: Used, b: Used): boolean {
  if (a === b) return true;
  let at = 0;
  for (let i = 0; i < a.length; i += 2) {
    while (at < b.length && (b[at] as number) < (a[i] as number)) at += 2;
    if (b[at] !== a[i] || (b[at + 1] as number) < (a[i + 1] as number)) return false;
  }
  return true;
}

/** The operations of unknown outcome that could explain something, by their call. */
export class Unknowns<Input, Output> {
  readonly inputs: readonly Input[];
  /** Where each stands in `timeline.unknown`. */
  readonly positions: readonly number[];
  readonly #calls: readonly number[];
  readonly #taken: Uint8Array;
  /** The completed operation of its client that returned in the very moment of the call; -1 if there is none. */
  readonly #after: readonly number[];
  /** The operations of each kind by their call; the kinds by their first call. */
  readonly #kinds: readonly (readonly number[])[];
  /** Kind and place in it, from 0, of each operation. */
  readonly #placeOf: readonly (readonly [kind: number, place: number])[];

  constructor(
    model: Model<unknown, Input, Output>,
    operations: readonly Operation<Input, Output>[],
    timeline: Timeline,
  ) {
    const of = (position: number): Operation<Input, Output> =>
      operations[timeline.unknown[position] as number] as Operation<Input, Output>;
    this.positions = [...timeline.unknown.keys()].filter((position) => {
      const { input } = of(position);
      return !model.pointless?.(input) && !model.readOnly?.(input, anyOutput);
    });
    this.inputs = this.positions.map((position) => of(position).input);
    this.#calls = this.positions.map((position) => of(position).call);
    this.#taken = timeline.taken;
    const ends = endsOf(operations, timeline);
    this.#after = this.positions.map((position) => {
      const { client, call } = of(position);
      return ends.get(client)?.get(call) ?? -1;
    });
    this.#kinds = kindsOf(this.inputs, this.#after);
    const places: [number, number][] = [];
    this.#kinds.forEach((kind, index) => kind.forEach((j, place) => (places[j] = [index, place])));
    this.#placeOf = places;
  }

  /** How many different inputs there are. */
  get kinds(): number {
    return this.#kinds.length;
  }

  /** Those that can take effect before `deadline`, the earliest return of a completed operation that is not placed. */
  *available(used: Used, deadline: number): Generator<number> {
    let at = 0;
    for (let kind = 0; kind < this.#kinds.length; kind += 1) {
      const members = this.#kinds[kind] as readonly number[];
      if ((this.#calls[members[0] as number] as number) > deadline) return;
      const count = used[at] === kind ? (used[at + 1] as number) : 0;
      if (count > 0) at += 2;
      const j = members[count];
      if (j === undefined || (this.#calls[j] as number) > deadline) continue;
      const after = this.#after[j] as number;
      if (after < 0 || this.#taken[after]) yield j;
    }
  }

  /** `used` and the operation `j`, which is available. */
  use(used: Used, j: number): Used {
    const [kind, place] = this.#placeOf[j] as readonly [number, number];
    const now = [...used];
    let at = 0;
    while (at < now.length && (now[at] as number) < kind) at += 2;
    now.splice(at, place === 0 ? 0 : 2, kind, place + 1);
    return now;
  }

  isUsed(used: Used, j: number): boolean {
    const [kind, place] = this.#placeOf[j] as readonly [number, number];
    for (let at = 0; at < used.length; at += 2) if (used[at] === kind) return (used[at + 1] as number) > place;
    return false;
  }
}

/**
 * For each client the completed operation that returned at each time. One without duration may have been first or last
 * of those at its time.
 */
function endsOf(
  operations: readonly Operation<unknown, unknown>[],
  timeline: Timeline,
): Map<string | number, Map<number, number>> {
  const ends = new Map<string | number, Map<number, number>>();
  timeline.completed.forEach((index, k) => {
    const { client, call, return: end } = operations[index] as Operation<unknown, unknown>;
    if (call === end) return;
    const ofClient = ends.get(client) ?? new Map<number, number>();
    ends.set(client, ofClient.set(end as number, k));
  });
  return ends;
}

/** One that has to wait for its client cannot stand in for others. */
function kindsOf(inputs: readonly unknown[], after: readonly number[]): number[][] {
  const kinds = new Map<unknown, number[]>();
  inputs.forEach((input, j) => {
    const kind = after[j] === -1 ? kindOf(input) : Symbol("its own kind");
    const members = kinds.get(kind);
    if (members) members.push(j);
    else kinds.set(kind, [j]);
  });
  return [...kinds.values()];
}

/** An input that has no content to compare is like no other. */
function kindOf(input: unknown): unknown {
  try {
    return canonical(input);
  } catch (error) {
    if (error instanceof SynodError) return Symbol("its own kind");
    throw error;
  }
}
