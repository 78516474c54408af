import { type Ballot, type SessionId, type SessionTicket, SynodError, type Versions } from "@synod/interface";
import { ByteReader, ByteWriter, varintSize } from "./bytes.js";

/** Kind byte of a value that is a batch. (0 is a no-op, 1 a range of no-ops, 2 a configuration: not read here.) */
export const BATCH_KIND = 3;

/** Replies that a session keeps above its floor, unless its OPEN says otherwise. */
export const SESSION_LIMIT_DEFAULT = 4096;

/** Highest limit that an OPEN may ask for. */
export const SESSION_LIMIT_MAX: number = 1024 * 1024;

const ENVELOPE_VERSION = 2;
const NONCE_BYTES = 16;

// Kind bytes of entries; 0 stays free so that zeroed bytes are never an entry.
const OPEN = 1;
const COMMAND = 2;
const CLOSE = 3;
const RAISE = 4;
const ENTRY_BYTES_MIN = 3;

/** Opens a session. Its id is the place of this entry in the log. */
export interface OpenEntry {
  readonly kind: "open";
  /** 32 hexadecimal digits, lower case, random: tells the opener which of many outcomes is its own. */
  readonly nonce: string;
  /** Most replies kept above the floor, from 1 to `SESSION_LIMIT_MAX`; `SESSION_LIMIT_DEFAULT` if left out. */
  readonly limit?: number;
}

/** One command of a session. */
export interface CommandEntry {
  readonly kind: "command";
  readonly ticket: SessionTicket;
  /** The command as its codec encoded it. From `decodeBatch` it is a view into the value. */
  readonly body: Uint8Array;
}

/** The client gives the session and all of its replies up. */
export interface CloseEntry {
  readonly kind: "close";
  readonly session: SessionId;
}

/**
 * From its place in the log on at least these versions are in force. Only a leader makes it, once every member supports them. Every
 * release reads it, so that one to which they are too high stops before it.
 */
export interface RaiseEntry {
  readonly kind: "raise";
  readonly versions: Versions;
}

export type BatchEntry = OpenEntry | CommandEntry | CloseEntry | RaiseEntry;

export interface Batch {
  /** Logged time in milliseconds since the cluster was formatted. */
  readonly timeMs: number;
  /** Of the leader that formed it, by whose clock the time is, also where a later one proposes it again; null: no leader did. */
  readonly ballot: Ballot | null;
  readonly entries: readonly BatchEntry[];
}

/** Whether a value of the log is a batch, by its kind byte alone. */
export function isBatch(value: Uint8Array): boolean {
  return value[0] === BATCH_KIND;
}

/**
 * Bytes that an entry takes in the envelope, so that a batch can be limited before it is encoded. The envelope adds at
 * most 34 bytes to the sum of its entries.
 * @throws SynodError `InvalidArgument` if the entry cannot be encoded.
 */
export function entrySize(entry: BatchEntry): number {
  switch (entry.kind) {
    case "open": {
      const limit = entry.limit ?? SESSION_LIMIT_DEFAULT;
      if (!/^[0-9a-f]{32}$/.test(entry.nonce)) throw invalid("nonce must be 32 hexadecimal digits, lower case");
      if (!Number.isInteger(limit) || limit < 1 || limit > SESSION_LIMIT_MAX) {
        throw invalid(`limit must be an integer from 1 to ${SESSION_LIMIT_MAX}, got ${limit}`);
      }
      return 1 + NONCE_BYTES + varintSize(limit);
    }
    case "command": {
      const { session, sequence, floor } = entry.ticket;
      check("ticket.sequence", sequence, 1);
      check("ticket.floor", floor, 0);
      const { length } = entry.body;
      return 1 + sessionSize(session) + varintSize(sequence) + varintSize(floor) + varintSize(length) + length;
    }
    case "close":
      return 1 + sessionSize(entry.session);
    case "raise": {
      const { wire, log, machine } = entry.versions;
      check("versions.wire", wire, 1);
      check("versions.log", log, 1);
      check("versions.machine", machine, 1);
      return 1 + varintSize(wire) + varintSize(log) + varintSize(machine);
    }
  }
}

/**
 * A value for the log: kind byte, envelope version, logged time, ballot (round, node), count, entries. An empty batch is a tick: it only
 * advances logged time.
 * @param ballot - of the leader that forms it; null where none does, as in what is sent to the leader
 * @throws SynodError `InvalidArgument` on numbers out of range or a malformed nonce.
 */
