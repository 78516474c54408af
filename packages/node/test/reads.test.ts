import { describe, expect, it } from "vitest";
import { SynodError } from "@synod/interface";
import { Reads } from "../src/reads.js";
import { World } from "./world.js";

const sight = () => ({ text: "no leader", details: { leader: null, heard: [], members: 1 } });
const MANY = 100_000;

describe("readers", () => {
  it("are answered once their own index is applied, whichever came first", () => {
    const reads = new Reads(() => 0);
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
    expect(reads.expire(9, sight)).toEqual({ expired: [], more: false });
    expect(reads.expire(10, sight)).toEqual({ expired: [a], more: false });
    reads.serve(9);
    expect([answered.at(-1), reads.count]).toEqual(["NoLeader", 0]);
  });

  it("cost a turn nothing while they wait", () => {
    const reads = new Reads(() => 0);
    let answered = 0;
    for (let i = 0; i < MANY; i++)
      reads.add({ deadlineMs: 1, answer: () => (answered++, null), reject: () => undefined });
    reads.ready([1, 2, 3], 1_000_000);
    for (let slot = 1; slot <= 100_000; slot++) reads.serve(slot);
    expect(answered).toBe(0);
    reads.serve(1_000_000);
    expect(answered).toBe(3);
  }, 10_000);

  /** Readers whose answer, or whose end, takes a millisecond each. */
  const slow = (count: number): { reads: Reads; tokens: number[]; ended: string[] } => {
    let nowMs = 100;
    const ended: string[] = [];
    const end = (what: string): null => {
      nowMs++;
      ended.push(what);
      return null;
    };
    const reads = new Reads(() => nowMs);
    const tokens = Array.from({ length: count }, () =>
      reads.add({ deadlineMs: 10, answer: () => end("answer"), reject: ({ code }) => end(code) }),
    );
    return { reads, tokens, ended };
  };

  it("are answered a slice of them a turn, however many are ready", () => {
    const { reads, tokens, ended } = slow(12);
    reads.ready(tokens.slice(0, 4), 1);
    reads.ready(tokens.slice(4), 2);
    expect([reads.serve(1), reads.count]).toEqual([{ again: [], more: false }, 8]);
    expect([reads.serve(2), reads.count]).toEqual([{ again: [], more: true }, 3]);
    expect([reads.serve(2), reads.count]).toEqual([{ again: [], more: false }, 0]);
    expect(ended).toEqual(tokens.map(() => "answer"));
  });

  it("end a slice of them a turn when they are overdue", () => {
    const { reads, tokens, ended } = slow(12);
    reads.ready(tokens, 5);
    const [first, second, third] = [1, 2, 3].map(() => reads.expire(10, sight));
    expect([first?.more, second?.more, third?.more]).toEqual([true, true, false]);
    expect([first, second, third].flatMap((part) => part?.expired)).toEqual(tokens);
    expect([ended.length, reads.count]).toEqual([12, 0]);
  });

  it("that an answer makes give up, and that come meanwhile, are neither lost nor answered twice", () => {
    const reads = new Reads(() => 0);
    const log: string[] = [];
    const tokens: number[] = [];
    const add = (name: string, then: () => void = () => undefined): number =>
      reads.add({
        deadlineMs: 10,
        answer: () => (then(), log.push(name), null),
        reject: () => log.push(`-${name}`),
      });
    const gone = new SynodError("NoLeader", "given up");
    tokens.push(
      add("a", () => {
        for (const token of tokens.slice(1, 4)) reads.fail(token, gone);
        reads.ready([add("late")], 1);
      }),
    );
    for (const name of ["b", "c", "d", "e"]) tokens.push(add(name));
    for (const [i, token] of tokens.entries()) reads.ready([token], i + 1);
    reads.serve(9);
    expect(log.sort()).toEqual(["-b", "-c", "-d", "a", "e", "late"]);
    expect(reads.count).toBe(0);
  });

  it("that give up leave nothing behind, and cost in proportion to their number", () => {
    const reads = new Reads(() => 0);
    const kept = reads.add({ deadlineMs: 10, answer: () => null, reject: () => undefined });
    reads.ready([kept], 0);
    const tokens: number[] = [];
    for (let index = 1; index <= MANY; index++) {
      tokens.push(reads.add({ deadlineMs: 10, answer: () => null, reject: () => undefined }));
      reads.ready(tokens.slice(-1), index);
    }
    expect(reads.groups).toBe(MANY + 1);
    for (const token of tokens) reads.fail(token, new SynodError("NoLeader", "given up"));
    expect(reads.count).toBe(1);
    expect(reads.groups).toBeLessThan(4);
    reads.serve(MANY);
    expect([reads.count, reads.groups]).toEqual([0, 0]);
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

  it("that are left over from one turn get the next, without a pause", async () => {
    const world = await World.of(3, 1, { readTimeoutMs: 5_000 });
    const id = await world.leader();
    const machine = world.machine(id);
    machine.query = () => {
      world.clock.stall(1);
      return 7;
    };
    const startedMs = world.clock.now();
    const reads = Promise.all(Array.from({ length: 200 }, () => world.node(id).read("total")));
    expect(new Set(await world.settle(reads))).toEqual(new Set([7]));
    expect(world.clock.now() - startedMs).toBeLessThan(230);
    await world.close();
  });

  it("that are overdue end in the turns of one round, without a pause", async () => {
    const world = await World.of(3, 1, { readTimeoutMs: 1_000 });
    const id = await world.leader();
    world.net.isolate(id);
    const startedMs = world.clock.now();
    const ends = Array.from({ length: 1_000 }, () =>
      world
        .node(id)
        .read("total")
        .catch((error: { code: string }) => error.code),
    );
    await world.clock.run(900);
    // From here on whoever looks at the clock takes a tenth of a millisecond.
    const now = world.clock.now.bind(world.clock);
    world.clock.now = () => {
      world.clock.stall(0.1);
      return now();
    };
    expect(new Set(await world.settle(Promise.all(ends)))).toEqual(new Set(["NoLeader"]));
    expect(now() - startedMs).toBeLessThan(1_400);
    await world.close();
  });
});
