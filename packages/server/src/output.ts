import type { Socket } from "node:net";
import type { Clock } from "@synod/interface";
import {
  FrameOutput,
  type Reply,
  replyBytes,
  replyKinds,
  type Texts,
  textsOf,
  writeReply,
} from "@synod/client/protocol";
import type { ServerLimits, Totals } from "./types.js";

export interface OutputOptions {
  readonly socket: Socket;
  readonly limits: ServerLimits;
  readonly totals: Totals;
  readonly clock: Pick<Clock, "now">;
  /** More waits than may: the client does not read. */
  readonly onOverflow: () => void;
  /** All connections together hold more than they may: one has to go. */
  readonly onTotal: () => void;
  /** The client may be read from again. */
  readonly onResumed: () => void;
}

const smallBytesMax = 1_024;

/** What one client has not taken yet: counted, and bounded. Who does not read is not read from either. */
export class Output {
  readonly #o: OutputOptions;
  readonly #frames: FrameOutput;
  /** What this connection counts in the totals. */
  #countedBytes = 0;
  #stalledSinceMs = Infinity;
  #paused = false;
  #closed = false;

  constructor(options: OutputOptions) {
    this.#o = options;
    this.#frames = new FrameOutput(options.socket, {
      // Reads are refused at the limit; the results of commands that were executed have as much again.
      queueBytesMax: 2 * options.limits.outputBytesMax,
      onWritten: () => this.#written(),
    });
  }

  get heldBytes(): number {
    return this.#frames.heldBytes;
  }

  /** Nothing is read from the client until it has taken more. */
  get paused(): boolean {
    return this.#paused;
  }

  /** For how long nothing was taken. */
  stalledMs(nowMs: number): number {
    return nowMs - this.#stalledSinceMs;
  }

  /** Many small answers are let through: an open request has room for one. */
  isFull(payloadBytes: number): boolean {
    const { limits, totals } = this.#o;
    if (payloadBytes <= smallBytesMax) return false;
    if (this.heldBytes + payloadBytes > limits.outputBytesMax) return true;
    return totals.heldBytes + payloadBytes > limits.outputBytesTotalMax;
  }

  send(reply: Reply): void {
    const texts = textsOf(reply);
    this.write(reply, texts, replyBytes(reply, texts));
  }

  /** @param length - of the payload */
  write(reply: Reply, texts: Texts, length: number): void {
    if (this.#closed) return;
    const frames = this.#frames;
    const at = frames.reserve(length);
    if (at < 0) return this.#o.onOverflow();
    writeReply(frames.bytes, at, reply, texts);
    frames.commit(replyKinds[reply.kind], length);
    this.#waits();
  }

  sendFrame(frame: readonly [Uint8Array, Uint8Array]): void {
    if (this.#closed) return;
    if (!this.#frames.send(frame)) return this.#o.onOverflow();
    this.#waits();
  }

  /** Nothing more is sent; what waits leaves. */
  end(): void {
    this.#closed = true;
    this.#frames.end();
  }

  /** The connection is gone, and with it what waited. */
  release(): void {
    this.#closed = true;
    this.#count(0);
  }

  /** Something waits for the client to take it. */
  #waits(): void {
    const { limits, totals, clock, socket } = this.#o;
    this.#count(this.heldBytes);
    if (this.#stalledSinceMs === Infinity) this.#stalledSinceMs = clock.now();
    if (this.heldBytes > limits.outputBytesMax / 2 && !this.#paused) {
      // Who does not read answers may not ask more.
      this.#paused = true;
      socket.pause();
    }
    // As for one client, results of commands that were executed have as much again.
    if (totals.heldBytes > 2 * limits.outputBytesTotalMax) this.#o.onTotal();
  }

  #count(heldBytes: number): void {
    this.#o.totals.heldBytes += heldBytes - this.#countedBytes;
    this.#countedBytes = heldBytes;
  }

  #written(): void {
    const { limits, clock, socket } = this.#o;
    const { heldBytes } = this;
    if (!this.#closed) this.#count(heldBytes);
    this.#stalledSinceMs = heldBytes === 0 ? Infinity : clock.now();
    if (!this.#paused || heldBytes > limits.outputBytesMax / 4) return;
    this.#paused = false;
    this.#o.onResumed();
    socket.resume();
  }
}
