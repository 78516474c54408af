// Processes, clocks and sockets in virtual time: the same seed gives the same run.
import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import type { Clock, Random } from "@synod/interface";
import { chanceOf } from "../proxy.js";

interface Event {
  atMs: number;
  readonly order: number;
  readonly process: Process | null;
  readonly run: () => void;
}

/** Everything that Node.js does by itself between two events has been done. */
const drained = async (): Promise<void> => {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Stands still at times, and has a clock of its own. */
export class Process {
  readonly clock: Clock;
  readonly random: Random;
  pausedUntilMs = 0;
  /** Its clock has jumped ahead by so much. */
  jumpedMs = 0;

  constructor(room: MachineRoom, rate: number, seed: number) {
    const chance = chanceOf(seed);
    this.random = { uint32: () => Math.floor(chance() * 2 ** 32) };
    const timer = (delayMs: number, run: () => void): (() => void) =>
      room.after(Math.max(0, delayMs) / rate, run, this);
    this.clock = {
      now: () => room.nowMs * rate + this.jumpedMs,
      timer,
      soon: (run) => void timer(0, run),
    };
  }
}

export class MachineRoom {
  nowMs = 0;
  readonly chance: () => number;
  readonly sockets: VirtualSocket[] = [];
  readonly servers = new Map<number, VirtualServer>();
  /** By the names of their hosts. */
  readonly clients = new Map<string, Process>();
  /** By the ports of their servers. */
  readonly nodes = new Map<number, Process>();
  /** Ports that clients do not reach. */
  readonly dark = new Set<number>();
  /** Of a write that ends its connection. */
  cutChance = 0;
  #events: Event[] = [];
  #order = 0;
  #lastPort = 0;

  constructor(seed: number) {
    this.chance = chanceOf(seed);
  }

  after(delayMs: number, run: () => void, process: Process | null = null): () => void {
    const event = { atMs: this.nowMs + delayMs, order: ++this.#order, process, run };
    this.#events.push(event);
    return () => {
      this.#events = this.#events.filter((other) => other !== event);
    };
  }

  /** Goes on until then; `look` is called whenever something happened. */
  async run(untilMs: number, look: () => void = () => {}): Promise<void> {
    await drained();
    for (;;) {
      const next = this.#next();
      if (next === null || next.atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#events = this.#events.filter((other) => other !== next);
      next.run();
      await drained();
      look();
    }
    this.nowMs = untilMs;
  }

  /** What happens to a process that stands still waits for it. */
  #next(): Event | null {
    let best: Event | null = null;
    let bestMs = Infinity;
    for (const event of this.#events) {
      const atMs = Math.max(event.atMs, event.process?.pausedUntilMs ?? 0);
      if (best === null || atMs < bestMs || (atMs === bestMs && event.order < best.order))
        [best, bestMs] = [event, atMs];
    }
    if (best !== null) best.atMs = bestMs;
    return best;
  }

  freePort(): number {
    return 40_000 + ++this.#lastPort;
  }

  dial(host: string, port: number): VirtualSocket {
    const near = new VirtualSocket(this, this.clients.get(host) ?? null);
    const far = new VirtualSocket(this, this.nodes.get(port) ?? null);
    this.after(
      this.latencyMs(),
      () => {
        const server = this.servers.get(port);
        if (near.destroyed) return;
        if (server === undefined || this.dark.has(port)) return void near.destroy(new Error("nobody is there"));
        near.peer = far;
        far.peer = near;
        this.sockets.push(near);
        server.emit("connection", far);
        near.emit("connect");
      },
      far.process,
    );
    return near;
  }

  latencyMs(): number {
    return 0.2 + this.chance() * 3;
  }
}

export class VirtualServer extends EventEmitter {
  listening = false;
  readonly #room: MachineRoom;
  #port = 0;

  constructor(room: MachineRoom) {
    super();
    this.#room = room;
  }

  listen(_: unknown, done: () => void): this {
    this.#port = this.#room.freePort();
    this.#room.servers.set(this.#port, this);
    this.listening = true;
    queueMicrotask(done);
    return this;
  }

  address(): { port: number } {
    return { port: this.#port };
  }

  close(done: () => void): void {
    this.listening = false;
    this.#room.servers.delete(this.#port);
    queueMicrotask(done);
  }
}

/** One end of a connection. What is written arrives a little later, in order, unless the connection breaks before. */
export class VirtualSocket extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  /** Whose end it is. */
  readonly process: Process | null;
  peer: VirtualSocket | null = null;
  readonly #room: MachineRoom;
  #arrivesMs = 0;

  constructor(room: MachineRoom, process: Process | null) {
    super({ allowHalfOpen: false });
    this.#room = room;
    this.process = process;
  }

  setNoDelay(): this {
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _: unknown, done: (error?: Error | null) => void): void {
    const bytes = Buffer.from(chunk);
    if (this.#room.chance() < this.#room.cutChance) {
      // The other side may have it or not; this side will not know.
      if (this.#room.chance() < 0.5) this.#deliver(() => this.peer?.push(bytes));
      this.#deliver(() => this.destroy());
    } else this.#deliver(() => this.peer?.push(bytes));
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#deliver(() => this.peer?.push(null));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { peer } = this;
    if (peer !== null) this.#deliver(() => peer.destroy());
    done(error);
  }

  #deliver(arrive: () => void): void {
    const room = this.#room;
    this.#arrivesMs = Math.max(this.#arrivesMs + 0.001, room.nowMs + room.latencyMs());
    const there = (): void => {
      if (this.peer?.destroyed === false) arrive();
    };
    room.after(this.#arrivesMs - room.nowMs, there, this.peer?.process ?? null);
  }
}
