import { type Codec, SynodError } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { codecSuite, type TestFunction } from "../src/index.js";
import { trials } from "./run.js";

interface Note {
  readonly id: number;
  readonly body: Uint8Array;
}

type CodecBug =
  | "loses the last byte"
  | "forgets the id's high bits"
  | "stamps each encoding"
  | "differs between instances"
  | "changes the value"
  | "encodes into one buffer"
  | "gives a view of its input"
  | "reads the buffer behind the view"
  | "overwrites its input"
  | "keeps what it decoded"
  | "takes truncated input"
  | "takes trailing bytes"
  | "throws a plain Error"
  | "throws the wrong code"
  | "is confused by bad input"
  | "has no limit"
  | "reads another value where that lasts"
  | "takes where it lasts what it refuses"
  | "overwrites what lasts"
  | "reads what lasts into one place";

const BYTES_MAX = 4096;
const malformed = (): SynodError => new SynodError("Malformed", "not a note");
let stamps = 0;

/** Version 1, id in 32 bits, length in 16 bits, body, sum of all bytes. */
function noteCodec(bug?: CodecBug): Codec<Note> {
  const has = (one: CodecBug): boolean => bug === one;
  const buffer = new Uint8Array(BYTES_MAX + 100);
  const kept = new Map<string, Note>();
  const salt = has("differs between instances") ? ++stamps & 127 : 0;
  let confused = false;
  const checksum = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => (sum * 31 + byte) & 255, salt);

  const decode = (given: Uint8Array): Note => {
    const bytes = has("reads the buffer behind the view") ? new Uint8Array(given.buffer) : given;
    if (bytes.length > BYTES_MAX && !has("has no limit")) throw new SynodError("TooLarge", "too long");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // A DataView throws a RangeError.
    if (bytes.length < 8 && !has("throws a plain Error")) throw malformed();
    if (has("takes truncated input") && bytes.length < 12) return { id: 0, body: new Uint8Array(0) };
    const end = 7 + view.getUint16(5);
    if (view.getUint8(0) > 1)
      throw new SynodError(has("throws the wrong code") ? "InvalidArgument" : "VersionUnsupported", "version");
    const isLong = has("takes trailing bytes") ? bytes.length < end + 1 : bytes.length !== end + 1;
    if (view.getUint8(0) !== 1 || isLong) throw malformed();
    if (salt === 0 && !has("stamps each encoding") && checksum(bytes.subarray(0, end)) !== view.getUint8(end))
      throw malformed();
    const body = has("gives a view of its input") ? bytes.subarray(7, end) : bytes.slice(7, end);
    const note = { id: view.getUint32(1), body };
    if (has("overwrites its input")) bytes.fill(0, 7, end);
    return note;
  };

  const lasting = (bytes: Uint8Array): Note => {
    if (has("takes where it lasts what it refuses") && bytes.length < 8) return { id: 0, body: new Uint8Array(0) };
    const { id, body } = decode(bytes);
    if (has("overwrites what lasts")) bytes.fill(0, 7);
    if (has("reads what lasts into one place")) {
      buffer.set(body);
      return { id, body: buffer.subarray(0, body.length) };
    }
    return {
      id: has("reads another value where that lasts") ? id + 1 : id,
      body: body.length > 0 ? body : bytes.subarray(0, 0),
    };
  };

  return {
    decodeLasting: lasting,
    encode({ id, body }) {
      const cut = has("loses the last byte") ? body.subarray(0, -1) : body;
      if (has("changes the value")) body.fill(1);
      const bytes = has("encodes into one buffer")
        ? buffer.subarray(0, cut.length + 8)
        : new Uint8Array(cut.length + 8);
      const view = new DataView(bytes.buffer, 0, bytes.length);
      view.setUint8(0, 1);
      view.setUint32(1, has("forgets the id's high bits") ? id & 0xff : id);
      view.setUint16(5, cut.length);
      bytes.set(cut, 7);
      const end = has("stamps each encoding") ? ++stamps & 255 : checksum(bytes.subarray(0, -1));
      bytes[bytes.length - 1] = confused ? end ^ 1 : end;
      return bytes;
    },
    decode(bytes) {
      const key = bytes.join();
      const found = kept.get(key);
      if (found !== undefined && has("keeps what it decoded")) return found;
      try {
        const note = decode(bytes);
        kept.set(key, note);
        return note;
      } catch (error) {
        confused = has("is confused by bad input");
        throw error;
      }
    },
  };
}

const samples = (): Note[] => [
  { id: 0, body: new Uint8Array(0) },
  { id: 1, body: Uint8Array.of(1, 2, 3) },
  { id: 257, body: Uint8Array.of(1, 2, 3) },
  { id: 2 ** 32 - 1, body: new Uint8Array(1000).map((_, i) => i) },
];

const suite = (bug?: CodecBug) => (register: TestFunction) =>
  codecSuite({ test: register, create: () => noteCodec(bug), samples: samples(), bytesMax: BYTES_MAX });

describe("a codec that keeps the contract", () => {
  suite()(test);
});

describe("a codec of text, where a part may be a whole", () => {
  const textCodec: Codec<number> = {
    encode: (value) => new TextEncoder().encode(String(value)),
    decode: (bytes) => {
      const text = new TextDecoder().decode(bytes);
      if (!/^\d+$/.test(text)) throw malformed();
      return Number(text);
    },
  };
  codecSuite({ test, create: () => textCodec, samples: [7, 123], selfDelimiting: false });
});

const broken: [CodecBug, string][] = [
  ["loses the last byte", "samples come back equal"],
  ["forgets the id's high bits", "different values give different bytes"],
  ["stamps each encoding", "equal values give equal bytes, at any time and in any instance"],
  ["differs between instances", "equal values give equal bytes, at any time and in any instance"],
  ["changes the value", "encode leaves the value as it is"],
  ["encodes into one buffer", "an encoding belongs to the caller and keeps through later calls"],
  ["gives a view of its input", "what was decoded shares no memory with the bytes"],
  ["reads the buffer behind the view", "decode reads a view, and no more than the view"],
  ["overwrites its input", "decode leaves its input as it is"],
  ["keeps what it decoded", "decoding twice gives values that share nothing"],
  ["takes truncated input", "every truncation is refused"],
  ["takes trailing bytes", "trailing bytes are refused"],
  ["throws a plain Error", "every truncation is refused"],
  ["throws a plain Error", "random bytes never fail in another way than by a SynodError"],
  ["throws the wrong code", "flipped bits never fail in another way than by a SynodError"],
  ["is confused by bad input", "bytes that were refused leave the codec as it was"],
  ["has no limit", "input that is too long is TooLarge"],
  ["reads another value where that lasts", "decodeLasting gives and refuses what decode does"],
  ["takes where it lasts what it refuses", "decodeLasting gives and refuses what decode does"],
  ["overwrites what lasts", "decodeLasting gives and refuses what decode does"],
  ["reads what lasts into one place", "decodeLasting gives and refuses what decode does"],
];

const trial = trials<CodecBug>(suite);

test.each(broken)("a codec that %s fails: %s", async (bug, name) => {
  const { failed, names } = await trial.of(bug);
  expect([...failed.keys()]).toContain(name);
  expect(failed.size).toBeLessThan(names.length);
});

test("every case of the suite can fail", async () => {
  expect(await trial.toothless(broken.map(([bug]) => bug))).toEqual([]);
});
