/** The polynomial of CRC-32, its highest power in the lowest bit, as in the checksums. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
/** x to the power of 8: one byte of zeros more. */
const BYTE = 0x00800000;

/** Product of two polynomials modulo that of CRC-32. */
function times(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL;
  }
  return product >>> 0;
}

/** What so many bytes that follow do to a checksum. */
function shiftBy(bytes: number): number {
  let shift = ONE;
  for (let left = bytes, square = BYTE; left > 0; left = Math.floor(left / 2), square = times(square, square)) {
    if (left % 2 === 1) shift = times(square, shift);
  }
  return shift;
}

/** CRC-32 of bytes that come in pieces, from the checksums of the pieces: none is read a second time. */
export class JoinedCrc {
  value = 0;
  /** Pieces are mostly of one size. */
  #bytes = 0;
  #shift = ONE;

  add(checksum: number, bytes: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#shift = shiftBy(bytes);
    }
    this.value = (times(this.#shift, this.value) ^ checksum) >>> 0;
  }
}
