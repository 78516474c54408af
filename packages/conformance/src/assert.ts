import { SynodError, type SynodErrorCode } from "@synod/interface";

const TEXT_MAX = 300;

/** A value as text for people; long ones are cut. */
export function show(value: unknown): string {
  let text: string;
  try {
    text = value instanceof Error ? (value.stack ?? String(value)) : (JSON.stringify(plain(value)) ?? String(value));
  } catch {
    text = String(value);
  }
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text;
}

/** What JSON would leave out or write at length. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    const head = Array.from(value.subarray(0, 24), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return `${value.length} bytes: ${head}${value.length > 24 ? " ..." : ""}`;
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map || value instanceof Set) return [...value].map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

/** Content as text, in the order that it has. */
export function fullText(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) => {
    if (part instanceof Uint8Array) return { bytes: [...part] };
    if (part instanceof Map) return { map: [...part] };
    if (part instanceof Set) return { set: [...part] };
    if (typeof part === "bigint") return { bigint: String(part) };
    if (typeof part === "number" && !Number.isFinite(part)) return { number: String(part) };
    return part;
  });
  return text ?? String(value);
}

/** @throws Error that begins with what should hold. */
export function check(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(rule);
}

/** Equal in content: numbers as `Object.is` has it but for the sign of 0, bytes by value, properties that are undefined as if left out. */
export function equal(actual: unknown, expected: unknown, rule: string): void {
  if (!isEqual(actual, expected)) throw new Error(`${rule}: expected ${show(expected)}, got ${show(actual)}`);
}

export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b);
  }
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Map || a instanceof Set || b instanceof Map || b instanceof Set) {
    const alike = (a instanceof Map && b instanceof Map) || (a instanceof Set && b instanceof Set);
    return alike && isEqual([...a], [...b]);
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  const [left, right] = [a, b] as [Record<string, unknown>, Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => isEqual(left[key], right[key]));
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Whether an error is a `SynodError` with one of the codes. */
export function hasCode(error: unknown, codes: readonly SynodErrorCode[]): boolean {
  return error instanceof SynodError && codes.includes(error.code);
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (content: Uint8Array): string => new TextDecoder().decode(content);

/** The same numbers each time: suites draw no chance. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
}
