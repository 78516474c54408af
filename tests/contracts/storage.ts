import type { Ballot, Recovered, Storage, StorageWrite, StoreFormat } from "@synod/interface";
import { afterEach, describe, expect, test } from "vitest";

/** One disk. Storage objects come and go on it. */
export interface StorageMedium {
  /** A storage object that was not opened yet, or was closed; the one before is closed by now. */
  storage(): Storage;
  dispose?(): Promise<void>;
}

export const format: StoreFormat = {
  clusterId: "cluster-a",
  nodeId: 2,
  founders: {
    epoch: 1,
    members: [{ id: 1 }, { id: 2, address: "127.0.0.1:1" }],
    alpha: 16,
    quorum: { kind: "majority" },
  },
};

export const ballot = (round: number, node = 1): Ballot => ({ round, node });
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const vote = (slot: number, round: number, text: string): StorageWrite["votes"][number] => ({
  slot,
  ballot: ballot(round),
  value: bytes(text),
});
export const write = (part: Partial<StorageWrite>): StorageWrite => ({ votes: [], chosen: [], ...part });

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text;
}

const hex32 = expect.stringMatching(/^[0-9a-f]{32}$/) as string;

/** What every `Storage` must do. Damage, power cuts and full disks are each adapter's own matter. */
export function storageContract(name: string, create: () => StorageMedium | Promise<StorageMedium>): void {
  describe(`contract of Storage: ${name}`, () => {
    const media: StorageMedium[] = [];
    const storages: Storage[] = [];

    afterEach(async () => {
      for (const storage of storages.splice(0)) await storage.close();
      for (const medium of media.splice(0)) await medium.dispose?.();
    });

    const blank = async (): Promise<StorageMedium> => {
      const medium = await create();
      media.push(medium);
      return medium;
    };
    const storageOn = (medium: StorageMedium): Storage => {
      const storage = medium.storage();
      storages.push(storage);
      return storage;
    };
    const formatted = async (): Promise<{ medium: StorageMedium; storage: Storage }> => {
      const medium = await blank();
      const storage = storageOn(medium);
      await storage.open({ create: format });
      return { medium, storage };
    };
    const restart = async (
      medium: StorageMedium,
      storage: Storage,
    ): Promise<{ storage: Storage; recovered: Recovered }> => {
      await storage.close();
      const next = storageOn(medium);
      return { storage: next, recovered: await next.open() };
    };

    describe("formatting and identity", () => {
      test("a blank store is refused, and stays blank", async () => {
        const medium = await blank();
        await expect(storageOn(medium).open()).rejects.toMatchObject({ code: "NotFormatted" });
        await expect(storageOn(medium).open({ expect: { nodeId: 2 } })).rejects.toMatchObject({ code: "NotFormatted" });
        expect((await storageOn(medium).open({ create: format })).identity.bootCount).toBe(1);
      });

      test("a formatted store is empty and knows whose it is", async () => {
        const medium = await blank();
        expect(await storageOn(medium).open({ create: format })).toEqual({
          identity: { ...format, storeId: hex32, bootCount: 1, bootId: hex32 },
          promised: null,
          votes: [],
          chosen: [],
          chosenUpTo: 0,
          snapshot: null,
        });
      });

      test("a second format is refused and changes nothing", async () => {
        const { medium, storage } = await formatted();
        await storage.write(write({ promised: ballot(3) }));
        await storage.close();
        const again = storageOn(medium).open({ create: { ...format, clusterId: "cluster-b" } });
        await expect(again).rejects.toMatchObject({ code: "AlreadyFormatted" });
        const { promised, identity } = await storageOn(medium).open();
        expect({ promised, clusterId: identity.clusterId }).toEqual({ promised: ballot(3), clusterId: "cluster-a" });
      });

      test("every open counts as a boot with an id of its own", async () => {
        const medium = await blank();
        const boots = [];
        for (const options of [{ create: format }, {}, {}]) {
          const storage = storageOn(medium);
          boots.push((await storage.open(options)).identity);
          await storage.close();
        }
        expect(boots.map(({ bootCount }) => bootCount)).toEqual([1, 2, 3]);
        expect(new Set(boots.map(({ bootId }) => bootId)).size).toBe(3);
        expect(new Set(boots.map(({ storeId }) => storeId)).size).toBe(1);
      });

      test("a foreign store is refused and left as it is", async () => {
        const { medium, storage } = await formatted();
        await storage.close();
        for (const wrong of [{ clusterId: "cluster-b" }, { nodeId: 3 }, { clusterId: "cluster-a", nodeId: 1 }]) {
          await expect(storageOn(medium).open({ expect: wrong })).rejects.toMatchObject({ code: "StoreForeign" });
        }
        const { identity } = await storageOn(medium).open({ expect: { clusterId: "cluster-a", nodeId: 2 } });
        expect(identity.bootCount).toBe(2);
      });

      test("formatting against the own expectation leaves a blank store", async () => {
        const medium = await blank();
        const wrong = storageOn(medium).open({ create: format, expect: { nodeId: 9 } });
        await expect(wrong).rejects.toMatchObject({ code: "StoreForeign" });
        await expect(storageOn(medium).open()).rejects.toMatchObject({ code: "NotFormatted" });
      });

      test.each([
        ["an empty cluster id", { ...format, clusterId: "" }],
        ["node 0", { ...format, nodeId: 0 }],
        ["node 1.5", { ...format, nodeId: 1.5 }],
      ])("%s is no identity", async (_, bad) => {
        const medium = await blank();
        await expect(storageOn(medium).open({ create: bad })).rejects.toMatchObject({ code: "InvalidArgument" });
        await expect(storageOn(medium).open()).rejects.toMatchObject({ code: "NotFormatted" });
      });
    });

    describe("writing", () => {
      test("everything written is recovered, the last vote of each slot, by slot", async () => {
        const { medium, storage } = await formatted();
        await storage.write(write({ promised: ballot(1), votes: [vote(2, 1, "b"), vote(1, 1, "a")] }));
        await storage.write(
          write({ promised: ballot(4, 2), votes: [vote(2, 4, "B")], chosen: [{ slot: 7, value: bytes("x") }] }),
        );
        await storage.write(write({ chosen: [{ slot: 5, value: bytes("") }], chosenUpTo: 1 }));
        const { recovered } = await restart(medium, storage);
        expect(recovered).toMatchObject({ promised: ballot(4, 2), chosenUpTo: 1, snapshot: null });
        expect(recovered.votes).toEqual([vote(1, 1, "a"), vote(2, 4, "B")]);
        expect(recovered.chosen).toEqual([
          { slot: 5, value: bytes("") },
          { slot: 7, value: bytes("x") },
        ]);
      });

      test("neither the promise nor the chosen mark falls", async () => {
        const { medium, storage } = await formatted();
        await storage.write(write({ promised: ballot(5, 2), chosenUpTo: 9 }));
        await storage.write(write({ promised: ballot(5, 1), chosenUpTo: 3 }));
        await storage.write(write({ promised: ballot(4, 3) }));
        const { recovered } = await restart(medium, storage);
        expect(recovered).toMatchObject({ promised: ballot(5, 2), chosenUpTo: 9 });
      });

      test("calls that overlap take effect in their order", async () => {
        const { medium, storage } = await formatted();
        await Promise.all(
          Array.from({ length: 50 }, (_, i) => storage.write(write({ votes: [vote(1 + (i % 3), i, `v${i}`)] }))),
        );
        const { recovered } = await restart(medium, storage);
        expect(recovered.votes).toEqual([vote(1, 48, "v48"), vote(2, 49, "v49"), vote(3, 47, "v47")]);
      });

      test("an empty write settles after those before it", async () => {
        const { storage } = await formatted();
        const order: string[] = [];
        const first = storage.write(write({ votes: [vote(1, 1, "a")] })).then(() => order.push("first"));
        const second = storage.write(write({})).then(() => order.push("second"));
        await Promise.all([first, second]);
        expect(order).toEqual(["first", "second"]);
      });

      test("values of several megabytes come back as they were", async () => {
        const { medium, storage } = await formatted();
        const value = new Uint8Array(5_000_000).map((_, i) => (i * 31) ^ (i >> 8));
        await storage.write(
          write({ votes: [vote(1, 1, "small"), { slot: 2, ballot: ballot(1), value }, vote(3, 1, "end")] }),
        );
        const { recovered } = await restart(medium, storage);
        expect(recovered.votes.map(({ value: { length } }) => length)).toEqual([5, value.length, 3]);
        expect(Buffer.compare(recovered.votes[1]?.value ?? bytes(""), value)).toBe(0);
      });

      test("the caller's arrays and objects stay the caller's", async () => {
        const medium = await blank();
        const storage = storageOn(medium);
        const founders = { ...format.founders, alpha: 16 };
        await storage.open({ create: { ...format, founders } });
        const promised = { round: 1, node: 1 };
        const votes = [{ slot: 1, ballot: { round: 1, node: 1 }, value: bytes("a") }];
        const written = storage.write({ promised, votes, chosen: [] });
        promised.round = 9;
        if (votes[0] !== undefined) votes[0].ballot.round = 9;
        votes.length = 0;
        founders.alpha = 99;
        await written;
        const second = await restart(medium, storage);
        expect(second.recovered).toMatchObject({ promised: ballot(1), votes: [vote(1, 1, "a")] });
        (second.recovered.votes as unknown[]).length = 0;
        const third = await restart(medium, second.storage);
        expect(third.recovered.votes).toEqual([vote(1, 1, "a")]);
        expect(third.recovered.identity.founders.alpha).toBe(16);
      });

      test.each<[string, Partial<StorageWrite>]>([
        ["slot 0", { votes: [vote(0, 1, "a")] }],
        ["a fraction as slot", { chosen: [{ slot: 1.5, value: bytes("a") }] }],
        ["NaN as round", { promised: { round: Number.NaN, node: 1 } }],
        ["an unsafe round", { votes: [vote(1, 2 ** 53, "a")] }],
        ["a negative mark", { chosenUpTo: -1 }],
      ])("%s is refused, and nothing of that write stays", async (_, bad) => {
        const { medium, storage } = await formatted();
        const mixed = { ...bad, votes: [vote(8, 1, "half"), ...(bad.votes ?? [])] };
        await expect(storage.write(write(mixed))).rejects.toMatchObject({ code: "InvalidArgument" });
        await storage.write(write({ votes: [vote(1, 1, "good")] }));
        const { recovered } = await restart(medium, storage);
        expect(recovered).toMatchObject({ promised: null, votes: [vote(1, 1, "good")], chosen: [], chosenUpTo: 0 });
      });
    });

    describe("snapshots", () => {
      test("a snapshot is read back whole, after a restart too", async () => {
        const { medium, storage } = await formatted();
        const info = await storage.saveSnapshot(4, [bytes("one "), bytes(""), bytes("two")]);
        expect(info).toEqual({ index: 4, bytes: 7 });
        expect(await collect(storage.readSnapshot())).toBe("one two");
        const next = await restart(medium, storage);
        expect(next.recovered).toMatchObject({ snapshot: { index: 4, bytes: 7 }, chosenUpTo: 4 });
        expect(await collect(next.storage.readSnapshot())).toBe("one two");
      });

      test("chunks may come late and out of one reused buffer, and there may be none", async () => {
        const { storage } = await formatted();
        const buffer = new Uint8Array(3);
        const reuse = async function* (): AsyncGenerator<Uint8Array> {
          for (const text of ["abc", "def", "ghi"]) {
            buffer.set(bytes(text));
            await Promise.resolve();
            yield buffer;
          }
        };
        await storage.saveSnapshot(1, reuse());
        expect(await collect(storage.readSnapshot())).toBe("abcdefghi");
        expect(await storage.saveSnapshot(2, [])).toEqual({ index: 2, bytes: 0 });
        expect(await collect(storage.readSnapshot())).toBe("");
      });

      test("a large snapshot arrives as it left", async () => {
        const { medium, storage } = await formatted();
        const chunk = new Uint8Array(700_000).map((_, i) => 97 + (i % 26));
        await storage.saveSnapshot(1, [chunk, bytes("-"), chunk]);
        const { storage: next } = await restart(medium, storage);
        const text = new TextDecoder().decode(chunk);
        expect((await collect(next.readSnapshot())) === `${text}-${text}`).toBe(true);
      });

      test("votes and values that a snapshot covers are not recovered, the others are", async () => {
        const { medium, storage } = await formatted();
        await storage.write(
          write({ promised: ballot(1), votes: [1, 2, 3, 4].map((slot) => vote(slot, 1, `v${slot}`)), chosenUpTo: 3 }),
        );
        await storage.write(write({ chosen: [2, 5].map((slot) => ({ slot, value: bytes(`c${slot}`) })) }));
        await storage.saveSnapshot(2, [bytes("state")]);
        const { recovered } = await restart(medium, storage);
        expect(recovered.votes).toEqual([vote(3, 1, "v3"), vote(4, 1, "v4")]);
        expect(recovered.chosen).toEqual([{ slot: 5, value: bytes("c5") }]);
        expect(recovered).toMatchObject({ promised: ballot(1), chosenUpTo: 3 });
      });

      test("only a newer snapshot replaces one", async () => {
        const { storage } = await formatted();
        await storage.saveSnapshot(5, [bytes("five")]);
        for (const index of [5, 4, 0, -1, 5.5, Number.NaN]) {
          await expect(storage.saveSnapshot(index, [bytes("x")])).rejects.toMatchObject({ code: "InvalidArgument" });
        }
        expect(await collect(storage.readSnapshot())).toBe("five");
        await storage.saveSnapshot(6, [bytes("six")]);
        expect(await collect(storage.readSnapshot())).toBe("six");
      });

      test("a source that fails leaves the snapshot before and a working store", async () => {
        const { medium, storage } = await formatted();
        await storage.saveSnapshot(1, [bytes("good")]);
        const failing = function* (): Generator<Uint8Array> {
          yield bytes("ba");
          throw new Error("no more");
        };
        await expect(storage.saveSnapshot(2, failing())).rejects.toThrow("no more");
        await storage.write(write({ promised: ballot(1) }));
        const next = await restart(medium, storage);
        expect(next.recovered).toMatchObject({ promised: ballot(1), snapshot: { index: 1 } });
        expect(await collect(next.storage.readSnapshot())).toBe("good");
        await next.storage.saveSnapshot(2, [bytes("better")]);
      });

      test("writes go on while a snapshot is being saved", async () => {
        const { medium, storage } = await formatted();
        let resume = (): void => {};
        const written = new Promise<void>((resolve) => {
          resume = resolve;
        });
        const slow = async function* (): AsyncGenerator<Uint8Array> {
          yield bytes("a");
          await written;
          yield bytes("b");
        };
        const saved = storage.saveSnapshot(1, slow());
        await storage.write(write({ votes: [vote(2, 1, "meanwhile")] }));
        resume();
        await saved;
        const { recovered } = await restart(medium, storage);
        expect(recovered).toMatchObject({ votes: [vote(2, 1, "meanwhile")], snapshot: { index: 1, bytes: 2 } });
      });

      test("without a snapshot there is nothing to read", async () => {
        const { storage } = await formatted();
        await expect(collect(storage.readSnapshot())).rejects.toMatchObject({ code: "InvalidArgument" });
      });
    });

    describe("dropping", () => {
      test("keeps the promise, the mark and everything above", async () => {
        const { medium, storage } = await formatted();
        await storage.write(
          write({ promised: ballot(7), votes: [1, 2, 3].map((slot) => vote(slot, 7, `v${slot}`)), chosenUpTo: 2 }),
        );
        await storage.saveSnapshot(2, [bytes("state")]);
        await storage.drop(2);
        await storage.drop(1);
        await storage.write(write({ votes: [vote(4, 7, "v4")] }));
        const { recovered } = await restart(medium, storage);
        expect(recovered).toMatchObject({ promised: ballot(7), chosenUpTo: 2, snapshot: { index: 2 } });
        expect(recovered.votes).toEqual([vote(3, 7, "v3"), vote(4, 7, "v4")]);
      });

      test("is refused above the snapshot", async () => {
        const { storage } = await formatted();
        await storage.write(write({ votes: [vote(1, 1, "a")], chosenUpTo: 1 }));
        await storage.drop(0);
        await expect(storage.drop(1)).rejects.toMatchObject({ code: "InvalidArgument" });
        await storage.saveSnapshot(1, []);
        await storage.drop(1);
        for (const upTo of [2, -1, 0.5])
          await expect(storage.drop(upTo)).rejects.toMatchObject({ code: "InvalidArgument" });
      });
    });

    describe("before and after", () => {
      const calls: [string, (storage: Storage) => Promise<unknown>][] = [
        ["write", (storage) => storage.write(write({ promised: ballot(1) }))],
        ["saveSnapshot", (storage) => storage.saveSnapshot(1, [])],
        ["readSnapshot", (storage) => collect(storage.readSnapshot())],
        ["drop", (storage) => storage.drop(0)],
      ];

      test.each(calls)("%s is refused before open and after close", async (_, call) => {
        const medium = await blank();
        const storage = storageOn(medium);
        await expect(call(storage)).rejects.toMatchObject({ code: "InvalidArgument" });
        await storage.open({ create: format });
        await storage.close();
        await expect(call(storage)).rejects.toMatchObject({ code: "Closed" });
      });

      test("a second open is refused and does no harm", async () => {
        const { medium, storage } = await formatted();
        await expect(storage.open()).rejects.toMatchObject({ code: "InvalidArgument" });
        await storage.write(write({ promised: ballot(1) }));
        const { recovered } = await restart(medium, storage);
        expect(recovered.promised).toEqual(ballot(1));
      });

      test("close waits for the writes that were called, and may be called twice", async () => {
        const { medium, storage } = await formatted();
        const written = [1, 2, 3].map((slot) => storage.write(write({ votes: [vote(slot, 1, "v")] })));
        const closed = [storage.close(), storage.close()];
        await expect(storage.write(write({ promised: ballot(9) }))).rejects.toMatchObject({ code: "Closed" });
        await Promise.all([...written, ...closed]);
        const recovered = await storageOn(medium).open();
        expect(recovered).toMatchObject({ promised: null, votes: [{ slot: 1 }, { slot: 2 }, { slot: 3 }] });
      });

      test("close ends a snapshot whose next chunk never comes", async () => {
        const { medium, storage } = await formatted();
        let asked = (): void => {};
        const waiting = new Promise<void>((resolve) => {
          asked = resolve;
        });
        const stuck = {
          [Symbol.asyncIterator]: () => ({
            next: () => {
              asked();
              return new Promise<IteratorResult<Uint8Array>>(() => {});
            },
          }),
        };
        const saved = storage.saveSnapshot(1, stuck);
        const refused = expect(saved).rejects.toMatchObject({ code: "Closed" });
        await waiting;
        const { recovered } = await restart(medium, storage);
        await refused;
        expect(recovered.snapshot).toBeNull();
      });
    });
  });
}
