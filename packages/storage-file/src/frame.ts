import { crc32 } from "node:zlib";
import { FORMAT_VERSION, getUint64, putUint64 } from "./bytes.js";

/**
 * One write is one batch frame: this header, then the body. All numbers little-endian.
 *
 * ```
 *  0  4  magic "SYNW"
 *  4  4  format version
 *  8 16  store id
 * 24  8  segment that the frame is in
 * 32  8  offset of the frame in the segment
 * 40  8  sequence of the batch, from 1
 * 48  4  header checksum of batch sequence - 1, which covers that batch's body checksum and, so, the whole chain
 * 52  4  length of the body
 * 56  4  checksum of the body
 * 60  4  checksum of bytes 0 to 59
 * ```
 */
export interface Header {
  readonly version: number;
  /** 32 hexadecimal digits. */
  readonly storeId: string;
  readonly segment: number;
  readonly offset: number;
  readonly sequence: number;
  readonly previous: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  /** The header's own checksum. */
  readonly checksum: number;
}

export const HEADER_BYTES = 64;
export const MAGIC: Uint8Array = new TextEncoder().encode("SYNW");

const CHECKSUM_AT = HEADER_BYTES - 4;

export function encodeHeader(header: Omit<Header, "version" | "checksum">): { bytes: Buffer; checksum: number } {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  bytes.set(MAGIC, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 4);
  bytes.write(header.storeId, 8, 16, "hex");
  putUint64(bytes, header.segment, 24);
  putUint64(bytes, header.offset, 32);
  putUint64(bytes, header.sequence, 40);
  bytes.writeUInt32LE(header.previous, 48);
  bytes.writeUInt32LE(header.bodyBytes, 52);
  bytes.writeUInt32LE(header.bodyChecksum, 56);
  const checksum = crc32(bytes.subarray(0, CHECKSUM_AT));
  bytes.writeUInt32LE(checksum, CHECKSUM_AT);
  return { bytes, checksum };
}

/** The header at a position, or undefined if there is none with a valid checksum. */
export function decodeHeader(bytes: Buffer, at: number): Header | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.compare(MAGIC, 0, 4, at, at + 4) !== 0) return undefined;
  const checksum = bytes.readUInt32LE(at + CHECKSUM_AT);
  if (crc32(bytes.subarray(at, at + CHECKSUM_AT)) !== checksum) return undefined;
  return {
    version: bytes.readUInt32LE(at + 4),
    storeId: bytes.toString("hex", at + 8, at + 24),
    segment: getUint64(bytes, at + 24),
    offset: getUint64(bytes, at + 32),
    sequence: getUint64(bytes, at + 40),
    previous: bytes.readUInt32LE(at + 48),
    bodyBytes: bytes.readUInt32LE(at + 52),
    bodyChecksum: bytes.readUInt32LE(at + 56),
    checksum,
  };
}
