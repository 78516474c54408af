import type { Applied, SessionTicket } from "@synod/interface";
import type { Outcome } from "./outcome.js";
import type { Reply } from "./sessions.js";

const isThenable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** So many bytes are kept in an object itself, without a buffer (V8). */
const SMALL_BYTES = 64;

/** A promise, or a result that was not wrapped, would otherwise show up as a puzzle much later. */
export function checkApplied<Result>(applied: Applied<Result>): Applied<Result> {
  const value: unknown = applied;
  if (isThenable(value) || isThenable(applied?.result))
    throw new TypeError("apply returned a promise: it must be synchronous");
  if (typeof value !== "object" || value === null || !("result" in value))
    throw new TypeError("apply must return { result }");
  return applied;
}

/** Bytes that nobody else has: encoders like to give views into a pool that would stay in memory as a whole. */
export function owned(bytes: Uint8Array): Uint8Array {
  // Text would become bytes of another kind.
  if (!ArrayBuffer.isView(bytes)) throw new TypeError("encode must give bytes");
  // To ask small ones for their buffer would make one for each.
  if (bytes.length <= SMALL_BYTES) return new Uint8Array(bytes);
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** The outcome of a command that has a reply, new or stored. */
export function answer(
  reply: Reply,
  index: number,
  ticket: SessionTicket,
  cached: boolean,
  events?: readonly unknown[],
  refusal?: unknown,
): Outcome {
  if (reply === null) return { kind: "invalidCommand", index, ticket, cached };
  if (reply === "unencodable") {
    const cause = refusal === undefined ? {} : { cause: refusal };
    return { kind: "unencodableResult", index, ticket, cached, ...cause, ...(events && { events }) };
  }
  // Nearly all of them, made without a copy.
  if (events === undefined) return { kind: "result", index, ticket, reply, cached };
  return { kind: "result", index, ticket, reply, cached, events };
}
