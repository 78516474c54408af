import type { Storage } from "@synod/interface";
import { bytes, check, equal } from "./assert.js";
import { later } from "./suite.js";
import { type AddCase, ballot, collect, type StorageBench, vote, write } from "./storage-bench.js";

/** A power cut loses nothing that a call has settled for. */
export function crashCases(add: AddCase): void {
  add("what was written is there after a power cut", async (bench) => {
    const storage = await bench.formatted();
    for (const round of [1, 2, 3]) {
      await bench.write(storage, {
        promised: ballot(round),
        votes: [vote(round, round, `v${round}`)],
        chosenUpTo: round,
      });
    }
    const recovered = await bench.restartAfterCrash();
    equal(recovered.promised, ballot(3), "the promise after a power cut");
    equal(recovered.votes, [vote(1, 1, "v1"), vote(2, 2, "v2"), vote(3, 3, "v3")], "the votes after a power cut");
    equal(recovered.chosenUpTo, 3, "the chosen mark after a power cut");
    equal(recovered.identity.bootCount, 2, "the boots after a power cut");
  });

  add("a saved snapshot and what was dropped are the same after a power cut", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { promised: ballot(1), votes: [1, 2, 3].map((slot) => vote(slot, 1, "v")) });
    await bench.save(storage, 2, "sta", "te");
    await bench.scope.settled("drop()", storage.drop(2));
    const recovered = await bench.restartAfterCrash();
    equal(recovered.snapshot, { index: 2, bytes: 5 }, "the snapshot after a power cut");
    equal(recovered.votes, [vote(3, 1, "v")], "the votes above the snapshot after a power cut");
    equal(recovered.promised, ballot(1), "the promise after a power cut");
  });

  add("a boot counts as soon as open() settles", async (bench) => {
    await bench.close(await bench.formatted());
    const second = await bench.open(bench.storage());
    const third = await bench.restartAfterCrash();
    equal(
      [second, third].map(({ identity }) => identity.bootCount),
      [2, 3],
      "the boot counts",
    );
    check(second.identity.bootId !== third.identity.bootId, "each boot has an id of its own");
  });

  add("a write that a power cut interrupts is found whole or not at all", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { promised: ballot(1), votes: [vote(1, 1, "before")] });
    const votes = Array.from({ length: 40 }, (_, i) => vote(i + 2, 2, `value ${i}`));
    // What becomes of the call itself is not asked: its process is gone.
    void later(storage.write(write({ promised: ballot(2), votes, chosenUpTo: 1 })));
    const { promised, votes: found, chosenUpTo } = await bench.restartAfterCrash();
    const facts = { promised, chosenUpTo, votes: found.length };
    const none = { promised: ballot(1), chosenUpTo: 0, votes: 1 };
    const all = { promised: ballot(2), chosenUpTo: 1, votes: 41 };
    equal(facts, facts.votes === 1 ? none : all, "an interrupted write leaves all of it or nothing");
  });
}

/** A failed flush is never tried again. */
export function failureCases(add: AddCase): void {
  add("after a failed write every later call but close is refused", async (bench) => {
    const storage = await bench.formatted();
    await bench.save(storage, 1, "state");
    await bench.fail();
    const { scope } = bench;
    const failing = later(storage.write(write({ promised: ballot(1) })));
    const behind = later(storage.write(write({ promised: ballot(2) })));
    await scope.refused("a write on a medium that fails", failing, "StoreFailed", "StoreFull");
    await scope.refused("the write behind a failed one", behind, "StoreFailed", "StoreFull");
    await refusesAll(bench, storage);
    await bench.close(storage);
  });

  add("after a failed saveSnapshot every later call but close is refused", async (bench) => {
    const storage = await bench.formatted();
    await bench.fail();
    const saving = storage.saveSnapshot(1, [bytes("state")]);
    await bench.scope.refused("saveSnapshot() on a medium that fails", saving, "StoreFailed", "StoreFull");
    await refusesAll(bench, storage);
    await bench.close(storage);
  });
}

async function refusesAll({ scope }: StorageBench, storage: Storage): Promise<void> {
  const codes = ["StoreFailed", "StoreFull"] as const;
  await scope.refused("write() after a failure", storage.write(write({})), ...codes);
  await scope.refused("saveSnapshot() after a failure", storage.saveSnapshot(9, []), ...codes);
  await scope.refused("drop() after a failure", storage.drop(0), ...codes);
  await scope.refused("readSnapshot() after a failure", collect(storage.readSnapshot()), ...codes);
}
