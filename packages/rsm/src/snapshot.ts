import { type Ballot, NumberMap, type Slot, SynodError, type Versions } from "@synod/interface";
import { readBallot, SESSION_LIMIT_MAX, writeBallot } from "./batch.js";
import { ByteReader, ByteWriter, varintSize } from "./bytes.js";
import { type Hash64, HASH_START, hash64 } from "./hash.js";
import { malformedSnapshot, type Section, SectionReader } from "./sections.js";
import { opensBefore, type Reply, type Session, type SessionLimits, storeReply } from "./sessions.js";

// Kinds of sections, in the order in which they come: one header, tables, machine chunks, one end.
const HEADER = 1;
const TABLE = 2;
const MACHINE = 3;
const END = 4;

// Records of a table section.
const SESSION = 1;
const REPLY = 2;
// First byte of a stored reply.
const REPLY_RESULT = 0;
const REPLY_INVALID_COMMAND = 1;
const REPLY_UNENCODABLE = 2;

const TABLE_BYTES = 32 * 1024;
const EMPTY = new Uint8Array(0);

/** The replicated state of the machine, apart from sessions and the state machine's own. */
export interface Header {
  readonly index: Slot;
  readonly timeMs: number;
  readonly timedBy: Ballot | null;
  readonly chain: Hash64;
  readonly limits: SessionLimits;
  readonly sessionCount: number;
  /** In force after the last slot. */
  readonly versions: Versions;
}

/** The sections of a snapshot, pulled lazily. */
export function* snapshotSections(
  header: Header,
  sessions: Iterable<Session>,
  machine: Iterable<Uint8Array>,
): Generator<Section> {
  yield { kind: HEADER, payload: encodeHeader(header) };
  for (const payload of tables(sessions)) yield { kind: TABLE, payload };
  for (const payload of machine) yield { kind: MACHINE, payload };
  yield { kind: END, payload: EMPTY };
}

/** Hash of the sessions, the logged time, the versions and the limits: equal where these are equal, whatever led there. */
export function hashState({ versions, timeMs, timedBy, limits }: Header, sessions: Iterable<Session>): Hash64 {
  let hash = hash64(HASH_START, timeMs, EMPTY);
  for (const number of [timedBy?.round ?? 0, timedBy?.node ?? 0]) hash = hash64(hash, number, EMPTY);
  for (const limit of [limits.sessionTtlMs, limits.sessionsMax, limits.sessionReplyBytesMax]) {
    hash = hash64(hash, limit, EMPTY);
  }
  for (const version of [versions.wire, versions.log, versions.machine]) hash = hash64(hash, version, EMPTY);
  for (const table of tables(sessions)) hash = hash64(hash, TABLE, table);
  return hash;
}

/** What becomes of the parts of a snapshot. */
export interface SnapshotParts {
  /** Throws to refuse the snapshot before anything else is read. */
  header(header: Header): void;
  /** Everything but the state machine's own part; comes before that. */
  sessions(sessions: readonly Session[]): void;
  /** A chunk as the state machine gave it. */
  machine(chunk: Uint8Array): void;
}

/** Takes a snapshot apart as its chunks come. */
export class SnapshotReader {
  readonly #reader = new SectionReader();
  readonly #parts: SnapshotParts;
  /** Gathers sessions; null before the header. */
  #table: TableReader | null = null;
  #at: "header" | "tables" | "machine" | "end" = "header";

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
    if (this.#at === "end") this.#nothingMore();
    for (let section = this.#reader.next(); section !== null; section = this.#reader.next()) this.#section(section);
  }

  /** All chunks have come. */
  end(): void {
    if (this.#at !== "end") throw malformedSnapshot("it ends too early");
    this.#nothingMore();
  }

  #nothingMore(): void {
    if (!this.#reader.atEnd) throw malformedSnapshot("bytes follow its end");
  }

  #section({ kind, payload }: Section): void {
    if (this.#at === "header") {
      if (kind !== HEADER) throw malformedSnapshot("it does not start with a header");
      const header = decodeHeader(payload);
      this.#parts.header(header);
      this.#table = new TableReader(header);
      this.#at = "tables";
      return;
    }
    if (this.#at === "tables") {
      if (kind === TABLE) return this.#table?.read(payload);
      this.#parts.sessions(this.#table?.finish() ?? []);
      this.#table = null;
      this.#at = "machine";
    }
    if (kind === MACHINE) return this.#parts.machine(payload);
    if (kind !== END || payload.length > 0) throw malformedSnapshot("its sections are out of order");
    this.#at = "end";
    this.#nothingMore();
  }
}

function encodeHeader(header: Header): Uint8Array {
  const { limits, versions } = header;
  const writer = new ByteWriter(8 + 11 * 8);
  writer.varint(header.index);
  writer.varint(header.timeMs);
  writeBallot(writer, header.timedBy);
  writer.uint32(header.chain.high >>> 0);
  writer.uint32(header.chain.low >>> 0);
  writer.varint(limits.sessionTtlMs);
  writer.varint(limits.sessionsMax);
  writer.varint(limits.sessionReplyBytesMax);
  writer.varint(header.sessionCount);
  writer.varint(versions.wire);
  writer.varint(versions.log);
  writer.varint(versions.machine);
  return writer.written();
}

function decodeHeader(payload: Uint8Array): Header {
  const reader = new ByteReader(payload, "snapshot header");
  const index = reader.varint();
  const timeMs = reader.varint();
  const timedBy = readBallot(reader);
  const chain = { high: reader.uint32() | 0, low: reader.uint32() | 0 };
  const limits = {
    sessionTtlMs: reader.varint(),
    sessionsMax: reader.varint(),
    sessionReplyBytesMax: reader.varint(),
  };
  const sessionCount = reader.varint();
  const versions = { wire: reader.varint(), log: reader.varint(), machine: reader.varint() };
  reader.end();
  if (versions.wire < 1 || versions.log < 1 || versions.machine < 1) throw reader.malformed("a version is 0");
  return { index, timeMs, timedBy, chain, limits, sessionCount, versions };
}

/** Sessions and their replies as records, packed into payloads; a reply that is larger gets a payload of its own. */
function* tables(sessions: Iterable<Session>): Generator<Uint8Array> {
  let writer = new ByteWriter(TABLE_BYTES);
  for (const session of sessions) {
    // Kind byte and at most five varints.
    if (!writer.fits(1 + 5 * 8)) {
      yield writer.written();
      writer = new ByteWriter(TABLE_BYTES);
    }
    writeSession(writer, session);
    for (const [sequence, reply] of session.replies.entries()) {
      const length = reply instanceof Uint8Array ? reply.length : 0;
      const size = 2 + varintSize(sequence) + varintSize(length) + length;
      if (!writer.fits(size)) {
        yield writer.written();
        writer = new ByteWriter(Math.max(TABLE_BYTES, size));
      }
      writeReply(writer, sequence, reply);
    }
  }
  if (writer.length > 0) yield writer.written();
}

function writeSession(writer: ByteWriter, session: Session): void {
  writer.byte(SESSION);
  writer.varint(session.id.slot);
  writer.varint(session.id.index);
  writer.varint(session.limit);
  writer.varint(session.floor);
  writer.varint(session.lastUsedMs);
}

function writeReply(writer: ByteWriter, sequence: number, reply: Reply): void {
  writer.byte(REPLY);
  writer.varint(sequence);
  if (!(reply instanceof Uint8Array)) {
    writer.byte(reply === null ? REPLY_INVALID_COMMAND : REPLY_UNENCODABLE);
    writer.varint(0);
    return;
  }
  writer.byte(REPLY_RESULT);
  writer.varint(reply.length);
  writer.raw(reply);
}

/** Gathers the sessions of a snapshot and refuses any that no log could have led to. */
class TableReader {
  readonly #header: Header;
  readonly #sessions: Session[] = [];

