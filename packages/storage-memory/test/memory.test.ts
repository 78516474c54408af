import type { StoreFormat } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { memoryStorage } from "../src/index.js";

const format: StoreFormat = {
  clusterId: "cluster-a",
  nodeId: 2,
  founders: { epoch: 1, members: [{ id: 1 }, { id: 2 }], alpha: 16, quorum: { kind: "majority" } },
};

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
    const ballot = { round: 1, node: 1 };
    await a.write({ promised: ballot, votes: [{ slot: 1, ballot, value: Uint8Array.of(1) }], chosen: [] });
    await b.close();
    expect((await b.open()).votes).toEqual([]);
    expect(ids[0].identity.storeId).not.toBe(ids[1].identity.storeId);
  });

  test("what is read of a snapshot is a copy", async () => {
    const storage = memoryStorage();
    await storage.open({ create: format });
    await storage.saveSnapshot(1, [new TextEncoder().encode("state")]);
    for await (const chunk of storage.readSnapshot()) chunk.fill(0);
    let text = "";
    for await (const chunk of storage.readSnapshot()) text += new TextDecoder().decode(chunk);
    expect(text).toBe("state");
  });

  test("is closed at the end of `await using`", async () => {
    const storage = memoryStorage();
    await storage.open({ create: format });
    await storage[Symbol.asyncDispose]();
    await expect(storage.write({ votes: [], chosen: [] })).rejects.toMatchObject({ code: "Closed" });
  });
});
