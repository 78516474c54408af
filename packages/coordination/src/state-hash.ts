const EMPTY = new Uint8Array(0);
const MODULUS = 2 ** 52;

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
  let a = 0x239b961b ^ table;
  let b = 0x38b34ae5 ^ (table << 8);
  const mix = (word: number): void => {
    a = Math.imul(a ^ word, 0x9e3779b1);
    a ^= a >>> 15;
    b = Math.imul(b ^ word, 0x85ebca6b) + a;
    b ^= b >>> 13;
  };
  for (let at = 0; at < name.length; at++) mix(name.charCodeAt(at));
  if (other === null) mix(name.length);
  else {
    mix(0);
    for (let at = 0; at < other.length; at++) mix(other.charCodeAt(at));
    mix(name.length + 1 + other.length);
  }
  for (const value of numbers) {
    mix(value | 0);
    mix(Math.floor(value / 0x1_0000_0000));
  }
  const length = bytes.length;
  const whole = length - (length % 4);
  let at = 0;
  // Every index is below the length: `as number` spares a test a byte.
  for (; at < whole; at += 4) {
    mix(
      (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24),
    );
  }
  for (; at < length; at++) mix(bytes[at] as number);
  mix(length);
  return (a >>> 0) * 2 ** 20 + (b >>> 12);
}

/** Of a set of records, kept up to date one record at a time: equal for equal sets, in whatever order they came. */
export class StateHash {
  #sum = 0;

  add(hash: number): void {
    this.#sum = (this.#sum + hash) % MODULUS;
  }

  remove(hash: number): void {
    this.#sum = (this.#sum + MODULUS - hash) % MODULUS;
  }

  get hex(): string {
    return this.#sum.toString(16).padStart(13, "0");
  }
}
