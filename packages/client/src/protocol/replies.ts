import type { NodeId, SessionId, SynodErrorCode } from "@synod/interface";
import { decodeText, encodeText, malformed, Reader, Writer } from "./bytes.js";
import { replyKinds } from "./kinds.js";

/** Which leader the server's node follows; the higher round is the newer one. */
export interface LeaderHint {
  readonly leader: NodeId | null;
  readonly round: number;
}

/** What a server answers. */
export type Reply =
  /** Of a proposal or read: bytes of the user's codecs. Of an admin call: MessagePack. Of a closed session: nothing. */
  | { readonly kind: "result"; readonly id: number; readonly body: Uint8Array }
  | {
      readonly kind: "failure";
      readonly id: number;
      readonly code: SynodErrorCode;
      readonly message: string;
      /** 0: not said. */
      readonly retryAfterMs: number;
    }
  | { readonly kind: "opened"; readonly id: number; readonly session: SessionId; readonly limit: number }
  | { readonly kind: "watched"; readonly id: number; readonly answer: Uint8Array; readonly next: Uint8Array | null }
  | ({ readonly kind: "leader" } & LeaderHint)
  | { readonly kind: "pong" };

/** Bytes before the body of a result. */
export const resultHeadBytes = 4;
/** Bytes before the answer of a watch, besides the next query. */
export const watchedHeadBytes = 8;
const noNext = 2 ** 32 - 1;
const codeBytesMax = 40;
const messageCharsMax = 1_000;
const lenient = new TextDecoder();

/** Kind and payload of a frame. The values are trusted; the client checks them. */
export function encodeReply(reply: Reply): readonly [kind: number, payload: Uint8Array] {
  return [replyKinds[reply.kind], payloadOf(reply)];
}

function payloadOf(reply: Reply): Uint8Array {
  switch (reply.kind) {
    case "result":
      return new Writer(resultHeadBytes + reply.body.length).u32(reply.id).raw(reply.body).bytes;
    case "failure": {
      const [code, message] = [encodeText(reply.code), encodeText(cut(reply.message))];
      const writer = new Writer(9 + code.length + message.length).u32(reply.id).u32(Math.ceil(reply.retryAfterMs));
      return writer.u8(code.length).raw(code).raw(message).bytes;
    }
    case "opened":
      return new Writer(24).u32(reply.id).u64(reply.session.slot).u64(reply.session.index).u32(reply.limit).bytes;
    case "watched": {
      const { id, answer, next } = reply;
      const writer = new Writer(watchedHeadBytes + answer.length + (next?.length ?? 0)).u32(id);
      return writer
        .u32(next?.length ?? noNext)
        .raw(next ?? new Uint8Array(0))
        .raw(answer).bytes;
    }
    case "leader":
      return new Writer(16).u64(reply.leader ?? 0).u64(reply.round).bytes;
    case "pong":
      return new Uint8Array(0);
  }
}

/** A text for people, without what a log should not have, and not longer than one reads. */
export const cut = (text: string): string => lenient.decode(encodeText(printable(text.slice(0, messageCharsMax))));

/** @throws SynodError `Malformed`. */
export function decodeReply(kind: number, payload: Uint8Array): Reply {
  const reader = new Reader(payload);
  const reply = replyOf(kind, reader);
  reader.end();
  return reply;
}

function replyOf(kind: number, reader: Reader): Reply {
  switch (kind) {
    case replyKinds.result:
      return { kind: "result", id: reader.u32(), body: reader.rest() };
    case replyKinds.failure: {
      const [id, retryAfterMs] = [reader.u32(), reader.u32()];
      const code = decodeCode(decodeText(reader.raw(reader.u8())));
      return { kind: "failure", id, retryAfterMs, code, message: printable(decodeText(reader.rest())) };
    }
    case replyKinds.opened: {
      const id = reader.u32();
      const session = { slot: reader.u64(), index: reader.u64() };
      const limit = reader.u32();
      if (session.slot === 0 || limit === 0) throw malformed("A session that cannot be.");
      return { kind: "opened", id, session, limit };
    }
    case replyKinds.watched: {
      const [id, length] = [reader.u32(), reader.u32()];
      const next = length === noNext ? null : reader.raw(length);
      return { kind: "watched", id, next, answer: reader.rest() };
    }
    case replyKinds.leader: {
      const [leader, round] = [reader.u64(), reader.u64()];
      return { kind: "leader", leader: leader === 0 ? null : leader, round };
    }
    case replyKinds.pong:
      return { kind: "pong" };
    default:
      throw malformed(`A frame of kind ${kind}, which is no reply.`);
  }
}

/** A later release may have codes that this one does not know: any name of a code is taken as it is. */
export function decodeCode(text: string): SynodErrorCode {
  if (!/^[A-Z][A-Za-z]*$/.test(text) || text.length > codeBytesMax) throw malformed("An error without a code.");
  return text as SynodErrorCode;
}

/** Texts of others end in logs and on screens. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, " ");
