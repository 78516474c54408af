import { type SnapshotSink, SynodError } from "@synod/interface";
import type { CowSnapshot } from "@synod/rsm";
import type { Counter } from "./counters.js";
import type { Changes, KeyRecord } from "./changes.js";
import type { Stored } from "./key-space.js";
import type { Lease } from "./leases.js";
import { LIMIT_NAMES, type MachineLimits } from "./limits.js";
import type { LockRequest, Queue } from "./queues.js";
import { State } from "./state.js";
import { Reader, Writer } from "./wire.js";

const FORMAT_VERSION = 1;
/** A chunk is given out when it has so many bytes. */
const CHUNK_BYTES = 48 * 1024;

// Kinds of records, in the order in which they come.
const HEADER = 1;
const KEY = 2;
const LEASE = 3;
const REQUEST = 4;
const QUEUE = 5;
const COUNTER = 6;
const RECENT = 7;
const CHANGE = 8;
const END = 9;

interface Parts {
  readonly keys: CowSnapshot<string, KeyRecord>;
  readonly leases: CowSnapshot<string, Lease>;
  readonly queues: CowSnapshot<string, Queue>;
  readonly counters: CowSnapshot<string, Counter>;
  readonly changes: Changes;
}

/** The state as of the first pull, in chunks. */
export function* snapshotOf(state: State): Generator<Uint8Array, void> {
  const { digest } = state;
  const parts: Parts = {
    keys: state.keys.records.snapshot(),
    leases: state.leases.table.snapshot(),
    queues: state.queues.table.snapshot(),
    counters: state.counters.table.snapshot(),
    changes: state.keys.history.copy(),
  };
  try {
    yield header(state);
    yield* chunks(parts);
    const writer = new Writer();
    writer.byte(END);
    writer.text(digest);
    yield writer.done();
  } finally {
    for (const part of [parts.keys, parts.leases, parts.queues, parts.counters]) part.return();
    parts.changes.release();
  }
}

function header(state: State): Uint8Array {
  const writer = new Writer();
  writer.byte(HEADER);
  writer.byte(FORMAT_VERSION);
  for (const name of LIMIT_NAMES) writer.int(state.limits[name]);
  writer.int(state.revision);
  writer.int(state.timeMs);
  writer.int(state.keys.history.compacted);
  return writer.done();
}

function* chunks(parts: Parts): Generator<Uint8Array, void> {
  let writer = new Writer(CHUNK_BYTES + 4096);
  for (const _ of records(parts, () => writer)) {
    if (writer.length < CHUNK_BYTES) continue;
    yield writer.done();
    writer = new Writer(CHUNK_BYTES + 4096);
  }
  if (writer.length > 0) yield writer.done();
}

/** Writes a record at each step. */
function* records(parts: Parts, to: () => Writer): Generator<void, void> {
  for (const [key, record] of parts.keys) yield writeKey(to(), KEY, key, record);
  for (const [id, lease] of parts.leases) yield writeLease(to(), id, lease);
  for (const [name, queue] of parts.queues) {
    for (const request of queue.holders.values()) yield writeRequest(to(), name, request);
    for (const request of queue.waiting.values()) yield writeRequest(to(), name, request);
    yield writeNumber(to(), QUEUE, name, queue.changed);
  }
  for (const [name, counter] of parts.counters) {
    yield writeNumber(to(), COUNTER, name, counter.value);
    for (const [request, value] of counter.recent) {
      const writer = to();
      writeNumber(writer, RECENT, name, value);
      yield writer.text(request);
    }
  }
  const { changes } = parts;
  for (let number = changes.begin; number < changes.end; number++) {
    const writer = to();
    const before = changes.before(number);
    writeNumber(writer, CHANGE, changes.chain(number).key, changes.revision(number));
    writer.flag(before !== null);
    yield before === null ? undefined : writeRecord(writer, before);
  }
}

function writeKey(writer: Writer, kind: number, key: string, record: KeyRecord): void {
  writer.byte(kind);
  writer.text(key);
  writeRecord(writer, record);
}

function writeRecord(writer: Writer, record: KeyRecord): void {
  writer.bytes(record.value);
  writer.int(record.revision);
  writer.int(record.createRevision);
  writer.int(record.version);
  writer.maybeText(record.lease);
}