  constructor(header: Header) {
    this.#header = header;
  }

  read(payload: Uint8Array): void {
    const reader = new ByteReader(payload, "snapshot");
    while (reader.remaining > 0) {
      const kind = reader.byte();
      if (kind === SESSION) this.#session(reader);
      else if (kind === REPLY) this.#reply(reader);
      else throw reader.malformed(`${kind} is no kind of record`);
    }
  }

  finish(): readonly Session[] {
    const { sessionCount, limits } = this.#header;
    if (this.#sessions.length !== sessionCount || sessionCount > limits.sessionsMax) {
      throw malformedSnapshot(`it has ${this.#sessions.length} sessions, and its header says ${sessionCount}`);
    }
    return this.#sessions;
  }

  #session(reader: ByteReader): void {
    const id = { slot: reader.varint(), index: reader.varint() };
    const [limit, floor, lastUsedMs] = [reader.varint(), reader.varint(), reader.varint()];
    const before = this.#sessions.at(-1);
    if (id.slot < 1 || id.slot > this.#header.index || (before && !opensBefore(before.id, id))) {
      throw reader.malformed("a session has an impossible id");
    }
    if (limit < 1 || limit > SESSION_LIMIT_MAX || lastUsedMs > this.#header.timeMs) {
      throw reader.malformed("a session has an impossible limit or time of last use");
    }
    this.#sessions.push({ id, limit, floor, lastUsedMs, replies: new NumberMap(), replyBytes: 0 });
  }

  #reply(reader: ByteReader): void {
    const session = this.#sessions.at(-1);
    if (!session) throw reader.malformed("a reply has no session");
    const sequence = reader.varint();
    const status = reader.byte();
    const bytes = reader.view(reader.varint());
    const over = sequence - session.floor;
    if (over < 1 || over > session.limit || session.replies.has(sequence)) {
      throw reader.malformed("a reply has an impossible sequence");
    }
    if (status > REPLY_UNENCODABLE || (status !== REPLY_RESULT && bytes.length > 0)) {
      throw reader.malformed("a reply has an impossible status");
    }
    storeReply(session, sequence, readReply(status, bytes));
  }
}

function readReply(status: number, bytes: Uint8Array): Reply {
  if (status === REPLY_INVALID_COMMAND) return null;
  if (status === REPLY_UNENCODABLE) return "unencodable";
  // A copy of its own: the chunk must not stay in memory for as long as one of its replies.
  return new Uint8Array(bytes);
}

/** @throws SynodError `InvalidConfiguration` where the limits of a snapshot are not those of this replica. */
export function checkLimits(found: SessionLimits, own: SessionLimits): void {
  for (const name of ["sessionTtlMs", "sessionsMax", "sessionReplyBytesMax"] as const) {
    if (found[name] === own[name]) continue;
    throw new SynodError(
      "InvalidConfiguration",
      `The snapshot was made with ${name} = ${found[name]}, this replica has ${own[name]}. The option must be equal on ` +
        `all replicas and stay as it is: set it to ${found[name]}.`,
      { details: { option: name, found: found[name], own: own[name] } },
    );
  }
}
