import type { Ballot, Slot, Vote } from "@synod/interface";
import type { SlotRange } from "@synod/multipaxos";
import { malformed } from "./errors.js";

/** Cluster ids and boot ids are short; the bound is in UTF-16 code units. */
const TEXT_LENGTH_MAX = 255;

/** A safe integer from 0. */
export function uint(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) return value;
  throw malformed(`${name} is not a whole number from 0 to 2^53 - 1`);
}

/** A safe integer from 1: a slot that can hold a value, or a node id. */
export function positive(value: unknown, name: string): number {
  if (value !== 0) return uint(value, name);
  throw malformed(`${name} is 0`);
}

export function orNull<T>(read: (value: unknown, name: string) => T, value: unknown, name: string): T | null {
  return value === null ? null : read(value, name);
}

export function flag(value: unknown, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw malformed(`${name} is not a boolean`);
}

export function text(value: unknown, name: string): string {
  if (typeof value === "string" && value.length > 0 && value.length <= TEXT_LENGTH_MAX) return value;
  throw malformed(`${name} is not a text of 1 to ${TEXT_LENGTH_MAX} characters`);
}

export function list(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw malformed(`${name} is not a list`);
}

/** An array of exactly this length. */
export function tuple(value: unknown, length: number, name: string): readonly unknown[] {
  const elements = list(value, name);
  if (elements.length === length) return elements;
  throw malformed(`${name} has ${elements.length} elements, not ${length}`);
}

export function ballot(value: unknown, name: string): Ballot {
  const [round, node] = tuple(value, 2, name);
  return { round: uint(round, `round of ${name}`), node: positive(node, `node of ${name}`) };
}

/** Bytes of a value or body; never empty. */
export function bytes(value: unknown, name: string): Uint8Array {
  if (value instanceof Uint8Array && value.length > 0) return value;
  throw malformed(`${name} is not a non-empty byte string`);
}

/** Values of consecutive slots from `firstSlot`, none beyond the last slot there is. */
export function values(value: unknown, firstSlot: Slot): readonly Uint8Array[] {
  const all = list(value, "values").map((element) => bytes(element, "value"));
  // In this order: the sum of slot and length may be odd above 2^53, and would be rounded down to a safe integer.
  if (all.length > 0) uint(firstSlot + (all.length - 1), "slot of the last value");
  return all;
}

/** Closed ranges, ascending, apart from each other. */
export function ranges(value: unknown): readonly SlotRange[] {
  let before = 0;
  return list(value, "slots").map((element) => {
    const [first, last] = tuple(element, 2, "slot range");
    const range: SlotRange = [positive(first, "first slot"), positive(last, "last slot")];
    if (range[0] <= before || range[1] < range[0]) throw malformed("slot ranges are not in ascending order");
    before = range[1];
    return range;
  });
}

/** Votes in ascending order, one for a slot, inside the page from `firstSlot` to `lastSlot`. */
export function votes(value: unknown, firstSlot: Slot, lastSlot: Slot | null): readonly Vote[] {
  let before = firstSlot - 1;
  return list(value, "votes").map((element) => {
    const [at, voted, body] = tuple(element, 3, "vote");
    const slot = positive(at, "slot of a vote");
    if (slot <= before || (lastSlot !== null && slot > lastSlot)) {
      throw malformed("votes are not in ascending order inside their page");
    }
    before = slot;
    return { slot, ballot: ballot(voted, "vote"), value: bytes(body, "value of a vote") };
  });
}
