import { refuse } from "./history.js";

/**
 * Text that is equal exactly where two values are equal by content. Knows primitives, arrays, byte arrays and plain
 * objects, and never contains a line break.
 *
 * @throws SynodError `InvalidArgument` for anything else.
 */
export function canonical(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return value === 0 ? "0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : ofObject(value);
    default:
      return refuse(`A ${typeof value} cannot be compared by content. Use plain data.`);
  }
}

function ofObject(value: object): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value instanceof Uint8Array) return `bytes(${value.join(",")})`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse("An instance of a class cannot be compared by content. Use plain data, or give the model a key(state).");
  }
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}

/** Something that a `Map` can look up: equal content, equal identity. */
export function identity(value: unknown): unknown {
  return typeof value === "object" && value !== null ? `\u0000${canonical(value)}` : value;
}
