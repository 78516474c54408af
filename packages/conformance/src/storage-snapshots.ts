import { bytes, check, equal, hasCode, show } from "./assert.js";
import { type AddCase, ballot, collect, format, vote, write } from "./storage-bench.js";
import { later, signal } from "./suite.js";

/** Snapshots, and forgetting what they cover. */
export function snapshotCases(add: AddCase): void {
  savingCases(add);
  replacingCases(add);
  concurrencyCases(add);
  droppingCases(add);
}

function savingCases(add: AddCase): void {
  add("a snapshot is read back whole, after a restart too", async (bench) => {
    const storage = await bench.formatted();
    equal(await bench.save(storage, 4, "one ", "", "two"), { index: 4, bytes: 7 }, "what saveSnapshot() gives");
    equal(await bench.read(storage), "one two", "the snapshot");
    equal(await bench.read(storage), "one two", "the snapshot, read again");
    const next = await bench.restart(storage);
    equal(next.recovered.snapshot, { index: 4, bytes: 7 }, "the snapshot that open() found");
    equal(next.recovered.chosenUpTo, 4, "the chosen mark: a snapshot covers chosen slots alone");
    equal(await bench.read(next.storage), "one two", "the snapshot after a restart");
  });

  add("chunks may come late and out of one reused buffer, and there may be none", async (bench) => {
    const storage = await bench.formatted();
    const buffer = new Uint8Array(3);
    const reuse = async function* (): AsyncGenerator<Uint8Array> {
      for (const content of ["abc", "def", "ghi"]) {
        buffer.set(bytes(content));
        await Promise.resolve();
        yield buffer;
      }
    };
    await bench.scope.settled("saveSnapshot()", storage.saveSnapshot(1, reuse()));
    equal(await bench.read(storage), "abcdefghi", "the snapshot from one buffer");
    equal(await bench.save(storage, 2), { index: 2, bytes: 0 }, "an empty snapshot");
    equal(await bench.read(storage), "", "the empty snapshot");
  });

  add("chunks are pulled one at a time", async (bench) => {
    const storage = await bench.formatted();
    let pending = 0;
    let most = 0;
    let given = 0;
    const chunks: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          most = Math.max(most, ++pending);
          for (let i = 0; i < 5; i++) await Promise.resolve();
          pending--;
          return ++given > 4 ? { done: true, value: undefined } : { done: false, value: bytes(`${given}`) };
        },
      }),
    };
    await bench.scope.settled("saveSnapshot()", storage.saveSnapshot(1, chunks));
    equal(most, 1, "chunks asked for at a time");
    equal(await bench.read(storage), "1234", "the snapshot");
  });

  add("a large snapshot arrives as it left", async (bench) => {
    const storage = await bench.formatted();
    const chunk = new Uint8Array(700_000).map((_, i) => 97 + (i % 26));
    await bench.scope.settled("saveSnapshot()", storage.saveSnapshot(1, [chunk, bytes("-"), chunk]));
    const { storage: next } = await bench.restart(storage);
    const part = new TextDecoder().decode(chunk);
    check((await bench.read(next)) === `${part}-${part}`, "a large snapshot is unchanged");
  });

  add("votes and values that a snapshot covers are not recovered, the others are", async (bench) => {
    const storage = await bench.formatted();
    const votes = [1, 2, 3, 4].map((slot) => vote(slot, 1, `v${slot}`));
    await bench.write(storage, { promised: ballot(1), votes, chosenUpTo: 3 });
    await bench.write(storage, { chosen: [2, 5].map((slot) => ({ slot, value: bytes(`c${slot}`) })) });
    await bench.save(storage, 2, "state");
    const { recovered } = await bench.restart(storage);
    equal(recovered.votes, votes.slice(2), "the votes above the snapshot");
    equal(recovered.chosen, [{ slot: 5, value: bytes("c5") }], "the chosen values above the snapshot");
    equal([recovered.promised, recovered.chosenUpTo], [ballot(1), 3], "promise and mark");
  });
}

