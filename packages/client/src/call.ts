import { offAbort, onAbort, SynodError } from "@synod/interface";
import { backoffMs } from "@synod/transport-tcp/framing";
import type { Answer, Connection, Waiter } from "./connection.js";
import type { Context } from "./context.js";
import type { OpenCalls, Seated } from "./open-calls.js";
import type { Pool, Sendable, Target } from "./pool.js";
import { type Deadlines, NOWHERE, type Timed } from "./protocol/deadlines.js";
import { deadlineMsMax, type Request } from "./protocol/requests.js";
import { type Failure, failureOf, lossOf } from "./verdicts.js";

/** A retry after a failure that names no time waits at least and at most so long. */
const retryMinMs = 10;
const retryMaxMs = 500;
/** The server is asked to answer a little before the caller is told, so that the caller learns what the server knows. */
const earlierMsMax = 250;

export interface CallShared {
  readonly context: Context;
  readonly pool: Pool;
  readonly deadlines: Deadlines;
  /** All that have begun and not ended, so that closing can end them. */
  readonly calls: OpenCalls;
}

/** A call that is given up. */
export interface CallEnd {
  readonly text: string;
  readonly cause: unknown;
  /** Some attempt may have had, or still have, an effect. */
  readonly maybe: boolean;
  /** No server is connected. */
  readonly nobody: boolean;
  /** The client itself was closed. */
  readonly closed: boolean;
}

/** What distinguishes kinds of calls. */
export interface CallPlan<T> {
  readonly kind: Exclude<Request["kind"], "cancel" | "ping">;
  readonly to: Target;
  readonly bytes: number;
  /** Sent again after an attempt that may have had an effect. */
  readonly repeatable: boolean;
  /** One attempt; `deadlineMs` is what the server is given. */
  request(id: number, deadlineMs: number): Exclude<Request, { kind: "cancel" | "ping" }>;
  /** Reads the answer. What it throws ends the call. */
  read(answer: Exclude<Answer, { kind: "failure" }>): T;
  /** How the call ends without a result. */
  conclude(end: CallEnd): SynodError;
  /** What a failure means for this kind of call alone; null: what it means for all. */
  final?(failure: Failure): SynodError | null;
  /** Where it would best be sent. */
  prefer?(): Connection | null;
  /** An attempt leaves. */
  sent?(connection: Connection): void;
  /** At the very end, before the caller is told. */
  ended?(): void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** From now; Infinity: no deadline. */
  readonly timeoutMs: number;
}

/** One call of a user: any number of attempts, one after the other, and exactly one end. */
export class Call<T> implements Seated, Sendable, Timed, Waiter {
  readonly promise: Promise<T>;
  readonly untilMs: number;
  place: number = NOWHERE;
  seat = -1;
  readonly #shared: CallShared;
  readonly #plan: CallPlan<T>;
  readonly #signal: AbortSignal | undefined;
  /** Waits for the signal; null where there is none. */
  readonly #onAbort: ((reason: unknown) => void) | null;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #ended = false;
  /** Attempts without an answer that proves that they had no effect. */
  #open = 0;
  #attempts = 0;
  #last: SynodError | null = null;
  /** How the last attempt ended, for people. */
  #said = "";
  #avoid: Connection | null = null;
  /** The attempt under way: where, and its number there. */
  #connection: Connection | null = null;
  #id = 0;
  /** It waits for a server. */
  #queued = false;
  /** Gives up whatever else it waits for now. */
  #release: (() => void) | null = null;
  /** What stands in the way of what it waits for, for people. */
  #obstacle: (() => string) | null = null;

