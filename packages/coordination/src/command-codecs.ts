import type { Codec } from "@synod/interface";
import { HOLDERS_MAX, LIST_MAX } from "./limits.js";
import type { CoordinationCommand, CoordinationResult, RefusalReason } from "./types.js";
import type { Reader, Writer } from "./wire.js";
import {
  bounded,
  readCondition,
  readHolders,
  readId,
  readIds,
  readOperation,
  readOperationResult,
  readSelector,
  readTtl,
  versionedCodec,
  writeCondition,
  writeOperation,
  writeOperationResult,
  writeSelector,
} from "./wire-parts.js";

// Order is the format: add at the end.
const COMMANDS: readonly CoordinationCommand["kind"][] = [
  "put",
  "delete",
  "deleteRange",
  "transaction",
  "grantLease",
  "keepAlive",
  "endLeases",
  "acquire",
  "proclaim",
  "add",
];
const RESULTS: readonly CoordinationResult["kind"][] = [
  "written",
  "deleted",
  "transaction",
  "leases",
  "acquired",
  "proclaimed",
  "added",
  "refused",
];
export const STATUSES = ["none", "waiting", "held"] as const;
const REASONS: readonly RefusalReason[] = [
  "keyTooLarge",
  "valueTooLarge",
  "stateFull",
  "noLease",
  "leasesFull",
  "requestsFull",
  "queueFull",
  "notHeld",
  "numberTooLarge",
];

export const commandCodec: Codec<CoordinationCommand> = versionedCodec({
  what: "command",
  kinds: COMMANDS,
  write: writeCommand,
  read: readCommand,
});

export const resultCodec: Codec<CoordinationResult> = versionedCodec({
  what: "result",
  kinds: RESULTS,
  write: writeResult,
  read: readResult,
});

function writeCommand(writer: Writer, command: CoordinationCommand): void {
  switch (command.kind) {
    case "put":
      writer.text(command.key);
      writer.bytes(command.value);
      writer.maybeText(command.lease);
      return writer.maybe(command.expected);
    case "delete":
      writer.text(command.key);
      return writer.maybe(command.expected);
    case "deleteRange":
      writeSelector(writer, command.keys);
      return writer.int(command.limit);
    case "transaction":
      writer.list(command.if, (condition) => writeCondition(writer, condition));
      writer.list(command.do, (operation) => writeOperation(writer, operation));
      return writer.list(command.else, (operation) => writeOperation(writer, operation));
    case "grantLease":
      writer.text(command.id);
      return writer.int(command.ttlMs);
    case "keepAlive":
      return writer.list(command.ids, (id) => writer.text(id));
    case "endLeases":
      writer.list(command.ids, (id) => writer.text(id));
      return writer.flag(command.remember);
    case "acquire":
      writer.text(command.name);
      writer.text(command.id);
      writer.int(command.ttlMs);
      writer.int(command.limit);
      writer.int(command.parties);
      writer.bytes(command.value);
      return writer.flag(command.wait);
    case "proclaim":
      writer.text(command.name);
      writer.text(command.id);
      return writer.bytes(command.value);
    case "add":
      writer.text(command.name);
      writer.maybe(command.by);
      return writer.maybeText(command.request);
  }
}

function readCommand(reader: Reader, kind: CoordinationCommand["kind"]): CoordinationCommand {
  switch (kind) {
    case "put":
      return {
        kind,
        key: reader.text(),
        value: reader.kept(),
        lease: reader.maybeText(),
        expected: readRevision(reader),
      };
    case "delete":
      return { kind, key: reader.text(), expected: readRevision(reader) };
    case "deleteRange":
      return { kind, keys: readSelector(reader), limit: bounded(reader, reader.int(), 1, LIST_MAX, "a limit") };
    case "transaction":
      return {
        kind,
        if: reader.list(LIST_MAX, () => readCondition(reader)),
        do: reader.list(LIST_MAX, () => readOperation(reader)),
        else: reader.list(LIST_MAX, () => readOperation(reader)),
      };
    case "grantLease":
      return { kind, id: readId(reader), ttlMs: readTtl(reader) };
    case "keepAlive":
      return { kind, ids: readIds(reader) };
    case "endLeases":
      return { kind, ids: readIds(reader), remember: reader.flag() };
    case "acquire":
      return {
        kind,
        name: reader.text(),
        id: readId(reader),
        ttlMs: readTtl(reader),
        limit: readHolders(reader),
        parties: bounded(reader, reader.int(), 0, HOLDERS_MAX, "a number of parties"),
        value: reader.bytes(),
        wait: reader.flag(),
      };
    case "proclaim":
      return { kind, name: reader.text(), id: readId(reader), value: reader.bytes() };
    case "add":
      return { kind, name: reader.text(), by: readAmount(reader), request: reader.flag() ? readId(reader) : null };
  }
}

function readRevision(reader: Reader): number | null {
  const value = reader.maybe();
  if (value !== null && value < 0) throw reader.malformed("a revision is negative");
  return value;
}

function readAmount(reader: Reader): number {
  const value = reader.maybe();
  if (value === null) throw reader.malformed("a number is missing");
  return value;
}

function writeResult(writer: Writer, result: CoordinationResult): void {
  switch (result.kind) {
    case "written":
      writer.flag(result.done);
      writer.int(result.revision);
      return writer.int(result.keyRevision);
    case "deleted":
      writer.int(result.count);
      writer.flag(result.more);
      return writer.int(result.revision);
    case "transaction":
      writer.flag(result.succeeded);
      writer.int(result.revision);
      return writer.list(result.results, (one) => writeOperationResult(writer, one));
    case "leases":
      writer.list(result.gone, (id) => writer.text(id));
      return writer.int(result.revision);
    case "acquired":
      writer.byte(STATUSES.indexOf(result.status));
      writer.int(result.fencingToken);
      writer.int(result.waiting);
      return writer.int(result.revision);
    case "proclaimed":
      return writer.int(result.revision);
    case "added":
      writer.maybe(result.value);
      return writer.flag(result.repeated);
    case "refused":
      writer.byte(REASONS.indexOf(result.reason));
      return writer.int(result.limit);
  }
}

function readResult(reader: Reader, kind: CoordinationResult["kind"]): CoordinationResult {
  switch (kind) {
    case "written":
      return { kind, done: reader.flag(), revision: reader.int(), keyRevision: reader.int() };
    case "deleted":
      return { kind, count: reader.int(), more: reader.flag(), revision: reader.int() };
    case "transaction":
      return {
        kind,
        succeeded: reader.flag(),
        revision: reader.int(),
        results: reader.list(LIST_MAX, () => readOperationResult(reader)),
      };
    case "leases":
      return { kind, gone: readIds(reader), revision: reader.int() };
    case "acquired":
      return {
        kind,
        status: readStatus(reader),
        fencingToken: reader.int(),
        waiting: reader.int(),
        revision: reader.int(),
      };
    case "proclaimed":
      return { kind, revision: reader.int() };
    case "added":
      return { kind, value: readAmount(reader), repeated: reader.flag() };
    case "refused": {
      const reason = REASONS[reader.byte()];
      if (reason === undefined) throw reader.malformed("there is no such reason");
      return { kind, reason, limit: reader.int() };
    }
  }
}

export function readStatus(reader: Reader): (typeof STATUSES)[number] {
  const status = STATUSES[reader.byte()];
  if (status === undefined) throw reader.malformed("there is no such status");
  return status;
}
