import {
  type AppendInput,
  type AppendOutput,
  appendList,
  casRegister,
  type CasRegisterInput,
  checkLinearizability,
  counter,
  type CounterInput,
  type Model,
  type Operation,
} from "@synod/linearizability";

export type RegisterOutput = number | boolean | null | undefined;

/** What clients did with the keys of one generation, by key. */
export class History {
  readonly registers: Map<string, Operation<CasRegisterInput<number>, RegisterOutput>[]> = new Map();
  readonly lists: Map<string, Operation<AppendInput<number>, AppendOutput<number>>[]> = new Map();
  readonly counters: Map<string, Operation<CounterInput, number | undefined>[]> = new Map();

  /** @returns what is wrong, for people */
  check(): { readonly operations: number; readonly faults: readonly string[] } {
    const parts = [
      ...check(this.registers, () => casRegister<number>()),
      ...check(this.lists, () => appendList<number>()),
      ...check(this.counters, () => counter()),
    ];
    return {
      operations: parts.reduce((sum, { operations }) => sum + operations, 0),
      faults: parts.flatMap(({ fault }) => (fault === null ? [] : [fault])),
    };
  }
}

function* check<Input, Output, State>(
  histories: ReadonlyMap<string, readonly Operation<Input, Output>[]>,
  model: () => Model<State, Input, Output>,
): Generator<{ readonly operations: number; readonly fault: string | null }> {
  for (const [key, history] of histories) {
    const result = checkLinearizability(model(), history);
    const operations = history.length;
    if (result.ok === true) yield { operations, fault: null };
    else if (result.ok === false) yield { operations, fault: `${key} is not linearizable. ${result.explanation.text}` };
    else yield { operations, fault: `${key}: whether it is linearizable was not found out` };
  }
}
