import type { SnapshotSink, StateMachine } from "@synod/interface";
import { anyOutput, type Model } from "@synod/linearizability";

export type Command =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "append"; readonly key: string; readonly value: string };

export interface Query {
  readonly type: "get";
  readonly key: string;
}

/** The value after a command, or of a query: null for a key that was never written. */
export type Result = string | null;

export function step(value: Result, input: Command | Query): Result {
  if (input.type === "get") return value;
  return input.type === "put" ? input.value : (value ?? "") + input.value;
}

/** Texts by key; remembers all that it executed. */
export class TextMachine implements StateMachine<Command, Query, Result> {
  readonly values = new Map<string, string>();
  readonly executed: Command[] = [];

  apply(command: Command): { result: Result } {
    const result = step(this.values.get(command.key) ?? null, command);
    this.values.set(command.key, result ?? "");
    this.executed.push(command);
    return { result };
  }

  query({ key }: Query): Result {
    return this.values.get(key) ?? null;
  }

  *snapshot(): Iterable<Uint8Array> {
    yield new TextEncoder().encode(this.digest());
  }

  restore(): SnapshotSink {
    let text = "";
    return {
      write: (chunk) => {
        text += new TextDecoder().decode(chunk);
      },
      end: () => {
        this.values.clear();
        for (const [key, value] of JSON.parse(text) as [string, string][]) this.values.set(key, value);
      },
    };
  }

  digest(): string {
    return JSON.stringify([...this.values].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** One key after the other, as a single client would see it. */
export const textModel: Model<Result, Command | Query, Result> = {
  init: () => null,
  step: (state, input, output) => {
    const after = step(state, input);
    return output === anyOutput || output === after ? { ok: true, state: after } : { ok: false };
  },
  partition: ({ key }) => key,
  key: (state) => state,
  readOnly: ({ type }) => type === "get",
};
