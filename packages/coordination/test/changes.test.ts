import { expect, test } from "vitest";
import { type Chain, Changes, type KeyRecord } from "../src/changes.js";

const CHAINS: readonly Chain[] = ["a", "b", "c"].map((key) => ({ key, numbers: [], head: 0 }));

/** The record that a change replaces; every fifth key was not there, every seventh value is too long to be copied. */
function beforeOf(number: number): KeyRecord | null {
  if (number % 5 === 0) return null;
  const value = new Uint8Array(number % 7 === 0 ? 9_000 : number % 300).fill(number);
  const lease = number % 2 === 0 ? null : `l${number}`;
  const chain = CHAINS[number % 3] as Chain;
  const revision = 2 ** 33 + number;
  return { key: chain.key, value, revision, createRevision: 7, version: number, lease, hash: number + 2 ** 51, chain };
}

function add(changes: Changes, count: number): void {
  for (let i = 0; i < count; i++) {
    const { end } = changes;
    changes.add(end + 1, CHAINS[end % 3] as Chain, beforeOf(end), end + 2 ** 50, end * 10);
  }
}

const forget = (changes: Changes, count: number): void => {
  for (let i = 0; i < count; i++) changes.forgetFirst();
};

/** Text of a record; values in short, as comparing long ones takes long. */
function textOf(record: KeyRecord | null): string {
  if (record === null) return "none";
  const { key, value, revision, createRevision, version, lease, hash } = record;
  const same = value.every((byte) => byte === value[0]);
  return [key, value.length, value[0], same, revision, createRevision, version, lease, hash].join(" ");
}

function expectAll(changes: Changes, begin: number, end: number): void {
  expect([changes.begin, changes.end]).toEqual([begin, end]);
  for (let number = begin; number < end; number++) {
    const before = beforeOf(number);
    const found = [changes.revision(number), changes.hash(number), changes.start(number), changes.length(number)];
    expect(found).toEqual([number + 1, number + 2 ** 50, number * 10, before?.value.length ?? 0]);
    expect(changes.chain(number)).toBe(CHAINS[number % 3]);
    expect(textOf(changes.before(number))).toBe(textOf(before));
  }
}

test("pages that are forgotten are filled again, and what was read from them stays", () => {
  const changes = new Changes();
  add(changes, 1_000);
  expectAll(changes, 0, 1_000);
  const read = changes.before(1);
  for (let round = 1; round <= 4; round++) {
    forget(changes, 500);
    add(changes, 500);
    expectAll(changes, 500 * round, 1_000 + 500 * round);
  }
  expect(textOf(read)).toBe(textOf(beforeOf(1)));
});

test("a copy stays as it is until it is released, whatever is forgotten and added", () => {
  const changes = new Changes();
  add(changes, 1_000);
  forget(changes, 300);
  const copy = changes.copy();
  forget(changes, 700);
  expect(changes.begin).toBe(changes.end);
  add(changes, 2_000);
  expectAll(copy, 300, 1_000);
  copy.release();
  copy.release();
  forget(changes, 1_500);
  add(changes, 1_500);
  expectAll(changes, 2_500, 4_500);
});
