import { SynodError } from "@synod/interface";

/** 8 MiB: eight times what a replica puts into one frame by default. */
export const BYTES_MAX_DEFAULT: number = 8 * 1024 * 1024;

export function malformed(what: string, cause?: unknown): SynodError {
  return new SynodError("Malformed", what, cause === undefined ? {} : { cause });
}

export function checkLimit(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new SynodError("InvalidArgument", `${name} must be a positive whole number of bytes, not ${String(value)}`);
}

export function checkSize(bytes: number, name: string, limit: number): void {
  if (bytes <= limit) return;
  throw new SynodError("TooLarge", `${bytes} bytes are more than ${name} (${limit}) allows`, {
    details: { bytes, limit },
  });
}
