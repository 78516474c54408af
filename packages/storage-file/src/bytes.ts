const WORD = 2 ** 32;

/** Writes a safe integer as 8 bytes, little-endian. Returns the position after it. */
export function putUint64(bytes: Buffer, value: number, at: number): number {
  bytes.writeUInt32LE(value % WORD, at);
  return bytes.writeUInt32LE(Math.floor(value / WORD), at + 4);
}

/** Reads 8 bytes, little-endian; NaN for what is no safe integer. */
export function getUint64(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at + 4) * WORD + bytes.readUInt32LE(at);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Every lasting format of this package carries this number. */
export const FORMAT_VERSION = 2;
