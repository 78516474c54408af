import { SynodError } from "@synod/interface";

/** An option that is a whole number from `min` to `max`. */
export function count(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new SynodError("InvalidArgument", `${name} must be an integer from ${min} to ${max}, not ${String(value)}.`);
}
