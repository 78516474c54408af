import type { Storage, StorageOpen } from "@synod/interface";
import { check, equal, hasCode, show } from "./assert.js";
import { type AddCase, ballot, collect, format, vote, write } from "./storage-bench.js";
import { later, signal } from "./suite.js";

const HEX = /^[0-9a-f]{32}$/;

/** Formatting, opening, closing. */
export function lifeCases(add: AddCase): void {
  identityCases(add);
  beforeAndAfterCases(add);
  closingCases(add);
}

function identityCases(add: AddCase): void {
  add("a blank store is refused, and stays blank", async (bench) => {
    await bench.scope.refused("open() of a blank store", bench.storage().open(), "NotFormatted");
    const expecting = bench.storage().open({ expect: { nodeId: 2 } });
    await bench.scope.refused("open() of a blank store", expecting, "NotFormatted");
    const { identity } = await bench.open(bench.storage(), { create: format });
    equal(identity.bootCount, 1, "a refused open is no boot");
  });

  add("a formatted store is empty and knows whose it is", async (bench) => {
    const { identity, ...rest } = await bench.open(bench.storage(), { create: format });
    const { storeId, bootId, ...named } = identity;
    equal(named, { ...format, bootCount: 1 }, "the identity");
    check(HEX.test(storeId) && HEX.test(bootId), `ids have 32 hexadecimal digits, not ${show([storeId, bootId])}`);
    const nothing = { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };
    equal(rest, nothing, "what a new store holds");
  });

  add("a second format is refused and changes nothing", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { promised: ballot(3) });
    await bench.close(storage);
    const again = bench.storage().open({ create: { ...format, clusterId: "cluster-b" } });
    await bench.scope.refused("formatting a store that holds something", again, "AlreadyFormatted");
    const { promised, identity } = await bench.open(bench.storage());
    equal([promised, identity.clusterId], [ballot(3), "cluster-a"], "the store after a refused format");
  });

  add(
    "a store that nothing was written to may be formatted again in the same way, which changes nothing",
    async (bench) => {
      const storage = bench.storage();
      const first = (await bench.open(storage, { create: format })).identity;
      await bench.close(storage);
      const other = bench.storage().open({ create: { ...format, nodeId: format.nodeId + 1 } });
      await bench.scope.refused("formatting it for another node", other, "AlreadyFormatted");
      const next = bench.storage();
      const [member, ...members] = format.founders.members;
      const moved = { ...format.founders, members: [{ id: 1, ...member, address: "elsewhere:1" }, ...members] };
      const { identity, promised, chosenUpTo } = await bench.open(next, { create: { ...format, founders: moved } });
      equal([identity.storeId, identity.bootCount], [first.storeId, 2], "the store after a second format");
      equal([promised, chosenUpTo], [null, 0], "what it holds");
      await bench.write(next, { promised: ballot(1) });
      await bench.close(next);
      const late = bench.storage().open({ create: format });
      await bench.scope.refused("formatting it once it has been written to", late, "AlreadyFormatted");
    },
  );

  add("every open counts as a boot with an id of its own", async (bench) => {
    const boots = [];
    for (const options of [{ create: format }, {}, {}]) {
      const storage = bench.storage();
      boots.push((await bench.open(storage, options)).identity);
      await bench.close(storage);
    }
    equal(
      boots.map(({ bootCount }) => bootCount),
      [1, 2, 3],
      "the boot counts",
    );
    equal(new Set(boots.map(({ bootId }) => bootId)).size, 3, "different boot ids");
    equal(new Set(boots.map(({ storeId }) => storeId)).size, 1, "different store ids");
    equal(
      boots.map(({ founders }) => founders),
      Array(3).fill(format.founders),
      "the founders",
    );
  });

  add("a foreign store is refused and left as it is", async (bench) => {
    await bench.close(await bench.formatted());
    for (const wrong of [{ clusterId: "cluster-b" }, { nodeId: 3 }, { clusterId: "cluster-a", nodeId: 1 }]) {
      const opening = bench.storage().open({ expect: wrong });
      await bench.scope.refused(`open() that expects ${show(wrong)}`, opening, "StoreForeign");
    }
    const { identity } = await bench.open(bench.storage(), { expect: { clusterId: "cluster-a", nodeId: 2 } });
    equal(identity.bootCount, 2, "a refused open is no boot");
  });

  add("formatting against the own expectation leaves a blank store", async (bench) => {
    const wrong = bench.storage().open({ create: format, expect: { nodeId: 9 } });
    await bench.scope.refused("formatting for node 2, expecting node 9", wrong, "StoreForeign");
    await bench.scope.refused("open() of what stayed blank", bench.storage().open(), "NotFormatted");
  });

  const bad: [string, StorageOpen["create"]][] = [
    ["an empty cluster id", { ...format, clusterId: "" }],
    ["node 0", { ...format, nodeId: 0 }],
    ["node 1.5", { ...format, nodeId: 1.5 }],
  ];
  for (const [what, create] of bad) {
    add(`${what} is no identity`, async (bench) => {
      const opening = bench.storage().open(create === undefined ? {} : { create });
      await bench.scope.refused(`formatting with ${what}`, opening, "InvalidArgument");
      await bench.scope.refused("open() of what stayed blank", bench.storage().open(), "NotFormatted");
    });
  }
}

const calls: [string, (storage: Storage) => Promise<unknown>][] = [
  ["write", (storage) => storage.write(write({ promised: ballot(1) }))],
  ["saveSnapshot", (storage) => storage.saveSnapshot(1, [])],
  ["readSnapshot", (storage) => collect(storage.readSnapshot())],
  ["drop", (storage) => storage.drop(0)],
];