function replacingCases(add: AddCase): void {
  add("only a newer snapshot replaces one", async (bench) => {
    const storage = await bench.formatted();
    await bench.save(storage, 5, "five");
    for (const index of [5, 4, 0, -1, 5.5, Number.NaN]) {
      const saving = storage.saveSnapshot(index, [bytes("x")]);
      await bench.scope.refused(`saveSnapshot() at ${index} over one at 5`, saving, "InvalidArgument");
    }
    equal(await bench.read(storage), "five", "the snapshot after refused ones");
    await bench.save(storage, 6, "six");
    equal(await bench.read(storage), "six", "the newer snapshot");
  });

  add("a source that fails leaves the snapshot before and a working store", async (bench) => {
    const storage = await bench.formatted();
    await bench.save(storage, 1, "good");
    const failing = function* (): Generator<Uint8Array> {
      yield bytes("ba");
      throw new Error("no more");
    };
    const saved = storage.saveSnapshot(2, failing());
    const [end] = await bench.scope.settled("saveSnapshot() of a source that fails", Promise.allSettled([saved]));
    const why: unknown = end?.status === "rejected" ? end.reason : undefined;
    check(
      why instanceof Error && why.message.includes("no more"),
      `it rejects with the source's error, not with ${show(end)}`,
    );
    await bench.write(storage, { promised: ballot(1) });
    const next = await bench.restart(storage);
    equal(next.recovered.promised, ballot(1), "the promise written afterwards");
    equal(next.recovered.snapshot?.index, 1, "the snapshot before");
    equal(await bench.read(next.storage), "good", "the snapshot before");
    await bench.save(next.storage, 2, "better");
  });

  add("without a snapshot there is nothing to read", async (bench) => {
    const storage = await bench.formatted();
    const reading = collect(storage.readSnapshot());
    await bench.scope.refused("readSnapshot() without a snapshot", reading, "InvalidArgument");
  });
}

