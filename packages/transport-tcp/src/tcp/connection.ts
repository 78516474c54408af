import type { Socket } from "node:net";
import { FRAME_HEADER_BYTES, type FrameDecoder, frameDecoder, frameHeader } from "./framing.js";
import { encodeRefusal, FrameType, HANDSHAKE_FRAME_BYTES_MAX, type Refusal } from "./hello.js";

export interface ConnectionEvents {
  /** May throw a SynodError for what does not belong there: the connection is closed with it. */
  frame(type: number, payload: Uint8Array): void;
  /** Bytes arrived; their frames were handed over. */
  heard(): void;
  /** Once, synchronously if this side closes. `cause` is undefined if the other side closed in order. */
  closed(cause: Error | undefined): void;
}

/** Below this, header and payload go into one buffer: cheaper for the socket than two. */
const JOIN_BYTES_MAX = 2048;
/** What a queued frame costs besides its bytes: many tiny frames must not take more memory than they count. */
const FRAME_OVERHEAD_BYTES = 128;

/** What a frame is on the wire: made once, written to as many sockets as needed. */
export interface WireFrame {
  readonly chunks: readonly Uint8Array[];
  /** What it counts in a queue. */
  readonly cost: number;
}

export function wireFrame(type: number, payload: Uint8Array): WireFrame {
  const header = frameHeader(type, payload);
  const bytes = FRAME_HEADER_BYTES + payload.length;
  const chunks = bytes <= JOIN_BYTES_MAX ? [Buffer.concat([header, payload], bytes)] : [header, payload];
  return { chunks, cost: bytes + FRAME_OVERHEAD_BYTES };
}

/** A socket that speaks frames. Nothing but this file listens to sockets. */
export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #decoder: FrameDecoder;
  #open = true;
  /** A refusal is on its way out: nothing that comes in matters any more. */
  #refusing = false;
  /** Written in this turn; leaves at its end in one system call. */
  #pending: Uint8Array[] = [];
  #pendingCost = 0;
  #held = 0;
  /** Settles when the socket is gone. */
  readonly gone: Promise<void>;

  constructor(socket: Socket, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#decoder = frameDecoder({
      frameBytesMax: HANDSHAKE_FRAME_BYTES_MAX,
      frame: (type, payload) => {
        if (this.#open && !this.#refusing) events.frame(type, payload);
      },
    });
    socket.setNoDelay(true);
    // Finds a peer whose host is gone, on the side that only listens.
    socket.setKeepAlive(true, 10_000);
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("error", (error: Error) => this.close(error));
    socket.on("end", () => this.close());
    this.gone = new Promise((resolve) => {
      socket.on("close", () => {
        this.close();
        resolve();
      });
    });
  }

  /** Bytes written and not yet taken by the system, with what they cost to keep. */
  get heldBytes(): number {
    return this.#held;
  }

  set frameBytesMax(bytes: number) {
    this.#decoder.frameBytesMax = bytes;
  }

  /** All that is written within one turn leaves together at its end. */
  write({ chunks, cost }: WireFrame): void {
    if (!this.#open || this.#refusing) return;
    if (this.#pending.length === 0) process.nextTick(() => this.#flush());
    this.#pending.push(...chunks);
    this.#pendingCost += cost;
    this.#held += cost;
  }

  #flush(): void {
    const [chunks, cost] = [this.#pending, this.#pendingCost];
    this.#pending = [];
    this.#pendingCost = 0;
    const last = chunks.pop();
    if (last === undefined || this.#socket.destroyed) return;
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#socket.write(last, () => {
      this.#held -= cost;
    });
    this.#socket.uncork();
  }

  /** Says why, then waits for the other side to close: closing with unread input would take the words back. */
  refuse(refusal: Refusal): void {
    this.write(wireFrame(FrameType.refusal, encodeRefusal(refusal)));
    this.#flush();
    this.#refusing = true;
    this.#socket.end();
  }

  close(cause?: Error): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pending = [];
    this.#socket.destroy();
    this.#events.closed(cause);
  }

  #received(chunk: Buffer): void {
    if (!this.#open || this.#refusing) return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.close(error as Error);
      return;
    }
    if (this.#open) this.#events.heard();
  }
}
