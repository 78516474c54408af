import { expect, test } from "vitest";
import { hashRecord } from "../src/state-hash.js";

/** Behind `offset` bytes of something else, so that words lie across what a machine would like. */
const bytes = (length: number, offset: number) =>
  Uint8Array.from({ length: offset + length }, (_, at) => ((at - offset) * 37 + 11) & 0xff).subarray(offset);

// Part of the digest in snapshots, which replicas of different releases compare: these must never change.
test.each([
  [0, 1213618731512410],
  [3, 1695778678285113],
  [100, 2129529334113379],
  [255, 261482375678052],
  [256, 4031830354789328],
  [257, 3064798900589814],
  [259, 907417878126438],
  [4097, 1358300168001560],
])("golden: a record with %i bytes", (length, expected) => {
  for (const offset of [0, 3]) {
    expect(hashRecord(1, "key", [7, 2 ** 40], bytes(length, offset), "lease")).toBe(expected);
  }
});