export function encodeBatch(timeMs: number, entries: readonly BatchEntry[], ballot: Ballot | null = null): Uint8Array {
  check("timeMs", timeMs, 0);
  let size = 2 + varintSize(timeMs) + ballotSize(ballot) + varintSize(entries.length);
  for (const entry of entries) size += entrySize(entry);

  const writer = new ByteWriter(size);
  writer.byte(BATCH_KIND);
  writer.byte(ENVELOPE_VERSION);
  writer.varint(timeMs);
  writeBallot(writer, ballot);
  writer.varint(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.written();
}

/**
 * Reads a value that `encodeBatch` made. Bodies of commands are views into `value`, which must never change.
 * @throws SynodError `Malformed`, or `VersionUnsupported` for an envelope of another release; nothing else.
 */
export function decodeBatch(value: Uint8Array): Batch {
  const reader = new ByteReader(value, "batch");
  if (reader.byte() !== BATCH_KIND) throw reader.malformed(`its kind byte is not ${BATCH_KIND}`);
  const version = reader.byte();
  if (version !== ENVELOPE_VERSION) {
    throw new SynodError(
      "VersionUnsupported",
      `The batch has envelope version ${version}; this release reads ${ENVELOPE_VERSION}. Start this node with the release that wrote it.`,
      { details: { version, supported: ENVELOPE_VERSION } },
    );
  }
  const timeMs = reader.varint();
  const ballot = readBallot(reader);
  const count = reader.varint();
  // Before anything is made room for: no more entries than the bytes that are there could hold.
  if (count * ENTRY_BYTES_MIN > reader.remaining) throw reader.malformed(`it cannot hold ${count} entries`);
  const entries: BatchEntry[] = [];
  let session: SessionId | null = null;
  for (let index = 0; index < count; index += 1) {
    const entry = readEntry(reader, session);
    if (entry.kind === "command") session = entry.ticket.session;
    entries.push(entry);
  }
  reader.end();
  return { timeMs, ballot, entries };
}

function writeEntry(writer: ByteWriter, entry: BatchEntry): void {
  switch (entry.kind) {
    case "open":
      writer.byte(OPEN);
      for (let at = 0; at < entry.nonce.length; at += 2)
        writer.byte(Number.parseInt(entry.nonce.slice(at, at + 2), 16));
      writer.varint(entry.limit ?? SESSION_LIMIT_DEFAULT);
      return;
    case "command":
      writer.byte(COMMAND);
      writeSession(writer, entry.ticket.session);
      writer.varint(entry.ticket.sequence);
      writer.varint(entry.ticket.floor);
      writer.varint(entry.body.length);
      writer.raw(entry.body);
      return;
    case "close":
      writer.byte(CLOSE);
      writeSession(writer, entry.session);
      return;
    case "raise":
      writer.byte(RAISE);
      writer.varint(entry.versions.wire);
      writer.varint(entry.versions.log);
      writer.varint(entry.versions.machine);
  }
}

/** @param neighbour - the session of the command before: most of a batch are of the same */
function readEntry(reader: ByteReader, neighbour: SessionId | null): BatchEntry {
  const kind = reader.byte();
  switch (kind) {
    case OPEN: {
      const nonce = Array.from(reader.view(NONCE_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("");
      const limit = reader.varint();
      if (limit < 1 || limit > SESSION_LIMIT_MAX) throw reader.malformed(`a session limit is ${limit}`);
      return { kind: "open", nonce, limit };
    }
    case COMMAND: {
      const session = readSession(reader, neighbour);
      const sequence = reader.varint();
      if (sequence < 1) throw reader.malformed("a sequence is 0");
      const floor = reader.varint();
      const body = reader.view(reader.varint());
      return { kind: "command", ticket: { session, sequence, floor }, body };
    }
    case CLOSE:
      return { kind: "close", session: readSession(reader, neighbour) };
    case RAISE: {
      const versions = { wire: reader.varint(), log: reader.varint(), machine: reader.varint() };
      if (versions.wire < 1 || versions.log < 1 || versions.machine < 1) throw reader.malformed("a version is 0");
      return { kind: "raise", versions };
    }
    default:
      throw reader.malformed(`${kind} is no kind of entry`);
  }
}

function ballotSize(ballot: Ballot | null): number {
  if (ballot === null) return 2;
  check("ballot.round", ballot.round, 0);
  check("ballot.node", ballot.node, 1);
  return varintSize(ballot.round) + varintSize(ballot.node);
}

/** Two varints: round and node, both 0 for none. */
export function writeBallot(writer: ByteWriter, ballot: Ballot | null): void {
  writer.varint(ballot?.round ?? 0);
  writer.varint(ballot?.node ?? 0);
}

export function readBallot(reader: ByteReader): Ballot | null {
  const [round, node] = [reader.varint(), reader.varint()];
  if (node > 0) return { round, node };
  if (round > 0) throw reader.malformed("a ballot has node 0");
  return null;
}

function sessionSize(session: SessionId): number {
  check("session.slot", session.slot, 1);
  check("session.index", session.index, 0);
  return varintSize(session.slot) + varintSize(session.index);
}

function writeSession(writer: ByteWriter, session: SessionId): void {
  writer.varint(session.slot);
  writer.varint(session.index);
}

function readSession(reader: ByteReader, known: SessionId | null): SessionId {
  const slot = reader.varint();
  if (slot < 1) throw reader.malformed("a session has slot 0");
  const index = reader.varint();
  return known !== null && known.slot === slot && known.index === index ? known : { slot, index };
}

function check(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw invalid(`${name} must be an integer from ${least} to 2^53 - 1, got ${value}`);
  }
}

function invalid(why: string): SynodError {
  return new SynodError("InvalidArgument", `This entry cannot be encoded: ${why}.`);
}