const readRecord = (reader: Reader): Stored => ({
  value: reader.bytes(),
  revision: reader.int(),
  createRevision: reader.int(),
  version: reader.int(),
  lease: reader.maybeText(),
});

function writeLease(writer: Writer, id: string, { ttlMs, expiresMs, ended }: Lease): void {
  writer.byte(LEASE);
  writer.text(id);
  writer.int(ttlMs);
  writer.int(expiresMs);
  writer.flag(ended);
}

function writeRequest(writer: Writer, name: string, request: LockRequest): void {
  writer.byte(REQUEST);
  writer.text(name);
  writer.text(request.id);
  writer.int(request.place);
  writer.int(request.token);
  writer.int(request.limit);
  writer.int(request.parties);
  writer.bytes(request.value);
}

function writeNumber(writer: Writer, kind: number, name: string, value: number): void {
  writer.byte(kind);
  writer.text(name);
  writer.maybe(value);
}

/** Builds a state from chunks as they come, and hands it over at the end. */
export function restoring(limits: MachineLimits, done: (state: State) => void): SnapshotSink {
  const state = new State(limits);
  let begun = false;
  let ended = false;
  return {
    write(chunk) {
      const reader = new Reader(chunk, "snapshot of a coordination machine");
      while (reader.left > 0) {
        const kind = reader.byte();
        if (ended || begun === (kind === HEADER)) throw reader.malformed("its records are out of order");
        if (kind === HEADER) readHeader(reader, state);
        else if (kind === END) checkEnd(reader, state);
        else readPart(reader, kind, state);
        begun = true;
        ended = kind === END;
      }
    },
    end() {
      if (!ended) throw new SynodError("Malformed", "The snapshot ends too early. Restore another one.");
      done(state);
    },
  };
}

function readHeader(reader: Reader, state: State): void {
  const version = reader.byte();
  if (version !== FORMAT_VERSION) {
    throw new SynodError(
      "VersionUnsupported",
      `The snapshot of the coordination machine has format version ${version}; this release reads ${FORMAT_VERSION}. Upgrade this node.`,
      { details: { version, supported: FORMAT_VERSION } },
    );
  }
  for (const option of LIMIT_NAMES) {
    const found = reader.int();
    const own = state.limits[option];
    if (found === own) continue;
    throw new SynodError(
      "InvalidConfiguration",
      `The snapshot was made with ${option} = ${found}, this coordination machine has ${own}. The option must be equal on ` +
        `all replicas and stay as it is: set it to ${found}.`,
      { details: { option, found, own } },
    );
  }
  state.revision = reader.int();
  state.timeMs = reader.int();
  state.keys.history.compacted = reader.int();
}

function readPart(reader: Reader, kind: number, state: State): void {
  const name = reader.text();
  switch (kind) {
    case KEY: {
      const record = readRecord(reader);
      state.keys.restore(name, record);
      if (record.lease !== null) state.leases.attach(record.lease, "keys", name);
      return;
    }
    case LEASE:
      return state.leases.set(name, { ttlMs: reader.int(), expiresMs: reader.int(), ended: reader.flag() });
    case REQUEST: {
      const request = readRequest(reader);
      state.queues.restore(name, request);
      return state.leases.attach(request.id, "queues", name);
    }
    case QUEUE:
      return state.queues.restoreChanged(name, readNumber(reader));
    case COUNTER:
      return state.counters.set(name, readNumber(reader), null);
    case RECENT:
      return state.counters.restoreRecent(name, readNumber(reader), reader.text());
    case CHANGE: {
      const revision = readNumber(reader);
      return state.keys.restoreChange(revision, name, reader.flag() ? readRecord(reader) : null);
    }
    default:
      throw reader.malformed(`${kind} is no kind of record`);
  }
}

const readRequest = (reader: Reader): LockRequest => ({
  id: reader.text(),
  place: reader.int(),
  token: reader.int(),
  limit: reader.int(),
  parties: reader.int(),
  value: reader.bytes(),
});

function readNumber(reader: Reader): number {
  const value = reader.maybe();
  if (value === null) throw reader.malformed("a number is missing");
  return value;
}

function checkEnd(reader: Reader, state: State): void {
  const expected = reader.text();
  if (expected !== state.digest) throw reader.malformed("it has another digest than what it holds");
}
