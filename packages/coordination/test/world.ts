import { type Clock, type Codec, type ProposeOptions, type Random, SynodError, type Watched } from "@synod/interface";
import {
  type Coordination,
  coordination,
  coordinationCodecs,
  type CoordinationAnswer,
  type CoordinationCommand,
  type CoordinationMachine,
  type CoordinationMachineOptions,
  coordinationMachine,
  type CoordinationQuery,
  type CoordinationResult,
  type CoordinationService,
} from "../src/index.js";

const codecs = coordinationCodecs();
/** As it comes over the wire. */
const wired = <T>(codec: Codec<T>, value: T): T => codec.decode(codec.encode(value));

/** Promises that can settle have settled. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Several of them, one after the other. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 6; i++) await settled();
}

/** Virtual time: nothing happens until it is told to go on. */
export class VirtualClock implements Clock {
  nowMs = 0;
  #timers: { atMs: number; sequence: number; callback: () => void }[] = [];
  #sequence = 0;

  now(): number {
    return this.nowMs;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, sequence: this.#sequence++, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(callback: () => void): void {
    this.timer(0, callback);
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Timers that are due, in order. */
  async fire(): Promise<void> {
    await quiet();
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
      const next = due.sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence)[0];
      if (next === undefined) return;
      this.#timers = this.#timers.filter((other) => other !== next);
      next.callback();
      await quiet();
    }
  }

  next(): number | null {
    return this.#timers.length === 0 ? null : Math.min(...this.#timers.map(({ atMs }) => atMs));
  }
}

export type Fate =
  /** Executed and answered. */
  | "answered"
  /** Refused before. */
  | "notProposed"
  /** Executed, and nobody hears of it. */
  | "answerLost"
  /** Nobody hears of it, and it is executed when `deliver` is called. */
  | "late"
  /** Never executed, but nobody knows. */
  | "lost"
  /** No answer until the caller gives up. */
  | "hangs"
  /** Executed, and answered when `answer` is called. */
  | "answeredLater";

/** One machine behind a service, in virtual time; what becomes of a call is up to the test. */
export class World {
  readonly machine: CoordinationMachine;
  /** True time; logged time goes with it. */
  nowMs = 0;
  #slot = 0;
  readonly #watches = new Set<() => void>();
  readonly late: (() => void)[] = [];
  readonly #unanswered: (() => void)[] = [];
  readonly commands: CoordinationCommand[] = [];
  /** Decides on each command in turn. */
  fate: (command: CoordinationCommand) => Fate = () => "answered";
  /** Watches are at a replica that hears of nothing. */
  deaf = false;
  readonly #clocks: VirtualClock[] = [];

  constructor(options: CoordinationMachineOptions = {}) {
    this.machine = coordinationMachine(options);
  }

