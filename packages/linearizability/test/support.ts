import { anyOutput, type Model, type Operation } from "../src/index.js";

/** Numbers from 0 to 1, the same for the same seed. (mulberry32) */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Recording<Input, Output> {
  readonly seed: number;
  readonly operations: number;
  readonly clients: number;
  /** Part of the operations whose answer is lost; half of these took effect. */
  readonly lost?: number;
  readonly next: (random: () => number, client: number) => Input;
  /** The real object: changes and answers. */
  readonly apply: (input: Input) => Output;
}

/** What clients of a correct object see: each operation takes effect at one moment between call and return. */
export function record<Input, Output>(options: Recording<Input, Output>): Operation<Input, Output>[] {
  const random = randomOf(options.seed);
  const history: Operation<Input, Output>[] = [];
  const open = new Map<number, { call: number; input: Input; output: { value: Output } | null }>();
  let called = 0;
  for (let time = 0; called < options.operations || open.size > 0; time += 1) {
    const client = Math.floor(random() * options.clients);
    const now = open.get(client);
    if (!now) {
      if (called === options.operations) continue;
      called += 1;
      open.set(client, { call: time, input: options.next(random, client), output: null });
      continue;
    }
    const loses = random() < (options.lost ?? 0) / 2;
    if (loses) history.push({ client, call: now.call, return: null, input: now.input });
    else if (!now.output) now.output = { value: options.apply(now.input) };
    else history.push({ client, call: now.call, return: time, input: now.input, output: now.output.value });
    if (loses || history.at(-1)?.return === time) open.delete(client);
  }
  return history;
}

/** Tries every order of every choice of the operations of unknown outcome. */
export function bruteForce<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const parts = new Map<unknown, Operation<Input, Output>[]>();
  for (const one of history) {
    const key = model.partition?.(one.input);
    parts.set(key, [...(parts.get(key) ?? []), one]);
  }
  return [...parts.values()].every((part) => someOrder(model, model.init(), part));
}

function someOrder<State, Input, Output>(
  model: Model<State, Input, Output>,
  state: State,
  left: readonly Operation<Input, Output>[],
): boolean {
  if (left.every((one) => one.return === null)) return true;
  return left.some((one, index) => {
    const others = left.filter((other) => other !== one);
    if (left.some((other, before) => other !== one && comesBefore(other, one, before < index))) return false;
    const seen = one.return === null ? anyOutput : (one.output as Output);
    const step = model.step(state, one.input, seen);
    return step.ok && someOrder(model, step.state, others);
  });
}

function comesBefore(a: Operation<unknown, unknown>, b: Operation<unknown, unknown>, stoodBefore: boolean): boolean {
  if (a.return === null) return false;
  if (a.return < b.call) return true;
  // One client does one thing after the other, also when its clock stands still.
  if (a.client !== b.client || a.return !== b.call) return false;
  return a.call < b.call || (b.return !== null && (b.return > a.return || stoodBefore));
}

/** Whether an order that the checker gave holds all completed operations, keeps real time and is legal. */
export function isWitness<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  order: readonly number[],
): boolean {
  const operations = order.map((index) => history[index] as Operation<Input, Output>);
  if (new Set(order).size !== order.length) return false;
  let latestCall = Number.NEGATIVE_INFINITY;
  let state = model.init();
  for (const one of operations) {
    // None before it in the order was called after it returned.
    if ((one.return ?? Infinity) < latestCall) return false;
    latestCall = Math.max(latestCall, one.call);
    const step = model.step(state, one.input, one.return === null ? anyOutput : (one.output as Output));
    if (!step.ok) return false;
    state = step.state;
  }
  return true;
}
