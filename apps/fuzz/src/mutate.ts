import type { Seeded } from "./seeded.js";

/** Numbers at which decoders turn. */
const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff] as const;
const WIDE_EDGES = [
  0n,
  1n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
/** Changes of one input at most. */
const CHANGES_MAX = 6;
/** Inputs grow no further. */
const BYTES_MAX = 64 * 1024;

/** Another input, out of what is there. Deterministic for a seed. */
export function mutate(corpus: readonly Uint8Array[], random: Seeded): Uint8Array {
  if (random.below(200) === 0) return noise(random, random.below(300));
  let bytes: Uint8Array = random.pick(corpus).slice();
  for (let left = 1 + random.below(CHANGES_MAX); left > 0; left--) bytes = changed(bytes, corpus, random);
  return bytes.length > BYTES_MAX ? bytes.subarray(0, BYTES_MAX) : bytes;
}

function noise(random: Seeded, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function changed(bytes: Uint8Array, corpus: readonly Uint8Array[], random: Seeded): Uint8Array {
  const at = random.below(bytes.length + 1);
  const some = 1 + random.below(random.below(4) === 0 ? 64 : 8);
  switch (random.below(10)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.pick(EDGES);
      return bytes;
    case 2:
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    case 3:
      return bytes.subarray(0, at).slice();
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + some)));
    case 5:
      return joined(bytes.subarray(0, at), noise(random, some), bytes.subarray(at));
    case 6: {
      const from = random.below(bytes.length + 1);
      return joined(bytes.subarray(0, at), bytes.subarray(from, from + some), bytes.subarray(at));
    }
    case 7: {
      const other = random.pick(corpus);
      return joined(bytes.subarray(0, at), other.subarray(random.below(other.length + 1)));
    }
    case 8:
      return withNumber(bytes, at, random);
    default:
      // A varint that does not end, or is longer than it has to be.
      return joined(
        bytes.subarray(0, at),
        new Uint8Array(1 + random.below(12)).fill(0x80 | random.below(128)),
        bytes.subarray(at),
      );
  }
}

function withNumber(bytes: Uint8Array, at: number, random: Seeded): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = random.pick(WIDE_EDGES);
  if (random.below(2) === 0 && at + 4 <= bytes.length)
    view.setUint32(at, Number(value & 0xffffffffn), random.below(2) === 0);
  else if (at + 8 <= bytes.length) view.setBigUint64(at, value, random.below(2) === 0);
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
