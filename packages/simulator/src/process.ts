import type { Clock, NodeId } from "@synod/interface";
import type { Disk } from "./disk.js";
import { PortFaults } from "./ports.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";

/** One run of a process, from its start to its end. What belongs to an ended life never runs again. */
export class Life {
  readonly number: number;
  readonly process: Process;
  alive = true;
  /** What is wrong with its state in memory; null: nothing. */
  flipped: string | null = null;
  /** The node has said that it stops. */
  ending = false;
  /** Turns so far. */
  glances = 0;
  /** Told when it ends without a word, by a crash. */
  readonly onCrash: Set<() => void> = new Set();

  constructor(process: Process, number: number) {
    this.process = process;
    this.number = number;
  }
}

export interface ClockOptions {
  /** Virtual to local time: 1.01 is a clock that runs fast by a hundredth. */
  readonly rate: number;
  /** Each look at the clock takes so long, as if the work in between were slow. */
  readonly stepMs: number;
  /** Delay between an event and the turn of the process, `[min, max]`. */
  readonly turnMs: readonly [number, number];
}

/** As long as the longest turn: more than the driver gives itself to execute commands. */
const AHEAD_MS = 8;

/** One machine's process: it can end at any moment, start again, or stand still. */
export class Process {
  readonly id: NodeId;
  readonly disk: Disk;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  readonly ports: PortFaults;
  life: Life | null = null;
  #lives = 0;
  #pausedUntilMs = 0;
  /** By how much the clock of the present life jumped. */
  #aheadMs = 0;
  #deferred: { life: Life; action: () => void; quiet: boolean }[] = [];

  constructor(
    id: NodeId,
    options: { disk: Disk; timeline: Timeline; random: SeededRandom; onPortFault: (call: string) => void },
  ) {
    this.id = id;
    this.disk = options.disk;
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.ports = new PortFaults(options.onPortFault);
  }

  get paused(): boolean {
    return this.#pausedUntilMs > this.#timeline.nowMs;
  }

  begin(): Life {
    this.life = new Life(this, ++this.#lives);
    this.ports.struck = null;
    this.#aheadMs = 0;
    return this.life;
  }

  /** Ends without running anything more. */
  crash(): void {
    const { life } = this;
    if (life === null) return;
    this.end(life);
    for (const tell of life.onCrash) tell();
  }

  end(life: Life): void {
    life.alive = false;
    if (this.life !== life) return;
    this.life = null;
    this.#pausedUntilMs = 0;
    this.#deferred = [];
  }

  pause(forMs: number): void {
    const untilMs = this.#timeline.nowMs + forMs;
    this.#pausedUntilMs = Math.max(untilMs, this.#pausedUntilMs);
    this.#timeline.after(forMs, () => {
      if (!this.paused) this.resume();
    });
  }

  resume(): void {
    this.#pausedUntilMs = 0;
    // In events of their own, in their order, so that promises are drained in between.
    for (const { life, action, quiet } of this.#deferred.splice(0)) {
      this.#timeline.after(0, () => this.whenAwake(life, action, quiet), quiet);
    }
  }

  /** The clock jumps ahead, as after a machine was suspended. Timers come at their old time: no host moves them. */
  jump(byMs: number): void {
    this.#aheadMs += byMs;
  }

  /** Runs something of this life now, or as soon as the process goes on. */
  whenAwake(life: Life, action: () => void, quiet = false): void {
    if (!life.alive) return;
    if (this.paused) this.#deferred.push({ life, action, quiet });
    else action();
  }

  after(life: Life, delayMs: number, action: () => void, quiet = false): () => void {
    return this.#timeline.after(delayMs, () => this.whenAwake(life, action, quiet), quiet);
  }

  clock(life: Life, { rate, stepMs, turnMs }: ClockOptions): Clock {
    // No two machines agree on when time began.
    const startMs = this.#random.between(0, 1e6);
    let lastMs = 0;
    let soonMs = 0;
    return {
      now: () => {
        const nowMs = startMs + this.#timeline.nowMs * rate + this.#aheadMs;
        // It may run ahead a little, not away: the next event of the process comes at its time all the same.
        lastMs = Math.max(lastMs, nowMs, Math.min(lastMs + stepMs, nowMs + AHEAD_MS));
        return lastMs;
      },
      timer: (delayMs, callback) => this.after(life, delayMs / rate, callback, true),
      soon: (callback) => {
        const { nowMs } = this.#timeline;
        // In the order in which they were asked for.
        soonMs = Math.max(soonMs, nowMs + this.#random.between(...turnMs));
        this.after(life, soonMs - nowMs, callback);
      },
    };
  }
}
