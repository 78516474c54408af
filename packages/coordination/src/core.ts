import {
  type Clock,
  offAbort,
  onAbort,
  type Random,
  type Service,
  SynodError,
  type SynodErrorCode,
  type Watched,
} from "@synod/interface";
import { randomHex, systemClock, systemRandom } from "@synod/interface/host";
import { aborted } from "./endable.js";
import type {
  CoordinationAnswer,
  CoordinationCommand,
  CoordinationQuery,
  CoordinationResult,
  RefusalReason,
} from "./types.js";

/** A node of `@synod/node`, a client of `@synod/client`: whatever speaks to a coordination machine. */
export type CoordinationService = Pick<
  Service<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>,
  "propose" | "read" | "watch"
>;

export interface CoordinationOptions {
  /** The host's monotonic clock by default. */
  readonly clock?: Clock;
  /** The host's by default. It must not repeat what another process draws. */
  readonly random?: Random;
}

/** What every call may be given. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Kinds of results but refusals, which are thrown. */
export type ResultKind = Exclude<CoordinationResult["kind"], "refused">;

/** A call that may be made again and again ended for good. */
export interface Settled<Kind extends ResultKind> {
  readonly result: Extract<CoordinationResult, { readonly kind: Kind }>;
  /** When the attempt began that was answered. */
  readonly sentMs: number;
}

/** Another try may go better. */
const TRANSIENT: readonly SynodErrorCode[] = ["NotProposed", "OutcomeUnknown", "Busy", "NoLeader", "SessionUnknown"];
/** What may change keys. */
const WRITES: readonly CoordinationCommand["kind"][] = ["put", "delete", "deleteRange", "transaction", "endLeases"];
const BACK_OFF_MIN_MS = 20;
const BACK_OFF_MAX_MS = 1_000;

const TEXTS: Record<RefusalReason, [code: SynodErrorCode, text: (limit: number) => string]> = {
  keyTooLarge: ["TooLarge", (limit) => `A key or name has at most ${limit} bytes.`],
  valueTooLarge: ["TooLarge", (limit) => `A value has at most ${limit} bytes here.`],
  stateFull: [
    "Busy",
    (limit) => `The state has the ${limit} bytes that it may have: delete something, then try again.`,
  ],
  noLease: ["LeaseLost", () => "The lease has expired or was ended: grant a new one."],
  leasesFull: ["Busy", (limit) => `There are ${limit} leases, and no more may be: end some, or let them expire.`],
  requestsFull: ["Busy", (limit) => `There are ${limit} lock requests, and no more may be. Try again later.`],
  queueFull: ["Busy", (limit) => `${limit} requests wait for this lock, and no more may. Try again later.`],
  notHeld: ["LeaseLost", () => "It is not held any more."],
  numberTooLarge: ["TooLarge", () => "The number would leave the range of safe integers."],
};

/** Tells any number of listeners, of which a host would warn, that the client was closed. */
export class Closing {
  readonly #listeners = new Set<() => void>();
  #reason: SynodError | null = null;

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get reason(): SynodError | null {
    return this.#reason;
  }

