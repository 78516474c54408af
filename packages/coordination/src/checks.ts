import { type Codec, nearestName, SynodError } from "@synod/interface";
import { ID_BYTES_MAX, LIST_MAX, RANGE_MAX } from "./limits.js";
import type { Condition, KeySelector } from "./types.js";
import { utf8Length } from "./wire.js";

// Types do not help who writes plain JavaScript: what would do something else than was meant is refused here, before anything is sent.

export const CALL: readonly string[] = ["signal"];
export const ACQUIRE: readonly string[] = ["signal", "ttlMs", "waitMs"];

export const invalid = (text: string): SynodError => new SynodError("InvalidArgument", text);

/** What something is, without what is in it: values may be secrets. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (value instanceof Promise) return "a promise: await it first";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "Object" ? `an object of class ${name}` : "an object";
}

/** The same, with what is short. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "number":
    case "boolean":
      return String(value);
    case "object": {
      const kind = kindOf(value);
      if (value === null || kind !== "an object") return kind;
      const names = Object.keys(value);
      return names.length === 0 ? "{}" : `{ ${names.slice(0, 8).join(", ")} }`;
    }
    default:
      return kindOf(value);
  }
}

/** @throws SynodError `InvalidArgument` unless these are options, of these names, with a signal that is one */
export function checkOptions(call: string, options: object, names: readonly string[], hint: string = ""): void {
  checkFields(`The options of ${call}`, options, names, hint);
  const { signal } = options as { readonly signal?: unknown };
  if (signal === undefined || typeof (signal as AbortSignal | null)?.addEventListener === "function") return;
  throw invalid(`signal is an AbortSignal (of an AbortController: controller.signal), not ${shown(signal)}.`);
}

/** @throws SynodError `InvalidArgument` unless this is an object with no other fields */
export function checkFields(what: string, given: object, names: readonly string[], hint: string = ""): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw invalid(`${what} are an object { ${names.join(", ")} }, not ${shown(given)}.${hint}`);
  }
  // Inherited ones, too: a signal is not the object that has it.
  for (const name in given) {
    if (names.includes(name)) continue;
    const meant = nearestName(name, names);
    const wrong = `${what} are ${names.join(", ")}, and not ${name}`;
    throw invalid(`${wrong}${meant === undefined ? "." : `: did you mean ${meant}?`}${hint}`);
  }
}

export function checkText(what: string, text: string): string {
  if (typeof text === "string") return text;
  throw invalid(`${what} is a text (a string), not ${shown(text)}.`);
}

function checkFilled(what: string, text: string): string {
  if (typeof text === "string" && text.length > 0) return text;
  throw invalid(`${what} is a text (a string) that is not empty, not ${shown(text)}.`);
}

export const checkKey = (key: string): string => checkFilled("A key", key);
export const checkName = (name: string): string => checkFilled("A name", name);

export function checkInteger(
  what: string,
  value: number | undefined,
  least: number = Number.MIN_SAFE_INTEGER,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most < Number.MAX_SAFE_INTEGER ? ` from ${least} to ${most}` : least < 0 ? "" : ` from ${least}`;
  throw invalid(`${what} is a safe integer${range}, not ${shown(value)}.`);
}

/** Null: left out. */
export const checkRevision = (what: string, revision: number | undefined): number | null =>
  revision === undefined ? null : checkInteger(what, revision, 0);

export const checkLimit = (limit: number | undefined): number =>
  limit === undefined ? RANGE_MAX : checkInteger("limit", limit, 1, RANGE_MAX);

export function checkFlag(what: string, flag: boolean | undefined): boolean {
  if (flag === undefined || typeof flag === "boolean") return flag ?? false;
  throw invalid(`${what} is true or false, not ${shown(flag)}.`);
}

export function checkFunction(what: string, given: unknown, example: string): void {
  if (typeof given === "function") return;
  throw invalid(`${what} is a function, as in ${example}, not ${shown(given)}.`);
}

/** Of a lease, or of a request for numbers. */
export function checkId(what: string, id: string): string {
  const length = utf8Length(checkFilled(what, id));
  if (length <= ID_BYTES_MAX) return id;
  throw invalid(`${what} has at most ${ID_BYTES_MAX} bytes, not ${length}.`);
}

/** Its id; null: none was given. */
export function leaseId(lease: { readonly id: string } | null | undefined): string | null {
  if (lease === undefined || lease === null) return null;
  if (typeof lease === "object" && typeof lease.id === "string") return checkId("The id of a lease", lease.id);
  throw invalid(`lease is a lease, as in { lease: await leases.grant() }, or { id: "..." }, not ${shown(lease)}.`);
}

