import type { Codec } from "@synod/interface";
import { readStatus, STATUSES } from "./command-codecs.js";
import { RANGE_MAX } from "./limits.js";
import type { CoordinationAnswer, CoordinationQuery, CoordinationStatus, Holder, KeyEvent } from "./types.js";
import type { Reader, Writer } from "./wire.js";
import {
  readEntries,
  readEntry,
  readId,
  readRangeLimit,
  readSelector,
  versionedCodec,
  writeEntries,
  writeEntry,
  writeSelector,
} from "./wire-parts.js";

// Order is the format: add at the end.
const QUERIES: readonly CoordinationQuery["kind"][] = [
  "get",
  "range",
  "count",
  "status",
  "lease",
  "counter",
  "events",
  "request",
  "lock",
];
const ANSWERS: readonly CoordinationAnswer["kind"][] = [
  "get",
  "range",
  "count",
  "compacted",
  "status",
  "lease",
  "counter",
  "events",
  "request",
  "lock",
  "none",
];
const COUNTS: readonly (keyof CoordinationStatus)[] = [
  "revision",
  "compacted",
  "timeMs",
  "keys",
  "bytes",
  "historyBytes",
  "leases",
  "locks",
  "requests",
  "counters",
];
export const HOLDERS_SHOWN = 100;

export const queryCodec: Codec<CoordinationQuery> = versionedCodec({
  what: "query",
  kinds: QUERIES,
  write: writeQuery,
  read: readQuery,
});

export const answerCodec: Codec<CoordinationAnswer> = versionedCodec({
  what: "answer",
  kinds: ANSWERS,
  write: writeAnswer,
  read: readAnswer,
});

function writeQuery(writer: Writer, query: CoordinationQuery): void {
  switch (query.kind) {
    case "get":
      writer.text(query.key);
      return writer.maybe(query.revision);
    case "range":
      writeSelector(writer, query.keys);
      writer.int(query.limit);
      writer.maybe(query.revision);
      writer.flag(query.reverse);
      return writer.flag(query.keysOnly);
    case "count":
      return writeSelector(writer, query.keys);
    case "status":
      return;
    case "lease":
      return writer.text(query.id);
    case "counter":
      return writer.text(query.name);
    case "events":
      writeSelector(writer, query.keys);
      return writer.int(query.from);
    case "request":
      writer.text(query.name);
      writer.text(query.id);
      return writer.int(query.after);
    case "lock":
      writer.text(query.name);
      writer.maybe(query.seen);
      return writer.int(query.after);
  }
}

function readQuery(reader: Reader, kind: CoordinationQuery["kind"]): CoordinationQuery {
  switch (kind) {
    case "get":
      return { kind, key: reader.text(), revision: reader.maybe() };
    case "range":
      return {
        kind,
        keys: readSelector(reader),
        limit: readRangeLimit(reader),
        revision: reader.maybe(),
        reverse: reader.flag(),
        keysOnly: reader.flag(),
      };
    case "count":
      return { kind, keys: readSelector(reader) };
    case "status":
      return { kind };
    case "lease":
      return { kind, id: readId(reader) };
    case "counter":
      return { kind, name: reader.text() };
    case "events":
      return { kind, keys: readSelector(reader), from: reader.int() };
    case "request":
      return { kind, name: reader.text(), id: readId(reader), after: reader.int() };
    case "lock":
      return { kind, name: reader.text(), seen: readSeen(reader), after: reader.int() };
  }
}

function readSeen(reader: Reader): number {
  const value = reader.maybe();
  if (value === null || value < -1) throw reader.malformed("a revision is impossible");
  return value;
}

function writeAnswer(writer: Writer, answer: CoordinationAnswer): void {
  switch (answer.kind) {
    case "get":
      writer.flag(answer.entry !== null);
      if (answer.entry !== null) writeEntry(writer, answer.entry);
      return writer.int(answer.revision);
    case "range":
      writeEntries(writer, answer.entries);
      writer.flag(answer.more);
      return writer.int(answer.revision);
    case "count":
      writer.int(answer.count);
      return writer.int(answer.revision);
    case "compacted":
      writer.int(answer.compacted);
      return writer.int(answer.revision);
    case "status":
      for (const name of COUNTS) writer.int(answer[name]);
      return;
    case "lease":
      for (const value of [answer.ttlMs, answer.leftMs, answer.keys, answer.requests]) writer.int(value);
      return;
    case "counter":
      return writer.maybe(answer.value);
    case "events":
      writer.list(answer.events, (event) => writeEvent(writer, event));
      return writer.int(answer.revision);
    case "request":
      writer.byte(STATUSES.indexOf(answer.status));
      writer.int(answer.fencingToken);
      return writer.int(answer.revision);
    case "lock":
      writer.list(answer.holders, ({ id, fencingToken, value }) => {
        writer.text(id);
        writer.int(fencingToken);
        writer.bytes(value);
      });
      for (const value of [answer.holding, answer.waiting, answer.changed, answer.revision]) writer.int(value);
      return;
    case "none":
      return writer.int(answer.revision);
  }
}

function readAnswer(reader: Reader, kind: CoordinationAnswer["kind"]): CoordinationAnswer {
  switch (kind) {
    case "get":
      return { kind, entry: reader.flag() ? readEntry(reader) : null, revision: reader.int() };
    case "range":
      return { kind, entries: readEntries(reader), more: reader.flag(), revision: reader.int() };
    case "count":
      return { kind, count: reader.int(), revision: reader.int() };
    case "compacted":
      return { kind, compacted: reader.int(), revision: reader.int() };
    case "status": {
      const counts: Partial<Record<keyof CoordinationStatus, number>> = {};
      for (const name of COUNTS) counts[name] = reader.int();
      return { kind, ...(counts as CoordinationStatus) };
    }
    case "lease":
      return { kind, ttlMs: reader.int(), leftMs: reader.int(), keys: reader.int(), requests: reader.int() };
    case "counter": {
      const value = reader.maybe();
      if (value === null) throw reader.malformed("a number is missing");
      return { kind, value };
    }
    case "events":
      return { kind, events: reader.list(RANGE_MAX, () => readEvent(reader)), revision: reader.int() };
    case "request":
      return { kind, status: readStatus(reader), fencingToken: reader.int(), revision: reader.int() };
    case "lock":
      return {
        kind,
        holders: reader.list(HOLDERS_SHOWN, (): Holder => {
          return { id: readId(reader), fencingToken: reader.int(), value: reader.bytes() };
        }),
        holding: reader.int(),
        waiting: reader.int(),
        changed: reader.int(),
        revision: reader.int(),
      };
    case "none":
      return { kind, revision: reader.int() };
  }
}

function writeEvent(writer: Writer, event: KeyEvent): void {
  writer.flag(event.kind === "put");
  if (event.kind === "put") return writeEntry(writer, event);
  writer.text(event.key);
  writer.int(event.revision);
}

function readEvent(reader: Reader): KeyEvent {
  if (reader.flag()) return { kind: "put", ...readEntry(reader) };
  return { kind: "delete", key: reader.text(), revision: reader.int() };
}
