import { crc32 } from "node:zlib";
import type { Ballot, Slot } from "@synod/interface";
import { FORMAT_VERSION, getUint64, putUint64 } from "./bytes.js";

/**
 * What the log adds up to, apart from its votes and values. Every frame repeats it in its header, so that the last frame bounds what any frame
 * before it can have held: that is what makes a damaged one reparable.
 */
export interface LogState {
  promised: Ballot | null;
  chosenUpTo: Slot;
  bootCount: number;
  /** Highest slot of any vote or value ever written, or 0. */
  slotMax: Slot;
  /** Longest time for which this node ever bound itself by a lease. */
  leaseMs: number;
}

/** Always of the same shape: spread from the state before, each would have one of its own in V8. */
export function copyState({ promised, chosenUpTo, bootCount, slotMax, leaseMs }: Readonly<LogState>): LogState {
  return { promised, chosenUpTo, bootCount, slotMax, leaseMs };
}

export function raiseState(state: LogState, raise: Partial<LogState>): void {
  const { promised, chosenUpTo, bootCount, slotMax, leaseMs } = raise;
  if (promised !== undefined && promised !== null && (state.promised === null || isHigher(promised, state.promised))) {
    state.promised = { round: promised.round, node: promised.node };
  }
  state.chosenUpTo = Math.max(state.chosenUpTo, chosenUpTo ?? 0);
  state.bootCount = Math.max(state.bootCount, bootCount ?? 0);
  state.slotMax = Math.max(state.slotMax, slotMax ?? 0);
  state.leaseMs = Math.max(state.leaseMs, leaseMs ?? 0);
}

function isHigher(a: Ballot, b: Ballot): boolean {
  return a.round > b.round || (a.round === b.round && a.node > b.node);
}

/**
 * One write is one batch frame: this header, then the body. All numbers little-endian.
 *
 * ```
 *   0  4  magic "SYNW"
 *   4  4  format version
 *   8 16  store id
 *  24  8  segment that the frame is in
 *  32  8  offset of the frame in the segment
 *  40  8  sequence of the batch, from 1
 *  48 16  promised after this batch: round, node; 0, 0 = none
 *  64  8  chosen mark after this batch
 *  72  8  highest slot of a vote or value in this batch or any before it
 *  80  8  count of the opening that wrote it
 *  88  8  longest lease ever granted, in milliseconds
 *  96  4  header checksum of batch sequence - 1, which covers that batch's body checksum and, so, the whole chain
 * 100  4  length of the body
 * 104  4  checksum of the body
 * 108  4  checksum of bytes 0 to 107
 * ```
 */
export interface Header {
  readonly version: number;
  /** 32 hexadecimal digits. */
  readonly storeId: string;
  readonly segment: number;
  readonly offset: number;
  readonly sequence: number;
  readonly state: Readonly<LogState>;
  readonly previous: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  /** The header's own checksum. */
  readonly checksum: number;
}

export const HEADER_BYTES = 112;
export const MAGIC: Uint8Array = new TextEncoder().encode("SYNW");

const CHECKSUM_AT = HEADER_BYTES - 4;

export function encodeHeader(header: Omit<Header, "version" | "checksum">): { bytes: Buffer; checksum: number } {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  const { promised, chosenUpTo, slotMax, bootCount, leaseMs } = header.state;
  bytes.set(MAGIC, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 4);
  bytes.write(header.storeId, 8, 16, "hex");
  putUint64(bytes, header.segment, 24);
  putUint64(bytes, header.offset, 32);
  putUint64(bytes, header.sequence, 40);
  putUint64(bytes, promised?.round ?? 0, 48);
  putUint64(bytes, promised?.node ?? 0, 56);
  putUint64(bytes, chosenUpTo, 64);
  putUint64(bytes, slotMax, 72);
  putUint64(bytes, bootCount, 80);
  putUint64(bytes, leaseMs, 88);
  bytes.writeUInt32LE(header.previous, 96);
  bytes.writeUInt32LE(header.bodyBytes, 100);
  bytes.writeUInt32LE(header.bodyChecksum, 104);
  const checksum = crc32(bytes.subarray(0, CHECKSUM_AT));
  bytes.writeUInt32LE(checksum, CHECKSUM_AT);
  return { bytes, checksum };
}

/** The header at a position, or undefined if there is none with a valid checksum. */
export function decodeHeader(bytes: Buffer, at: number): Header | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.compare(MAGIC, 0, 4, at, at + 4) !== 0) return undefined;
  const checksum = bytes.readUInt32LE(at + CHECKSUM_AT);
  if (crc32(bytes.subarray(at, at + CHECKSUM_AT)) !== checksum) return undefined;
  const [round, node] = [getUint64(bytes, at + 48), getUint64(bytes, at + 56)];
  return {
    version: bytes.readUInt32LE(at + 4),
    storeId: bytes.toString("hex", at + 8, at + 24),
    segment: getUint64(bytes, at + 24),
    offset: getUint64(bytes, at + 32),
    sequence: getUint64(bytes, at + 40),
    state: {
      promised: round === 0 && node === 0 ? null : { round, node },
      chosenUpTo: getUint64(bytes, at + 64),
      slotMax: getUint64(bytes, at + 72),
      bootCount: getUint64(bytes, at + 80),
      leaseMs: getUint64(bytes, at + 88),
    },
    previous: bytes.readUInt32LE(at + 96),
    bodyBytes: bytes.readUInt32LE(at + 100),
    bodyChecksum: bytes.readUInt32LE(at + 104),
    checksum,
  };
}
