import {
  type Applied,
  type ApplyContext,
  type Codec,
  type SnapshotSink,
  type StateMachine,
  SynodError,
} from "@synod/interface";
import { anyOutput, type AnyOutput, type Model } from "@synod/linearizability";
import type { Workload } from "./workload.js";

export type KeyValueCommand =
  | { readonly type: "put"; readonly key: string; readonly value: number }
  | { readonly type: "cas"; readonly key: string; readonly expected: number | null; readonly value: number }
  | { readonly type: "incr"; readonly key: string };

export interface KeyValueQuery {
  readonly type: "get";
  readonly key: string;
}

/** Of `put`: the value before. Of `cas`: whether it was swapped. Of `incr`: the new value. Of `get`: the value. */
export type KeyValueResult = number | boolean | null;

/** Numbers by key. From version 2 on it counts the commands of each key, and from version 3 on those twice that put. */
export class KeyValueMachine implements StateMachine<KeyValueCommand, KeyValueQuery, KeyValueResult> {
  readonly version: number;
  readonly #values = new Map<string, number>();
  readonly #counts = new Map<string, number>();

  constructor(version = 1) {
    this.version = version;
  }

  apply(command: KeyValueCommand, { machineVersion }: ApplyContext): Applied<KeyValueResult> {
    const { key, type } = command;
    const before = this.#values.get(key) ?? null;
    const { result, after } = step(before, command);
    if (after !== null) this.#values.set(key, after);
    // The code of an older release knows nothing of what came later.
    const version = Math.min(machineVersion, this.version);
    const counted = version < 2 ? 0 : version >= 3 && type === "put" ? 2 : 1;
    if (counted > 0) this.#counts.set(key, (this.#counts.get(key) ?? 0) + counted);
    return { result };
  }

  query({ key }: KeyValueQuery): KeyValueResult {
    return this.#values.get(key) ?? null;
  }

  *snapshot(): Iterable<Uint8Array> {
    yield new TextEncoder().encode(this.digest());
  }

  restore(): SnapshotSink {
    let text = "";
    const decoder = new TextDecoder();
    return {
      write: (chunk) => {
        text += decoder.decode(chunk);
      },
      end: () => {
        this.#values.clear();
        this.#counts.clear();
        const { values, counts } = JSON.parse(text) as Record<"values" | "counts", [string, number][]>;
        for (const [key, value] of values) this.#values.set(key, value);
        for (const [key, count] of counts) this.#counts.set(key, count);
      },
    };
  }

  digest(): string {
    const sorted = (map: Map<string, number>): [string, number][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify({ values: sorted(this.#values), counts: sorted(this.#counts) });
  }
}

function step(
  before: number | null,
  command: KeyValueCommand,
): { readonly result: KeyValueResult; readonly after: number | null } {
  switch (command.type) {
    case "put":
      return { result: before, after: command.value };
    case "cas": {
      const fits = before === command.expected;
      return { result: fits, after: fits ? command.value : before };
    }
    case "incr":
      return { result: (before ?? 0) + 1, after: (before ?? 0) + 1 };
  }
}

const model: Model<number | null, KeyValueCommand | KeyValueQuery, KeyValueResult> = {
  init: () => null,
  step: (state, input, output: KeyValueResult | AnyOutput) => {
    const { result, after } = input.type === "get" ? { result: state, after: state } : step(state, input);
    return output === anyOutput || output === result ? { ok: true, state: after } : { ok: false };
  },
  partition: (input) => input.key,
  key: (state) => state,
  readOnly: (input, output) => input.type === "get" || output === false,
  describe: (input, output) => `${JSON.stringify(input)}${output === anyOutput ? "" : ` -> ${JSON.stringify(output)}`}`,
};

/** Values as JSON text. */
export function jsonCodec<T>(): Codec<T> {
  const encoder = new TextEncoder();
  return {
    encode: (value) => {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new SynodError("InvalidArgument", `${typeof value} has no JSON text: use null`);
      return encoder.encode(text);
    },
    decode: (bytes) => {
      try {
        return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as T;
      } catch (cause) {
        throw new SynodError("Malformed", "the bytes are no JSON text", { cause });
      }
    },
  };
}

/** Clients that put, compare and set, increment and read a few keys; every value that is written is unique. */
export function keyValueWorkload(
  options: { readonly keys?: number } = {},
): Workload<KeyValueCommand, KeyValueQuery, KeyValueResult> {
  const keys = Array.from({ length: options.keys ?? 3 }, (_, i) => `k${i + 1}`);
  return {
    stateMachine: (release) => new KeyValueMachine(release),
    commandCodec: jsonCodec<KeyValueCommand>(),
    resultCodec: jsonCodec<KeyValueResult>(),
    model,
    next({ unique, random }) {
      const key = random.pick(keys);
      const kind = random.pick(["put", "cas", "incr", "get", "get"] as const);
      if (kind === "get") return { kind: "query", query: { type: "get", key } };
      // Far apart, so that increments never make a value that was written.
      const value = unique * 1_000;
      if (kind === "put") return { kind: "command", command: { type: "put", key, value } };
      if (kind === "incr") return { kind: "command", command: { type: "incr", key } };
      const expected = random.chance(0.3) ? null : random.int(1, unique) * 1_000;
      return { kind: "command", command: { type: "cas", key, expected, value } };
    },
  };
}
