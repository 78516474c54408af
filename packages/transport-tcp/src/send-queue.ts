import type { EncodedFrame } from "./frames.js";

/** What a queued frame costs besides its bytes: many tiny frames must not take more memory than they count. */
export const frameOverheadBytes = 128;

/** Pieces up to this size are copied together: for them one write costs more than the copy. */
const copiedBytesMax = 4096;

const nothing = new Uint8Array(0);

/** What one write takes out of the queue. */
export interface Batch {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** To be given back to `release` when the socket has taken the chunks. */
  readonly cost: number;
}

/** Framed bytes on their way to one socket, with a limit on all that is not yet with the operating system. */
export class SendQueue {
  readonly #limitBytes: number;
  #chunks: Uint8Array[] = [];
  /** First chunk not yet taken, and how much of it is. */
  #next = 0;
  #offset = 0;
  #held = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get isEmpty(): boolean {
    return this.#next === this.#chunks.length;
  }

  /** Bytes queued or in a write that has not ended, overhead included. */
  get heldBytes(): number {
    return this.#held;
  }

  /** Takes a frame or, at the limit, returns false. */
  offer([header, payload]: EncodedFrame): boolean {
    const cost = header.length + payload.length + frameOverheadBytes;
    if (this.#held + cost > this.#limitBytes) return false;
    this.#held += cost;
    this.#chunks.push(header, payload);
    return true;
  }

  /** Up to `bytesMax` from the front; a frame may be split, since the order within the socket is kept. */
  take(bytesMax: number): Batch {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let frames = 0;
    while (bytes < bytesMax && this.#next < this.#chunks.length) {
      const chunk = this.#chunks[this.#next] ?? nothing;
      const end = Math.min(chunk.length, this.#offset + bytesMax - bytes);
      const piece = this.#offset === 0 && end === chunk.length ? chunk : chunk.subarray(this.#offset, end);
      if (piece.length > 0) pieces.push(piece);
      bytes += piece.length;
      this.#offset = end;
      if (end < chunk.length) break;
      // A taken payload must not stay reachable until the list is cut.
      this.#chunks[this.#next] = nothing;
      // Header and payload alternate, so every second chunk ends a frame.
      if (this.#next % 2 === 1) frames++;
      this.#next++;
      this.#offset = 0;
    }
    this.#cut();
    return { chunks: joinSmall(pieces), bytes, cost: bytes + frames * frameOverheadBytes };
  }

  release(cost: number): void {
    this.#held -= cost;
  }

  clear(): void {
    this.#chunks = [];
    this.#next = 0;
    this.#offset = 0;
    this.#held = 0;
  }

  /** Forgets what was taken: in whole frames, which keeps header and payload alternating, and rarely, since it moves the rest. */
  #cut(): void {
    const whole = this.#next - (this.#next % 2);
    if (whole * 2 < this.#chunks.length) return;
    this.#chunks.splice(0, whole);
    this.#next -= whole;
  }
}

function joinSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    joined.push(...(small.length > 1 ? [Buffer.concat(small)] : small));
    small = [];
  };
  for (const piece of pieces) {
    if (piece.length <= copiedBytesMax) {
      small.push(piece);
      continue;
    }
    flush();
    joined.push(piece);
  }
  flush();
  return joined;
}
