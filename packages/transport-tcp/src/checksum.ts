import { crc32 } from "node:zlib";

/** Below this many bytes a call into the runtime costs more than the loop. */
const loopBytesMax = 192;

/** Four tables, so that four bytes are taken at a time. */
const tables = ((): Int32Array => {
  const made = new Int32Array(4 * 256);
  for (let n = 0; n < 256; n++) {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    made[n] = value;
  }
  for (let n = 256; n < made.length; n++) {
    const before = made[n - 256] as number;
    made[n] = (made[before & 255] as number) ^ (before >>> 8);
  }
  return made;
})();

/** CRC-32 of `bytes[from]` to `bytes[to - 1]`, which must exist: no view is made of them where they are few. */
export function checksumOf(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > loopBytesMax) return crc32(bytes.subarray(from, to));
  let value = -1;
  let at = from;
  // Every index is within its array: `as number` spares tests.
  for (; at + 4 <= to; at += 4) {
    value ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    value =
      (tables[768 + (value & 255)] as number) ^
      (tables[512 + ((value >>> 8) & 255)] as number) ^
      (tables[256 + ((value >>> 16) & 255)] as number) ^
      (tables[value >>> 24] as number);
  }
  for (; at < to; at++) value = (tables[(value ^ (bytes[at] as number)) & 255] as number) ^ (value >>> 8);
  return ~value >>> 0;
}
