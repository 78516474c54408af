import {
  type Applied,
  type ApplyContext,
  type Codec,
  type SessionId,
  type SessionTicket,
  type Slot,
  type SnapshotSink,
  type StateMachine,
  SynodError,
  type Versions,
  type Watched,
} from "@synod/interface";
import { type BatchEntry, decodeBatch, isBatch, SESSION_LIMIT_DEFAULT } from "./batch.js";
import { type Hash64, HASH_START, hash64, hex64 } from "./hash.js";
import { second, started } from "./iterables.js";
import type { Outcome } from "./outcome.js";
import { Restoring } from "./restoring.js";
import { writeSections } from "./sections.js";
import { type Reply, type Session, type SessionLimits, Sessions, storeReply } from "./sessions.js";
import { checkLimits, hashState, type Header, snapshotSections } from "./snapshot.js";
import {
  checkSupported,
  checkVersions,
  FIRST_VERSIONS,
  higherVersions,
  LOG_VERSION,
  versionsAbove,
} from "./versions.js";

export interface ReplicatedMachineOptions<Command, Query, Result, Answer = Result> {
  /** The automaton, in its start state. From here on it is driven by the replicated machine alone. */
  readonly stateMachine: StateMachine<Command, Query, Result, Answer>;
  /** Reads the bodies of commands. Whether it refuses bytes must depend on these bytes alone. */
  readonly commandCodec: Pick<Codec<Command>, "decode">;
  /** Writes results; equal results give equal bytes. */
  readonly resultCodec: Pick<Codec<Result>, "encode">;
  /** Logged time after which an unused session is forgotten. Default 600,000. Equal on all replicas, for good. */
  readonly sessionTtlMs?: number;
  /** Most sessions at a time. Default 100,000. Equal on all replicas, for good. */
  readonly sessionsMax?: number;
  /** A session that keeps as many bytes of replies executes nothing more until its floor rises. Default 8 MiB. Equal on all replicas, for good. */
  readonly sessionReplyBytesMax?: number;
  /** What this node supports. Default: wire 1, `LOG_VERSION`, and the state machine's own `version`. */
  readonly supports?: Versions;
}

/** A snapshot under way. */
export interface MachineSnapshot {
  /** Everything up to this slot is in it. */
  readonly index: Slot;
  /** Chunks of at most 64 KiB, made as they are pulled; once. To give a snapshot up, call `chunks.return()`. */
  readonly chunks: Generator<Uint8Array, void>;
}

/** A state machine behind exactly-once sessions, fed by the chosen values of a log. */
export interface ReplicatedMachine<Query, Answer> {
  /** Last slot applied; 0 at the start. */
  readonly applied: Slot;
  /** Logged time in milliseconds. */
  readonly timeMs: number;
  /** Hash of all values up to `applied`, 16 hexadecimal digits: equal where the logs are equal. */
  readonly chainHash: string;
  readonly sessionCount: number;
  /** In force, as the log says up to `applied`. */
  readonly versions: Versions;
  /** What this node supports, at most. */
  readonly supports: Versions;
  /**
   * Applies the chosen value of the next slot. A batch gives one outcome for each of its entries, in order; every other
   * value only counts and changes the chain hash.
   * @throws SynodError `InvariantViolated` if `slot` is not `applied` + 1; `Malformed` or `VersionUnsupported` for a batch
   * that cannot be read or raises a version above what this node supports (nothing has changed then); `ApplyFailed` if the state machine threw (its error is the cause). After `ApplyFailed` this machine is of no more use: the node stops.
   */
  apply(slot: Slot, value: Uint8Array): readonly Outcome[];
  /** Asks the state machine. Errors are its own. */
  query(query: Query): Answer;
  /** What the state machine has for who watches `query`; undefined if it offers no watches. Errors are its own. */
  watch(query: Query): Watched<Query, Answer> | null | undefined;
  /**
   * Short text that is equal where sessions, logged time, limits, versions and the state machine's own digest are equal, whatever
   * led there. Takes time in proportion to the stored replies.
   */
  digest(): string;
  /** What the state machine says of its own state; null if it offers no `digest`. Its cost is that of the state machine's. */
  machineDigest(): string | null;
  /** Earliest logged time at which a session expires or the state machine wants to be called; null if never. */
  nextDeadline(): number | null;
  /** The state as of this call; `apply` may go on while the chunks are pulled. */
  snapshot(): MachineSnapshot;
  /**
   * Replaces the state by that of a snapshot. Its chunks are written one at a time and may be cut in any way; the state is that
   * of the snapshot after `end`. A restore that was not brought to its end is given up by beginning another one.
   * `write` and `end` throw SynodError `InvariantViolated` for one below `applied`; `InvalidConfiguration` if it was made with other
   * session limits; `VersionUnsupported` if its versions are above what this node supports; `Malformed`; besides what the state machine's `restore` throws. If it fails
   * after that began, the machine refuses everything but another `restore`; otherwise nothing has changed.
   */
  restore(): SnapshotSink;
}

