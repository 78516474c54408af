import { SynodError } from "@synod/interface";
import type { Key } from "./model.js";

/** 32-bit words in a fingerprint. */
export const WORDS = 4;

const MULTIPLIERS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

function finish(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/**
 * Writes the 128-bit fingerprint of a key to `out`. Two of 10^9 different states share one with a probability below 10^-20,
 * which is why the search keeps fingerprints instead of states.
 *
 * @throws SynodError `InvalidArgument` if it is no key, or holds a number that is no 32-bit integer.
 */
export function fingerprint(key: Key, out: Uint32Array): void {
  if (typeof key !== "string" && !Array.isArray(key) && !(key instanceof Int32Array)) refuseKey(key);
  const [m1, m2, m3, m4] = MULTIPLIERS;
  let [a, b, c, d] = [m1 ^ key.length, m2 ^ key.length, m3 ^ key.length, m4 ^ key.length];
  for (let i = 0; i < key.length; i++) {
    const word = typeof key === "string" ? key.charCodeAt(i) : wordOf(key[i] as number);
    a = Math.imul(((a ^ word) << 13) | ((a ^ word) >>> 19), m1);
    b = Math.imul(((b ^ word) << 15) | ((b ^ word) >>> 17), m2);
    c = Math.imul(((c ^ word) << 11) | ((c ^ word) >>> 21), m3) + a;
    d = Math.imul(((d ^ word) << 17) | ((d ^ word) >>> 15), m4) + b;
  }
  out[0] = finish(a);
  out[1] = finish(b);
  out[2] = finish(c);
  out[3] = finish(d);
}

function refuseKey(value: unknown): never {
  const given = typeof value === "object" && value !== null ? "an object" : String(value);
  throw new SynodError(
    "InvalidArgument",
    `key(state) must return text, or an Int32Array or array of 32-bit integers, not ${given}. ` +
      "JSON.stringify(state) will do for plain data.",
  );
}

function wordOf(value: number): number {
  if ((value | 0) === value) return value;
  throw new SynodError("InvalidArgument", `A key of numbers holds 32-bit integers, not ${String(value)}.`);
}

/** Whether the fingerprint `a` comes before `b`. */
export function isBelow(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < WORDS; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    if (x !== y) return x < y;
  }
  return false;
}
