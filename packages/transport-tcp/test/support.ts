import { connect, createServer, type Server, type Socket } from "node:net";
import { TestNode } from "@synod/conformance";
import type { Incarnation, Lane, Metrics } from "@synod/interface";
import { FrameInput } from "../src/frame-input.js";
import { encodeFrame, type Frame } from "../src/frames.js";
import { encodeHello, frameKinds } from "../src/hello.js";
import { type TcpTransport, type TcpTransportOptions, tcpTransport } from "../src/index.js";

export const bootIdOf = (bootCount: number): string => bootCount.toString(16).padStart(32, "0");

export const incarnationOf = (nodeId: number, bootCount = 1): Incarnation => ({
  clusterId: "cluster-a",
  nodeId,
  storeId: nodeId.toString(16).padStart(32, "a"),
  bootCount,
  bootId: bootIdOf(bootCount),
});

/** Waits for what any event may have brought about. */
class Signal {
  #waiting: (() => void)[] = [];

  readonly notify = (): void => {
    for (const look of this.#waiting.slice()) look();
  };

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }
}

/** Time that stands still until it is told to go on. */
export class FakeClock {
  #nowMs = 0;
  readonly timers = new Set<{ readonly atMs: number; readonly delayMs: number; readonly callback: () => void }>();
  /** All delays ever asked for. */
  readonly delays: number[] = [];

  now(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, delayMs, callback };
    this.delays.push(delayMs);
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = [...this.timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

class Counts implements Metrics {
  readonly totals = new Map<string, number>();

  count(name: string, delta = 1, labels: Readonly<Record<string, string>> = {}): void {
    const key = [name.replace(/^synod_transport_|_total$/g, ""), ...Object.values(labels)].join(" ");
    this.totals.set(key, (this.totals.get(key) ?? 0) + delta);
  }

  gauge(): void {}

  observe(): void {}

  /** Sum over all labels. */
  of(prefix: string): number {
    let sum = 0;
    for (const [key, value] of this.totals) if (key === prefix || key.startsWith(`${prefix} `)) sum += value;
    return sum;
  }
}

export class TcpNode extends TestNode {
  declare readonly transport: TcpTransport;
  readonly counts = new Counts();

  constructor(
    id: number,
    options: TcpTransportOptions = {},
    identity: { bootCount?: number; clusterId?: string } = {},
  ) {
    super(tcpTransport(options), id, identity);
  }

  get address(): string {
    return this.transport.address ?? "";
  }

  get warnings(): string[] {
    return this.log.filter(({ level }) => level === "warn").map(({ message }) => message);
  }

  async listen(address = "127.0.0.1:0"): Promise<void> {
    await this.start([{ id: this.id, address }], this.counts);
  }

  /** Tells it of others, besides itself. */
  meet(others: Readonly<Record<number, string | undefined>>): void {
    const members = Object.entries(others).map(([id, address]) =>
      address === undefined ? { id: Number(id) } : { id: Number(id), address },
    );
    this.transport.setMembers([{ id: this.id, address: this.address }, ...members]);
  }
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** Keeps copies of what comes. */
export function takingFrames(frameBytesMax: number): { readonly input: FrameInput; readonly frames: Frame[] } {
  const frames: Frame[] = [];
  const input = new FrameInput(frameBytesMax, (kind, bytes, from, to) => {
    frames.push({ kind, payload: new Uint8Array(bytes.subarray(from, to)) });
  });
  return { input, frames };
}

/** The other end of a connection, spoken by hand. */
export class Wire {
  readonly socket: Socket;
  readonly signal = new Signal();
  readonly frames: readonly Frame[];
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const { input, frames } = takingFrames(1 << 26);
    this.frames = frames;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      input.push(chunk);
      this.signal.notify();
    });
    socket.on("close", () => {
      this.closed = true;
      this.signal.notify();
    });
  }

  static to(address: string): Wire {
    return new Wire(connect({ host: "127.0.0.1", port: portOf(address) }));
  }

  write(kind: number, payload: Uint8Array): void {
    this.socket.write(Buffer.concat(encodeFrame(kind, payload)));
  }

  hello(from: Incarnation, to: number, lane: Lane = "control"): void {
    this.write(frameKinds.hello, encodeHello({ lane, from, to }));
  }

  until(condition: () => boolean): Promise<void> {
    return this.signal.until(condition);
  }

  async heard(kind: number): Promise<Frame> {
    const find = (): Frame | undefined => this.frames.find((frame) => frame.kind === kind);
    await this.until(() => find() !== undefined);
    return find() ?? { kind, payload: new Uint8Array(0) };
  }

  async gone(): Promise<void> {
    await this.until(() => this.closed);
  }
}

/** A listening socket whose behaviour each test gives. */
export class RawServer {
  readonly sockets: Socket[] = [];
  readonly signal = new Signal();
  readonly #server: Server;

  constructor(onSocket: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      socket.on("error", () => {});
      this.sockets.push(socket);
      onSocket(socket);
      this.signal.notify();
    });
  }

  get address(): string {
    const bound = this.#server.address();
    return bound && typeof bound === "object" ? `127.0.0.1:${bound.port}` : "";
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve) => void this.#server.listen(port, "127.0.0.1", () => resolve()));
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }
}