function concurrencyCases(add: AddCase): void {
  add("writes go on while a snapshot is being saved", async (bench) => {
    const storage = await bench.formatted();
    const written = signal();
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes("a");
      await written.promise;
      yield bytes("b");
    };
    const saved = later(storage.saveSnapshot(1, slow()));
    await bench.write(storage, { votes: [vote(2, 1, "meanwhile")] });
    written.fire();
    await bench.scope.settled("saveSnapshot()", saved);
    const { recovered } = await bench.restart(storage);
    equal(recovered.votes, [vote(2, 1, "meanwhile")], "the vote written meanwhile");
    equal(recovered.snapshot, { index: 1, bytes: 2 }, "the snapshot");
  });

  add("of two snapshots at once the newer one stays", async (bench) => {
    for (const indices of [
      [1, 2],
      [4, 3],
    ]) {
      const storage = bench.storage();
      await bench.open(storage, indices[0] === 1 ? { create: format } : {});
      const both = indices.map((index) => storage.saveSnapshot(index, [bytes(`at ${index}`)]));
      const ends = await bench.scope.settled("two saveSnapshot() at once", Promise.allSettled(both));
      for (const end of ends) {
        const fits = end.status === "fulfilled" || hasCode(end.reason, ["InvalidArgument"]);
        check(fits, `a snapshot is saved, or refused as the older one with InvalidArgument, not with ${show(end)}`);
      }
      const newest = Math.max(...indices);
      equal(await bench.read(storage), `at ${newest}`, "the newer snapshot");
      const next = await bench.restart(storage);
      equal(next.recovered.snapshot?.index, newest, "the newer snapshot after a restart");
      await bench.close(next.storage);
    }
  });

  add("readers do not disturb each other, nor writes, nor does one that stops early", async (bench) => {
    const storage = await bench.formatted();
    await bench.save(storage, 1, "some ", "sta", "te");
    const early = async (): Promise<void> => {
      for await (const _ of storage.readSnapshot()) break;
    };
    const readers = [collect(storage.readSnapshot()), collect(storage.readSnapshot())];
    const all = Promise.all([...readers, early(), storage.write(write({ promised: ballot(1) }))]);
    const [one, two] = await bench.scope.settled("two readers and a write", all);
    equal([one, two], ["some state", "some state"], "what two readers at once got");
    equal(await bench.read(storage), "some state", "the snapshot afterwards");
  });

  add("any part of a snapshot is read, and none of one that was replaced", async (bench) => {
    const storage = await bench.formatted();
    const whole = Array.from({ length: 70_000 }, (_, i) => `${i} `).join("");
    await bench.save(storage, 3, whole.slice(0, 100_000), whole.slice(100_000));
    for (const offset of [0, 1, 99_999, 100_000, 262_143, 262_144, 262_145, whole.length - 1, whole.length]) {
      const part = await bench.scope.settled("readSnapshot()", collect(storage.readSnapshot({ index: 3, offset })));
      check(part === whole.slice(offset), `the snapshot from byte ${offset} on`);
    }
    for (const part of [
      { index: 2, offset: 0 },
      { index: 3, offset: whole.length + 1 },
    ]) {
      await bench.scope.refused("a part that there is not", collect(storage.readSnapshot(part)), "InvalidArgument");
    }
  });

  add("a reader overtaken by a newer snapshot gets one of them whole, or an error", async (bench) => {
    const storage = await bench.formatted();
    const [old, young] = ["o".repeat(200_000), "y".repeat(300_000)];
    await bench.save(storage, 1, old);
    const reading = collect(storage.readSnapshot());
    const saving = storage.saveSnapshot(2, [bytes(young)]);
    const [read, saved] = await bench.scope.settled("both calls", Promise.allSettled([reading, saving]));
    equal(saved.status, "fulfilled", "the end of saveSnapshot()");
    const isWhole = read.status === "fulfilled" && (read.value === old || read.value === young);
    const isRefused = read.status === "rejected" && hasCode(read.reason, ["InvalidArgument", "StoreDamaged", "Closed"]);
    check(isWhole || isRefused, `a reader never gets a mixture or another error: ${show(read)}`);
    check((await bench.read(storage)) === young, "the newer snapshot is there");
  });
}

function droppingCases(add: AddCase): void {
  add("drop keeps the promise, the mark and everything above", async (bench) => {
    const storage = await bench.formatted();
    const votes = [1, 2, 3].map((slot) => vote(slot, 7, `v${slot}`));
    const chosen = [2, 5].map((slot) => ({ slot, value: bytes(`c${slot}`) }));
    await bench.write(storage, { promised: ballot(7), votes, chosen, chosenUpTo: 2 });
    await bench.save(storage, 2, "state");
    for (const upTo of [2, 1]) await bench.scope.settled("drop()", storage.drop(upTo));
    await bench.write(storage, { votes: [vote(4, 7, "v4")] });
    const { recovered, storage: next } = await bench.restart(storage);
    equal([recovered.promised, recovered.chosenUpTo], [ballot(7), 2], "promise and mark after drop()");
    equal(recovered.snapshot?.index, 2, "the snapshot after drop()");
    equal(recovered.votes, [vote(3, 7, "v3"), vote(4, 7, "v4")], "the votes above");
    equal(recovered.chosen, chosen.slice(1), "the chosen values above");
    equal(await bench.read(next), "state", "the snapshot after drop()");
  });

  add("drop is refused above the snapshot", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { votes: [vote(1, 1, "a")], chosenUpTo: 1 });
    await bench.scope.settled("drop(0)", storage.drop(0));
    await bench.scope.refused("drop(1) without a snapshot", storage.drop(1), "InvalidArgument");
    await bench.save(storage, 1);
    await bench.scope.settled("drop(1)", storage.drop(1));
    for (const upTo of [2, -1, 0.5]) {
      await bench.scope.refused(`drop(${upTo}) with a snapshot at 1`, storage.drop(upTo), "InvalidArgument");
    }
  });
}
