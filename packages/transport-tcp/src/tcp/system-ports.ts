import { randomBytes } from "node:crypto";
import type { Clock, Random } from "@synod/interface";

export const systemClock: Clock = {
  now: () => performance.now(),
  timer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(handle);
  },
  soon: (callback) => void setImmediate(callback),
};

export const systemRandom: Random = { uint32: () => randomBytes(4).readUInt32LE() };
