import type { Codec, StateMachine, ApplyContext, Applied } from "@synod/interface";

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
  };
}

/** The user's state machine, watched: told of each execution with its place in the log and its result. */
export function watchedMachine<Command, Query, Result, Answer>(
  inner: StateMachine<Command, Query, Result, Answer>,
  onApply: (tag: number, context: ApplyContext, result: Result) => void,
): StateMachine<Tagged<Command>, Query, Result, Answer> {
  return {
    apply: ({ tag, command }: Tagged<Command>, context: ApplyContext): Applied<Result> => {
      const applied = inner.apply(command, context);
      onApply(tag, context, applied.result);
      return applied;
    },
    query: (query: Query) => inner.query(query),
    snapshot: () => inner.snapshot(),
    restore: (chunks: Iterable<Uint8Array>) => inner.restore(chunks),
    ...(inner.digest === undefined ? {} : { digest: () => inner.digest?.() ?? "" }),
    ...(inner.nextDeadline === undefined ? {} : { nextDeadline: () => inner.nextDeadline?.() ?? null }),
  };
}
