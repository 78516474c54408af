import { type Codec, SynodError } from "@synod/interface";
import { HOLDERS_MAX, ID_BYTES_MAX, LIST_MAX, RANGE_MAX, TTL_MAX_MS } from "./limits.js";
import type { Condition, KeyEntry, KeySelector, Operation, OperationResult } from "./types.js";
import { Reader, utf8Length, Writer } from "./wire.js";

/** Of commands, results, queries and answers alike: first byte of each. */
const FORMAT_VERSION = 1;

const FIELDS = ["revision", "createRevision", "version"] as const;
const RELATIONS = ["=", "!=", "<", ">"] as const;

/** A codec whose values begin with the version of the format and a byte for their kind. */
export function versionedCodec<T extends { readonly kind: string }>(options: {
  readonly what: string;
  /** In the order of their bytes, from 1. Never reordered. */
  readonly kinds: readonly T["kind"][];
  readonly write: (writer: Writer, value: T) => void;
  readonly read: (reader: Reader, kind: T["kind"]) => T;
}): Codec<T> {
  const { what, kinds, write, read } = options;
  const writer = new Writer(0);
  const decode = (reader: Reader): T => {
    const version = reader.byte();
    if (version !== FORMAT_VERSION) {
      throw new SynodError(
        "VersionUnsupported",
        `The ${what} has format version ${version}; this release reads ${FORMAT_VERSION}. Upgrade this process.`,
        { details: { version, supported: FORMAT_VERSION } },
      );
    }
    const kind = kinds[reader.byte() - 1];
    if (kind === undefined) throw reader.malformed("there is no such kind");
    const value = read(reader, kind);
    reader.end();
    return value;
  };
  return {
    encode(value) {
      const kind = kinds.indexOf(value.kind);
      if (kind < 0) throw new SynodError("InvalidArgument", `${JSON.stringify(value.kind)} is no kind of ${what}.`);
      writer.again().byte(FORMAT_VERSION);
      writer.byte(kind + 1);
      write(writer, value);
      return writer.done();
    },
    decode: (bytes) => decode(new Reader(bytes, what)),
    decodeLasting: (bytes) => decode(new Reader(bytes, what, true)),
  };
}

/** @throws SynodError `Malformed` unless the number is within its bounds. */
export function bounded(reader: Reader, value: number, least: number, most: number, what: string): number {
  if (value < least || value > most) throw reader.malformed(`${what} is not between ${least} and ${most}`);
  return value;
}

export const readTtl = (reader: Reader): number => bounded(reader, reader.int(), 1, TTL_MAX_MS, "a time to live");
export const readHolders = (reader: Reader): number => bounded(reader, reader.int(), 1, HOLDERS_MAX, "a limit");
export const readRangeLimit = (reader: Reader): number => bounded(reader, reader.int(), 1, RANGE_MAX, "a limit");

export function readId(reader: Reader): string {
  const id = reader.text();
  const length = utf8Length(id);
  if (length === 0 || length > ID_BYTES_MAX) throw reader.malformed(`an id has 1 to ${ID_BYTES_MAX} bytes`);
  return id;
}

export const readIds = (reader: Reader): string[] => reader.list(LIST_MAX, () => readId(reader));

export function writeSelector(writer: Writer, keys: KeySelector): void {
  if ("key" in keys) {
    writer.byte(0);
    writer.text(keys.key);
  } else if ("prefix" in keys) {
    writer.byte(keys.after === undefined ? 1 : 4);
    writer.text(keys.prefix);
    if (keys.after !== undefined) writer.text(keys.after);
  } else {
    writer.byte(keys.to === undefined ? 2 : 3);
    writer.text(keys.from);
    if (keys.to !== undefined) writer.text(keys.to);
  }
}

