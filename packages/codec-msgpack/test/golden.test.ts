// The wire format, byte by byte. A change here is a change of the protocol: raise the version. SYNOD_UPDATE_GOLDEN=1 writes anew.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { messageCodec } from "../src/index.js";
import { KINDS } from "../src/kinds.js";
import { envelopeOf, messages } from "./samples.js";

const folder = join(import.meta.dirname, "golden");
const codec = messageCodec();
const lines = (bytes: Uint8Array): string =>
  `${Buffer.from(bytes)
    .toString("hex")
    .replaceAll(/.{1,64}/g, "$&\n")}`;

if (process.env["SYNOD_UPDATE_GOLDEN"] === "1") {
  mkdirSync(folder, { recursive: true });
  for (const [name, message] of Object.entries(messages)) {
    writeFileSync(join(folder, `${name}.hex`), lines(codec.encode(envelopeOf(message))));
  }
}

test("there is a golden file for each kind, and none without a sample", () => {
  expect(new Set(Object.values(messages).map(({ kind }) => kind))).toEqual(new Set(KINDS));
  const names = Object.keys(messages).map((name) => `${name}.hex`);
  expect(readdirSync(folder).sort()).toEqual(names.sort());
});

test.each(Object.entries(messages))("%s has the bytes of its golden file, both ways", (name, message) => {
  const hex = readFileSync(join(folder, `${name}.hex`), "utf8");
  expect(lines(codec.encode(envelopeOf(message)))).toBe(hex);
  expect(codec.decode(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"))).toStrictEqual(envelopeOf(message));
});
