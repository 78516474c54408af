import { expect, test, vi } from "vitest";
import { HOLDERS_MAX } from "../src/limits.js";
import { Queues } from "../src/queues.js";
import { StateHash } from "../src/state-hash.js";

const nothing = new Uint8Array(0);
const name = "lock/a";

function made(): { readonly queues: Queues; readonly come: (id: string, limit: number) => void } {
  let revision = 0;
  const queues = new Queues(new StateHash(), () => ++revision);
  return { queues, come: (id, limit) => queues.add(name, { id, limit, parties: 0, value: nothing }) };
}

test("a holder that goes is not looked for among all others: thousands may go with one command", () => {
  const { queues, come } = made();
  for (let i = 0; i < 100; i++) come(`reader ${i}`, HOLDERS_MAX);
  const holders = queues.table.get(name)?.holders ?? new Map();
  const looked = vi.spyOn(holders, "values");
  for (let i = 0; i < 99; i++) queues.remove(name, `reader ${i}`);
  expect(holders.size).toBe(1);
  expect(looked).not.toHaveBeenCalled();
});

test("no more hold than the least limit among those who hold, whoever comes and goes", () => {
  const { queues, come } = made();
  let seed = 1;
  const below = (count: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % count;
  };
  for (let i = 0; i < 5_000; i++) {
    const queue = queues.table.get(name);
    const present = [...(queue?.holders.keys() ?? []), ...(queue?.waiting.keys() ?? [])];
    if (present.length > 0 && below(2) === 0) queues.remove(name, present[below(present.length)] ?? "");
    else come(`request ${i}`, 1 + below(4));
    const after = queues.table.get(name);
    if (after === undefined) continue;
    const limits = [...after.holders.values()].map(({ limit }) => limit);
    expect(after.least).toBe(Math.min(...limits));
    expect(limits.length).toBeLessThanOrEqual(after.least);
    const [next] = after.waiting.values();
    // First come, first served: who is first waits for nothing but the limits.
    if (next !== undefined) expect(limits.length).toBeGreaterThanOrEqual(Math.min(after.least, next.limit));
  }
});