/**
 * Puts sessions and batches round a state machine. Pure: no clock, no randomness, no I/O.
 * @throws SynodError `InvalidArgument` for limits that are not positive integers.
 */
export function replicatedMachine<Command, Query, Result, Answer = Result>(
  options: ReplicatedMachineOptions<Command, Query, Result, Answer>,
): ReplicatedMachine<Query, Answer> {
  return new Machine(options);
}

/** So many bytes are kept in an object itself, without a buffer (V8). */
const SMALL_BYTES = 64;

class Machine<Command, Query, Result, Answer> implements ReplicatedMachine<Query, Answer> {
  readonly #machine: StateMachine<Command, Query, Result, Answer>;
  readonly #commands: Pick<Codec<Command>, "decode">;
  readonly #results: Pick<Codec<Result>, "encode">;
  readonly #limits: SessionLimits;
  readonly supports: Versions;
  #versions: Versions = FIRST_VERSIONS;
  #sessions: Sessions;
  #applied: Slot = 0;
  #timeMs = 0;
  #chain: Hash64 = HASH_START;
  /** Why the state can no longer be trusted. */
  #broken: { readonly cause: unknown } | null = null;
  #restoring: Restoring | null = null;

  constructor(options: ReplicatedMachineOptions<Command, Query, Result, Answer>) {
    this.#machine = options.stateMachine;
    this.#commands = options.commandCodec;
    this.#results = options.resultCodec;
    this.#limits = {
      sessionTtlMs: positive("sessionTtlMs", options.sessionTtlMs ?? 600_000),
      sessionsMax: positive("sessionsMax", options.sessionsMax ?? 100_000),
      sessionReplyBytesMax: positive("sessionReplyBytesMax", options.sessionReplyBytesMax ?? 8 * 1024 * 1024),
    };
    this.#sessions = new Sessions(this.#limits);
    this.supports = options.supports ?? { wire: 1, log: LOG_VERSION, machine: options.stateMachine.version ?? 1 };
    checkVersions(this.supports);
  }

  get versions(): Versions {
    return this.#versions;
  }

  get applied(): Slot {
    return this.#applied;
  }

  get timeMs(): number {
    return this.#timeMs;
  }

  get chainHash(): string {
    return hex64(this.#chain);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  apply(slot: Slot, value: Uint8Array): readonly Outcome[] {
    this.#checkUsable();
    if (slot !== this.#applied + 1) {
      throw new SynodError(
        "InvariantViolated",
        `Slot ${slot} cannot be applied after slot ${this.#applied}: values are applied one by one, in the order of the log.`,
        { details: { slot, applied: this.#applied } },
      );
    }
    // The whole batch is read before any of it takes effect: a value that cannot be read changes nothing.
    const batch = isBatch(value) ? decodeBatch(value) : null;
    for (const entry of batch?.entries ?? []) {
      if (entry.kind === "raise") checkSupported(`Slot ${slot} of the log`, entry.versions, this.supports);
    }
    const outcomes: Outcome[] = [];
    if (batch) {
      this.#timeMs = Math.max(this.#timeMs, batch.timeMs);
      this.#sessions.expire(this.#timeMs);
      this.#tick(slot);
      batch.entries.forEach((entry, index) => outcomes.push(this.#entry(entry, slot, index)));
    }
    this.#applied = slot;
    this.#chain = hash64(this.#chain, slot, value);
    return outcomes;
  }

  query(query: Query): Answer {
    this.#checkUsable();
    return this.#machine.query(query);
  }

  watch(query: Query): Watched<Query, Answer> | null | undefined {
    this.#checkUsable();
    return this.#machine.watch?.(query);
  }

  digest(): string {
    this.#checkUsable();
    const own = hex64(hashState(this.#versions, this.#timeMs, this.#limits, this.#sessions.values()));
    return this.#machine.digest ? `${own}.${this.#machine.digest()}` : own;
  }

  machineDigest(): string | null {
    this.#checkUsable();
    return this.#machine.digest?.() ?? null;
  }

  nextDeadline(): number | null {
    const expiry = this.#sessions.nextExpiryMs();
    // Half way through a restore there is no state that could say one.
    const named = this.#broken === null ? (this.#machine.nextDeadline?.() ?? null) : null;
    // One that has come already brings nothing more, and must not hide that a session expires.
    const deadline = named !== null && named > this.#timeMs ? named : null;
    if (expiry === null || deadline === null) return expiry ?? deadline;
    return Math.min(expiry, deadline);
  }

  snapshot(): MachineSnapshot {
    this.#checkUsable();
    const header: Header = {
      index: this.#applied,
      timeMs: this.#timeMs,
      chain: this.#chain,
      limits: this.#limits,
      sessionCount: this.#sessions.size,
      versions: this.#versions,
    };
    // A generator does nothing before its first chunk is pulled. Pulled now, it stands on the state of now.
    const machine = started(this.#machine.snapshot());
    const table = this.#sessions.snapshot();
    const chunks = writeSections(snapshotSections(header, second(table), machine), () => {
      table.return();
      machine.return();
    });
    chunks.next();
    return { index: header.index, chunks };
  }

  restore(): SnapshotSink {
    const restoring = new Restoring({
      header: (header) => this.#checkHeader(header),
      stateMachine: () => {
        this.#broken = { cause: "a restore has begun and not come to its end" };
        return this.#machine.restore();
      },
      failed: (cause) => {
        this.#broken &&= { cause };
      },
      done: (header, sessions) => {
        const table = new Sessions(this.#limits);
        table.fill(sessions);
        this.#sessions = table;
        this.#applied = header.index;
        this.#timeMs = header.timeMs;
        this.#chain = header.chain;
        this.#versions = header.versions;
        this.#broken = null;
      },
    });
    this.#restoring = restoring;
    const checked = (call: () => void): void => {
      // The state would be a mixture of two.
      if (this.#restoring === restoring) return call();
      throw new SynodError("InvariantViolated", "Another restore has begun, or this one has ended: begin a new one.");
    };
    return {
      write: (chunk) => checked(() => restoring.write(chunk)),
      end: () =>
        checked(() => {
          restoring.end();
          this.#restoring = null;
        }),
    };
  }

  #tick(slot: Slot): void {
    const machine = this.#machine;
    if (machine.tick === undefined) return;
    try {
      const deadline = machine.nextDeadline?.() ?? null;
      if (deadline === null || deadline > this.#timeMs) return;
      machine.tick({ slot, timeMs: this.#timeMs, machineVersion: this.#versions.machine });
    } catch (cause) {
      throw this.#applyFailed("when its deadline came", { slot }, cause);
    }
  }

  #applyFailed(when: string, details: Readonly<Record<string, number>>, cause: unknown): SynodError {
    this.#broken = { cause };
    return new SynodError(
      "ApplyFailed",
      `The state machine failed ${when} (slot ${details["slot"]}), and its state can no longer be trusted. The node ` +
        "stops. Correct the state machine, then start again: the log is executed anew. " +
        String(cause),
      { cause, details },
    );
  }

  #entry(entry: BatchEntry, slot: Slot, index: number): Outcome {
    switch (entry.kind) {
      case "open": {
        const session: SessionId = { slot, index };
        const opened = this.#sessions.open(session, entry.limit ?? SESSION_LIMIT_DEFAULT, this.#timeMs);
        return opened
          ? { kind: "opened", index, nonce: entry.nonce, session }
          : { kind: "openRefused", index, nonce: entry.nonce };
      }
      case "close":
        return { kind: "closed", index, session: entry.session, existed: this.#sessions.close(entry.session) };
      case "raise": {
        const changed = versionsAbove(this.#versions, entry.versions).length > 0;
        // Never lower, whatever an earlier leader had still to propose.
        this.#versions = higherVersions(this.#versions, entry.versions);
        return { kind: "raised", index, versions: this.#versions, changed };
      }
      case "command": {
        const { ticket } = entry;
        const admission = this.#sessions.admit(ticket, this.#timeMs);
        if (admission.kind === "cached") return answer(admission.reply, index, ticket, true);
        if (admission.kind === "execute") return this.#execute(admission.session, ticket, entry.body, slot, index);
        return { kind: admission.kind, index, ticket };
      }
    }
  }

  #execute(session: Session, ticket: SessionTicket, body: Uint8Array, slot: Slot, index: number): Outcome {
    let command: Command;
    try {
      command = this.#commands.decode(body);
    } catch {
      // Every replica refuses the same bytes, so this is an answer like any other.
      storeReply(session, ticket.sequence, null);
      return answer(null, index, ticket, false);
    }
    const context: ApplyContext = {
      slot,
      index,
      timeMs: this.#timeMs,
      session: session.id,
      machineVersion: this.#versions.machine,
    };
    let applied: Applied<Result>;
    try {
      applied = checkApplied(this.#machine.apply(command, context));
    } catch (cause) {
      throw this.#applyFailed(`on command ${index}`, { slot, index }, cause);
    }
    const reply = this.#encodeResult(applied.result);
    storeReply(session, ticket.sequence, reply);
    return answer(reply, index, ticket, false, applied.events);
  }

  /** Every replica gets the same result and refuses it alike, so that stopping would only stop them all, again and again. */
  #encodeResult(result: Result): Reply {
    try {
      return owned(this.#results.encode(result));
    } catch {
      return "unencodable";
    }
  }

  #checkHeader(header: Header): void {
    if (header.index < this.#applied) {
      throw new SynodError(
        "InvariantViolated",
        `A snapshot of slot ${header.index} cannot replace a state of slot ${this.#applied}: the state never goes back.`,
        { details: { index: header.index, applied: this.#applied } },
      );
    }
    checkLimits(header.limits, this.#limits);
    checkSupported(`The snapshot of slot ${header.index}`, header.versions, this.supports);
  }

  #checkUsable(): void {
    if (this.#broken === null) return;
    throw new SynodError(
      "InvariantViolated",
      "The state can no longer be trusted, because applying or restoring failed before. Restore a snapshot into it.",
      this.#broken,
    );
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** A promise, or a result that was not wrapped, would otherwise show up as a puzzle much later. */
function checkApplied<Result>(applied: Applied<Result>): Applied<Result> {
  const value: unknown = applied;
  if (isThenable(value) || isThenable(applied?.result))
    throw new TypeError("apply returned a promise: it must be synchronous");
  if (typeof value !== "object" || value === null || !("result" in value))
    throw new TypeError("apply must return { result }");
  return applied;
}

/** The outcome of a command that has a reply, new or stored. */
function answer(
  reply: Reply,
  index: number,
  ticket: SessionTicket,
  cached: boolean,
  events?: readonly unknown[],
): Outcome {
  if (reply === null) return { kind: "invalidCommand", index, ticket, cached };
  if (reply === "unencodable") return { kind: "unencodableResult", index, ticket, cached, ...(events && { events }) };
  // Nearly all of them, made without a copy.
  if (events === undefined) return { kind: "result", index, ticket, reply, cached };
  return { kind: "result", index, ticket, reply, cached, events };
}

/** Bytes that nobody else has: encoders like to give views into a pool that would stay in memory as a whole. */
function owned(bytes: Uint8Array): Uint8Array {
  // To ask small ones for their buffer would make one for each.
  if (bytes.length <= SMALL_BYTES) return new Uint8Array(bytes);
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new SynodError("InvalidArgument", `${name} must be a positive integer, got ${value}.`);
}
