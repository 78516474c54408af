import type { Socket } from "node:net";
import type { EncodedFrame } from "./frames.js";
import { SendQueue } from "./send-queue.js";

/** One write. Small enough that even a slow line takes it, and so shows life, well within an idle timeout. */
const writeBytesMax = 256 * 1024;

export interface FrameWriterOptions {
  /** Limit of what waits or is being written, 128 bytes per frame included. */
  readonly queueBytesMax: number;
  /** Bytes are handed to the socket. */
  readonly onWrite?: (bytes: number) => void;
  /** The system took a write: there is room again. */
  readonly onWritten?: () => void;
}

/**
 * Frames on their way out of one socket. One write at a time is with the socket, and the next begins when the system has taken it: so
 * this queue is the only one. What one turn sends leaves in one write.
 */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #options: FrameWriterOptions;
  readonly #queue: SendQueue;
  #writing = false;
  #scheduled = false;
  #ending = false;

  constructor(socket: Socket, options: FrameWriterOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#queue = new SendQueue(options.queueBytesMax);
  }

  /** Queued, or in a write that has not ended. */
  get heldBytes(): number {
    return this.#queue.heldBytes;
  }

  /** Takes a frame; at the limit, or once the writer ends, returns false. */
  send(frame: EncodedFrame): boolean {
    if (this.#ending || !this.#queue.offer(frame)) return false;
    this.#schedule();
    return true;
  }

  /** Closes the socket once everything has left. Whoever calls this destroys the socket where that takes too long. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#flush();
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket.destroyed || this.#writing) return;
    if (this.#queue.isEmpty) {
      if (this.#ending) socket.destroySoon();
      return;
    }
    const { chunks, bytes, cost } = this.#queue.take(writeBytesMax);
    this.#writing = true;
    const written = (): void => {
      if (socket.destroyed) return;
      this.#queue.release(cost);
      this.#writing = false;
      this.#options.onWritten?.();
      this.#flush();
    };
    this.#options.onWrite?.(bytes);
    const last = chunks.at(-1);
    if (!last) return written();
    socket.cork();
    for (const chunk of chunks.slice(0, -1)) socket.write(chunk);
    socket.write(last, written);
    socket.uncork();
  }
}
