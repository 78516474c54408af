import { TestNode } from "@synod/conformance";
import type { Member, NodeId } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { type MemoryNetwork, type MemoryNetworkOptions, memoryNetwork } from "../src/index.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Runs what `soon` was given when told to. */
class Steps {
  readonly #waiting: (() => void)[] = [];

  readonly clock = { soon: (callback: () => void): void => void this.#waiting.push(callback) };

  step(): void {
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

const membersOf = (ids: readonly NodeId[]): Member[] => ids.map((id) => ({ id }));

async function startAll(network: MemoryNetwork, ids: readonly NodeId[]): Promise<TestNode[]> {
  const nodes = ids.map((id) => new TestNode(network.transport(), id));
  for (const node of nodes) await node.start(membersOf(ids));
  return nodes;
}

async function stepped(
  ids: readonly NodeId[],
  options: MemoryNetworkOptions = {},
): Promise<{ network: MemoryNetwork; steps: Steps; nodes: TestNode[] }> {
  const steps = new Steps();
  const network = memoryNetwork({ ...options, clock: steps.clock });
  const nodes = await startAll(network, ids);
  steps.step();
  return { network, steps, nodes };
}

async function twoStepped(options?: MemoryNetworkOptions) {
  const { network, steps, nodes } = await stepped([1, 2], options);
  const [one, two] = nodes;
  if (!one || !two) throw new Error("two nodes were asked for");
  return { network, steps, one, two };
}

describe("delivery", () => {
  test("goes through the clock alone", async () => {
    const { steps, one, two } = await twoStepped();
    expect(one.ups).toEqual([two.self]);
    one.send(2, "x");
    await new Promise((resolve) => setImmediate(resolve));
    expect(two.frames).toEqual([]);
    steps.step();
    expect(two.texts).toEqual(["x"]);
  });

  test("control overtakes bulk that waits", async () => {
    const { steps, one, two } = await twoStepped();
    one.send(2, "b1", "bulk");
    one.send(2, "b2", "bulk");
    one.send(2, "c1", "control");
    one.send(2, "c2", "control");
    steps.step();
    expect(two.texts).toEqual(["c1", "c2", "b1", "b2"]);
  });

  test("what handlers send comes in a later step, so two nodes that answer each other starve nobody", async () => {
    const { steps, one, two } = await twoStepped();
    one.onEvent = () => one.send(2, "ping");
    two.onEvent = () => two.send(1, "pong");
    one.send(2, "ping");
    for (let i = 1; i <= 5; i++) {
      steps.step();
      expect(one.frames.length + two.frames.length).toBe(i);
    }
  });

  test("copies a frame on its way, also one in a Buffer", async () => {
    const { steps, one, two } = await twoStepped();
    const frame = Buffer.from("before");
    one.transport.send(2, frame, "control");
    frame.write("after!");
    steps.step();
    expect(two.texts).toEqual(["before"]);
    expect(Object.getPrototypeOf(two.frames[0]?.frame)).toBe(Uint8Array.prototype);
  });

  test("empty frames count too", async () => {
    const { one } = await twoStepped({ queueBytesMax: 640 });
    let taken = 0;
    while (taken < 1000 && one.transport.send(2, new Uint8Array(0), "bulk")) taken++;
    expect(taken).toBe(10);
  });

  test("the limit holds for each way by itself, and a lost link frees it", async () => {
    const { network, steps, nodes } = await stepped([1, 2, 3], { queueBytesMax: 4000 });
    const [one, two, three] = nodes;
    if (!one || !two || !three) throw new Error("three nodes were asked for");
    const big = new Uint8Array(3000);
    expect(one.transport.send(2, big, "bulk")).toBe(true);
    expect(one.transport.send(2, big, "bulk")).toBe(false);
    expect(one.transport.send([2, 3], big, "bulk")).toBe(false);
    expect(three.transport.send(2, big, "bulk")).toBe(true);
    expect(two.transport.send(1, big, "bulk")).toBe(true);
    network.cut(1, 2);
    network.heal();
    expect(one.transport.send(2, big, "bulk")).toBe(true);
    steps.step();
    expect([one, two, three].map((node) => node.frames.length)).toEqual([0, 2, 1]);
  });
});

describe("cuts", () => {
  test("lose what is under way, are seen on both sides, and are mended", async () => {
    const { network, steps, one, two } = await twoStepped();
    one.send(2, "lost");
    network.cut(1, 2);
    expect(one.send(2, "refused") || two.send(1, "refused")).toBe(false);
    steps.step();
    expect([one.downs, two.downs, two.texts]).toEqual([[2], [1], []]);
    network.heal();
    expect(one.send(2, "through")).toBe(true);
    steps.step();
    expect([one.ups.length, two.ups.length, two.texts]).toEqual([2, 2, ["through"]]);
  });

  test("a cut and healing between two steps still loses what was under way", async () => {
    const { network, steps, one, two } = await twoStepped();
    one.send(2, "lost");
    network.cut(1, 2);
    network.heal();
    one.send(2, "through");
    steps.step();
    expect(two.texts).toEqual(["through"]);
    expect([one.downs, one.ups.length]).toEqual([[2], 2]);
  });

  test("one way only", async () => {
    const { network, steps, one, two } = await twoStepped();
    network.cutOneWay(1, 2);
    expect(one.send(2, "deaf")).toBe(false);
    expect(two.send(1, "heard")).toBe(true);
    steps.step();
    expect([one.downs, two.downs, one.texts, two.texts]).toEqual([[2], [], ["heard"], []]);
    network.heal();
    steps.step();
    expect([one.ups.length, two.ups.length]).toEqual([2, 1]);
  });

  test("hold across restarts and before the nodes are there", async () => {
    const steps = new Steps();
    const network = memoryNetwork({ clock: steps.clock });
    network.cut(2, 1);
    const [one, two] = await startAll(network, [1, 2]);
    if (!one || !two) throw new Error("two nodes were asked for");
    await two.transport.close();
    const next = new TestNode(network.transport(), 2, { bootCount: 2 });
    await next.start(membersOf([1, 2]));
    steps.step();
    expect([one.calls, two.calls, next.calls]).toEqual([0, 0, 0]);
    network.heal();
    steps.step();
    expect([one.ups, next.ups]).toEqual([[next.self], [one.self]]);
  });

  test("leave others alone", async () => {
    const { network, steps, nodes } = await stepped([1, 2, 3]);
    network.cut(1, 2);
    steps.step();
    expect(nodes.map(({ downs }) => downs)).toEqual([[2], [1], []]);
    expect(nodes[0]?.send(3, "x")).toBe(true);
  });
});

describe("who is who", () => {
  test("a refusal is logged once on each side, however often it repeats itself", async () => {
    const network = memoryNetwork();
    const one = new TestNode(network.transport(), 1);
    const two = new TestNode(network.transport(), 2, { clusterId: "cluster-b" });
    for (const node of [one, two]) await node.start(membersOf([1, 2]));
    for (let i = 0; i < 5; i++) one.transport.setMembers(membersOf([1, 2]));
    expect(one.log).toEqual([{ level: "warn", message: 'node 2 is refused: it belongs to cluster "cluster-b"' }]);
    expect(two.log).toHaveLength(1);
  });

  test("a node is told whom it refuses, and why", async () => {
    const steps = new Steps();
    const network = memoryNetwork({ clock: steps.clock });
    const [one, two] = [new TestNode(network.transport(), 1), new TestNode(network.transport(), 2)];
    for (const node of [one, two]) await node.start(membersOf([1, 2]));
    await two.transport.close();
    steps.step();
    expect(one.refusals).toEqual([]);
    const anew = new TestNode(network.transport(), 2, { storeId: "e".repeat(32), bootCount: 2 });
    await anew.start(membersOf([1, 2]));
    steps.step();
    expect(one.refusals).toEqual([{ peer: 2, reason: expect.stringContaining("its store is another one") as string }]);
    expect(anew.refusals).toEqual([
      { peer: 1, reason: expect.stringContaining("it refuses this node: its store is another one") as string },
    ]);
    expect(one.ups).toHaveLength(1);
  });

  test("both must know each other", async () => {
    const steps = new Steps();
    const network = memoryNetwork({ clock: steps.clock });
    const one = new TestNode(network.transport(), 1);
    const two = new TestNode(network.transport(), 2);
    await one.start(membersOf([1, 2]));
    await two.start(membersOf([2]));
    steps.step();
    expect(one.send(2, "x") || two.send(1, "x")).toBe(false);
    two.transport.setMembers(membersOf([1, 2]));
    steps.step();
    expect([one.ups, two.ups]).toEqual([[two.self], [one.self]]);
  });

  test("a start that was refused may be tried again", async () => {
    const network = memoryNetwork();
    const one = new TestNode(network.transport(), 1);
    const again = new TestNode(network.transport(), 1, { bootCount: 2 });
    await one.start(membersOf([1]));
    await expect(again.start(membersOf([1]))).rejects.toMatchObject({ code: "AddressInUse" });
    await one.transport.close();
    await again.start(membersOf([1]));
  });
});

describe("options and hosts", () => {
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("a limit of %d is refused", (queueBytesMax) => {
    expect(() => memoryNetwork({ queueBytesMax })).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });

  test("disposing closes", async () => {
    const transport = memoryNetwork().transport();
    await transport[Symbol.asyncDispose]();
    await expect(new TestNode(transport, 1).start(membersOf([1]))).rejects.toMatchObject({ code: "Closed" });
  });

  test.each(["MessageChannel", "setTimeout"])("without setImmediate it delivers through %s", async (fallback) => {
    const host = globalThis as { setImmediate?: unknown; MessageChannel?: unknown };
    const saved = { setImmediate: host.setImmediate, MessageChannel: host.MessageChannel };
    host.setImmediate = undefined;
    if (fallback === "setTimeout") host.MessageChannel = undefined;
    let one: TestNode | undefined;
    let two: TestNode | undefined;
    try {
      [one, two] = await startAll(memoryNetwork(), [1, 2]);
    } finally {
      Object.assign(host, saved);
    }
    if (!one || !two) throw new Error("two nodes were asked for");
    for (let i = 0; i < 3; i++) one.transport.send(2, bytes(`frame ${i}`), "bulk");
    await two.until(() => two.frames.length === 3);
    expect(two.texts).toEqual(["frame 0", "frame 1", "frame 2"]);
  });
});
