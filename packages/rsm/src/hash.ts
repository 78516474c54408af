/** 64 bits as two signed 32-bit words: V8 keeps a box of its own for each number beyond those. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/** The hash of nothing: where every chain starts. */
export const HASH_START: Hash64 = { high: 0, low: 0 };

/** From here on a view, which reads words at any offset, is worth making. */
const VIEWED_MIN = 128;

const C1 = 0x239b961b;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5;

function finish(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * hash(previous, tag, bytes): the mixing of MurmurHash3 x86_128 on two of its four lanes, so that it runs on 32-bit
 * multiplications. The input is the tag (an integer from 0 to 2^53 - 1) as two words, low word first, then the bytes
 * as little-endian words, zero-padded to a multiple of eight bytes, then their length; the state starts from the two
 * words of `previous`. It finds faults of programs and disks, not forgeries.
 */
export function hash64(previous: Hash64, tag: number, bytes: Uint8Array): Hash64 {
  let h1 = previous.high;
  let h2 = previous.low;
  const length = bytes.length;
  const view = length >= VIEWED_MIN ? new DataView(bytes.buffer, bytes.byteOffset, length) : null;
  // The tag is the block before the first.
  let first = tag | 0;
  let second = Math.floor(tag / 0x1_0000_0000) | 0;
  for (let at = 0; ; at += 8) {
    const k1 = Math.imul(first, C1);
    h1 ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
    h1 = (((h1 << 19) | (h1 >>> 13)) + h2) | 0;
    h1 = (Math.imul(h1, 5) + 0x561ccd1b) | 0;
    const k2 = Math.imul(second, C2);
    h2 ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
    h2 = (((h2 << 17) | (h2 >>> 15)) + h1) | 0;
    h2 = (Math.imul(h2, 5) + 0x0bcaa747) | 0;
    if (at >= length) break;
    if (at + 8 > length) {
      first = lastWord(bytes, at);
      second = lastWord(bytes, at + 4);
    } else if (view === null) {
      first = word(bytes, at);
      second = word(bytes, at + 4);
    } else {
      first = view.getInt32(at, true);
      second = view.getInt32(at + 4, true);
    }
  }

  h1 = (h1 ^ length) | 0;
  h2 = (h2 ^ length) | 0;
  h1 = (h1 + h2) | 0;
  h2 = (h2 + h1) | 0;
  h1 = finish(h1);
  h2 = finish(h2);
  h1 = (h1 + h2) | 0;
  h2 = (h2 + h1) | 0;
  return { high: h1, low: h2 };
}

/**
 * Put together from bytes, so that views at odd offsets and machines of either byte order give the same. Every index is
 * below the length: `as number` spares a test a byte.
 */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The same at the end, padded with zeros. */
function lastWord(bytes: Uint8Array, at: number): number {
  let result = 0;
  for (let i = Math.min(at + 4, bytes.length) - 1; i >= at; i--) result = (result << 8) | (bytes[i] as number);
  return result;
}

/** 16 hexadecimal digits, high word first. */
export function hex64(hash: Hash64): string {
  const digits = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
  return digits(hash.high) + digits(hash.low);
}
