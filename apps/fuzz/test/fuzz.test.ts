// A small part of what `npm run fuzz` does, the same at every run, and everything that it ever found.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { fuzz } from "../src/fuzz.js";
import { mutate } from "../src/mutate.js";
import { Seeded } from "../src/seeded.js";
import { allTargets } from "../src/targets/all.js";

const { targets, close } = await allTargets();
afterAll(close);

/** Those that go through a disk or a socket are slow. */
const inputsOf = (name: string): number => (/^(store|backup|http)/.test(name) ? 300 : 2_000);

describe("decoders", () => {
  it.each(targets.map((target) => [target.name, target] as const))(
    "%s: refuse or understand, and never more",
    async (name, target) => {
      const { inputs, outcomes, findings } = await fuzz(target, { seed: 11, inputs: inputsOf(name) });
      expect(findings).toEqual([]);
      expect(inputs).toBe(inputsOf(name));
      // A target that says the same to everything tests nothing.
      expect(outcomes).toBeGreaterThan(1);
    },
    60_000,
  );

  const folder = fileURLToPath(new URL("kept", import.meta.url));
  const kept = readdirSync(folder).filter((name) => name.endsWith(".hex"));
  it.each(kept)("%s was found once, and is mended", async (name) => {
    const [target = "", hex = ""] = readFileSync(`${folder}/${name}`, "utf8").split("\n");
    const found = targets.find((one) => one.name === target);
    expect(await found?.run(new Uint8Array(Buffer.from(hex, "hex")))).toEqual(expect.any(String));
  });
});

describe("the fuzzer", () => {
  const reader = (read: (input: Uint8Array) => string) => ({
    name: "planted",
    samples: [Uint8Array.of(1, 2, 3, 4)],
    run: read,
  });

  it("finds what throws anything but a refusal, and what takes too long", async () => {
    const planted = reader((input) => {
      if (input[0] === 0xff) throw new TypeError("planted");
      return String(input.length);
    });
    const { findings, outcomes } = await fuzz(planted, { seed: 1, inputs: 5_000 });
    expect(findings).toMatchObject([{ what: "crash", target: "planted", text: expect.stringContaining("planted") }]);
    expect(findings[0]?.input[0]).toBe(0xff);
    expect(outcomes).toBeGreaterThan(10);
    const slow = reader(() => {
      for (const end = performance.now() + 60; performance.now() < end; );
      return "";
    });
    expect((await fuzz(slow, { seed: 1, inputs: 1, hangMs: 50 })).findings).toMatchObject([{ what: "hang" }]);
  });

  it("makes the same inputs of the same seed, and others of another", () => {
    const some = (seed: number): string => {
      const random = new Seeded(seed);
      return Array.from({ length: 50 }, () =>
        Buffer.from(mutate([Uint8Array.of(1, 2, 3, 4)], random)).toString("hex"),
      ).join();
    };
    expect(some(4)).toBe(some(4));
    expect(some(4)).not.toBe(some(5));
  });
});
