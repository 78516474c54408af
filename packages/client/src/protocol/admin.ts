import type { Member, MembershipChange, NewMember, NodeId, QuorumSpec } from "@synod/interface";
import { malformed } from "./bytes.js";
import { type Fields, list, object, optional, orNull, packed, text, unpacked, whole } from "./plain-data.js";
import { placeOf, type SnapshotPlace } from "./snapshot-place.js";

/** What an operator asks of a server. */
export type AdminCall =
  | { readonly op: "status" }
  | { readonly op: "changeMembership"; readonly change: MembershipChange; readonly expectedEpoch: number | null }
  | { readonly op: "transferLeadership"; readonly to: NodeId | null }
  | { readonly op: "snapshot" }
  /** A part of a snapshot, the first one of a fresh snapshot where `at` is null. Up to `bytesMax` bytes, and to `snapshotPartBytesMax`. */
  | { readonly op: "readSnapshot"; readonly at: SnapshotPlace | null; readonly bytesMax: number };

/** A server gives no more of a snapshot at once. */
export const snapshotPartBytesMax: number = 256 * 1024;

export const encodeAdminCall = (call: AdminCall): Uint8Array => packed(call);

/** @throws SynodError `Malformed`, `TooLarge`. */
export function decodeAdminCall(bytes: Uint8Array): AdminCall {
  const call = unpacked(bytes);
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

const textCharsMax = 4_096;
const listItemsMax = 1_024;

/** As {@link text}, of whoever may connect. */
function shortText(value: unknown): string {
  const given = text(value);
  if (given.length <= textCharsMax) return given;
  throw malformed(`A text of more than ${textCharsMax} characters in an admin call.`);
}

function shortList<T>(value: unknown, item: (value: unknown) => T): T[] {
  if (!Array.isArray(value) || value.length <= listItemsMax) return list(value, item);
  throw malformed(`A list of more than ${listItemsMax} in an admin call.`);
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
      return { kind: "setAddress", id: whole(fields["id"]), address: shortText(fields["address"]) };
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
    ...optional(fields, "address", shortText),
    ...optional(fields, "name", shortText),
    ...optional(fields, "storeId", shortText),
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
      return { kind: "grid", rows: shortList(fields["rows"], (row) => shortList(row, whole)) };
    case "weights":
      return { kind: "weights", weights: shortList(fields["weights"], weightOf), ...sizes() };
    default:
      throw malformed("An unknown kind of quorum.");
  }
}

function weightOf(value: unknown): readonly [NodeId, number] {
  const [id, weight] = shortList(value, whole);
  return [whole(id), whole(weight)];
}
