import { impurities } from "@synod/conformance";
import type { Codec, StateMachine, ApplyContext, Applied, TickContext } from "@synod/interface";

const TAG_BYTES = 4;

/** A command with the number that tells it apart from every other of its run. */
export interface Tagged<Command> {
  readonly tag: number;
  readonly command: Command;
}

/** The number in front of an encoded command. */
export function tagOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}

export function taggedCodec<Command>(inner: Codec<Command>): Codec<Tagged<Command>> {
  return {
    encode: ({ tag, command }) => {
      const body = inner.encode(command);
      const bytes = new Uint8Array(TAG_BYTES + body.length);
      new DataView(bytes.buffer).setUint32(0, tag);
      bytes.set(body, TAG_BYTES);
      return bytes;
    },
    decode: (bytes) => ({ tag: tagOf(bytes), command: inner.decode(bytes.slice(TAG_BYTES)) }),
    decodeLasting: (bytes) => {
      const body = bytes.subarray(TAG_BYTES);
      return { tag: tagOf(bytes), command: inner.decodeLasting?.(body) ?? inner.decode(body) };
    },
  };
}

/** The first calls of each machine are watched for impurities, and then one in so many. */
const WATCHED_CALLS = 10;

/** What a user's state machine does, call by call. */
export interface MachineWatch {
  /** A command was executed at its place in the log, with this result. */
  applied(tag: number, context: ApplyContext, result: unknown): void;
  /** A call used something that differs between replicas, such as `Date.now()`. */
  impure(call: string, used: readonly string[]): void;
  /** What is wrong with the state, though no command shows it. */
  flipped(): string;
}

/** The user's state machine, watched. */
export function watchedMachine<Command, Query, Result, Answer>(
  inner: StateMachine<Command, Query, Result, Answer>,
  watch: MachineWatch,
): StateMachine<Tagged<Command>, Query, Result, Answer> {
  let calls = 0;
  const pure = <T>(call: string, run: () => T): T => {
    // Each look costs much more than most calls.
    if (++calls > WATCHED_CALLS && calls % WATCHED_CALLS !== 0) return run();
    let result: { readonly value: T } | null = null;
    const used = impurities(() => {
      result = { value: run() };
    });
    if (used.length > 0) watch.impure(call, used);
    // Only an error, which came through, leaves it empty.
    return (result as unknown as { readonly value: T }).value;
  };
  return {
    apply: ({ tag, command }: Tagged<Command>, context: ApplyContext): Applied<Result> => {
      const applied = pure("apply", () => inner.apply(command, context));
      watch.applied(tag, context, applied.result);
      return applied;
    },
    query: (query: Query) => pure("query", () => inner.query(query)),
    snapshot: () => inner.snapshot(),
    restore: () => {
      const sink = pure("restore", () => inner.restore());
      return {
        write: (chunk: Uint8Array) => pure("restore", () => sink.write(chunk)),
        end: () => pure("restore", () => sink.end()),
      };
    },
    ...(inner.version === undefined ? {} : { version: inner.version }),
    ...(inner.digest === undefined ? {} : { digest: () => (inner.digest?.() ?? "") + watch.flipped() }),
    ...(inner.watch === undefined ? {} : { watch: (query: Query) => inner.watch?.(query) ?? null }),
    ...(inner.tick === undefined ? {} : { tick: (context: TickContext) => pure("tick", () => inner.tick?.(context)) }),
    ...(inner.nextDeadline === undefined ? {} : { nextDeadline: () => inner.nextDeadline?.() ?? null }),
  };
}
