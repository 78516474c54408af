import { crc32 } from "node:zlib";
import { checksumOf } from "./checksum.js";

/**
 * Bytes before each payload: its length (u32), kind (u8), CRC-32 of the payload (u32), CRC-32 of these nine bytes (u32);
 * big-endian. The header has a checksum of its own because a damaged length would otherwise be believed, and all that
 * follows be swallowed, until so many bytes have come.
 */
export const frameHeaderBytes = 13;

const [kindAt, payloadChecksumAt, headerChecksumAt] = [4, 5, 9] as const;

/** One frame. What a kind means is for the protocol above; it is an integer from 0 to 255. */
export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** What a frame is on the wire: both are to be written, one after the other. */
export type EncodedFrame = readonly [header: Uint8Array, payload: Uint8Array];

/**
 * Frames a payload without copying it. The result can be written to any number of sockets, so that a frame for several
 * peers is checksummed once.
 */
export function encodeFrame(kind: number, payload: Uint8Array): EncodedFrame {
  const header = new Uint8Array(frameHeaderBytes);
  putU32(header, 0, payload.length);
  header[kindAt] = kind;
  putU32(header, payloadChecksumAt, crc32(payload));
  putU32(header, headerChecksumAt, checksumOf(header, 0, headerChecksumAt));
  return [header, payload];
}

/** An integer below 2^32, big-endian. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
