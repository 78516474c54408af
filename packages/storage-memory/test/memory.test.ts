import { describe, expect, test } from "vitest";
import { ballot, collect, format, vote, write } from "../../../tests/contracts/storage.js";
import { memoryStorage } from "../src/index.js";

describe("memoryStorage", () => {
  test("takes its ids from the random source that it is given", async () => {
    let next = 0;
    const storage = memoryStorage({ random: { uint32: () => next++ } });
    const { identity } = await storage.open({ create: format });
    expect(identity.storeId).toBe("00000000000000010000000200000003".padStart(32, "0"));
    expect(identity.bootId).toBe("00000004000000050000000600000007");
  });

  test("two storages share nothing", async () => {
    const [a, b] = [memoryStorage(), memoryStorage()];
    const ids = await Promise.all([a.open({ create: format }), b.open({ create: format })]);
    await a.write(write({ promised: ballot(1), votes: [vote(1, 1, "a")] }));
    await b.close();
    expect((await b.open()).votes).toEqual([]);
    expect(ids[0].identity.storeId).not.toBe(ids[1].identity.storeId);
  });

  test("what is read of a snapshot is a copy", async () => {
    const storage = memoryStorage();
    await storage.open({ create: format });
    await storage.saveSnapshot(1, [new TextEncoder().encode("state")]);
    for await (const chunk of storage.readSnapshot()) chunk.fill(0);
    expect(await collect(storage.readSnapshot())).toBe("state");
  });

  test("is closed at the end of `await using`", async () => {
    const storage = memoryStorage();
    await storage.open({ create: format });
    await storage[Symbol.asyncDispose]();
    await expect(storage.write(write({}))).rejects.toMatchObject({ code: "Closed" });
  });
});