  close(): void {
    this.#reason ??= new SynodError("Closed", "The coordination client was closed.");
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** @returns what ends it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** What all parts of a coordination client share: calls, time, identifiers, and its end. */
export class Core {
  readonly service: CoordinationService;
  readonly clock: Clock;
  readonly #random: Random;
  /** With the reason, once this client is closed. */
  readonly closed: Closing = new Closing();
  readonly #background = new Set<Promise<void>>();
  readonly #beginnings = new Set<Promise<void>>();

  constructor(service: CoordinationService, options: CoordinationOptions) {
    this.service = service;
    this.clock = options.clock ?? systemClock();
    this.#random = options.random ?? systemRandom();
  }

  /** 128 random bits in hexadecimal digits. */
  newId(): string {
    return randomHex(this.#random);
  }

  /** One attempt. @throws SynodError what `Service.propose` throws, and what the machine refused. */
  async propose<Kind extends ResultKind>(
    kind: Kind,
    command: CoordinationCommand,
    { signal }: CallOptions = {},
  ): Promise<Extract<CoordinationResult, { readonly kind: Kind }>> {
    // Nothing is held up where nothing is asked for.
    if (this.#beginnings.size > 0 && WRITES.includes(command.kind)) await this.#begun(signal);
    // What is held is given back even then.
    if (command.kind !== "endLeases") this.#checkOpen();
    const result = await this.service.propose(command, signal === undefined ? {} : { signal });
    if (result.kind === "refused") throw refusal(result.reason, result.limit);
    return expectKind<CoordinationResult, Kind>(result, kind);
  }

  async read<Kind extends CoordinationAnswer["kind"]>(
    kinds: readonly Kind[],
    query: CoordinationQuery,
    { signal }: CallOptions = {},
  ): Promise<Extract<CoordinationAnswer, { readonly kind: Kind }>> {
    this.#checkOpen();
    const answer = await this.service.read(query, signal === undefined ? {} : { signal });
    if (answer.kind === "compacted" && !(kinds as readonly string[]).includes("compacted")) {
      throw compacted(answer.compacted);
    }
    return expectKind<CoordinationAnswer, Kind>(answer, ...kinds);
  }

  /**
   * For a command that asks for the same however often it is executed: again and again until it is answered, the signal
   * aborts, or another try cannot help. `unknown` is called before the first attempt of which it is not known whether it took effect.
   */
  async settle<Kind extends ResultKind>(
    kind: Kind,
    command: CoordinationCommand,
    options: { readonly signal: AbortSignal; readonly unknown?: () => void },
  ): Promise<Settled<Kind>> {
    for (let pauseMs = BACK_OFF_MIN_MS; ; pauseMs = Math.min(2 * pauseMs, BACK_OFF_MAX_MS)) {
      const sentMs = this.clock.now();
      try {
        return { result: await this.propose(kind, command, options), sentMs };
      } catch (cause) {
        if (!(cause instanceof SynodError) || !TRANSIENT.includes(cause.code)) throw cause;
        if (cause.code === "OutcomeUnknown") options.unknown?.();
        // What the machine refused for its limits is not worth another try: nobody knows when there is room.
        if (options.signal.aborted || cause.details["refused"] === true) throw cause;
        await this.sleep(pauseMs * (0.5 + this.#random.uint32() / 2 ** 33), options.signal);
      }
    }
  }

  /** The next answer of a watch, tried again while it is refused for the moment; null: the signal aborted. */
  async next(query: CoordinationQuery, signal: AbortSignal): Promise<CoordinationAnswer | null> {
    for await (const { answer } of this.watch(query, signal)) return answer;
    return null;
  }

  /** Ends without an error when the signal aborts. */
  async *watch(
    query: CoordinationQuery,
    signal: AbortSignal,
  ): AsyncGenerator<Watched<CoordinationQuery, CoordinationAnswer>, void> {
    let at: CoordinationQuery = query;
    for (let pauseMs = BACK_OFF_MIN_MS; ; pauseMs = Math.min(2 * pauseMs, BACK_OFF_MAX_MS)) {
      try {
        for await (const watched of this.service.watch(at, { signal })) {
          pauseMs = BACK_OFF_MIN_MS;
          yield watched;
          if (watched.next === null) return;
          at = watched.next;
        }
        return;
      } catch (cause) {
        if (signal.aborted) return;
        if (!(cause instanceof SynodError) || !TRANSIENT.includes(cause.code)) throw cause;
        await this.sleep(pauseMs, signal);
      }
    }
  }

  /** Ends early when the signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.clock.timer(delayMs, done);
      signal.addEventListener("abort", done);
    });
  }

  /** Work that nobody waits for but `close`. What it throws is of no more use to anybody. */
  later(work: Promise<unknown>): void {
    const quiet = work.then(
      () => {},
      () => {},
    );
    this.#background.add(quiet);
    void quiet.then(() => this.#background.delete(quiet));
  }

  /**
   * Of a watch: the revision with which it begins. What this client changes from now on waits until it is known, so that it comes after it: a
   * read is answered from what is there when it is answered, and commands may overtake it.
   */
  begins(beginning: Promise<number>): Promise<number> {
    const known = beginning.then(
      () => {},
      () => {},
    );
    this.#beginnings.add(known);
    void known.then(() => this.#beginnings.delete(known));
    return beginning;
  }

  /** All watches have begun that were called for, or there is nothing to wait for any more. */
  async #begun(signal: AbortSignal | undefined): Promise<void> {
    const until = new Linked(signal, this.closed);
    await Promise.race([aborted(until.signal), Promise.all(this.#beginnings)]);
    until.dispose();
  }

  async idle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  #checkOpen(): void {
    if (this.closed.aborted) throw this.closed.reason;
  }
}

/** A signal that follows others, and a deadline. To be disposed of, so that no listener stays behind. */
export class Linked {
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];

  constructor(...signals: readonly (AbortSignal | Closing | undefined)[]) {
    for (const signal of signals) {
      if (signal === undefined) continue;
      const follow = (): void => this.abort(signal.reason);
      if (signal.aborted) follow();
      else this.#undo.push(signal instanceof Closing ? signal.subscribe(follow) : listen(signal, follow));
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  after(clock: Clock, delayMs: number, reason: () => unknown): this {
    this.#undo.push(clock.timer(delayMs, () => this.abort(reason())));
    return this;
  }

  abort(reason: unknown): void {
    if (!this.signal.aborted) this.#controller.abort(reason);
  }

  dispose(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }
}

/** Callers give one signal to many calls: a host would warn of a listener for each. */
function listen(signal: AbortSignal, listener: () => void): () => void {
  onAbort(signal, listener);
  return () => offAbort(signal, listener);
}

function refusal(reason: RefusalReason, limit: number): SynodError {
  const [code, text] = TEXTS[reason];
  return new SynodError(code, text(limit), { details: { refused: true, reason, limit } });
}

export function compacted(revision: number): SynodError {
  return new SynodError(
    "Compacted",
    `The history up to revision ${revision} is forgotten. Read the present state, and go on from its revision.`,
    { details: { compacted: revision } },
  );
}

/** A machine of another kind, or of a later release, is at the other end. */
function expectKind<T extends { readonly kind: string }, Kind extends T["kind"]>(
  value: T,
  ...kinds: readonly Kind[]
): Extract<T, { readonly kind: Kind }> {
  if ((kinds as readonly string[]).includes(value.kind)) return value as Extract<T, { readonly kind: Kind }>;
  throw new SynodError("Malformed", `An answer of kind ${kinds.join(" or ")} was expected, not ${value.kind}.`);
}
