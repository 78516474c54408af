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
  const texts = textsOf(reply);
  const payload = new Uint8Array(replyBytes(reply, texts));
  writeReply(payload, 0, reply, texts);
  return [replyKinds[reply.kind], payload];
}

/** The texts of a failure as bytes, which have to be known before its length is. */
export type Texts = readonly [code: Uint8Array, message: Uint8Array];

const noTexts: Texts = [new Uint8Array(0), new Uint8Array(0)];

export function textsOf(reply: Reply): Texts {
  return reply.kind === "failure" ? [encodeText(reply.code), encodeText(cut(reply.message))] : noTexts;
}

/** Length of the payload of its frame. */
export function replyBytes(reply: Reply, [code, message]: Texts): number {
  switch (reply.kind) {
    case "result":
      return resultHeadBytes + reply.body.length;
    case "failure":
      return 9 + code.length + message.length;
    case "opened":
      return 24;
    case "watched":
      return watchedHeadBytes + reply.answer.length + (reply.next?.length ?? 0);
    case "leader":
      return 16;
    case "pong":
      return 0;
  }
}

const writer = new Writer();

/** Writes the payload of its frame to where `replyBytes` are free. The values are trusted; the client checks them. */
export function writeReply(bytes: Uint8Array, at: number, reply: Reply, [code, message]: Texts): void {
  writer.into(bytes, at);
  switch (reply.kind) {
    case "result":
      writer.u32(reply.id).raw(reply.body);
      return;
    case "failure":
      writer.u32(reply.id).u32(Math.ceil(reply.retryAfterMs)).u8(code.length).raw(code).raw(message);
      return;
    case "opened":
      writer.u32(reply.id).u64(reply.session.slot).u64(reply.session.index).u32(reply.limit);
      return;
    case "watched": {
      const { id, answer, next } = reply;
      writer.u32(id).u32(next?.length ?? noNext);
      if (next !== null) writer.raw(next);
      writer.raw(answer);
      return;
    }
    case "leader":
      writer.u64(reply.leader ?? 0).u64(reply.round);
      return;
    case "pong":
  }
}

/** A text for people, without what a log should not have, and not longer than one reads. */
export const cut = (text: string): string => lenient.decode(encodeText(printable(text.slice(0, messageCharsMax))));

const reader = new Reader();

/** Bodies are views. @throws SynodError `Malformed`. */
export function decodeReply(kind: number, payload: Uint8Array, from: number = 0, to: number = payload.length): Reply {
  reader.over(payload, from, to);
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
