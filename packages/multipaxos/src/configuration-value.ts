import { quorumSystem, type QuorumSystem } from "@synod/paxos";
import {
  type Configuration,
  type Learning,
  type LeaseTerms,
  type Member,
  type NodeId,
  type QuorumSpec,
  SynodError,
} from "@synod/interface";
import { malformed, Reader, TEXT_BYTES_MAX, Writer } from "./bytes.js";
import { VALUE_CONFIGURATION } from "./values.js";

/** Newest layout of configurations, in the log and in snapshots. */
const VERSION = 2;
/** Members of one configuration, learners included. */
export const MEMBERS_MAX = 128;
/** Widest window. Everything that waits for one to pass (a change of members) takes that many slots. */
export const ALPHA_MAX: number = 2 ** 20;

const ROLES = ["voter", "learner", "joining", "witness", "joiningWitness"] as const;
/** Those that layout 1 knows. */
const ROLES_BEFORE = 3;
const QUORUMS = ["majority", "sizes", "grid", "weights"] as const;
/** Number in layout 2 = index + 1; 0 stands for none. */
const LEARNING: readonly Learning[] = ["allToAll", "onAccept"];

/** A change of the configuration, as it stands in the log. */
export interface ConfigurationValue {
  /** Epoch of the configuration that it changes: it takes effect only if that is the last one (compare-and-set). */
  readonly stamp: number;
  /** Tells changes apart: whoever asked for this one looks for its own. */
  readonly changeId: string;
  /** Its epoch is `stamp` + 1. */
  readonly configuration: Configuration;
}

/** Members whose promises and votes count. */
export function votersOf(configuration: Configuration): NodeId[] {
  return configuration.members
    .filter(({ role = "voter" }) => role === "voter" || role === "witness")
    .map(({ id }) => id);
}

export const isWitness = ({ role }: Member): boolean => role === "witness" || role === "joiningWitness";

/** Voters that execute the log, and so have every value that they know as chosen. */
export function fullVotersOf(configuration: Configuration): NodeId[] {
  return configuration.members.filter(({ role = "voter" }) => role === "voter").map(({ id }) => id);
}

const invalid = (text: string): SynodError => new SynodError("InvalidConfiguration", text);

/**
 * Refuses a configuration that could not decide anything or decide twice.
 * @returns its quorums; their members are the voters.
 * @throws SynodError `InvalidConfiguration`
 */
export function checkConfiguration(configuration: Configuration): QuorumSystem {
  const { members, alpha, quorum } = configuration;
  if (members.length > MEMBERS_MAX) throw invalid(`${members.length} members are more than ${MEMBERS_MAX}`);
  if (!Number.isSafeInteger(alpha) || alpha < 1 || alpha > ALPHA_MAX) {
    throw invalid(`alpha must be an integer from 1 to ${ALPHA_MAX}, not ${alpha}`);
  }
  const ids = new Set<NodeId>();
  for (const member of members) {
    const { id } = member;
    if (!Number.isSafeInteger(id) || id < 1) throw invalid(`member id ${id} is not a positive integer`);
    if (ids.has(id)) throw invalid(`member ${id} is listed twice`);
    ids.add(id);
    checkMember(member);
  }
  if (members.length > 0 && fullVotersOf(configuration).length === 0) {
    throw invalid("no member but witnesses and learners could lead: at least one full voter is needed");
  }
  checkLease(configuration.lease);
  const { learning } = configuration;
  if (learning !== undefined && !LEARNING.includes(learning)) {
    throw invalid(`learning must be one of ${LEARNING.join(", ")}, not ${String(learning)}`);
  }
  return quorumSystem(quorum, votersOf(configuration));
}

/** Refuses what the log and snapshots could not say, or what nobody could read in them. */
function checkMember({ id, role = "voter", replaces = 1, name = "", address = "", storeId = "" }: Member): void {
  if (!ROLES.includes(role)) throw invalid(`member ${id} has the role ${String(role)}, not one of ${ROLES.join(", ")}`);
  if (!Number.isSafeInteger(replaces) || replaces < 1) throw invalid(`member ${id} replaces no positive integer`);
  for (const [what, text] of Object.entries({ name, address, storeId })) {
    if (typeof text !== "string") throw invalid(`the ${what} of member ${id} is no text`);
    if (new TextEncoder().encode(text).length > TEXT_BYTES_MAX) {
      throw invalid(`the ${what} of member ${id} is longer than ${TEXT_BYTES_MAX} bytes`);
    }
  }
}

/** Longest lease: nobody leads for so long after a crash of the leader. */
const LEASE_MS_MAX = 60_000;
/** Clocks that differ by more are of no use for leases. */
const DRIFT_PERCENT_MAX = 50;

/** A lease without a bound on the clocks, or longer than anybody can wait for, is none. */
function checkLease(lease: LeaseTerms | undefined): void {
  if (lease === undefined) return;
  const { durationMs, driftPercent } = lease;
  if (!Number.isSafeInteger(durationMs) || durationMs < 1 || durationMs > LEASE_MS_MAX) {
    throw invalid(`lease.durationMs must be whole milliseconds from 1 to ${LEASE_MS_MAX}, not ${durationMs}`);
  }
  if (typeof driftPercent !== "number" || !(driftPercent >= 0 && driftPercent <= DRIFT_PERCENT_MAX)) {
    throw invalid(`lease.driftPercent must be a number from 0 to ${DRIFT_PERCENT_MAX}, not ${driftPercent}`);
  }
}

