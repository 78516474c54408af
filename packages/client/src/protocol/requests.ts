import type { SessionId, SessionTicket } from "@synod/interface";
import { malformed, Reader, Writer } from "./bytes.js";
import { requestKinds } from "./kinds.js";

/** Longest time that a request may be given, in milliseconds. */
export const deadlineMsMax: number = 2 ** 31 - 1;

/** Names a request on its connection: 1 to 2^32 - 1, not used by another one that is open. */
type RequestId = number;

interface Bounded {
  readonly id: RequestId;
  /** The server gives up after this; the clocks of both sides need not agree. */
  readonly deadlineMs: number;
}

/** What a client asks for. Bodies are bytes of the user's codecs; they go untouched to the log. */
export type Request =
  | (Bounded & { readonly kind: "propose"; readonly ticket: SessionTicket; readonly body: Uint8Array })
  | (Bounded & { readonly kind: "read"; readonly via: "leader" | "quorum"; readonly query: Uint8Array })
  /** One answer; the next one is asked for with the `next` of this one. So a watch needs no place at the server between two answers. */
  | { readonly kind: "watch"; readonly id: RequestId; readonly query: Uint8Array }
  | (Bounded & { readonly kind: "openSession" })
  | (Bounded & { readonly kind: "closeSession"; readonly session: SessionId })
  /** MessagePack: see admin.ts. */
  | (Bounded & { readonly kind: "admin"; readonly call: Uint8Array })
  | { readonly kind: "cancel"; readonly id: RequestId }
  | { readonly kind: "ping" };

/** Bytes before the body of a proposal. */
export const proposeHeadBytes = 40;
/** Bytes before the query of a read. */
export const readHeadBytes = 9;
const vias = ["leader", "quorum"] as const;

/** Kind and payload of a frame. The values are trusted; the server checks them. */
export function encodeRequest(request: Request): readonly [kind: number, payload: Uint8Array] {
  const payload = new Uint8Array(requestBytes(request));
  writeRequest(payload, 0, request);
  return [requestKinds[request.kind], payload];
}

/** Length of the payload of its frame. */
export function requestBytes(request: Request): number {
  switch (request.kind) {
    case "propose":
      return proposeHeadBytes + request.body.length;
    case "read":
      return readHeadBytes + request.query.length;
    case "watch":
      return 4 + request.query.length;
    case "openSession":
      return 8;
    case "closeSession":
      return 24;
    case "admin":
      return 8 + request.call.length;
    case "cancel":
      return 4;
    case "ping":
      return 0;
  }
}

const writer = new Writer();

/** Writes the payload of its frame to where `requestBytes` are free. The values are trusted; the server checks them. */
export function writeRequest(bytes: Uint8Array, at: number, request: Request): void {
  writer.into(bytes, at);
  switch (request.kind) {
    case "propose": {
      const { id, deadlineMs, ticket, body } = request;
      const { session, sequence, floor } = ticket;
      writer.u32(id).u32(deadlineMs).u64(session.slot).u64(session.index).u64(sequence).u64(floor).raw(body);
      return;
    }
    case "read":
      writer.u32(request.id).u32(request.deadlineMs).u8(vias.indexOf(request.via)).raw(request.query);
      return;
    case "watch":
      writer.u32(request.id).raw(request.query);
      return;
    case "openSession":
      writer.u32(request.id).u32(request.deadlineMs);
      return;
    case "closeSession": {
      const { id, deadlineMs, session } = request;
      writer.u32(id).u32(deadlineMs).u64(session.slot).u64(session.index);
      return;
    }
    case "admin":
      writer.u32(request.id).u32(request.deadlineMs).raw(request.call);
      return;
    case "cancel":
      writer.u32(request.id);
      return;
    case "ping":
  }
}

const reader = new Reader();

/** Bodies are views. @throws SynodError `Malformed`. */
export function decodeRequest(
  kind: number,
  payload: Uint8Array,
  from: number = 0,
  to: number = payload.length,
): Request {
  reader.over(payload, from, to);
  const request = requestOf(kind, reader);
  reader.end();
  return request;
}

function requestOf(kind: number, reader: Reader): Request {
  switch (kind) {
    case requestKinds.propose: {
      const id = positive(reader.u32());
      const deadlineMs = deadline(reader);
      const session = sessionId(reader);
      const ticket = { session, sequence: positive(reader.u64()), floor: reader.u64() };
      return { kind: "propose", id, deadlineMs, ticket, body: reader.rest() };
    }
    case requestKinds.read: {
      const id = positive(reader.u32());
      const deadlineMs = deadline(reader);
      const via = vias[reader.u8()];
      if (via === undefined) throw malformed("A read by an unknown way.");
      return { kind: "read", id, deadlineMs, via, query: reader.rest() };
    }
    case requestKinds.watch:
      return { kind: "watch", id: positive(reader.u32()), query: reader.rest() };
    case requestKinds.openSession:
      return { kind: "openSession", ...bounded(reader) };
    case requestKinds.closeSession:
      return { kind: "closeSession", ...bounded(reader), session: sessionId(reader) };
    case requestKinds.admin:
      return { kind: "admin", ...bounded(reader), call: reader.rest() };
    case requestKinds.cancel:
      return { kind: "cancel", id: positive(reader.u32()) };
    case requestKinds.ping:
      return { kind: "ping" };
    default:
      throw malformed(`A frame of kind ${kind}, which is no request.`);
  }
}

function bounded(reader: Reader): Bounded {
  return { id: positive(reader.u32()), deadlineMs: deadline(reader) };
}

function deadline(reader: Reader): number {
  const deadlineMs = positive(reader.u32());
  if (deadlineMs > deadlineMsMax) throw malformed("A deadline out of range.");
  return deadlineMs;
}

function positive(value: number): number {
  if (value === 0) throw malformed("A number that must not be 0.");
  return value;
}

function sessionId(reader: Reader): SessionId {
  return { slot: positive(reader.u64()), index: reader.u64() };
}
