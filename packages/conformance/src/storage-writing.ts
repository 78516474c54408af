import type { StorageWrite } from "@synod/interface";
import { bytes, check, equal, sameBytes } from "./assert.js";
import { type AddCase, ballot, format, vote, write } from "./storage-bench.js";

/** Promises, votes, chosen values. */
export function writingCases(add: AddCase): void {
  orderCases(add);
  contentCases(add);
  refusalCases(add);
}

function orderCases(add: AddCase): void {
  add("neither the promise nor the chosen mark falls", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { promised: ballot(5, 2), chosenUpTo: 9 });
    await bench.write(storage, { promised: ballot(5, 1), chosenUpTo: 3 });
    await bench.write(storage, { promised: ballot(4, 3) });
    const { recovered } = await bench.restart(storage);
    equal([recovered.promised, recovered.chosenUpTo], [ballot(5, 2), 9], "promise and mark after lower ones");
  });

  add("the longest lease does not fall, and is 0 before there was one", async (bench) => {
    const storage = await bench.formatted();
    const first = await bench.restart(storage);
    equal(first.recovered.leaseMs, 0, "the longest lease of a new store");
    await bench.write(first.storage, { leaseMs: 505 });
    await bench.write(first.storage, { leaseMs: 102 });
    await bench.write(first.storage, { promised: ballot(5, 2) });
    const second = await bench.restart(first.storage);
    equal(second.recovered.leaseMs, 505, "the longest lease after a shorter one");
    const third = await bench.restart(second.storage);
    equal(third.recovered.leaseMs, 505, "the longest lease after one more restart");
  });

  add("the promise rises by round, then by node", async (bench) => {
    let storage = await bench.formatted();
    for (const promised of [ballot(0, 7), ballot(1, 1), ballot(1, 3), ballot(10, 2)]) {
      await bench.write(storage, { promised });
      const next = await bench.restart(storage);
      storage = next.storage;
      equal(next.recovered.promised, promised, "the promise after a higher one");
    }
  });

  add("calls that overlap take effect in their order", async (bench) => {
    const storage = await bench.formatted();
    const order: number[] = [];
    const writes = Array.from({ length: 50 }, (_, i) =>
      storage.write(write({ votes: [vote(1 + (i % 3), i, `v${i}`)] })).then(() => order.push(i)),
    );
    await bench.scope.settled("50 writes at once", Promise.all(writes));
    equal(
      order,
      Array.from({ length: 50 }, (_, i) => i),
      "the order in which writes settle",
    );
    const { recovered } = await bench.restart(storage);
    equal(recovered.votes, [vote(1, 48, "v48"), vote(2, 49, "v49"), vote(3, 47, "v47")], "the last votes");
  });

  add("an empty write settles after those before it", async (bench) => {
    const storage = await bench.formatted();
    const order: string[] = [];
    const first = storage.write(write({ votes: [vote(1, 1, "a")] })).then(() => order.push("first"));
    const second = storage.write(write({})).then(() => order.push("second"));
    await bench.scope.settled("both writes", Promise.all([first, second]));
    equal(order, ["first", "second"], "the order in which writes settle");
  });

  add("a later vote of a slot replaces the earlier one, a lower ballot too", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { votes: [vote(1, 5, "high")] });
    await bench.write(storage, { votes: [vote(1, 3, "later")] });
    const { recovered } = await bench.restart(storage);
    // Storage knows no protocol: which votes may be cast is the caller's to state.
    equal(recovered.votes, [vote(1, 3, "later")], "the vote written last");
  });
}

