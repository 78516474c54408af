import { SynodError } from "@synod/interface";
import { checkSize } from "./errors.js";
import { isPlainText } from "./utf8.js";

/** Arrays and objects inside each other, the outermost counted. */
export const DEPTH_MAX = 64;

/**
 * Refuses what would not come back equal. Where a property is undefined the object comes back without it.
 * @throws SynodError `InvalidArgument` with the path of what is refused; `TooLarge` as soon as the encoding is sure to be so.
 */
export function checkPlain(value: unknown, bytesMax: number): void {
  new Checker(bytesMax).check(value, []);
}

class Checker {
  readonly #bytesMax: number;
  /** Lower bound of the encoded size: keeps msgpackr's buffer, which it never gives back, from growing for nothing. */
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** `path` is only read if something is wrong, and is the same array throughout. */
  check(value: unknown, path: (string | number)[]): void {
    this.#add(1);
    if (value === null || typeof value === "boolean" || typeof value === "number") return;
    if (typeof value === "string") this.#text(value, path);
    else if (value instanceof Uint8Array) this.#add(value.length);
    else if (typeof value !== "object") throw refused(typeof value, path);
    else if (path.length >= DEPTH_MAX) throw refused(`nesting deeper than ${DEPTH_MAX} (or a cycle)`, path);
    else if (Array.isArray(value)) this.#array(value, path);
    else this.#object(value, path);
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    checkSize(this.#bytes, "bytesMax", this.#bytesMax);
  }

  #text(text: string, path: readonly (string | number)[]): void {
    this.#add(text.length);
    if (!isPlainText(text)) throw refused("a string with half a surrogate pair or a leading U+FEFF", path);
  }

  #array(array: readonly unknown[], path: (string | number)[]): void {
    if (prototypes(array) !== 2) throw refused("an instance of a subclass of Array", path);
    // Counts out holes and properties that are no elements.
    if (Object.keys(array).length !== array.length) throw refused("an array with holes or named properties", path);
    for (const [index, element] of array.entries()) {
      path.push(index);
      this.check(element, path);
      path.pop();
    }
  }

  #object(object: object, path: (string | number)[]): void {
    if (prototypes(object) > 1) throw refused(`an instance of ${nameOf(object)}`, path);
    if (Object.getOwnPropertySymbols(object).length > 0) throw refused("an object with symbols as keys", path);
    for (const [key, element] of Object.entries(object)) {
      path.push(key);
      if (key === "__proto__") throw refused("a property of this name", path);
      if (element !== undefined) {
        this.#add(1);
        this.#text(key, path);
        this.check(element, path);
      }
      path.pop();
    }
  }
}

/** 0 or 1 for a plain object, 2 for a plain array; works for objects of other realms too. */
function prototypes(value: object): number {
  let count = 0;
  for (let up: unknown = Object.getPrototypeOf(value); up !== null; up = Object.getPrototypeOf(up)) count++;
  return count;
}

function nameOf(object: object): string {
  const { constructor } = object;
  return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "a class";
}

function refused(what: string, path: readonly (string | number)[]): SynodError {
  const at = path.length === 0 ? "" : ` at ${path.slice(0, 8).join(".")}`;
  return new SynodError(
    "InvalidArgument",
    `cannot encode ${what}${at}: use null, booleans, numbers, strings, Uint8Array, arrays and plain objects`,
  );
}
