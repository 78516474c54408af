import {
  type Applied,
  type ApplyContext,
  asText,
  type Ballot,
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
import { type Batch, type BatchEntry, decodeBatch, isBatch, SESSION_LIMIT_DEFAULT } from "./batch.js";
import { type Hash64, HASH_START, hash64, hex64 } from "./hash.js";
import { second, started } from "./iterables.js";
import type { MachineSnapshot, ReplicatedMachine, ReplicatedMachineOptions } from "./machine-types.js";
import type { Outcome } from "./outcome.js";
import { Restoring } from "./restoring.js";
import { answer, checkApplied, owned } from "./results.js";
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

/**
 * Puts sessions and batches round a state machine. Pure: no clock, no randomness, no I/O.
 * @throws SynodError `InvalidArgument` for limits that are not positive integers.
 */
export function replicatedMachine<Command, Query, Result, Answer = Result>(
  options: ReplicatedMachineOptions<Command, Query, Result, Answer>,
): ReplicatedMachine<Query, Answer> {
  return new Machine(options);
}

class Machine<Command, Query, Result, Answer> implements ReplicatedMachine<Query, Answer> {
  readonly #machine: StateMachine<Command, Query, Result, Answer>;
  readonly #commands: Pick<Codec<Command>, "decode" | "decodeLasting">;
  readonly #results: Pick<Codec<Result>, "encode">;
  readonly #limits: SessionLimits;
  readonly supports: Versions;
  #versions: Versions = FIRST_VERSIONS;
  #sessions: Sessions;
  #applied: Slot = 0;
  #timeMs = 0;
  #timedBy: Ballot | null = null;
  #chain: Hash64 = HASH_START;
  /** Of the value that is being applied. */
  #isLasting = false;
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

  get timedBy(): Ballot | null {
    return this.#timedBy;
  }

  get chainHash(): string {
    return hex64(this.#chain);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  apply(slot: Slot, value: Uint8Array, isLasting: boolean = false): readonly Outcome[] {
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
    this.#isLasting = isLasting;
    if (batch) {
      this.#advance(batch);
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
    const own = hex64(hashState(this.#header(), this.#sessions.values()));
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
    const header = this.#header();
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
    this.#restoring?.retire();
    this.#restoring = new Restoring({
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
        this.#timedBy = header.timedBy;
        this.#chain = header.chain;
        this.#versions = header.versions;
        this.#broken = null;
        this.#restoring = null;
      },
    });
    return this.#restoring;
  }

  #header(): Header {
    return {
      index: this.#applied,
      timeMs: this.#timeMs,
      timedBy: this.#timedBy,
      chain: this.#chain,
      limits: this.#limits,
      sessionCount: this.#sessions.size,
      versions: this.#versions,
    };
  }

  /**
   * A leader that was cut off may have logged on, by its own clock, and what it logged may be chosen behind what a later leader did, once
   * that is lost, too. Its time would end at once what the later one granted.
   */
  #advance({ timeMs, ballot }: Batch): void {
    if (isBelow(ballot, this.#timedBy)) return;
    this.#timedBy = ballot;
    this.#timeMs = Math.max(this.#timeMs, timeMs);
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
        asText(cause),
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
      command = this.#decode(body);
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
    let reply: Reply;
    let refusal: unknown;
    // Every replica gets the same result and refuses it alike, so that stopping would only stop them all, again and again.
    try {
      reply = owned(this.#results.encode(applied.result));
    } catch (cause) {
      reply = "unencodable";
      refusal = cause;
    }
    storeReply(session, ticket.sequence, reply);
    return answer(reply, index, ticket, false, applied.events, refusal);
  }

  /** Whether bytes are refused is up to `decode` alone: other replicas, which read them off a socket, know no other way. */
  #decode(body: Uint8Array): Command {
    const codec = this.#commands;
    if (!this.#isLasting || codec.decodeLasting === undefined) return codec.decode(body);
    try {
      return codec.decodeLasting(body);
    } catch {
      return codec.decode(body);
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

/** Null is below all others. */
function isBelow(a: Ballot | null, b: Ballot | null): boolean {
  if (a === null || b === null) return b !== null;
  return a.round < b.round || (a.round === b.round && a.node < b.node);
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new SynodError("InvalidArgument", `${name} must be a positive integer, got ${value}.`);
}