function beforeAndAfterCases(add: AddCase): void {
  for (const [name, call] of calls) {
    add(`${name} is refused before open and after close`, async (bench) => {
      const storage = bench.storage();
      await bench.scope.refused(`${name}() before open()`, call(storage), "InvalidArgument");
      await bench.open(storage, { create: format });
      await bench.close(storage);
      await bench.scope.refused(`${name}() after close()`, call(storage), "Closed");
    });
  }

  add("a second open is refused and does no harm", async (bench) => {
    const storage = await bench.formatted();
    await bench.scope.refused("a second open()", storage.open(), "InvalidArgument");
    await bench.write(storage, { promised: ballot(1) });
    const { recovered } = await bench.restart(storage);
    equal(recovered.promised, ballot(1), "the promise");
    equal(recovered.identity.bootCount, 2, "a refused open is no boot");
  });

  add("of two opens at once one is refused", async (bench) => {
    const storage = bench.storage();
    const both = [storage.open({ create: format }), storage.open({ create: format })];
    const ends = await bench.scope.settled("both opens", Promise.allSettled(both));
    equal(ends.filter(({ status }) => status === "fulfilled").length, 1, "opens that succeed");
    for (const end of ends) {
      const fits = end.status === "fulfilled" || hasCode(end.reason, ["InvalidArgument", "AlreadyFormatted"]);
      check(fits, `the other open() is refused with InvalidArgument, not with ${show(end)}`);
    }
    await bench.write(storage, { promised: ballot(1) });
  });

  add("what open gave stays as it was", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { promised: ballot(1), votes: [vote(1, 1, "a"), vote(2, 1, "b")] });
    const next = await bench.restart(storage);
    const before = show(next.recovered);
    const votes = [vote(1, 2, "AA"), vote(3, 2, "C")];
    await bench.write(next.storage, { promised: ballot(2), votes, chosen: [{ slot: 9, value: new Uint8Array(999) }] });
    await bench.save(next.storage, 1, "state");
    await bench.scope.settled("drop()", next.storage.drop(1));
    await bench.close(next.storage);
    equal(show(next.recovered), before, "later calls leave what open() gave alone");
  });
}

function closingCases(add: AddCase): void {
  add("close waits for the writes that were called, and may be called twice", async (bench) => {
    const storage = await bench.formatted();
    let open = 3;
    const written = later(
      Promise.all(
        [1, 2, 3].map(async (slot) => {
          await storage.write(write({ votes: [vote(slot, 1, "v")] }));
          open--;
        }),
      ),
    );
    const closed = later(Promise.all([storage.close().then(() => open), storage.close()]));
    await bench.scope.refused("write() after close()", storage.write(write({ promised: ballot(9) })), "Closed");
    await bench.scope.settled("the writes before close()", written);
    const [left] = await bench.scope.settled("close(), twice", closed);
    equal(left, 0, "writes under way when close() settles");
    await bench.close(storage);
    const { promised, votes } = await bench.open(bench.storage());
    equal([promised, votes.map(({ slot }) => slot)], [null, [1, 2, 3]], "what was written before close()");
  });

  add("a store that was never opened can be closed, twice", async (bench) => {
    const storage = bench.storage();
    await bench.close(storage);
    await bench.close(storage);
  });

  add("close while open is under way: both settle, and the store opens again", async (bench) => {
    await bench.close(await bench.formatted());
    const storage = bench.storage();
    const opening = later(storage.open());
    await bench.close(storage);
    const [end] = await bench.scope.settled("open() overtaken by close()", Promise.allSettled([opening]));
    const fits = end?.status === "fulfilled" || hasCode(end?.reason, ["Closed"]);
    check(fits, `open() overtaken by close() is fulfilled or rejects with Closed, not with ${show(end)}`);
    const { identity } = await bench.open(bench.storage());
    check(identity.bootCount >= 2 && identity.bootCount <= 3, `the boots are 2 or 3, not ${identity.bootCount}`);
  });

  add("close ends a snapshot whose next chunk never comes", async (bench) => {
    const storage = await bench.formatted();
    const asked = signal();
    const stuck: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked.fire();
          return new Promise<IteratorResult<Uint8Array>>(() => {});
        },
      }),
    };
    const saved = storage.saveSnapshot(1, stuck);
    const refused = later(bench.scope.refused("saveSnapshot() overtaken by close()", saved, "Closed"));
    await bench.scope.settled("the first chunk being asked for", asked.promise);
    const { recovered } = await bench.restart(storage);
    await refused;
    equal(recovered.snapshot, null, "the snapshot that never came");
  });

  add("everything that is under way settles when the store is closed", async (bench) => {
    const storage = await bench.formatted();
    await bench.save(storage, 1, "state");
    const reader = storage.readSnapshot()[Symbol.asyncIterator]();
    await bench.scope.settled("the first chunk of readSnapshot()", reader.next());
    const underWay: Promise<unknown>[] = [
      storage.write(write({ promised: ballot(1) })),
      storage.saveSnapshot(
        2,
        ["a", "b"].map(() => new Uint8Array(1000)),
      ),
      storage.drop(1),
      storage.write(write({ votes: [vote(2, 1, "v")] })),
    ];
    const closed = storage.close();
    underWay.push(closed, reader.next(), collect(storage.readSnapshot()));
    const ends = await bench.scope.settled("all calls under way at close()", Promise.allSettled(underWay));
    for (const end of ends) {
      const fits = end.status === "fulfilled" || hasCode(end.reason, ["Closed"]);
      check(fits, `a call that close() overtakes is fulfilled or rejects with Closed, not with ${show(end)}`);
    }
    equal(ends[4]?.status, "fulfilled", "the end of close()");
    await bench.open(bench.storage());
  });
}