  execute(command: CoordinationCommand): CoordinationResult {
    const context = { slot: ++this.#slot, index: 0, timeMs: this.#tick(), session: { slot: 1, index: 0 } };
    const { result } = this.machine.apply(command, { ...context, machineVersion: 1 });
    this.#look();
    return wired(codecs.resultCodec, result);
  }

  /** A process of its own: with its own clock, which may stand still. */
  process(): { readonly client: Coordination; readonly clock: VirtualClock; readonly service: CoordinationService } {
    const clock = new VirtualClock();
    clock.nowMs = this.nowMs;
    this.#clocks.push(clock);
    const service = this.#service();
    return { client: coordination(service, { clock, random: counting() }), clock, service };
  }

  /** All processes but those that stand still, and logged time, go on. */
  async run(forMs: number, ...paused: readonly VirtualClock[]): Promise<void> {
    const running = this.#clocks.filter((clock) => !paused.includes(clock));
    const endMs = this.nowMs + forMs;
    for (;;) {
      await Promise.all(running.map((clock) => clock.fire()));
      const due = running.flatMap((clock) => clock.next() ?? []);
      this.nowMs = Math.min(endMs, ...due);
      for (const clock of running) clock.nowMs = Math.max(clock.nowMs, this.nowMs);
      this.#tick();
      if (this.nowMs >= endMs && !due.some((atMs) => atMs <= endMs)) break;
    }
    await Promise.all(running.map((clock) => clock.fire()));
  }

  /** Logged time alone. */
  pass(forMs: number): void {
    this.nowMs += forMs;
    this.#tick();
  }

  /** What was late arrives. */
  deliver(): void {
    for (const run of this.late.splice(0)) run();
  }

  /** As an idle leader does. */
  #tick(): number {
    const timeMs = Math.floor(this.nowMs);
    const deadline = this.machine.nextDeadline?.() ?? null;
    if (deadline !== null && deadline <= timeMs) {
      this.machine.tick?.({ slot: ++this.#slot, timeMs, machineVersion: 1 });
      this.#look();
    }
    return timeMs;
  }

  #look(): void {
    for (const look of this.#watches) look();
  }

  #service(): CoordinationService {
    return {
      propose: (command, options) => this.#propose(command, options),
      read: async (query, { signal } = {}) => {
        await settled();
        if (signal?.aborted === true) throw new SynodError("NoLeader", "gave up", { cause: signal.reason });
        return wired(codecs.answerCodec, this.machine.query(wired(codecs.queryCodec, query)));
      },
      watch: (query, options) => this.#watch(query, options?.signal),
    };
  }

  async #propose(given: CoordinationCommand, { signal }: ProposeOptions = {}): Promise<CoordinationResult> {
    const command = wired(codecs.commandCodec, given);
    this.commands.push(command);
    if (signal?.aborted === true) throw new SynodError("NotProposed", "gave up before", { cause: signal.reason });
    const fate = this.fate(command);
    await settled();
    switch (fate) {
      case "answered":
        return this.execute(command);
      case "notProposed":
        throw new SynodError("NotProposed", "no leader");
      case "answerLost":
        this.execute(command);
        throw new SynodError("OutcomeUnknown", "the answer was lost");
      case "late":
        this.late.push(() => void this.execute(command));
        throw new SynodError("OutcomeUnknown", "on its way");
      case "lost":
        throw new SynodError("OutcomeUnknown", "lost");
      case "answeredLater": {
        const result = this.execute(command);
        return new Promise((resolve) => this.#unanswered.push(() => resolve(result)));
      }
      case "hangs":
        return new Promise((_, reject) => {
          const give = (): void => reject(new SynodError("OutcomeUnknown", "gave up", { cause: signal?.reason }));
          if (signal?.aborted === true) give();
          signal?.addEventListener("abort", give);
        });
    }
  }

  async *#watch(
    query: CoordinationQuery,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Watched<CoordinationQuery, CoordinationAnswer>> {
    for (let next: CoordinationQuery | null = query; next !== null; ) {
      const at: CoordinationQuery = wired(codecs.queryCodec, next);
      const watched = await new Promise<Watched<CoordinationQuery, CoordinationAnswer> | null>((resolve) => {
        const done = (answer: Watched<CoordinationQuery, CoordinationAnswer> | null): void => {
          this.#watches.delete(look);
          signal?.removeEventListener("abort", abort);
          resolve(answer);
        };
        const abort = (): void => done(null);
        const look = (): void => {
          const answer = this.deaf ? null : (this.machine.watch?.(at) ?? null);
          if (answer !== null) done(answer);
        };
        if (signal?.aborted === true) return resolve(null);
        signal?.addEventListener("abort", abort);
        this.#watches.add(look);
        look();
      });
      if (watched === null) return;
      yield watched;
      next = watched.next;
    }
  }

  /** Answers what waits for it. */
  answer(): void {
    for (const answer of this.#unanswered.splice(0)) answer();
  }

  get watching(): number {
    return this.#watches.size;
  }
}

let drawn = 0;
const counting = (): Random => ({ uint32: () => (drawn = (drawn + 0x9e3779b1) >>> 0) });

/** How a promise stands, without waiting for it. */
export async function outcomeOf<T>(promise: Promise<T>): Promise<T | SynodError | "pending"> {
  await quiet();
  return Promise.race([
    promise.catch((error: unknown) => error as SynodError),
    settled().then(() => "pending" as const),
  ]);
}
