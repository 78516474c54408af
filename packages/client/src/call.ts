import { setMaxListeners } from "node:events";
import { SynodError } from "@synod/interface";
import { backoffMs } from "@synod/transport-tcp/framing";
import type { Answer, Connection } from "./connection.js";
import type { Context } from "./context.js";
import type { Pool, Sendable, Target } from "./pool.js";
import type { Deadlines, Timed } from "./protocol/deadlines.js";
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
  readonly calls: Set<{ giveUp(text: string, cause?: unknown): void }>;
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
export class Call<T> implements Sendable, Timed {
  readonly promise: Promise<T>;
  readonly untilMs: number;
  readonly #shared: CallShared;
  readonly #plan: CallPlan<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.giveUp("the signal was aborted", this.#signal?.reason);
  #resolve: (value: T) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #ended = false;
  /** Attempts without an answer that proves that they had no effect. */
  #open = 0;
  #attempts = 0;
  #last: SynodError | null = null;
  #avoid: Connection | null = null;
  /** Gives up what the call waits for now. */
  #release: () => void = () => {};

  constructor(shared: CallShared, plan: CallPlan<T>, { signal, timeoutMs }: CallOptions) {
    this.#shared = shared;
    this.#plan = plan;
    this.#signal = signal;
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
    if (this.#signal?.aborted === true) this.#onAbort();
    else {
      if (this.#signal !== undefined) {
        // Many calls with one signal are no leak.
        setMaxListeners(0, this.#signal);
        this.#signal.addEventListener("abort", this.#onAbort, { once: true });
      }
      this.#shared.deadlines.add(this);
      this.#shared.calls.add(this);
    }
    return this;
  }

  /** The first attempt, as soon as a server takes it. */
  go(): this {
    if (!this.#ended) this.#submit();
    return this;
  }

  /** Waits for something of the client's own before `go`; `release` gives it up. */
  waitFor(release: () => void): void {
    this.#release = release;
  }

  sendOn(connection: Connection): void {
    const { context } = this.#shared;
    const leftMs = this.untilMs - context.clock.now();
    const frameBytesMax = connection.welcome?.limits.frameBytesMax ?? 0;
    if (this.#plan.bytes > frameBytesMax) {
      const text = `the request has ${this.#plan.bytes} bytes; the server takes up to ${frameBytesMax}`;
      return this.#stopWith(new SynodError("TooLarge", text, { details: { limit: frameBytesMax } }));
    }
    this.#open++;
    this.#attempts++;
    this.#avoid = connection;
    this.#plan.sent?.(connection);
    let open = true;
    const cancel = connection.request((id) => this.#plan.request(id, this.#attemptMs(leftMs)), {
      bytes: this.#plan.bytes,
      answered: (answer) => {
        open = false;
        this.#answered(answer);
      },
      lost: (error) => {
        open = false;
        this.#failed(lossOf(error));
      },
    });
    // The connection may have ended over it, and what the call waits for now is something else.
    if (open) this.#release = cancel;
  }

  expire(): void {
    this.giveUp("no answer within the time limit");
  }

  /** Ends the call where it stands. */
  giveUp(why: string, cause?: unknown): void {
    const { pool } = this.#shared;
    const nobody = pool.readyCount === 0;
    const text = nobody ? `${why}: no server is connected (${pool.describe()})` : why;
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
    this.#release = () => this.#shared.pool.withdraw(this);
    this.#shared.pool.submit(this);
  }

  #answered(answer: Answer): void {
    if (answer.kind === "failure") return this.#failed(failureOf(answer));
    try {
      this.#succeed(this.#plan.read(answer));
    } catch (error) {
      this.#fail(error);
    }
  }

  #failed(failure: Failure): void {
    const { error, notProposed, forAll, retry } = failure;
    if (this.#ended) return;
    if (notProposed) this.#open--;
    this.#last = error;
    this.#release = () => {};
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
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#shared.deadlines.delete(this);
    this.#shared.calls.delete(this);
    this.#release();
    this.#release = () => {};
    this.#plan.ended?.();
    return true;
  }
}
