import { msgpackCodec } from "@synod/codec-msgpack";
import {
  type Ballot,
  type Configuration,
  type Member,
  type MembershipChange,
  type NewMember,
  type NodeId,
  type QuorumSpec,
  type Slot,
  SynodError,
} from "@synod/interface";
import { malformed } from "./bytes.js";

/** What an operator asks of a server. */
export type AdminCall =
  | { readonly op: "status" }
  | { readonly op: "changeMembership"; readonly change: MembershipChange; readonly expectedEpoch: number | null }
  | { readonly op: "transferLeadership"; readonly to: NodeId | null }
  | { readonly op: "snapshot" }
  /** A part of a snapshot, the first one of a fresh snapshot where `at` is null. Up to `bytesMax` bytes, and to `snapshotPartBytesMax`. */
  | { readonly op: "readSnapshot"; readonly at: SnapshotPlace | null; readonly bytesMax: number };

/** Where to go on reading: at the node that has the snapshot, and nowhere else. */
export interface SnapshotPlace {
  readonly node: NodeId;
  readonly index: Slot;
  /** Of the whole snapshot. */
  readonly bytes: number;
  readonly offset: number;
}

/** Answers `readSnapshot`: what is there from its place on. */
export interface SnapshotBytes extends SnapshotPlace {
  readonly part: Uint8Array;
}

/** A server gives no more of a snapshot at once. */
export const snapshotPartBytesMax: number = 256 * 1024;

/** What a node says of itself, as plain data: all that `status()` of @synod/node gives, with an error as its code and message. */
export interface RemoteNodeStatus {
  readonly id: NodeId;
  readonly clusterId: string;
  readonly state: string;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly role: string;
  readonly leader: NodeId | null;
  readonly ballot: Ballot | null;
  readonly configuration: Configuration;
  readonly reason: string;
  readonly content: boolean;
  readonly voting: boolean;
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  readonly sessions: number;
  readonly peers: readonly { readonly id: NodeId; readonly connected: boolean; readonly heard: boolean }[];
  readonly [field: string]: unknown;
}

const bytesMax = 1024 * 1024;
const codec = msgpackCodec<unknown>({ bytesMax });

export const encodeAdminCall = (call: AdminCall): Uint8Array => codec.encode(plain(call));

/** @throws SynodError `Malformed`, `TooLarge`. */
export function decodeAdminCall(bytes: Uint8Array): AdminCall {
  const call = object(codec.decode(bytes));
  switch (call["op"]) {
    case "status":
    case "snapshot":
      return { op: call["op"] };
    case "changeMembership": {
      const change = changeOf(object(call["change"]));
      return { op: "changeMembership", change, expectedEpoch: orNull(call["expectedEpoch"], whole) };
    }
    case "transferLeadership":
      return { op: "transferLeadership", to: orNull(call["to"], whole) };
    case "readSnapshot": {
      const bytesMax = whole(call["bytesMax"]);
      if (bytesMax === 0) throw malformed("A part of a snapshot without a byte.");
      return { op: "readSnapshot", at: orNull(call["at"], placeOf), bytesMax };
    }
    default:
      throw malformed("An unknown admin call.");
  }
}

export const encodeAdminResult = (result: unknown): Uint8Array => codec.encode(plain(result));

/** @throws SynodError `Malformed`. The data is the server's: who asks it trusts it to be of the right shape. */
export function decodeAdminResult<T>(bytes: Uint8Array): T {
  return object(codec.decode(bytes)) as T;
}

/** @throws SynodError `Malformed`. */
export function decodeSnapshotBytes(bytes: Uint8Array): SnapshotBytes {
  const fields = object(codec.decode(bytes));
  const { part } = fields;
  if (!(part instanceof Uint8Array)) throw malformed("A part of a snapshot with something else in place of bytes.");
  return { ...placeOf(fields), part };
}

/** As MessagePack can carry it: without what is undefined, errors as code and message, and what is no number as null. */
function plain(value: unknown): unknown {
  if (value instanceof SynodError) return { code: value.code, message: value.message };
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) {
    return typeof value === "number" && !Number.isFinite(value) ? null : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, plain(field)]),
  );
}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)) {
    return value as Fields;
  }
  throw malformed("An admin call with something else in place of an object.");
}

function whole(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed("An admin call with something else in place of a whole number.");
}

function text(value: unknown): string {
  if (typeof value === "string" && value.length <= 4_096) return value;
  throw malformed("An admin call with something else in place of a text.");
}

function list<T>(value: unknown, item: (value: unknown) => T): T[] {
  if (Array.isArray(value) && value.length <= 1_024) return value.map((each: unknown) => item(each));
  throw malformed("An admin call with something else in place of a list.");
}

const orNull = <T>(value: unknown, read: (value: unknown) => T): T | null =>
  value === null || value === undefined ? null : read(value);

function placeOf(value: unknown): SnapshotPlace {
  const { node, index, bytes, offset } = object(value);
  return { node: whole(node), index: whole(index), bytes: whole(bytes), offset: whole(offset) };
}

/** A property that is there or not. */
function optional<T, Name extends string>(
  fields: Fields,
  name: Name,
  read: (value: unknown) => T,
): { [key in Name]?: T } {
  const value = fields[name];
  return value === undefined ? {} : ({ [name]: read(value) } as { [key in Name]?: T });
}

function changeOf(fields: Fields): MembershipChange {
  const quorum = optional(fields, "quorum", quorumOf);
  switch (fields["kind"]) {
    case "add":
      return { kind: "add", member: memberOf(fields["member"]), ...optional(fields, "as", roleOf), ...quorum };
    case "remove":
    case "promote":
      return { kind: fields["kind"], id: whole(fields["id"]), ...quorum };
    case "replace":
      return { kind: "replace", id: whole(fields["id"]), with: memberOf(fields["with"]) };
    case "setAddress":
      return { kind: "setAddress", id: whole(fields["id"]), address: text(fields["address"]) };
    case "setQuorum":
      return { kind: "setQuorum", quorum: quorumOf(fields["quorum"]), ...optional(fields, "alpha", whole) };
    default:
      throw malformed("An unknown change of the members.");
  }
}

function memberOf(value: unknown): NewMember {
  const fields = object(value);
  return {
    id: whole(fields["id"]),
    ...optional(fields, "address", text),
    ...optional(fields, "name", text),
    ...optional(fields, "storeId", text),
  } satisfies Pick<Member, "id">;
}

type NewRole = NonNullable<Extract<MembershipChange, { kind: "add" }>["as"]>;
const newRoles: readonly NewRole[] = ["voter", "learner", "witness"];

function roleOf(value: unknown): NewRole {
  const role = newRoles.find((known) => known === value);
  if (role !== undefined) return role;
  throw malformed(`A new member is added as one of ${newRoles.join(", ")}.`);
}

function quorumOf(value: unknown): QuorumSpec {
  const fields = object(value);
  const sizes = (): { phase1: number; phase2: number } => ({
    phase1: whole(fields["phase1"]),
    phase2: whole(fields["phase2"]),
  });
  switch (fields["kind"]) {
    case "majority":
      return { kind: "majority" };
    case "sizes":
      return { kind: "sizes", ...sizes() };
    case "grid":
      return { kind: "grid", rows: list(fields["rows"], (row) => list(row, whole)) };
    case "weights":
      return { kind: "weights", weights: list(fields["weights"], weightOf), ...sizes() };
    default:
      throw malformed("An unknown kind of quorum.");
  }
}

function weightOf(value: unknown): readonly [NodeId, number] {
  const [id, weight] = list(value, whole);
  return [whole(id), whole(weight)];
}
