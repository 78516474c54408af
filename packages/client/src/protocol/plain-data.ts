// What admin calls and their results are made of: MessagePack, looked at field by field.
import { msgpackCodec } from "@synod/codec-msgpack";
import { SynodError } from "@synod/interface";
import { malformed } from "./bytes.js";

const bytesMax = 1024 * 1024;
const codec = msgpackCodec<unknown>({ bytesMax });

export const packed = (value: unknown): Uint8Array => codec.encode(plain(value));

/** @throws SynodError `Malformed`, `TooLarge`. */
export const unpacked = (bytes: Uint8Array): Fields => object(codec.decode(bytes));

/** As MessagePack can carry it: without what is undefined, errors as code and message, and what is no number as null. */
function plain(value: unknown): unknown {
  if (value instanceof SynodError) return { code: value.code, message: value.message };
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) {
    return typeof value === "number" && !Number.isFinite(value) ? null : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, plain(field)]),
  );
}

export type Fields = Readonly<Record<string, unknown>>;

export function object(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)) {
    return value as Fields;
  }
  throw malformed("An admin message with something else in place of an object.");
}

export function whole(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed("An admin message with something else in place of a whole number.");
}

export function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw malformed("An admin message with something else in place of a text.");
}

export function list<T>(value: unknown, item: (value: unknown) => T): T[] {
  if (Array.isArray(value)) return value.map((each: unknown) => item(each));
  throw malformed("An admin message with something else in place of a list.");
}

export const orNull = <T>(value: unknown, read: (value: unknown) => T): T | null =>
  value === null || value === undefined ? null : read(value);

export function flag(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw malformed("An admin message with something else in place of true or false.");
}

/** A property that is there or not. */
export function optional<T, Name extends string>(
  fields: Fields,
  name: Name,
  read: (value: unknown) => T,
): { [key in Name]?: T } {
  const value = fields[name];
  return value === undefined ? {} : ({ [name]: read(value) } as { [key in Name]?: T });
}
