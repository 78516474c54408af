import type { Socket } from "node:net";
import { checksumOf } from "./checksum.js";
import { type EncodedFrame, frameHeaderBytes, putU32 } from "./frames.js";

/** One write. Small enough that even a slow line takes it, and so shows life, well within an idle timeout. */
const writeBytesMax = 256 * 1024;
/** So much does not wait for the end of the turn: the other side works on it while this one goes on. */
const pieceBytes = 16 * 1024;
const pieceFrames = 128;
/** Frames are made in a piece of memory of this size, and more where one frame needs more. */
const roomBytesMin = 1024;
const roomBytesMax = 64 * 1024;
const movedBytesMax = 16 * 1024;
/** To copy more costs more than a write in several pieces. */
const copiedBytesMax = 16 * 1024;

const nothing = new Uint8Array(0);

export interface FrameOutputOptions {
  /** Limit of what waits or is being written. */
  readonly queueBytesMax: number;
  /** Bytes are handed to the socket. */
  readonly onWrite?: (bytes: number) => void;
  /** The system took a write: there is room again. @param waited - it did not take all of it at once, which with TLS it never does */
  readonly onWritten?: (waited: boolean) => void;
}

/**
 * Frames on their way out of one socket, written where they leave from: `reserve`, fill `bytes` from there, `commit`. What one turn
 * sends leaves in one write, or in a few where it is much. While the system does not take a write none follows it, so this queue is the only one.
 */
export class FrameOutput {
  /** Where frames are made: to be asked for anew after each `reserve`. */
  bytes: Uint8Array = nothing;
  readonly #socket: Socket;
  readonly #options: FrameOutputOptions;
  /** Full pieces, and what is left of one that was too long for one write. */
  #full: Uint8Array[] = [];
  /** What is made and not in `#full` yet. */
  #from = 0;
  #at = 0;
  /** Committed since something was last written. */
  #frames = 0;
  #heldBytes = 0;
  /** Written since the end of the last turn. */
  #turnBytes = 0;
  #scheduled = false;
  #ending = false;
  readonly #onTick = (): void => {
    this.#scheduled = false;
    this.#flush();
    this.#forgetLarge();
  };

  constructor(socket: Socket, options: FrameOutputOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Queued, or in a write that has not ended. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @returns where in `bytes` the payload of the next frame is to be written; -1 at the limit, or once the output ends */
  reserve(payloadBytes: number): number {
    const size = frameHeaderBytes + payloadBytes;
    if (this.#ending || this.#heldBytes + size > this.#options.queueBytesMax) return -1;
    if (this.#at + size > this.bytes.length) this.#extend(size);
    return this.#at + frameHeaderBytes;
  }

  /** Sends what was reserved last and is written by now. */
  commit(kind: number, payloadBytes: number): void {
    const { bytes } = this;
    const start = this.#at;
    const payloadAt = start + frameHeaderBytes;
    const end = payloadAt + payloadBytes;
    putU32(bytes, start, payloadBytes);
    bytes[start + 4] = kind;
    putU32(bytes, start + 5, checksumOf(bytes, payloadAt, end));
    putU32(bytes, start + 9, checksumOf(bytes, start, start + 9));
    this.#at = end;
    this.#heldBytes += end - start;
    this.#leaveSoon();
  }

  /** Takes a frame that was made elsewhere; a long one is not copied. At the limit, or once the output ends, returns false. */
  send([header, payload]: EncodedFrame): boolean {
    if (payload.length > copiedBytesMax) return this.#sendLong(header, payload);
    const at = this.reserve(payload.length);
    if (at < 0) return false;
    this.bytes.set(header, at - frameHeaderBytes);
    this.bytes.set(payload, at);
    this.#at = at + payload.length;
    this.#heldBytes += header.length + payload.length;
    this.#leaveSoon();
    return true;
  }

  #sendLong(header: Uint8Array, payload: Uint8Array): boolean {
    const size = header.length + payload.length;
    if (this.#ending || this.#heldBytes + size > this.#options.queueBytesMax) return false;
    this.#seal();
    this.#full.push(header, payload);
    this.#heldBytes += size;
    this.#flush();
    return true;
  }

  /** Closes the socket once everything has left. Whoever calls this destroys the socket where that takes too long. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#flush();
  }

  #extend(size: number): void {
    const made = Math.min(roomBytesMax, Math.max(roomBytesMin, 2 * this.bytes.length));
    const before = this.bytes;
    // To take a little along costs less than a write in two pieces.
    const moved = this.#at - this.#from <= movedBytesMax ? this.#at - this.#from : 0;
    if (moved === 0) this.#seal();
    this.bytes = Buffer.allocUnsafeSlow(Math.max(size + moved, made));
    if (moved > 0) this.bytes.set(before.subarray(this.#from, this.#at));
    this.#from = 0;
    this.#at = moved;
  }

  #seal(): void {
    if (this.#at > this.#from) this.#full.push(this.bytes.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  /** After all that the present turn does, and the promises that it settles; much leaves now. */
  #leaveSoon(): void {
    if (++this.#frames >= pieceFrames || this.#at - this.#from >= pieceBytes) return this.#flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#onTick);
  }

  /** As much as one write takes, unless the system has not taken the one before. */
  #flush(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableLength > 0) return;
    this.#frames = 0;
    this.#seal();
    const [chunks, bytes] = this.#take();
    const last = chunks.pop();
    if (last === undefined) {
      if (this.#ending && this.#heldBytes === 0) socket.destroySoon();
      return;
    }
    this.#turnBytes += bytes;
    this.#options.onWrite?.(bytes);
    let waited = false;
    const written = (): void => {
      if (socket.destroyed) return;
      this.#heldBytes -= bytes;
      this.#options.onWritten?.(waited);
      this.#flush();
    };
    if (chunks.length > 0) socket.cork();
    for (const chunk of chunks) socket.write(chunk);
    socket.write(last, written);
    if (chunks.length > 0) socket.uncork();
    waited = socket.writableLength > 0;
    // The system has a copy of all of it, so the same memory serves again: new memory for each write is what collections of garbage begin for.
    if (!waited && this.#full.length === 0) this.#from = this.#at = 0;
  }

  /** What one write takes. */
  #take(): [chunks: Uint8Array[], bytes: number] {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let next = 0;
    while (bytes < writeBytesMax && next < this.#full.length) {
      const chunk = this.#full[next] as Uint8Array;
      const room = writeBytesMax - bytes;
      chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
      bytes += Math.min(chunk.length, room);
      if (chunk.length > room) this.#full[next] = chunk.subarray(room);
      else next++;
    }
    this.#full = next === this.#full.length ? [] : this.#full.slice(next);
    return [chunks, bytes];
  }

  /** A connection that has little to say does not keep a large piece. */
  #forgetLarge(): void {
    const isLarge = this.bytes.length > roomBytesMin && this.bytes.length > 16 * this.#turnBytes;
    this.#turnBytes = 0;
    // What is not written yet is still in it.
    if (!isLarge || this.#at > this.#from) return;
    this.bytes = nothing;
    this.#from = this.#at = 0;
  }
}
