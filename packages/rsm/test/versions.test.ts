import type { ApplyContext, StateMachine, Versions } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { type BatchEntry, decodeBatch, encodeBatch, entrySize, replicatedMachine } from "../src/index.js";
import { expectGolden } from "./golden.js";
import {
  applyNext,
  brief,
  codeOf,
  command,
  facts,
  Numbers,
  numbersMachine,
  restore,
  open,
  textCodec,
} from "./helpers.js";

const raise = (wire: number, log: number, machine: number): BatchEntry => ({
  kind: "raise",
  versions: { wire, log, machine },
});
const ALL: Versions = { wire: 9, log: 9, machine: 9 };
const A = { slot: 1, index: 0 };

describe("a raise in a batch", () => {
  test("golden: its bytes, small and large", () => {
    const entries = [raise(1, 1, 2), raise(300, 2 ** 32, Number.MAX_SAFE_INTEGER)];
    const value = encodeBatch(5, entries);
    expectGolden("batch-raise", value);
    expect(decodeBatch(value).entries).toEqual(entries);
    expect(value.length).toBe(encodeBatch(5, []).length + entries.reduce((sum, entry) => sum + entrySize(entry), 0));
  });

  test("a version that is none is neither written nor read", () => {
    for (const bad of [raise(0, 1, 1), raise(1, 0, 1), raise(1, 1, 0), raise(1, 1, 1.5), raise(1, 1, Number.NaN)]) {
      expect(codeOf(() => encodeBatch(0, [bad]))).toBe("InvalidArgument");
    }
    for (const at of [0, 1, 2]) {
      const versions = [1, 1, 1].map((version, i) => (i === at ? 0 : version));
      expect(codeOf(() => decodeBatch(Uint8Array.of(3, 2, 0, 0, 0, 1, 4, ...versions)))).toBe("Malformed");
    }
  });
});

describe("versions in force", () => {
  test("start at 1, follow the log, and never fall", () => {
    const machine = numbersMachine({ supports: ALL });
    expect(machine.versions).toEqual({ wire: 1, log: 1, machine: 1 });
    const [first] = applyNext(machine, 0, raise(2, 1, 3));
    expect(first).toEqual({ kind: "raised", index: 0, versions: { wire: 2, log: 1, machine: 3 }, changed: true });
    const [second] = applyNext(machine, 0, raise(1, 2, 2));
    expect(second).toEqual({ kind: "raised", index: 0, versions: { wire: 2, log: 2, machine: 3 }, changed: true });
    const [third] = applyNext(machine, 0, raise(1, 1, 1));
    expect(third).toEqual({ kind: "raised", index: 0, versions: { wire: 2, log: 2, machine: 3 }, changed: false });
    expect(machine.versions).toEqual({ wire: 2, log: 2, machine: 3 });
  });

  test("commands see the version of their place in the log, within one batch too, whatever the machine supports", () => {
    const seen: ApplyContext["machineVersion"][] = [];
    const numbers = new Numbers();
    const stateMachine: StateMachine<string, null, string> = {
      version: 3,
      apply(result, { machineVersion }) {
        seen.push(machineVersion);
        return { result };
      },
      query: () => "",
      snapshot: () => numbers.snapshot(),
      restore: () => numbers.restore(),
    };
    const commandCodec = { decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes) };
    const machine = replicatedMachine({ stateMachine, commandCodec, resultCodec: textCodec });
    expect(machine.supports).toEqual({ wire: 1, log: 1, machine: 3 });
    machine.apply(1, encodeBatch(0, [open(), command(A, 1, "a"), raise(1, 1, 2), command(A, 2, "b")]));
    machine.apply(2, encodeBatch(0, [command(A, 3, "c"), raise(1, 1, 3), command(A, 4, "d")]));
    expect(seen).toEqual([1, 2, 2, 3]);
  });

  test.each([
    ["the wire protocol", raise(2, 1, 1), /wire protocol version 2 \(this node supports 1\)/],
    ["the log", raise(1, 2, 1), /log version 2 \(this node supports 1\)/],
    [
      "the state machine",
      raise(1, 1, 5),
      /Slot 2 .* state machine version 5 \(this node supports 4\).*nothing is lost/,
    ],
  ])("a raise of %s beyond what is supported stops before anything of its batch is applied", (_, entry, text) => {
    const supports = { wire: 1, log: 1, machine: 4 };
    const machine = numbersMachine({ supports });
    applyNext(machine, 0, open());
    const before = facts(machine);
    const value = encodeBatch(50, [command(A, 1, "add x 1"), entry]);
    expect(codeOf(() => machine.apply(2, value))).toBe("VersionUnsupported");
    expect(() => machine.apply(2, value)).toThrow(text);
    expect(facts(machine)).toEqual(before);
    // The release that is needed takes it from there.
    const newer = numbersMachine({ supports: ALL });
    applyNext(newer, 0, open());
    expect(newer.apply(2, value).map(brief)).toEqual(["1", "raised"]);
  });

  test("are part of the digest", () => {
    const [a, b] = [numbersMachine({ supports: ALL }), numbersMachine({ supports: ALL })];
    applyNext(a, 0, raise(1, 1, 2));
    applyNext(b, 0, raise(1, 1, 1));
    expect(a.digest()).not.toBe(b.digest());
    applyNext(a, 0);
    applyNext(b, 0, raise(1, 1, 2));
    expect(a.digest()).toBe(b.digest());
  });

  test("are in the snapshot, which an older release refuses with nothing changed", () => {
    const machine = numbersMachine({ supports: ALL });
    applyNext(machine, 0, raise(2, 3, 4), open());
    const bytes = [...machine.snapshot().chunks];
    const back = numbersMachine({ supports: ALL });
    restore(back, bytes);
    expect(back.versions).toEqual({ wire: 2, log: 3, machine: 4 });
    expect(back.digest()).toBe(machine.digest());
    for (const supports of [
      { ...ALL, wire: 1 },
      { ...ALL, log: 2 },
      { ...ALL, machine: 3 },
    ]) {
      const older = numbersMachine({ supports });
      expect(codeOf(() => restore(older, bytes))).toBe("VersionUnsupported");
      expect(older.applied).toBe(0);
      expect(applyNext(older, 0, open()).map(brief)).toEqual(["opened 1.0"]);
    }
  });

  test("supports that are none are refused", () => {
    for (const machine of [0, -1, 1.5, Number.NaN]) {
      expect(codeOf(() => numbersMachine({ supports: { wire: 1, log: 1, machine } }))).toBe("InvalidArgument");
    }
  });
});