export function readSelector(reader: Reader): KeySelector {
  const kind = reader.byte();
  if (kind === 0) return { key: reader.text() };
  if (kind === 1) return { prefix: reader.text() };
  if (kind === 2) return { from: reader.text() };
  if (kind === 3) return { from: reader.text(), to: reader.text() };
  if (kind === 4) return { prefix: reader.text(), after: reader.text() };
  throw reader.malformed("there is no such kind of keys");
}

export function writeCondition(writer: Writer, condition: Condition): void {
  if ("held" in condition) {
    writer.byte(0);
    writer.text(condition.held);
    writer.int(condition.fencingToken);
    return;
  }
  const field = condition.field === "value" ? 4 : FIELDS.indexOf(condition.field) + 1;
  writer.byte(field);
  writer.byte(RELATIONS.indexOf(condition.is));
  writer.text(condition.key);
  if (condition.field === "value") writer.bytes(condition.to);
  else writer.int(condition.to);
}

export function readCondition(reader: Reader): Condition {
  const kind = reader.byte();
  if (kind === 0) return { held: reader.text(), fencingToken: reader.int() };
  const is = RELATIONS[reader.byte()];
  const key = reader.text();
  if (is === undefined) throw reader.malformed("there is no such relation");
  if (kind === 4) {
    if (is === "<" || is === ">") throw reader.malformed("values have no order");
    return { key, field: "value", is, to: reader.bytes() };
  }
  const field = FIELDS[kind - 1];
  if (field === undefined) throw reader.malformed("there is no such condition");
  return { key, field, is, to: reader.int() };
}

export function writeOperation(writer: Writer, operation: Operation): void {
  switch (operation.kind) {
    case "put":
      writer.byte(1);
      writer.text(operation.key);
      writer.bytes(operation.value);
      writer.maybeText(operation.lease);
      return;
    case "delete":
      writer.byte(2);
      writer.text(operation.key);
      return;
    case "range":
      writer.byte(3);
      writeSelector(writer, operation.keys);
      writer.int(operation.limit);
  }
}

export function readOperation(reader: Reader): Operation {
  const kind = reader.byte();
  if (kind === 1) return { kind: "put", key: reader.text(), value: reader.kept(), lease: reader.maybeText() };
  if (kind === 2) return { kind: "delete", key: reader.text() };
  if (kind === 3) return { kind: "range", keys: readSelector(reader), limit: readRangeLimit(reader) };
  throw reader.malformed("there is no such operation");
}

export function writeEntry(writer: Writer, entry: KeyEntry): void {
  writer.text(entry.key);
  writer.bytes(entry.value);
  writer.int(entry.revision);
  writer.int(entry.createRevision);
  writer.int(entry.version);
  writer.maybeText(entry.lease);
}

export function readEntry(reader: Reader): KeyEntry {
  return {
    key: reader.text(),
    value: reader.bytes(),
    revision: reader.int(),
    createRevision: reader.int(),
    version: reader.int(),
    lease: reader.maybeText(),
  };
}

export function writeEntries(writer: Writer, entries: readonly KeyEntry[]): void {
  writer.list(entries, (entry) => writeEntry(writer, entry));
}

export const readEntries = (reader: Reader): KeyEntry[] => reader.list(RANGE_MAX, () => readEntry(reader));

export function writeOperationResult(writer: Writer, result: OperationResult): void {
  switch (result.kind) {
    case "put":
      writer.byte(1);
      writer.int(result.revision);
      return;
    case "delete":
      writer.byte(2);
      writer.flag(result.deleted);
      return;
    case "range":
      writer.byte(3);
      writeEntries(writer, result.entries);
      writer.flag(result.more);
  }
}

export function readOperationResult(reader: Reader): OperationResult {
  const kind = reader.byte();
  if (kind === 1) return { kind: "put", revision: reader.int() };
  if (kind === 2) return { kind: "delete", deleted: reader.flag() };
  if (kind === 3) return { kind: "range", entries: readEntries(reader), more: reader.flag() };
  throw reader.malformed("there is no such result");
}