function contentCases(add: AddCase): void {
  add("everything written is recovered, the last vote of each slot, by slot", async (bench) => {
    const storage = await bench.formatted();
    await bench.write(storage, { promised: ballot(1), votes: [vote(2, 1, "b"), vote(1, 1, "a")] });
    const chosen = [{ slot: 7, value: bytes("x") }];
    await bench.write(storage, { promised: ballot(4, 2), votes: [vote(2, 4, "B")], chosen });
    await bench.write(storage, { chosen: [{ slot: 5, value: bytes("") }], chosenUpTo: 1 });
    const { recovered } = await bench.restart(storage);
    equal(recovered.promised, ballot(4, 2), "the promise");
    equal(recovered.chosenUpTo, 1, "the chosen mark");
    equal(recovered.snapshot, null, "the snapshot");
    equal(recovered.votes, [vote(1, 1, "a"), vote(2, 4, "B")], "the votes");
    equal(recovered.chosen, [{ slot: 5, value: bytes("") }, ...chosen], "the chosen values");
  });

  add("the largest numbers come back as they were", async (bench) => {
    const storage = await bench.formatted();
    const largest = Number.MAX_SAFE_INTEGER;
    const promised = { round: largest, node: largest };
    const votes = [
      { slot: 2 ** 32, ballot: { round: 2 ** 32, node: 2 ** 32 }, value: bytes("a") },
      { slot: largest, ballot: promised, value: bytes("b") },
    ];
    await bench.write(storage, {
      promised,
      votes,
      chosen: [{ slot: largest, value: bytes("c") }],
      chosenUpTo: largest,
    });
    const { promised: found, votes: foundVotes, chosen, chosenUpTo } = (await bench.restart(storage)).recovered;
    equal([found, chosenUpTo, chosen], [promised, largest, [{ slot: largest, value: bytes("c") }]], "what was written");
    equal(foundVotes, votes, "the votes");
  });

  add("values of several megabytes come back as they were", async (bench) => {
    const storage = await bench.formatted();
    const value = new Uint8Array(5_000_000).map((_, i) => (i * 31) ^ (i >> 8));
    const votes = [vote(1, 1, "small"), { slot: 2, ballot: ballot(1), value }, vote(3, 1, "end")];
    await bench.write(storage, { votes });
    const { recovered } = await bench.restart(storage);
    equal(
      recovered.votes.map(({ value: { length } }) => length),
      [5, value.length, 3],
      "the lengths of the values",
    );
    check(sameBytes(recovered.votes[1]?.value ?? bytes(""), value), "the long value is unchanged");
  });

  add("the caller's arrays and objects stay the caller's", async (bench) => {
    const storage = bench.storage();
    const founders = { ...format.founders, alpha: 16 };
    await bench.open(storage, { create: { ...format, founders } });
    const promised = { round: 1, node: 1 };
    const votes = [{ slot: 1, ballot: { round: 1, node: 1 }, value: bytes("a") }];
    const chosen = [{ slot: 2, value: bytes("c") }];
    const written = storage.write({ promised, votes, chosen });
    promised.round = 9;
    for (const one of votes) one.ballot.round = 9;
    votes.length = 0;
    chosen.length = 0;
    founders.alpha = 99;
    await bench.scope.settled("write()", written);
    const second = await bench.restart(storage);
    const facts = [ballot(1), [vote(1, 1, "a")], [{ slot: 2, value: bytes("c") }]];
    const { recovered } = second;
    equal(
      [recovered.promised, recovered.votes, recovered.chosen],
      facts,
      "what was written as it was when write() was called",
    );
    Object.assign(recovered.votes[0]?.ballot ?? {}, { round: 7 });
    Object.assign(recovered.identity.founders, { alpha: 7 });
    (recovered.votes as unknown[]).length = 0;
    const third = await bench.restart(second.storage);
    equal(third.recovered.votes, [vote(1, 1, "a")], "the votes after the caller changed what open() gave");
    equal(third.recovered.identity.founders.alpha, 16, "the founders as they were when open() was called");
  });
}

function refusalCases(add: AddCase): void {
  const bad: [string, Partial<StorageWrite>][] = [
    ["slot 0", { votes: [vote(0, 1, "a")] }],
    ["a fraction as slot", { chosen: [{ slot: 1.5, value: bytes("a") }] }],
    ["NaN as round", { promised: { round: Number.NaN, node: 1 } }],
    ["an unsafe round", { votes: [vote(1, 2 ** 53, "a")] }],
    ["a negative mark", { chosenUpTo: -1 }],
    ["a fraction as longest lease", { leaseMs: 0.5 }],
  ];
  for (const [what, part] of bad) {
    add(`${what} is refused, and nothing of that write stays`, async (bench) => {
      const storage = await bench.formatted();
      const mixed = write({ ...part, votes: [vote(8, 1, "half"), ...(part.votes ?? [])] });
      await bench.scope.refused(`write() with ${what}`, storage.write(mixed), "InvalidArgument");
      await bench.write(storage, { votes: [vote(1, 1, "good")] });
      const { promised, votes, chosen, chosenUpTo, leaseMs } = (await bench.restart(storage)).recovered;
      const expected = { promised: null, votes: [vote(1, 1, "good")], chosen: [], chosenUpTo: 0, leaseMs: 0 };
      equal({ promised, votes, chosen, chosenUpTo, leaseMs }, expected, "the store after a refused write");
    });
  }
}
