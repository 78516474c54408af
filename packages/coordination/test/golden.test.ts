import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Codec } from "@synod/interface";
import { expect, test } from "vitest";
import { coordinationCodecs, coordinationMachine } from "../src/index.js";
import { answerSamples, commandSamples, queries, querySamples, resultSamples } from "./samples.js";

/**
 * A difference is a change of a format that is in the logs, snapshots and sockets of others: raise its version rather than the file.
 * UPDATE_GOLDEN=1 writes the files.
 */
function golden(name: string, text: string): string {
  const path = fileURLToPath(new URL(`golden/${name}.txt`, import.meta.url));
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
  expect(existsSync(path), `${path} is missing: run with UPDATE_GOLDEN=1`).toBe(true);
  return readFileSync(path, "utf8");
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function expectGolden<T>(name: string, codec: Codec<T>, samples: Readonly<Record<string, T>>): void {
  const lines = Object.entries(samples).map(([label, value]) => `${label} ${hex(codec.encode(value))}\n`);
  const text = golden(name, lines.join(""));
  expect(lines.join("")).toBe(text);
  for (const line of text.trimEnd().split("\n")) {
    const [label = "", digits = ""] = line.split(" ");
    expect(codec.decode(new Uint8Array(Buffer.from(digits, "hex"))), label).toEqual(samples[label]);
  }
}

const codecs = coordinationCodecs();

test("commands", () => expectGolden("commands", codecs.commandCodec, commandSamples));
test("results", () => expectGolden("results", codecs.resultCodec, resultSamples));
test("queries", () => expectGolden("queries", codecs.queryCodec, querySamples));
test("answers", () => expectGolden("answers", codecs.answerCodec, answerSamples));

test("a snapshot of every kind of record", () => {
  const machine = coordinationMachine();
  const context = { slot: 1, session: { slot: 1, index: 0 }, machineVersion: 1 };
  const log = Object.values(commandSamples);
  log.splice(1, 0, { kind: "grantLease", id: "lease-1", ttlMs: 60_000 });
  log.push({ ...commandSamples["acquire"], id: "another" } as (typeof log)[number]);
  log.push({ kind: "delete", key: "config/thème", expected: null }, { kind: "grantLease", id: "l2", ttlMs: 5 });
  for (const [index, command] of log.entries()) machine.apply(command, { ...context, index, timeMs: index });
  const lines = [...machine.snapshot()].map(hex).join("\n");
  const text = golden("snapshot", `${lines}\n`);
  expect(`${lines}\n`).toBe(text);
  const restored = coordinationMachine();
  const sink = restored.restore();
  for (const line of text.trimEnd().split("\n")) sink.write(new Uint8Array(Buffer.from(line, "hex")));
  sink.end();
  expect(restored.digest?.()).toBe(machine.digest?.());
  for (const query of queries) expect(restored.query(query)).toEqual(machine.query(query));
});
