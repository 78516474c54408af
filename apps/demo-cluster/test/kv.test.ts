import { type ApplyContext, type Codec, SynodError } from "@synod/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KvCommand, kvCodec, kvMachine } from "../src/kv.js";

const context: ApplyContext = { slot: 1, index: 0, timeMs: 0, session: { slot: 1, index: 0 }, machineVersion: 1 };

function filled(commands: readonly KvCommand[]) {
  const machine = kvMachine();
  const results = commands.map((command) => machine.apply(command, context).result);
  return { machine, results };
}

const key = fc.constantFrom("a", "b", "c", 'ü\n"', "\ud800");
const value = fc.oneof(fc.string({ unit: "binary" }), fc.integer().map(String));
const command: fc.Arbitrary<KvCommand> = fc.oneof(
  fc.record({ op: fc.constant("put" as const), key, value }),
  fc.record({ op: fc.constant("cas" as const), key, from: fc.option(value), to: value }),
  fc.record({ op: fc.constant("incr" as const), key }),
  fc.record({ op: fc.constant("delete" as const), key }),
);

describe("the key-value store", () => {
  it("puts, compares, counts and deletes", () => {
    const { results, machine } = filled([
      { op: "put", key: "a", value: "1" },
      { op: "cas", key: "a", from: "2", to: "x" },
      { op: "cas", key: "a", from: "1", to: "41" },
      { op: "incr", key: "a" },
      { op: "incr", key: "new" },
      { op: "cas", key: "absent", from: null, to: "made" },
      { op: "delete", key: "new" },
      { op: "delete", key: "new" },
      { op: "put", key: "word", value: "no number" },
      { op: "incr", key: "word" },
    ]);
    expect(results).toEqual([
      { done: true, value: "1" },
      { done: false, value: "1" },
      { done: true, value: "41" },
      { done: true, value: "42" },
      { done: true, value: "1" },
      { done: true, value: "made" },
      { done: true, value: null },
      { done: false, value: null },
      { done: true, value: "no number" },
      { done: false, value: "no number" },
    ]);
    expect(machine.query({ keys: ["a", "new", "absent"] })).toEqual(["42", null, "made"]);
  });

  it("counts beyond 2^53 without a loss", () => {
    const { results } = filled([
      { op: "put", key: "n", value: "9007199254740993" },
      { op: "incr", key: "n" },
    ]);
    expect(results[1]).toEqual({ done: true, value: "9007199254740994" });
  });

  it("comes back from a snapshot, however its bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (commands, size) => {
        const { machine } = filled(commands);
        const bytes = [...machine.snapshot()].flatMap((chunk) => [...chunk]);
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(Uint8Array.from(bytes.slice(at, at + size)));
        const copy = filled([{ op: "put", key: "stale", value: "must go" }]).machine;
        const sink = copy.restore();
        for (const chunk of chunks) sink.write(chunk);
        sink.end();
        expect(copy.digest?.()).toBe(machine.digest?.());
        const keys = ["a", "b", "c", 'ü\n"', "\ud800", "stale"];
        expect(copy.query({ keys })).toEqual(machine.query({ keys }));
      }),
    );
  });

  it("gives the snapshot as of the call, though commands go on", () => {
    const { machine } = filled([{ op: "put", key: "a", value: "old" }]);
    const before = machine.digest?.();
    const snapshot = machine.snapshot();
    machine.apply({ op: "put", key: "a", value: "new" }, context);
    const copy = kvMachine();
    const sink = copy.restore();
    for (const chunk of snapshot) sink.write(chunk);
    sink.end();
    expect(copy.digest?.()).toBe(before);
    expect(machine.digest?.()).not.toBe(before);
  });

  it("has one digest for one content, whatever the order of writing", () => {
    const one = filled([
      { op: "put", key: "a", value: "1" },
      { op: "put", key: "b", value: "2" },
    ]).machine;
    const other = filled([
      { op: "put", key: "b", value: "2" },
      { op: "incr", key: "a" },
    ]).machine;
    expect(one.digest?.()).toBe(other.digest?.());
  });
});

describe("the command codec", () => {
  const json: Codec<unknown> = {
    encode: (content) => new TextEncoder().encode(JSON.stringify(content)),
    decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as unknown,
  };
  const codec = kvCodec(json);

  it("carries every command", () => {
    fc.assert(
      fc.property(command, (one) => {
        expect(codec.decode(codec.encode(one))).toEqual(one);
      }),
    );
  });

  it.each([
    null,
    7,
    {},
    { op: "put", key: "a" },
    { op: "put", key: 1, value: "x" },
    { op: "cas", key: "a", from: 1, to: "" },
    { op: "drop", key: "a" },
  ])("refuses %j", (foreign) => {
    const bytes = json.encode(foreign);
    expect(() => codec.decode(bytes)).toThrow(SynodError);
    expect(() => codec.decode(bytes)).toThrow(expect.objectContaining({ code: "Malformed" }));
  });
});