/** Kind byte and body. */
export function encodeConfigurationValue({ stamp, changeId, configuration }: ConfigurationValue): Uint8Array {
  const writer = new Writer();
  writer.byte(VALUE_CONFIGURATION);
  const version = versionOf(configuration);
  writer.byte(version);
  writer.varint(stamp);
  writer.text(changeId);
  writeConfiguration(writer, configuration, version);
  return writer.done();
}

/**
 * @throws SynodError `Malformed`; `VersionUnsupported` for a layout of a later release, which nobody may guess the meaning of.
 */
export function decodeConfigurationValue(value: Uint8Array): ConfigurationValue {
  const reader = new Reader(value, "a configuration value");
  if (reader.byte() !== VALUE_CONFIGURATION) throw malformed("this is no configuration value");
  const version = reader.byte();
  checkVersion(version);
  const stamp = reader.varint();
  if (stamp === Number.MAX_SAFE_INTEGER) throw malformed("the epochs are used up");
  const changeId = reader.text();
  const configuration = readConfiguration(reader, stamp + 1, version);
  reader.end();
  return { stamp, changeId, configuration };
}

export function checkVersion(version: number): void {
  if (version === 1 || version === VERSION) return;
  throw new SynodError(
    "VersionUnsupported",
    `a configuration has layout version ${version}, this release reads versions 1 to ${VERSION}: run a newer release`,
  );
}

/** The oldest layout that can say it, so that a cluster which does without what is new stays as it was, byte by byte. */
export function versionOf({ learning, members }: Configuration): number {
  return learning === undefined && !members.some(isWitness) ? 1 : 2;
}

/** Everything but the epoch. */
export function writeConfiguration(writer: Writer, configuration: Configuration, version: number): void {
  const { members, alpha, quorum, lease, learning } = configuration;
  writer.varint(alpha);
  writer.varint(members.length);
  for (const { id, name, address, role, storeId, replaces } of members) {
    writer.varint(id);
    writer.byte(ROLES.indexOf(role ?? "voter"));
    // 0 and an empty text stand for none.
    writer.varint(replaces ?? 0);
    writer.text(name ?? "");
    writer.text(address ?? "");
    writer.text(storeId ?? "");
  }
  writeQuorum(writer, quorum);
  // 0 stands for no leases.
  writer.varint(lease?.durationMs ?? 0);
  if (lease !== undefined) writer.text(String(lease.driftPercent));
  if (version > 1) writer.byte(learning === undefined ? 0 : LEARNING.indexOf(learning) + 1);
}

function writeQuorum(writer: Writer, quorum: QuorumSpec): void {
  writer.byte(QUORUMS.indexOf(quorum.kind));
  switch (quorum.kind) {
    case "majority":
      return;
    case "sizes":
      writer.varint(quorum.phase1);
      writer.varint(quorum.phase2);
      return;
    case "grid":
      writer.varint(quorum.rows.length);
      for (const row of quorum.rows) {
        writer.varint(row.length);
        for (const id of row) writer.varint(id);
      }
      return;
    case "weights":
      writer.varint(quorum.weights.length);
      for (const [id, weight] of quorum.weights) {
        writer.varint(id);
        writer.varint(weight);
      }
      writer.varint(quorum.phase1);
      writer.varint(quorum.phase2);
  }
}

export function readConfiguration(reader: Reader, epoch: number, version: number): Configuration {
  const alpha = reader.varint();
  const members = times(reader.count(MEMBERS_MAX), () => readMember(reader, version));
  const quorum = readQuorum(reader);
  const durationMs = reader.varint();
  const lease = durationMs === 0 ? null : { durationMs, driftPercent: Number(reader.text()) };
  const learning = version > 1 ? readLearning(reader.byte()) : null;
  return {
    epoch,
    members,
    alpha,
    quorum,
    ...(lease === null ? {} : { lease }),
    ...(learning === null ? {} : { learning }),
  };
}

function readLearning(number: number): Learning | null {
  if (number === 0) return null;
  const learning = LEARNING[number - 1];
  if (learning === undefined) throw malformed("members learn in an unknown way");
  return learning;
}

function readMember(reader: Reader, version: number): Member {
  const id = reader.varint();
  const number = reader.byte();
  const role = ROLES[number];
  if (role === undefined || (version === 1 && number >= ROLES_BEFORE)) throw malformed("a member has an unknown role");
  const replaces = reader.varint();
  const name = reader.text();
  const address = reader.text();
  const storeId = reader.text();
  return {
    id,
    ...(address === "" ? {} : { address }),
    ...(name === "" ? {} : { name }),
    ...(role === "voter" ? {} : { role }),
    ...(replaces === 0 ? {} : { replaces }),
    ...(storeId === "" ? {} : { storeId }),
  };
}

function readQuorum(reader: Reader): QuorumSpec {
  const kind = QUORUMS[reader.byte()];
  if (kind === undefined) throw malformed("quorums are of an unknown kind");
  const row = (): NodeId[] => times(reader.count(MEMBERS_MAX), () => reader.varint());
  switch (kind) {
    case "majority":
      return { kind };
    case "sizes":
      return { kind, phase1: reader.varint(), phase2: reader.varint() };
    case "grid":
      return { kind, rows: times(reader.count(MEMBERS_MAX), row) };
    case "weights": {
      const weights = times(reader.count(MEMBERS_MAX), () => [reader.varint(), reader.varint()] as const);
      return { kind, weights, phase1: reader.varint(), phase2: reader.varint() };
    }
  }
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
