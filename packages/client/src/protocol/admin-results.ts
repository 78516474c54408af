// What a server answers to admin calls.
import type {
  Ballot,
  Configuration,
  Member,
  NodeId,
  NodePeerStatus,
  NodeStatus,
  SnapshotInfo,
  SynodError,
} from "@synod/interface";
import { malformed } from "./bytes.js";
import { type Fields, flag, list, object, optional, orNull, packed, text, unpacked, whole } from "./plain-data.js";
import { placeOf, type SnapshotPlace } from "./snapshot-place.js";

export type { SnapshotPlace } from "./snapshot-place.js";

/** Answers `readSnapshot`: what is there from its place on. */
export interface SnapshotBytes extends SnapshotPlace {
  readonly part: Uint8Array;
}

/** As it comes out of a frame: an error is its code and message. */
type Sent<T> = T extends SynodError ? SentError : { readonly [Name in keyof T]: Sent<T[Name]> };

interface SentError {
  readonly code: string;
  readonly message: string;
}

/** One of these, or what a later release has besides. */
type OrLater<T extends string> = T | (string & Record<never, never>);

/** Fields that every server sends. */
type Known<T, Names extends keyof T> = Sent<Pick<T, Names>> & Partial<Sent<Omit<T, Names>>>;

/**
 * What a node says of itself: all that `status()` of @synod/node gives, as plain data, with an error as its code and message. What may be
 * missing is not sent by servers of every release. A server of a later release may send more, which is kept.
 */
export interface RemoteNodeStatus
  extends Omit<
    Known<
      NodeStatus,
      | ("id" | "clusterId" | "state" | "failure" | "role" | "leader" | "ballot" | "configuration" | "reason")
      | ("content" | "voting" | "chosenUpTo" | "durableUpTo" | "applied" | "sessions" | "peers")
    >,
    "state" | "role" | "peers"
  > {
  readonly state: OrLater<NodeStatus["state"]>;
  readonly role: OrLater<NodeStatus["role"]>;
  readonly peers: readonly RemotePeerStatus[];
}

export type RemotePeerStatus = Known<NodePeerStatus, "id" | "connected" | "heard">;

export const encodeAdminResult = (result: unknown): Uint8Array => packed(result);

/**
 * What clients go by is checked; what else there is stays as the server sent it.
 * @throws SynodError `Malformed`, `TooLarge`.
 */
export function decodeStatus(bytes: Uint8Array): RemoteNodeStatus {
  const fields = unpacked(bytes);
  return {
    ...(fields as Partial<RemoteNodeStatus>),
    id: whole(fields["id"]),
    clusterId: text(fields["clusterId"]),
    state: text(fields["state"]),
    failure: orNull(fields["failure"], errorOf),
    role: text(fields["role"]),
    leader: orNull(fields["leader"], whole),
    ballot: orNull(fields["ballot"], ballotOf),
    configuration: configurationOf(fields["configuration"]),
    reason: text(fields["reason"]),
    content: flag(fields["content"]),
    voting: flag(fields["voting"]),
    chosenUpTo: whole(fields["chosenUpTo"]),
    durableUpTo: whole(fields["durableUpTo"]),
    applied: whole(fields["applied"]),
    sessions: whole(fields["sessions"]),
    peers: list(fields["peers"], peerOf),
  };
}

/** Answers `changeMembership`. @throws SynodError `Malformed`, `TooLarge`. */
export const decodeConfiguration = (bytes: Uint8Array): Configuration => configurationOf(unpacked(bytes));

/** Answers `transferLeadership`. @throws SynodError `Malformed`, `TooLarge`. */
export const decodeLeader = (bytes: Uint8Array): NodeId => whole(unpacked(bytes)["leader"]);

/** Answers `snapshot`. @throws SynodError `Malformed`, `TooLarge`. */
export function decodeSnapshotInfo(bytes: Uint8Array): SnapshotInfo {
  const fields = unpacked(bytes);
  return { ...fields, index: whole(fields["index"]), bytes: whole(fields["bytes"]) };
}

/** @throws SynodError `Malformed`, `TooLarge`. */
export function decodeSnapshotBytes(bytes: Uint8Array): SnapshotBytes {
  const fields = unpacked(bytes);
  const { part } = fields;
  if (!(part instanceof Uint8Array)) throw malformed("A part of a snapshot with something else in place of bytes.");
  return { ...placeOf(fields), part };
}

function peerOf(value: unknown): RemotePeerStatus {
  const fields = object(value);
  return {
    ...(fields as Partial<RemotePeerStatus>),
    id: whole(fields["id"]),
    connected: flag(fields["connected"]),
    heard: flag(fields["heard"]),
    ...optional(fields, "address", text),
    ...optional(fields, "lagSlots", whole),
  };
}

function configurationOf(value: unknown): Configuration {
  const fields = object(value);
  // Of a later release the rule may be another one than is known here.
  object(fields["quorum"]);
  return {
    ...(fields as Fields & Pick<Configuration, "quorum">),
    epoch: whole(fields["epoch"]),
    members: list(fields["members"], memberOf),
    alpha: whole(fields["alpha"]),
  };
}

function memberOf(value: unknown): Member {
  const fields = object(value);
  return {
    ...(fields as Pick<Member, "role">),
    id: whole(fields["id"]),
    ...optional(fields, "address", text),
    ...optional(fields, "name", text),
    ...optional(fields, "replaces", whole),
    ...optional(fields, "storeId", text),
  };
}

function errorOf(value: unknown): SentError {
  const fields = object(value);
  return { ...fields, code: text(fields["code"]), message: text(fields["message"]) };
}

function ballotOf(value: unknown): Ballot {
  const fields = object(value);
  return { ...fields, round: whole(fields["round"]), node: whole(fields["node"]) };
}
