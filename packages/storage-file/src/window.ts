import type { FileHandle } from "@synod/interface";
import { asBuffer } from "./bytes.js";

const READ_BYTES = 2 ** 20;

/** Room for what is read, and in front of it for what is left of the bytes before. */
const ROOM_BYTES: number = 2 * READ_BYTES;

/** Memory for windows that read ahead, one after the other: fresh memory costs more than what is read into it. */
export class WindowRooms {
  #rooms: [Buffer, Buffer] | undefined;

  /** Not the one that was given before. */
  next(): Buffer {
    const [first, second] = (this.#rooms ??= [Buffer.allocUnsafeSlow(ROOM_BYTES), Buffer.allocUnsafeSlow(ROOM_BYTES)]);
    this.#rooms = [second, first];
    return first;
  }
}

/** What follows the bytes that are loaded, on its way. */
interface Ahead {
  readonly room: Buffer;
  /** Bytes that there are in it from `READ_BYTES` on. Never rejects: what failed is told to whoever needs the bytes. */
  readonly bytes: Promise<number | { readonly error: unknown }>;
}

/** A file as it is read from front to back: large reads below, small views above. */
export class ReadWindow {
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #rooms: WindowRooms | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #ahead: Ahead | undefined;

  /** @param rooms - where it is given, the next bytes are read while those before are looked at */
  constructor(handle: FileHandle, size: number, rooms?: WindowRooms) {
    this.#handle = handle;
    this.#size = size;
    this.#rooms = rooms;
  }

  get size(): number {
    return this.#size;
  }

  /** True if `view` may be called for these bytes without `load`. */
  has(at: number, length: number): boolean {
    return at >= this.#start && at + length <= this.#start + this.#buffer.length;
  }

  /** Makes these bytes readable. False if the file ends before them: no length is trusted further than that. */
  async load(at: number, length: number): Promise<boolean> {
    if (at + length > this.#size) return false;
    const ahead = await this.#takeAhead();
    const left = this.#start + this.#buffer.length - at;
    const fits = left >= 0 && left <= Math.min(this.#buffer.length, READ_BYTES);
    if (ahead !== undefined && fits && length <= left + ahead.bytes) {
      this.#buffer.copy(ahead.room, READ_BYTES - left, this.#buffer.length - left);
      this.#buffer = ahead.room.subarray(READ_BYTES - left, READ_BYTES + ahead.bytes);
    } else {
      this.#buffer = asBuffer(await this.#handle.read(at, Math.min(Math.max(length, READ_BYTES), this.#size - at)));
    }
    this.#start = at;
    this.#readAhead();
    return this.#buffer.length >= length;
  }

  /** The bytes themselves, good until the next `load`. */
  view(at: number, length: number): Buffer {
    return this.#buffer.subarray(at - this.#start, at - this.#start + length);
  }

  /** All that is loaded from here on. */
  rest(at: number): Buffer {
    return this.#buffer.subarray(at - this.#start);
  }

  /** Settles when nothing is read any more: the file may be closed. */
  async release(): Promise<void> {
    await this.#ahead?.bytes;
  }

  #readAhead(): void {
    const from = this.#start + this.#buffer.length;
    const length = Math.min(READ_BYTES, this.#size - from);
    if (this.#rooms === undefined || length <= 0) return;
    const room = this.#rooms.next();
    const into = room.subarray(READ_BYTES, READ_BYTES + length);
    const bytes = this.#handle.read(from, length, into).then(
      (read) => {
        if (read.buffer !== into.buffer) into.set(read);
        return read.length;
      },
      (error: unknown) => ({ error }),
    );
    this.#ahead = { room, bytes };
  }

  async #takeAhead(): Promise<{ readonly room: Buffer; readonly bytes: number } | undefined> {
    const ahead = this.#ahead;
    if (ahead === undefined) return undefined;
    const bytes = await ahead.bytes;
    this.#ahead = undefined;
    if (typeof bytes !== "number") throw bytes.error;
    return { room: ahead.room, bytes };
  }
}
