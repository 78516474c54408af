import fc from "fast-check";
import { expect, test } from "vitest";
import { type CowSnapshot, cowMap } from "../src/index.js";
import { codeOf } from "./helpers.js";

type Value = { n: number };
type Step =
  | { do: "set" | "update" | "delete"; key: number; n: number }
  | { do: "snapshot" | "clear" }
  | { do: "pull" | "abandon"; which: number };

const key = fc.nat(6);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("set", "update", "delete"), key, n: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("snapshot") }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pull"), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abandon"), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clear") }) },
) as fc.Arbitrary<Step>;

test("behaves as a Map, and every snapshot as a copy of it at that time", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = cowMap<number, Value>({ copy: (value) => ({ ...value }) });
      const model = new Map<number, number>();
      const open: { snapshot: CowSnapshot<number, Value>; expected: [number, number][]; given: [Value, number][] }[] =
        [];
      const plain = (pairs: Iterable<[number, Value]>) => [...pairs].map(([k, value]) => [k, value.n]);
      const pull = (from: (typeof open)[number]) => {
        const last = from.given.at(-1);
        // The value in the reader's hands has not changed under it.
        if (last) expect(last[0].n).toBe(last[1]);
        const next = from.snapshot.next();
        const expected = from.expected.shift();
        expect(next.done ? undefined : [next.value[0], next.value[1].n]).toEqual(expected);
        // At the end the reader has let go of the last value.
        from.given = next.done ? [] : [[next.value[1], next.value[1].n]];
        return next.done;
      };
      for (const each of steps) {
        const at = "which" in each ? each.which % Math.max(1, open.length) : 0;
        const chosen = open[at];
        switch (each.do) {
          case "set":
            map.set(each.key, { n: each.n });
            model.set(each.key, each.n);
            break;
          case "update": {
            const value = map.update(each.key);
            expect(value !== undefined).toBe(model.has(each.key));
            if (value) {
              value.n = each.n;
              model.set(each.key, each.n);
            }
            break;
          }
          case "delete":
            expect(map.delete(each.key)).toBe(model.delete(each.key));
            break;
          case "clear":
            map.clear();
            model.clear();
            break;
          case "snapshot":
            open.push({ snapshot: map.snapshot(), expected: [...model], given: [] });
            break;
          case "pull":
            if (chosen) pull(chosen);
            break;
          case "abandon":
            chosen?.snapshot.return();
            open.splice(at, 1);
            expect(chosen?.snapshot.next().done ?? true).toBe(true);
        }
        expect(plain(map)).toEqual([...model]);
        expect([...map.keys()]).toEqual([...model.keys()]);
        expect(map.size).toBe(model.size);
        for (let k = 0; k <= 6; k += 1) expect([map.has(k), map.get(k)?.n]).toEqual([model.has(k), model.get(k)]);
      }
      for (const each of open) while (!pull(each));
      expect(plain(map)).toEqual([...model]);
    }),
    { numRuns: 500 },
  );
});

test("copies a value once per snapshot, and none without", () => {
  let copies = 0;
  const map = cowMap<string, Value>({
    copy: (value) => {
      copies += 1;
      return { ...value };
    },
  });
  map.set("a", { n: 1 }).set("b", { n: 2 });
  map.update("a");
  expect(copies).toBe(0);
  const snapshot = map.snapshot();
  for (let i = 0; i < 10; i += 1) map.update("a");
  expect(copies).toBe(1);
  // Younger than the snapshot: none of its business.
  map.set("c", { n: 3 });
  map.update("c");
  expect(copies).toBe(1);
  snapshot.return();
  map.update("b");
  expect(copies).toBe(1);
});

test("a reader that breaks off closes the snapshot", () => {
  let copies = 0;
  const map = cowMap<number, Value>({
    copy: ({ n }) => {
      copies += 1;
      return { n };
    },
  });
  for (let k = 0; k < 10; k += 1) map.set(k, { n: k });
  for (const [k] of map.snapshot()) if (k === 2) break;
  map.update(9);
  expect(copies).toBe(0);
});

test("two snapshots of one state, the map emptied and filled again meanwhile", () => {
  const map = cowMap<number, string>();
  const empty = map.snapshot();
  for (let k = 0; k < 100; k += 1) map.set(k, "old");
  const before = [...map];
  const [first, second] = [map.snapshot(), map.snapshot()];
  map.clear();
  for (let k = 99; k >= 0; k -= 1) map.set(k, "new");
  expect([...first]).toEqual(before);
  expect(second.next().value).toEqual([0, "old"]);
  second.return();
  expect([...empty]).toEqual([]);
  expect([...map]).toEqual(before.map(([k]) => [k, "new"]).reverse());
});

test("a loop over the map goes on while entries come and go", () => {
  const map = cowMap<number, number>();
  for (let k = 0; k < 5; k += 1) map.set(k, k);
  const seen: number[] = [];
  for (const [k] of map) {
    seen.push(k);
    map.delete(k);
    map.delete(k + 1);
    if (k === 2) map.set(9, 9);
  }
  expect(seen).toEqual([0, 2, 4, 9]);
});

test("update without copy is refused", () => {
  const map = cowMap<string, Value>();
  map.set("a", { n: 1 });
  expect(codeOf(() => map.update("a"))).toBe("InvalidArgument");
});
