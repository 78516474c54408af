import type { SnapshotSink, StateMachine, Watched } from "@synod/interface";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { describe, expect, it, test } from "vitest";
import { createNode, type SynodNode } from "../src/index.js";
import { Watches } from "../src/watches.js";
import { type CounterCommand, json, tableCodec } from "./world.js";

interface Above {
  readonly above: number;
}

/** Tells every total above the one that is known; 100 is the last. */
class Totals implements StateMachine<CounterCommand, Above, number> {
  total = 0;

  apply(command: CounterCommand): { result: number } {
    if ("add" in command) this.total += command.add;
    return { result: this.total };
  }

  query(): number {
    return this.total;
  }

  *snapshot(): Iterable<Uint8Array> {
    yield json<number>().encode(this.total);
  }

  restore(): SnapshotSink {
    return {
      write: (chunk) => {
        this.total = json<number>().decode(chunk);
      },
      end: () => undefined,
    };
  }

  watch({ above }: Above): Watched<Above, number> | null {
    if (above < 0) throw new Error("a bug in watch");
    return this.total > above ? { answer: this.total, next: this.total >= 100 ? null : { above: this.total } } : null;
  }
}

async function single(
  stateMachine: StateMachine<CounterCommand, Above, number> = new Totals(),
): Promise<SynodNode<CounterCommand, Above, number>> {
  return createNode<CounterCommand, Above, number>({
    id: 1,
    cluster: { id: "t", members: [{ id: 1 }] },
    stateMachine,
    transport: memoryNetwork().transport(),
    storage: memoryStorage(),
    codec: tableCodec(),
    commandCodec: json<CounterCommand>(),
    resultCodec: json<number>(),
    bootstrap: true,
  });
}

describe("a watch", () => {
  it("tells what is there, then what happens, and ends with the last answer", async () => {
    await using node = await single();
    await node.propose({ add: 5 });
    const seen: number[] = [];
    for await (const { answer } of node.watch({ above: 0 })) {
      seen.push(answer);
      if (answer < 100) await node.propose({ add: answer === 5 ? 10 : 85 });
    }
    expect(seen).toEqual([5, 15, 100]);
  });

  it("goes on behind an answer that was had elsewhere", async () => {
    await using node = await single();
    await node.propose({ add: 5 });
    const [first] = [await node.watch({ above: 0 })[Symbol.asyncIterator]().next()];
    const next: Above = first.value.next;
    const second = node.watch(next)[Symbol.asyncIterator]().next();
    await node.propose({ add: 1 });
    expect((await second).value).toEqual({ answer: 6, next: { above: 6 } });
  });

  it("is done when its signal is aborted, before or while it waits", async () => {
    await using node = await single();
    const abort = new AbortController();
    const waiting = node.watch({ above: 0 }, { signal: abort.signal })[Symbol.asyncIterator]().next();
    await node.propose({ add: 0 });
    abort.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await node.propose({ add: 1 });
    const late = node.watch({ above: 0 }, { signal: abort.signal })[Symbol.asyncIterator]().next();
    expect(await late).toEqual({ done: true, value: undefined });
  });

  it("can be returned from while it waits", async () => {
    await using node = await single();
    const watch = node.watch({ above: 0 })[Symbol.asyncIterator]();
    const [first, second] = [watch.next(), watch.next()];
    await node.propose({ add: 0 });
    expect(await watch.return?.()).toEqual({ done: true, value: undefined });
    expect(await Promise.all([first, second])).toEqual([first, second].map(() => ({ done: true, value: undefined })));
    await node.propose({ add: 1 });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  it("ends with an error where the node is closed, or the state machine throws or has no watches", async () => {
    const node = await single();
    const first = async (query: Above): Promise<unknown> => node.watch(query)[Symbol.asyncIterator]().next();
    await expect(first({ above: -1 })).rejects.toThrow("a bug in watch");
    const waiting = expect(first({ above: 0 })).rejects.toMatchObject({ code: "Closed" });
    await node.close();
    await waiting;
    await expect(first({ above: 0 })).rejects.toMatchObject({ code: "Closed" });
    const blind = Object.assign(new Totals(), { watch: undefined });
    await using other = await single(blind);
    await expect(other.watch({ above: 0 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "InvalidArgument",
    });
  });
});

describe("watches that wait", () => {
  function watches() {
    const world = { nowMs: 0, applied: 7, costMs: 0, asked: [] as number[] };
    const all = new Watches<number, number>({
      now: () => world.nowMs,
      applied: () => world.applied,
      check: () => undefined,
      wake: () => undefined,
      ask: (query) => {
        world.asked.push(query);
        world.nowMs += world.costMs;
        return null;
      },
    });
    const waiting = (query: number) => ({ query, resolve: () => undefined, reject: () => undefined });
    return { world, all, waiting };
  }

  it("are asked once after each change, new ones at once", () => {
    const { world, all, waiting } = watches();
    all.add(waiting(1));
    expect(all.serve()).toBe(false);
    expect(all.serve()).toBe(false);
    all.add(waiting(2));
    all.serve();
    expect(world.asked).toEqual([1, 2]);
    world.applied = 8;
    all.serve();
    expect(world.asked).toEqual([1, 2, 1, 2]);
  });

  it("are asked a slice a turn, in turns", () => {
    const { world, all, waiting } = watches();
    for (const query of [1, 2, 3]) all.add(waiting(query));
    world.costMs = 1;
    expect(all.serve()).toBe(true);
    expect(world.asked).toEqual([1, 2]);
    world.applied = 8;
    expect(all.serve()).toBe(true);
    expect(all.serve()).toBe(false);
    expect(world.asked).toEqual([1, 2, 3, 1, 2]);
  });
});

test("watches that wait get their turn however many new ones come", () => {
  const asked: number[] = [];
  const world = { nowMs: 0, applied: 7 };
  const all = new Watches<number, number>({
    now: () => world.nowMs,
    applied: () => world.applied,
    check: () => undefined,
    wake: () => undefined,
    ask: (query) => {
      asked.push(query);
      world.nowMs += 1;
      return null;
    },
  });
  const add = (query: number) => all.add({ query, resolve: () => undefined, reject: () => undefined });
  add(1);
  all.serve();
  for (world.applied = 8; asked.length < 9; ) {
    for (let i = 0; i < 2; i++) add(asked.length + 10 + i);
    all.serve();
  }
  expect(asked.slice(1)).toContain(1);
});

describe("changes of the members", () => {
  const change = { kind: "setAddress", id: 1, address: "a:1" } as const;

  it("need a time limit that comes", async () => {
    await using node = await single();
    for (const timeoutMs of [Number.NaN, Infinity, 0, -1]) {
      await expect(node.changeMembership(change, { timeoutMs })).rejects.toMatchObject({ code: "InvalidArgument" });
    }
  });

  it("are not gathered without bounds", async () => {
    const node = await single();
    const calls = Array.from({ length: 70 }, () => node.changeMembership(change).catch((error: unknown) => error));
    await node.close();
    const codes = (await Promise.all(calls)).map((end) => (end as { code?: string }).code);
    expect(codes.filter((code) => code === "Busy")).toHaveLength(6);
  });
});

describe("the encoded side of a node", () => {
  it("takes and gives the bytes of the codecs", async () => {
    await using node = await single();
    const reply = await node.encoded.propose(json<CounterCommand>().encode({ add: 5 }));
    expect(json<number>().decode(reply)).toBe(5);
    await expect(node.encoded.propose(Uint8Array.of(1, 2))).rejects.toMatchObject({ code: "InvalidCommand" });
  });
});
