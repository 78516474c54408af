import { type SessionId, type SnapshotSink, type StateMachine, SynodError } from "@synod/interface";
import {
  type BatchEntry,
  cowMap,
  encodeBatch,
  type Outcome,
  type ReplicatedMachine,
  type ReplicatedMachineOptions,
  replicatedMachine,
} from "../src/index.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const text = (bytes: Uint8Array): string => decoder.decode(bytes);
export const NONCE = "00112233445566778899aabbccddeeff";
export const NOOP: Uint8Array = Uint8Array.of(0);

/** `add <key> <amount> [<padding>]`; the result is the new number and as many dots as the padding says. */
export interface Add {
  key: string;
  amount: number;
  padding: number;
}

export const addCodec = {
  decode(bytes: Uint8Array): Add {
    const match = /^add (\w+) (-?\d+)(?: (\d+))?$/.exec(text(bytes));
    if (!match) throw new SynodError("Malformed", "no add");
    return { key: match[1] ?? "", amount: Number(match[2]), padding: Number(match[3] ?? 0) };
  },
};

export const textCodec = {
  encode: (result: string): Uint8Array => encoder.encode(result),
};

/** Numbers by key. Its snapshot is the plainest generator that a user would write, one entry a chunk. */
export class Numbers implements StateMachine<Add, string, string, number> {
  readonly map = cowMap<string, number>();
  applications = 0;

  apply({ key, amount, padding }: Add) {
    this.applications += 1;
    const value = (this.map.get(key) ?? 0) + amount;
    this.map.set(key, value);
    return { result: `${value}${".".repeat(padding)}`, events: [key] };
  }

  query(key: string): number {
    return this.map.get(key) ?? 0;
  }

  *snapshot(): Generator<Uint8Array> {
    for (const entry of this.map.snapshot()) yield encoder.encode(JSON.stringify(entry));
  }

  restore(): SnapshotSink {
    this.map.clear();
    return {
      write: (chunk) => {
        const [key, value] = JSON.parse(text(chunk)) as [string, number];
        this.map.set(key, value);
      },
      end: () => undefined,
    };
  }

  digest(): string {
    return JSON.stringify([...this.map]);
  }
}

type NumbersOptions = Partial<ReplicatedMachineOptions<Add, string, string, number>>;

export function restore(machine: { restore(): SnapshotSink }, chunks: Iterable<Uint8Array>): void {
  const sink = machine.restore();
  for (const chunk of chunks) sink.write(chunk);
  sink.end();
}

export function numbersMachine(options: NumbersOptions = {}): ReplicatedMachine<string, number> {
  return replicatedMachine({
    stateMachine: new Numbers(),
    commandCodec: addCodec,
    resultCodec: textCodec,
    ...options,
  });
}

export const open = (limit?: number): BatchEntry => ({
  kind: "open",
  nonce: NONCE,
  ...(limit !== undefined && { limit }),
});

export const command = (session: SessionId, sequence: number, body: string, floor = 0): BatchEntry => ({
  kind: "command",
  ticket: { session, sequence, floor },
  body: encoder.encode(body),
});

export const close = (session: SessionId): BatchEntry => ({ kind: "close", session });

/** Applies a batch at the next slot. */
export function applyNext(
  machine: ReplicatedMachine<string, number>,
  timeMs: number,
  ...entries: BatchEntry[]
): readonly Outcome[] {
  return machine.apply(machine.applied + 1, encodeBatch(timeMs, entries));
}

/** One outcome as a short text. */
export function brief(outcome: Outcome | undefined): string {
  if (!outcome) return "nothing";
  switch (outcome.kind) {
    case "result":
      return `${text(outcome.reply)}${outcome.cached ? " (cached)" : ""}`;
    case "invalidCommand":
      return `invalid${outcome.cached ? " (cached)" : ""}`;
    case "opened":
      return `opened ${outcome.session.slot}.${outcome.session.index}`;
    case "closed":
      return `closed ${outcome.existed}`;
    default:
      return outcome.kind;
  }
}

/** The machine's whole comparable state. */
export const facts = (machine: ReplicatedMachine<string, number>) => ({
  applied: machine.applied,
  timeMs: machine.timeMs,
  chainHash: machine.chainHash,
  digest: machine.digest(),
  sessionCount: machine.sessionCount,
  nextDeadline: machine.nextDeadline(),
});

export function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

export function codeOf(run: () => unknown): string | undefined {
  const error = thrown(run);
  if (error === undefined) return undefined;
  return error instanceof SynodError ? error.code : `not a SynodError: ${error instanceof Error ? error.stack : "?"}`;
}
