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
const vias = ["leader", "quorum"] as const;

/** Kind and payload of a frame. The values are trusted; the server checks them. */
export function encodeRequest(request: Request): readonly [kind: number, payload: Uint8Array] {
  return [requestKinds[request.kind], payloadOf(request)];
}

function payloadOf(request: Request): Uint8Array {
  switch (request.kind) {
    case "propose": {
      const { id, deadlineMs, ticket, body } = request;
      const writer = new Writer(proposeHeadBytes + body.length).u32(id).u32(deadlineMs);
      writer.u64(ticket.session.slot).u64(ticket.session.index).u64(ticket.sequence).u64(ticket.floor);
      return writer.raw(body).bytes;
    }
    case "read": {
      const { id, deadlineMs, via, query } = request;
      return new Writer(9 + query.length).u32(id).u32(deadlineMs).u8(vias.indexOf(via)).raw(query).bytes;
    }
    case "watch":
      return new Writer(4 + request.query.length).u32(request.id).raw(request.query).bytes;
    case "openSession":
      return new Writer(8).u32(request.id).u32(request.deadlineMs).bytes;
    case "closeSession": {
      const { id, deadlineMs, session } = request;
      return new Writer(24).u32(id).u32(deadlineMs).u64(session.slot).u64(session.index).bytes;
    }
    case "admin":
      return new Writer(8 + request.call.length).u32(request.id).u32(request.deadlineMs).raw(request.call).bytes;
    case "cancel":
      return new Writer(4).u32(request.id).bytes;
    case "ping":
      return new Uint8Array(0);
  }
}

/** @throws SynodError `Malformed`. */
export function decodeRequest(kind: number, payload: Uint8Array): Request {
  const reader = new Reader(payload);
  const request = requestOf(kind, reader);
  reader.end();
  return request;
}

function requestOf(kind: number, reader: Reader): Request {
  switch (kind) {
    case requestKinds.propose: {
      const head = bounded(reader);
      const session = sessionId(reader);
      const ticket = { session, sequence: positive(reader.u64()), floor: reader.u64() };
      return { kind: "propose", ...head, ticket, body: reader.rest() };
    }
    case requestKinds.read: {
      const head = bounded(reader);
      const via = vias[reader.u8()];
      if (via === undefined) throw malformed("A read by an unknown way.");
      return { kind: "read", ...head, via, query: reader.rest() };
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
  const head = { id: positive(reader.u32()), deadlineMs: positive(reader.u32()) };
  if (head.deadlineMs > deadlineMsMax) throw malformed("A deadline out of range.");
  return head;
}

function positive(value: number): number {
  if (value === 0) throw malformed("A number that must not be 0.");
  return value;
}

function sessionId(reader: Reader): SessionId {
  return { slot: positive(reader.u64()), index: reader.u64() };
}