  constructor(shared: CallShared, plan: CallPlan<T>, { signal, timeoutMs }: CallOptions) {
    this.#shared = shared;
    this.#plan = plan;
    this.#signal = signal;
    this.#onAbort = signal === undefined ? null : (reason) => this.giveUp("the signal was aborted", reason);
    this.untilMs = shared.context.clock.now() + timeoutMs;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get kind(): Request["kind"] {
    return this.#plan.kind;
  }

  get bytes(): number {
    return this.#plan.bytes;
  }

  get to(): Target {
    return this.#plan.to;
  }

  get prefer(): Connection | null {
    return this.#plan.prefer?.() ?? null;
  }

  get avoid(): Connection | null {
    return this.#avoid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Watches the signal and the deadline. Not sent before `go`. */
  begin(): this {
    const [signal, aborted] = [this.#signal, this.#onAbort];
    if (signal !== undefined && aborted !== null) {
      if (signal.aborted) {
        aborted(signal.reason);
        return this;
      }
      onAbort(signal, aborted);
    }
    this.#shared.deadlines.add(this);
    this.#shared.calls.add(this);
    return this;
  }

  /** The first attempt, as soon as a server takes it. */
  go(): this {
    if (!this.#ended) this.#submit();
    return this;
  }

  /** Waits for something of the client's own before `go`; `release` gives it up, `obstacle` tells why it is not there yet. */
  waitFor(release: () => void, obstacle: () => string): void {
    this.#release = release;
    this.#obstacle = obstacle;
  }

  /** How its last attempt ended, for people; empty before one has. */
  get said(): string {
    return this.#said;
  }

  sendOn(connection: Connection): void {
    const { context } = this.#shared;
    const leftMs = this.untilMs - context.clock.now();
    const frameBytesMax = connection.welcome?.limits.frameBytesMax ?? 0;
    if (this.#plan.bytes > frameBytesMax) {
      const text = `the request has ${this.#plan.bytes} bytes; the server takes up to ${frameBytesMax}`;
      const error = new SynodError("TooLarge", text, { details: { limit: frameBytesMax } });
      return this.#failed({ error, notProposed: false, forAll: false, retry: false, retryAfterMs: 0 });
    }
    this.#open++;
    this.#attempts++;
    this.#queued = false;
    this.#avoid = connection;
    this.#plan.sent?.(connection);
    this.#connection = connection;
    this.#id = connection.nextId();
    connection.request(this.#plan.request(this.#id, this.#attemptMs(leftMs)), this);
  }

  answered(answer: Answer): void {
    this.#connection = null;
    if (answer.kind === "failure") {
      const failure = failureOf(answer);
      this.#said = `last a server said: ${failure.error.message}`;
      return this.#failed(failure);
    }
    let value: T;
    try {
      value = this.#plan.read(answer);
    } catch (error) {
      return this.#fail(error);
    }
    this.#succeed(value);
  }

  lost(error: SynodError): void {
    this.#connection = null;
    const failure = lossOf(error);
    this.#said = `the last connection ended: ${failure.error.message}`;
    this.#failed(failure);
  }

  expire(): void {
    this.giveUp("no answer within the time limit");
  }

  /** Ends the call where it stands. */
  giveUp(why: string, cause?: unknown): void {
    const { pool } = this.#shared;
    const nobody = pool.readyCount === 0;
    const said = this.#said || (this.#obstacle?.() ?? "");
    const seen = nobody ? [`no server is connected: ${pool.describe()}`] : [said, pool.describeDown()];
    const details = seen.filter((each) => each !== "").join("; ");
    const text = details === "" ? why : `${why} (${details})`;
    const closed = cause instanceof SynodError && cause.code === "Closed";
    this.#fail(this.#plan.conclude({ text, cause: cause ?? this.#last, maybe: this.#open > 0, nobody, closed }));
  }

  /** Ends it with this error, before anything was sent. */
  stop(error: SynodError): void {
    this.#fail(error);
  }

  /** Half of the time that is left goes to one attempt where there is another server to try. */
  #attemptMs(leftMs: number): number {
    if (leftMs === Infinity) return deadlineMsMax;
    const forIt = this.#plan.repeatable && this.#shared.pool.readyCount > 1 ? leftMs / 2 : leftMs;
    return Math.min(deadlineMsMax, Math.max(1, Math.floor(forIt - Math.min(forIt / 10, earlierMsMax))));
  }

  #submit(): void {
    if (this.#ended) return;
    this.#release = null;
    this.#queued = true;
    this.#shared.pool.submit(this);
  }

  #failed(failure: Failure): void {
    const { error, notProposed, forAll, retry } = failure;
    if (this.#ended) return;
    if (notProposed) this.#open--;
    this.#last = error;
    const final = this.#plan.final?.(failure) ?? null;
    if (final !== null) return this.#fail(final);
    if (forAll) return this.#fail(error);
    const maybe = this.#open > 0;
    if (!retry || (maybe && !this.#plan.repeatable)) return this.#stopWith(error);
    this.#again(failure);
  }

  /** As it is, unless an attempt before it may have had an effect. */
  #stopWith(error: SynodError): void {
    const maybe = this.#open > 0;
    const { message: text } = error;
    this.#fail(maybe ? this.#plan.conclude({ text, cause: error, maybe, nobody: false, closed: false }) : error);
  }

  #again({ error, retryAfterMs }: Failure): void {
    const { clock, random, metrics } = this.#shared.context;
    const failures = this.#attempts - 1;
    const pauseMs = Math.max(retryAfterMs, backoffMs(failures, { minMs: retryMinMs, maxMs: retryMaxMs, random }));
    metrics.count("synod_client_retries_total", 1, { code: error.code });
    const inTime = clock.now() + pauseMs < this.untilMs;
    // Nothing would come of waiting for the deadline.
    if (!inTime && error.code === "Busy") this.#stopWith(error);
    else if (inTime) this.#release = clock.timer(pauseMs, () => this.#submit());
  }

  #succeed(value: T): void {
    if (this.#end()) this.#resolve(value);
  }

  #fail(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#signal !== undefined && this.#onAbort !== null) offAbort(this.#signal, this.#onAbort);
    this.#shared.deadlines.delete(this);
    this.#shared.calls.delete(this);
    if (this.#queued) this.#shared.pool.withdraw(this);
    this.#connection?.cancel(this.#id);
    this.#release?.();
    this.#release = null;
    this.#plan.ended?.();
    return true;
  }
}
