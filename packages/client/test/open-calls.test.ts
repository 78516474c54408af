import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { OpenCalls, type Seated } from "../src/open-calls.js";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as (options: { type: "minor" | "major" }) => void;

class Item implements Seated {
  seat = -1;
  readonly given: unknown[] = [];
  readonly content = [1, 2, 3, 4, 5, 6, 7, 8].map((each) => each + 0.5);
  onEnd: () => void = () => undefined;

  giveUp(why: string, cause?: unknown): void {
    this.given.push([why, cause]);
    this.onEnd();
  }
}

test("has those that were added and not taken out, whatever is taken out twice", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(20))), (steps) => {
      const calls = new OpenCalls();
      const items = Array.from({ length: 21 }, () => new Item());
      const open = new Set<Item>();
      for (const [adds, which] of steps) {
        const item = items[which] as Item;
        if (!adds) calls.delete(item);
        else if (!open.has(item)) calls.add(item);
        if (adds) open.add(item);
        else open.delete(item);
        expect(calls.size).toBe(open.size);
      }
      calls.giveUpAll("the end", 7);
      for (const item of items) expect(item.given).toEqual(open.has(item) ? [["the end", 7]] : []);
    }),
  );
});

test("one that ends by another is not given up again", () => {
  const calls = new OpenCalls();
  const [first, second] = [new Item(), new Item()];
  for (const item of [first, second]) calls.add(item);
  first.onEnd = () => calls.delete(second);
  calls.giveUpAll("the end", null);
  expect([first.given.length, second.given.length]).toEqual([1, 0]);
});

/** Bytes that the collections of the young left to those of the old. */
function promoted(work: () => void): number {
  const old = (): number =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === "old_space")?.space_used_size ?? 0;
  gc({ type: "major" });
  const before = old();
  work();
  return old() - before;
}

test("what has ended dies young", () => {
  const calls = new OpenCalls();
  const open: Item[] = [];
  const churn = (): void => {
    for (let i = 0; i < 500; i++) {
      const item = new Item();
      calls.add(item);
      open.push(item);
      if (open.length > 50) calls.delete(open.shift() as Item);
    }
    gc({ type: "minor" });
  };
  for (let i = 0; i < 4; i++) churn();
  // 20,000 items of more than 200 bytes; 50 are open at each collection.
  expect(promoted(() => Array.from({ length: 40 }, churn))).toBeLessThan(1_500_000);
});
