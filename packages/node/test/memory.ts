import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects all garbage and says what the heap still holds, in bytes. */
export async function heapBytes(): Promise<number> {
  setFlagsFromString("--expose_gc");
  const collect = runInNewContext("gc") as () => void;
  // A weak reference holds until the job in which it was made or read is over.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return process.memoryUsage().heapUsed;
}

/** As `heapBytes`, with what buffers hold outside of the heap: bytes of frames and records are there. */
export async function usedBytes(): Promise<number> {
  return (await heapBytes()) + process.memoryUsage().arrayBuffers;
}

/** Counts which of the things that it watches are still held by somebody. */
export class Held {
  readonly #watched: WeakRef<object>[] = [];

  watch<T extends object>(thing: T): T {
    this.#watched.push(new WeakRef(thing));
    return thing;
  }

  async count(): Promise<number> {
    await heapBytes();
    return this.#watched.filter((ref) => ref.deref() !== undefined).length;
  }
}
