import { describe, expect, it } from "vitest";
import { Reads } from "../src/reads.js";
import { World } from "./world.js";

const sight = () => ({ text: "no leader", details: { leader: null, heard: [], members: 1 } });
const MANY = 100_000;

describe("readers", () => {
  it("are answered once their own index is applied, whichever came first", () => {
    const reads = new Reads();
    const answered: string[] = [];
    const add = (name: string, deadlineMs = 10): number =>
      reads.add({
        deadlineMs,
        answer: () => (answered.push(name), null),
        reject: (error) => answered.push(error.code),
      });
    const [a, b, c, d] = [add("a"), add("b"), add("c"), add("d", 20)];
    reads.ready([a], 5);
    reads.ready([b, c], 3);
    reads.ready([b], 1);
    reads.ready([d], 3);
    reads.serve(2);
    expect(answered).toEqual([]);
    reads.serve(4);
    expect(answered).toEqual(["b", "c", "d"]);
    expect(reads.expire(9, sight)).toEqual([]);
    expect(reads.expire(10, sight)).toEqual([a]);
    reads.serve(9);
    expect([answered.at(-1), reads.count]).toEqual(["NoLeader", 0]);
  });

  it("cost a turn nothing while they wait", () => {
    const reads = new Reads();
    let answered = 0;
    for (let i = 0; i < MANY; i++)
      reads.add({ deadlineMs: 1, answer: () => (answered++, null), reject: () => undefined });
    reads.ready([1, 2, 3], 1_000_000);
    for (let slot = 1; slot <= 100_000; slot++) reads.serve(slot);
    expect(answered).toBe(0);
    reads.serve(1_000_000);
    expect(answered).toBe(3);
  }, 10_000);

  it("end in time in proportion to their number, at a node without a leader and at one that thinks it leads", async () => {
    const world = await World.of(3, 1, { readTimeoutMs: 100 });
    const leader = await world.leader();
    const follower = world.ids.find((id) => id !== leader) ?? 0;
    for (const id of [leader, follower]) {
      world.net.isolate(id);
      const ends = Array.from({ length: MANY }, () =>
        world
          .node(id)
          .read("total")
          .catch((error: { code: string }) => error.code),
      );
      const all = Promise.all(ends);
      expect(new Set(await world.settle(all))).toEqual(new Set(["NoLeader"]));
      world.net.heal();
      await world.leader();
    }
    await world.close();
  }, 20_000);
});
