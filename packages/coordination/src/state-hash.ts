const EMPTY = new Uint8Array(0);
const MODULUS = 2 ** 52;

/** From here on a view, which reads words at any offset, is worth making. */
const VIEWED_MIN = 256;

/** Words of the names and numbers of the record that is being hashed: each put hashes two, and should leave no garbage. */
let head = new Int32Array(1024);

/**
 * 52 bits of what a record says. Finds faults of programs and memory, not forgeries.
 * @param other a second text, as if it stood behind the name and a 0
 */
export function hashRecord(
  table: number,
  name: string,
  numbers: readonly number[],
  bytes: Uint8Array = EMPTY,
  other: string | null = null,
): number {
  const words = writeHead(name, numbers, other);
  const from = head;
  let a = 0x239b961b ^ table;
  let b = 0x38b34ae5 ^ (table << 8);
  for (let at = 0; at < words; at++) {
    // Every index is below the length: `as number` spares a test.
    const word = from[at] as number;
    a = Math.imul(a ^ word, 0x9e3779b1);
    a ^= a >>> 15;
    b = (Math.imul(b ^ word, 0x85ebca6b) + a) | 0;
    b ^= b >>> 13;
  }
  const { length } = bytes;
  // Four bytes a word, then those that are left one by one, then how many there were.
  let at = 0;
  if (length >= VIEWED_MIN) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, length);
    for (; at + 4 <= length; at += 4) {
      const word = view.getInt32(at, true);
      a = Math.imul(a ^ word, 0x9e3779b1);
      a ^= a >>> 15;
      b = (Math.imul(b ^ word, 0x85ebca6b) + a) | 0;
      b ^= b >>> 13;
    }
  }
  while (at <= length) {
    let word = length;
    if (at + 4 <= length) {
      word =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      at += 4;
    } else {
      if (at < length) word = bytes[at] as number;
      at++;
    }
    a = Math.imul(a ^ word, 0x9e3779b1);
    a ^= a >>> 15;
    b = (Math.imul(b ^ word, 0x85ebca6b) + a) | 0;
    b ^= b >>> 13;
  }
  return (a >>> 0) * 2 ** 20 + (b >>> 12);
}

/** @returns how many words there are */
function writeHead(name: string, numbers: readonly number[], other: string | null): number {
  const most = name.length + (other?.length ?? 0) + 2 + 2 * numbers.length;
  if (most > head.length) head = new Int32Array(2 * most);
  let words = 0;
  for (; words < name.length; words++) head[words] = name.charCodeAt(words);
  if (other !== null) {
    head[words++] = 0;
    for (let at = 0; at < other.length; at++) head[words++] = other.charCodeAt(at);
  }
  head[words] = words;
  words++;
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at] as number;
    const low = value | 0;
    head[words++] = low;
    head[words++] = low === value ? low >> 31 : Math.floor(value / 0x1_0000_0000);
  }
  return words;
}

/** Of a set of records, kept up to date one record at a time: equal for equal sets, in whatever order they came. */
export class StateHash {
  #sum = 0;

  add(hash: number): void {
    const sum = this.#sum + hash;
    this.#sum = sum < MODULUS ? sum : sum - MODULUS;
  }

  remove(hash: number): void {
    const rest = this.#sum - hash;
    this.#sum = rest < 0 ? rest + MODULUS : rest;
  }

  get hex(): string {
    return this.#sum.toString(16).padStart(13, "0");
  }
}