/** Of another realm, as some test runners have them, it is not of this one's class. */
export function isBytes(value: unknown): value is Uint8Array {
  if (value instanceof Uint8Array) return true;
  return ArrayBuffer.isView(value) && (value as Uint8Array)[Symbol.toStringTag] === "Uint8Array";
}

/** Anything with encode and decode, each of which does what it should where it is used. */
export function checkCodec<T>(codec: Codec<T>): Codec<T> {
  if (typeof codec === "function") throw invalid("kv.as takes a codec, not a function: call it, as in jsonValues().");
  if (typeof codec?.encode === "function" && typeof codec.decode === "function") return codec;
  throw invalid(`kv.as takes a codec: textValues, jsonValues() or { encode, decode }, not ${shown(codec)}.`);
}

export function checkSelector(keys: KeySelector): KeySelector {
  const given = keys as Readonly<Record<string, string | undefined>>;
  const first = typeof keys === "object" && keys !== null && ["key", "prefix", "from"].find((name) => name in keys);
  if (typeof first !== "string") {
    throw invalid(`Keys are { key }, { prefix, after? } or { from, to? }, not ${shown(keys)}.`);
  }
  const second = first === "prefix" ? "after" : first === "from" ? "to" : null;
  checkFields(`Keys with ${first}`, keys, second === null ? [first] : [first, second]);
  checkText(first, given[first] as string);
  if (second !== null && given[second] !== undefined) checkText(second, given[second]);
  return keys;
}

/** The conditions, or the operations, of a transaction. */
export function checkList<T>(what: string, list: readonly T[] = []): readonly T[] {
  if (!Array.isArray(list)) throw invalid(`${what} of a transaction is a list, not ${shown(list)}.`);
  if (list.length <= LIST_MAX) return list as readonly T[];
  throw new SynodError("TooLarge", `${what} of a transaction has at most ${LIST_MAX} elements, not ${list.length}.`);
}

const FIELDS = ["revision", "createRevision", "version", "value"];

/** All of it but a value. */
export function checkCondition(condition: Condition<unknown>): void {
  const given = condition as Readonly<Record<string, unknown>> | null;
  if (typeof given === "object" && given !== null && "held" in given) {
    checkFields("The fields of a condition with held", given, ["held", "fencingToken"]);
    checkFilled("held (lock.resource)", given["held"] as string);
    checkInteger("fencingToken (lock.fencingToken)", given["fencingToken"] as number, 1);
    return;
  }
  if (typeof given !== "object" || given === null || !("field" in given)) {
    throw invalid(`A condition is { key, field, is, to } or { held, fencingToken }, not ${shown(given)}.`);
  }
  const { key, field, is, to } = given;
  checkFields("The fields of a condition", given, ["key", "field", "is", "to"]);
  checkKey(key as string);
  if (!FIELDS.includes(field as string)) throw invalid(`field is ${FIELDS.join(", ")}, not ${shown(field)}.`);
  const relations = field === "value" ? ["=", "!="] : ["=", "!=", "<", ">"];
  if (!relations.includes(is as string))
    throw invalid(`is of ${String(field)} is ${relations.join(" ")}, not ${shown(is)}.`);
  if (field !== "value") checkInteger("to", to as number, 0);
}

const STEPS: Readonly<Record<string, readonly string[]>> = {
  put: ["kind", "key", "value", "lease"],
  delete: ["kind", "key"],
  range: ["kind", "keys", "limit"],
};

/** Which it is, and that it has nothing else in it. */
export function checkStep(step: { readonly kind: string }): void {
  const names = typeof step === "object" && step !== null && Object.hasOwn(STEPS, step.kind) ? STEPS[step.kind] : null;
  if (names !== null && names !== undefined) return checkFields(`The fields of a ${step.kind}`, step, names);
  const kinds = '{ kind: "put", key, value, lease? }, { kind: "delete", key } or { kind: "range", keys, limit? }';
  throw invalid(`An operation of a transaction is ${kinds}, not ${shown(step)}.`);
}

/** @throws SynodError `InvalidArgument` for what is no node and no client */
export function checkService(service: { readonly [method in "propose" | "read" | "watch"]: unknown }): void {
  const missing = (["propose", "read", "watch"] as const).find((method) => typeof service?.[method] !== "function");
  if (missing === undefined) return;
  throw invalid(
    `coordination() takes a node (await createNode(...)) or a client (await connect(...)), not ${shown(service)}.`,
  );
}
