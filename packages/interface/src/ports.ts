/** Time as the node sees it. Nothing in Synod reads a clock in another way. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start, with fractions. Never the wall clock. */
  now(): number;
  /** Calls once, not before `delayMs` have passed. Returns the cancelling function. */
  timer(delayMs: number, callback: () => void): () => void;
  /** Calls once, after the input that is ready now has been delivered (`setImmediate` in Node.js), in the order asked for. */
  soon(callback: () => void): void;
}

/** Source of randomness. */
export interface Random {
  /** Uniform integer from 0 to 2^32 - 1. */
  uint32(): number;
}

/** Facts that belong to a log line or a metric. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where log lines go. A line marks a rare event; there is none per command. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** Where numbers go. Names are `snake_case` with the unit last. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, delta?: number, labels?: Readonly<Record<string, string>>): void;
  /** Sets a value that goes up and down. */
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Adds one observation to a distribution. */
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Drops every number that has all of these labels: who they name is gone for good, as a member that was removed. */
  forget?(labels: Readonly<Record<string, string>>): void;
}

/** Values to bytes and back. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  /**
   * The result shares no memory with `bytes`.
   * @throws SynodError `Malformed`, `VersionUnsupported` or `TooLarge`; nothing else.
   */
  decode(bytes: Uint8Array): T;
  /**
   * Gives and refuses exactly what `decode` does, but the result may have views of `bytes`, which nobody changes any more, and which must not be
   * written into. A node asks it for commands of the log that it found at its start, and other replicas ask `decode` for the same ones: where
   * the two differ, replicas part. So whoever wraps a codec wraps both, or leaves this out, and `decode` is asked. The log is in memory as
   * pieces of some MiB: each view keeps its piece there.
   */
  decodeLasting?(bytes: Uint8Array): T;
}
