// The "pack" entry is the plain JavaScript one, in Node.js as in browsers. The main entry would add a native string reader in
// Node.js: native code for bytes from outside, and strings that differ between machines (a leading U+FEFF).
import { Packr, RESET_BUFFER_MODE } from "msgpackr/pack";

const options = {
  useRecords: false,
  variableMapSize: true,
  // `scan` lets no 64-bit integer through; should it ever, what comes out must still be a number.
  int64AsType: "number" as const,
  copyBuffers: true,
  // A property named `toJSON` of plain data is data.
  useToJSON: false,
  // Not in msgpackr's types: properties to leave out. It would write undefined as an extension type.
  skipValues: [undefined],
};
const packr = new Packr(options);

/** A view of msgpackr's own buffer, good until the next call: whoever keeps it copies it. */
export function packView(value: unknown): Uint8Array {
  return packr.pack(value, RESET_BUFFER_MODE);
}

/** Reads bytes that `scan` has passed. Byte strings in the result are copies. */
export function unpack(bytes: Uint8Array): unknown {
  // msgpackr leaves a property on the array it reads, and copies out of a Buffer are Buffers: it gets a view of its own.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
