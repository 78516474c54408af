import type {
  Incarnation,
  Lane,
  Logger,
  Member,
  Metrics,
  NodeId,
  Transport,
  TransportHandlers,
} from "@synod/interface";
import { afterEach, describe, expect, test } from "vitest";

/** One network. Transports come and go on it. */
export interface TransportWorld {
  /** A transport that was not started yet. */
  transport(): Transport;
  /** What a node gives as its own address at its first start; left out where addresses mean nothing. */
  readonly listen?: string;
  /** Where a started transport can be reached; left out with `listen`. */
  addressOf?(transport: Transport): string;
  /** A frame of this length is never taken, whatever the lane. */
  readonly tooLongBytes: number;
  /** More than this is never queued for one peer. Made small, or the suite takes long. */
  readonly queueBytesMax: number;
  dispose?(): Promise<void>;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (frame: Uint8Array): string => new TextDecoder().decode(frame);
export const bootIdOf = (bootCount: number): string => bootCount.toString(16).padStart(32, "0");
const silentMetrics: Metrics = { count() {}, gauge() {}, observe() {} };

/** One node with its transport, and all that its handlers and its log were told. */
export class TestNode {
  readonly transport: Transport;
  readonly self: Incarnation;
  readonly frames: { readonly from: NodeId; readonly frame: Uint8Array }[] = [];
  readonly ups: Incarnation[] = [];
  readonly downs: NodeId[] = [];
  readonly log: { readonly level: keyof Logger; readonly message: string }[] = [];
  /** Runs in each handler, after it was recorded. */
  onEvent: (name: keyof TransportHandlers) => void = () => {};
  #waiting: (() => void)[] = [];

  constructor(transport: Transport, id: NodeId, { bootCount = 1, clusterId = "cluster-a" } = {}) {
    this.transport = transport;
    this.self = { clusterId, nodeId: id, bootCount, bootId: bootIdOf(bootCount) };
  }

  get id(): NodeId {
    return this.self.nodeId;
  }

  get texts(): string[] {
    return this.frames.map(({ frame }) => text(frame));
  }

  /** How often a handler was called. */
  get calls(): number {
    return this.frames.length + this.ups.length + this.downs.length;
  }

  async start(members: readonly Member[], metrics: Metrics = silentMetrics): Promise<void> {
    const handlers: TransportHandlers = {
      frame: (from, frame) => this.#record("frame", () => this.frames.push({ from, frame })),
      peerUp: (peer) => this.#record("peerUp", () => this.ups.push(peer)),
      peerDown: (id) => this.#record("peerDown", () => this.downs.push(id)),
    };
    const line = (level: keyof Logger) => (message: string) => {
      this.log.push({ level, message });
      this.#look();
    };
    const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    await this.transport.start({ self: this.self, members, handlers, logger, metrics });
  }

  /** Settles as soon as something that this node records makes the condition true. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }

  send(to: NodeId | readonly NodeId[], content: string, lane: Lane = "control"): boolean {
    return this.transport.send(to, bytes(content), lane);
  }

  #record(name: keyof TransportHandlers, note: () => void): void {
    note();
    this.#look();
    this.onEvent(name);
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

/** What every `Transport` must do. Bytes on the wire and silent peers are each adapter's own matter. */
export function transportContract(name: string, create: () => TransportWorld | Promise<TransportWorld>): void {
  describe(`contract of Transport: ${name}`, () => {
    const cleanUps: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    });

    const setUp = async (): Promise<Bench> => {
      const world = await create();
      cleanUps.push(async () => world.dispose?.());
      return new Bench(world, (node) => cleanUps.push(() => node.transport.close()));
    };
    deliveryTests(setUp);
    refusalTests(setUp);
    lifeTests(setUp);
    handlerTests(setUp);
  });
}

type SetUp = () => Promise<Bench>;

/** Nodes that know each other. */
class Bench {
  readonly world: TransportWorld;
  readonly #born: (node: TestNode) => void;

  constructor(world: TransportWorld, born: (node: TestNode) => void) {
    this.world = world;
    this.#born = born;
  }

  make(id: NodeId, options: { bootCount?: number; clusterId?: string } = {}): TestNode {
    const node = new TestNode(this.world.transport(), id, options);
    this.#born(node);
    return node;
  }

  /** Starts a node that knows only itself. */
  async alone(id: NodeId, options: { bootCount?: number; clusterId?: string } = {}): Promise<TestNode> {
    const node = this.make(id, options);
    await node.start([this.entry(id, this.world.listen)]);
    return node;
  }

  entry(id: NodeId, address: string | undefined): Member {
    return address === undefined ? { id } : { id, address };
  }

  memberOf(node: TestNode): Member {
    return this.entry(node.id, this.world.addressOf?.(node.transport));
  }

  async connected(...ids: NodeId[]): Promise<TestNode[]> {
    const nodes: TestNode[] = [];
    for (const id of ids) nodes.push(await this.alone(id));
    await this.introduce(nodes);
    return nodes;
  }

  async pair(): Promise<[TestNode, TestNode]> {
    const [one, two] = await this.connected(1, 2);
    if (!one || !two) throw new Error("two nodes were asked for");
    return [one, two];
  }

  async introduce(nodes: readonly TestNode[]): Promise<void> {
    const members = nodes.map((node) => this.memberOf(node));
    for (const node of nodes) node.transport.setMembers(members);
    for (const node of nodes) await node.until(() => node.ups.length >= nodes.length - 1);
  }

  /** Ends a node and starts another one in its place, at the same address. */
  async replace(node: TestNode, members: readonly Member[], options: { bootCount: number }): Promise<TestNode> {
    await node.transport.close();
    const next = this.make(node.id, options);
    await next.start(members);
    return next;
  }
}

function deliveryTests(setUp: SetUp): void {
  test("both sides are told who the other one is", async () => {
    const [one, two] = await (await setUp()).pair();
    expect(one.ups).toEqual([two.self]);
    expect(two.ups).toEqual([one.self]);
    expect([one.downs, two.downs]).toEqual([[], []]);
  });

  test.each<Lane>(["control", "bulk"])("frames of all lengths arrive unchanged in the %s lane", async (lane) => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    const longest = Math.floor(Math.min(bench.world.queueBytesMax / 4, bench.world.tooLongBytes) * 0.9);
    for (const length of [0, 1, 100, 65_535, 65_536, longest]) {
      const frame = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255);
      const seen = two.frames.length;
      expect(one.transport.send(2, frame, lane)).toBe(true);
      await two.until(() => two.frames.length > seen);
      expect(two.frames[seen]?.from).toBe(1);
      expect(Buffer.compare(two.frames[seen]?.frame ?? bytes("nothing"), frame)).toBe(0);
    }
  });

  test("each lane keeps its order on a healthy link", async () => {
    const [one, two] = await (await setUp()).pair();
    const sent = Array.from({ length: 500 }, (_, i) => i);
    for (const i of sent) {
      expect(one.send(2, `c${i}`, "control")).toBe(true);
      expect(one.send(2, `b${i}`, "bulk")).toBe(true);
    }
    await two.until(() => two.frames.length === 1000);
    expect(two.texts.filter((content) => content.startsWith("c"))).toEqual(sent.map((i) => `c${i}`));
    expect(two.texts.filter((content) => content.startsWith("b"))).toEqual(sent.map((i) => `b${i}`));
  });

  test("a frame for several peers reaches each of them, and each owns what it got", async () => {
    const [one, two, three] = await (await setUp()).connected(1, 2, 3);
    if (!one || !two || !three) throw new Error("three nodes were asked for");
    const frame = bytes("for all");
    const scribble = (node: TestNode) => () => node.frames.at(-1)?.frame.reverse();
    two.onEvent = scribble(two);
    three.onEvent = scribble(three);
    expect(one.transport.send([2, 3], frame, "control")).toBe(true);
    await Promise.all([two, three].map((node) => node.until(() => node.frames.length === 1)));
    expect([text(frame), ...two.texts, ...three.texts]).toEqual(["for all", "lla rof", "lla rof"]);
    // One that shared its memory with others would show through there.
    for (const node of [two, three]) expect(node.frames[0]?.frame.buffer.byteLength).toBe(frame.length);
  });

  test("no handler runs inside of send", async () => {
    const [one, two] = await (await setUp()).pair();
    one.send(2, "ping");
    expect(two.frames).toEqual([]);
    two.onEvent = () => two.send(1, "pong");
    await one.until(() => one.texts.includes("pong"));
  });
}

function refusalTests(setUp: SetUp): void {
  test("an unknown peer, and the node itself, are never reached; the others of a broadcast are", async () => {
    const [one, two] = await (await setUp()).pair();
    expect(one.send(9, "to nobody")).toBe(false);
    expect(one.send(1, "to myself")).toBe(false);
    expect(one.send([9, 2], "half")).toBe(false);
    expect(one.send([], "to none")).toBe(true);
    await two.until(() => two.frames.length === 1);
    expect([two.texts, one.texts]).toEqual([["half"], []]);
  });

  test("nothing is taken before the start, or for a peer that is not there", async () => {
    const bench = await setUp();
    expect(bench.make(7).send(2, "early")).toBe(false);
    const [one, two] = await bench.pair();
    await two.transport.close();
    await one.until(() => one.downs.length === 1);
    expect(one.downs).toEqual([2]);
    expect(one.send(2, "late")).toBe(false);
  });

  test.each<Lane>(["control", "bulk"])("a frame that is too long is dropped from the %s lane", async (lane) => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    expect(one.transport.send(2, new Uint8Array(bench.world.tooLongBytes), lane)).toBe(false);
    expect(one.send(2, "short", lane)).toBe(true);
    await two.until(() => two.frames.length > 0);
    expect(two.texts).toEqual(["short"]);
  });

  test.each<Lane>(["control", "bulk"])(
    "the queue of the %s lane has a limit, and takes more once it drained",
    async (lane) => {
      const bench = await setUp();
      const [one, two] = await bench.pair();
      const frame = new Uint8Array(10_000);
      let taken = 0;
      // All in one turn, so nothing can drain.
      while (taken * frame.length <= bench.world.queueBytesMax && one.transport.send(2, frame, lane)) taken++;
      expect(taken).toBeGreaterThan(0);
      expect(taken * frame.length).toBeLessThanOrEqual(bench.world.queueBytesMax);
      expect(one.transport.send(2, frame, lane)).toBe(false);
      await two.until(() => two.frames.length === taken);
      const isTaken = one.transport.send(2, frame, lane) || (await retried(one, frame, lane));
      expect(isTaken).toBe(true);
      await two.until(() => two.frames.length === taken + 1);
    },
  );

  test("a full bulk lane does not keep control frames out", async () => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    const frame = new Uint8Array(10_000);
    for (let i = 0; i * frame.length <= bench.world.queueBytesMax; i++) one.transport.send(2, frame, "bulk");
    expect(one.send(2, "vote", "control")).toBe(true);
    await two.until(() => two.texts.includes("vote"));
  });
}

/** The receiver may have a frame before the sender knows that it left. */
async function retried(node: TestNode, frame: Uint8Array, lane: Lane): Promise<boolean> {
  for (let turn = 0; turn < 10_000; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (node.transport.send(2, frame, lane)) return true;
  }
  return false;
}

function lifeTests(setUp: SetUp): void {
  test("a peer that restarts goes down and comes up as a new incarnation", async () => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    const members = [bench.memberOf(one), bench.memberOf(two)];
    const next = await bench.replace(two, members, { bootCount: 2 });
    await Promise.all([one.until(() => one.ups.length === 2), next.until(() => next.ups.length === 1)]);
    expect(one.downs).toEqual([2]);
    expect(one.ups.map(({ bootCount }) => bootCount)).toEqual([1, 2]);
    expect(one.send(2, "welcome back") && next.send(1, "hello again")).toBe(true);
    await Promise.all([one.until(() => one.frames.length === 1), next.until(() => next.frames.length === 1)]);
  });

  test.each([
    ["a lower boot count", 2, bootIdOf(2)],
    ["the same boot count with another boot id", 3, bootIdOf(99)],
  ])("an incarnation with %s is refused", async (_, bootCount, bootId) => {
    const bench = await setUp();
    const one = await bench.alone(1);
    const two = await bench.alone(2, { bootCount: 3 });
    await bench.introduce([one, two]);
    const members = [bench.memberOf(one), bench.memberOf(two)];
    await two.transport.close();
    await one.until(() => one.downs.length === 1);
    const old = bench.make(2, { bootCount });
    Object.assign(old.self, { bootId });
    await old.start(members);
    await one.until(() => one.log.some(({ level }) => level === "warn"));
    expect(one.send(2, "to the old one") || old.send(1, "from the old one")).toBe(false);
    const next = await bench.replace(old, members, { bootCount: 4 });
    await one.until(() => one.ups.length === 2);
    await next.until(() => next.ups.length === 1);
    expect(one.ups.map((peer) => peer.bootCount)).toEqual([3, 4]);
    expect([one.texts, old.calls]).toEqual([[], 0]);
  });

  test("nodes of two clusters do not meet", async () => {
    const bench = await setUp();
    const one = await bench.alone(1);
    const stranger = await bench.alone(2, { clusterId: "cluster-b" });
    const members = [bench.memberOf(one), bench.memberOf(stranger)];
    for (const node of [one, stranger]) node.transport.setMembers(members);
    await Promise.all([one, stranger].map((node) => node.until(() => node.log.some(({ level }) => level === "warn"))));
    expect(one.send(2, "wrong cluster") || stranger.send(1, "wrong cluster")).toBe(false);
    expect([one.calls, stranger.calls]).toEqual([0, 0]);
  });

  test("members come and go", async () => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    const three = await bench.alone(3);
    const all = [one, two, three].map((node) => bench.memberOf(node));
    for (const node of [one, two, three]) node.transport.setMembers(all);
    await one.until(() => one.ups.length === 2);
    await three.until(() => three.ups.length === 2);

    one.transport.setMembers(all.filter(({ id }) => id !== 2));
    expect(one.send(2, "you are out")).toBe(false);
    expect(one.send(3, "you stay")).toBe(true);
    await Promise.all([one.until(() => one.downs.length === 1), two.until(() => two.downs.includes(1))]);
    expect(two.send(1, "let me in")).toBe(false);

    one.transport.setMembers(all);
    await Promise.all([one.until(() => one.ups.length === 3), two.until(() => two.ups.length === 3)]);
    expect(one.send(2, "welcome")).toBe(true);
    await two.until(() => two.texts.includes("welcome"));
    expect(one.ups.map(({ nodeId }) => nodeId)).toEqual([2, 3, 2]);
    expect([one.downs, three.downs]).toEqual([[2], []]);
    expect(three.texts).toEqual(["you stay"]);
    expect(one.texts).toEqual([]);
  });

  test("setMembers with the same members changes nothing", async () => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    for (const node of [one, two]) node.transport.setMembers([bench.memberOf(one), bench.memberOf(two)]);
    expect(one.send(2, "still here")).toBe(true);
    await two.until(() => two.texts.includes("still here"));
    expect([one.calls, two.calls]).toEqual([1, 2]);
  });

  test("close may be called twice, and nothing is heard after it", async () => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    for (let i = 0; i < 100; i++) one.send(2, `frame ${i}`, "bulk");
    const calls = two.calls;
    const closed = two.transport.close();
    await Promise.all([closed, two.transport.close(), one.until(() => one.downs.length === 1)]);
    await two.transport.close();
    expect(two.calls).toBe(calls);
    expect(two.send(1, "from beyond")).toBe(false);
    two.transport.setMembers([]);
    await expect(two.start([])).rejects.toMatchObject({ code: "Closed" });
  });

  test("it is started once, and closed even if it never was", async () => {
    const bench = await setUp();
    const one = await bench.alone(1);
    await expect(one.start([bench.memberOf(one)])).rejects.toMatchObject({ code: "InvalidArgument" });
    await bench.make(2).transport.close();
  });

  test("a place that is taken is refused, and free again after close", async () => {
    const bench = await setUp();
    const one = await bench.alone(1);
    const members = [bench.memberOf(one)];
    const second = bench.make(1, { bootCount: 2 });
    await expect(second.start(members)).rejects.toMatchObject({ code: "AddressInUse" });
    const third = await bench.replace(one, members, { bootCount: 3 });
    expect(third.calls).toBe(0);
  });
}

function handlerTests(setUp: SetUp): void {
  test("handlers that throw lose that call and no more", async () => {
    const bench = await setUp();
    const [one, two] = [await bench.alone(1), await bench.alone(2)];
    two.onEvent = (name) => {
      throw new Error(`${name} went wrong`);
    };
    await bench.introduce([one, two]);
    for (const content of ["a", "b", "c"]) expect(one.send(2, content)).toBe(true);
    await two.until(() => two.frames.length === 3);
    expect(two.texts).toEqual(["a", "b", "c"]);
    expect(two.log.some(({ level }) => level === "error")).toBe(true);
    expect(one.downs).toEqual([]);
    await one.transport.close();
    await two.until(() => two.downs.length === 1);
  });

  test("a handler may send, change members and close", async () => {
    const bench = await setUp();
    const [one, two] = await bench.pair();
    const members = [bench.memberOf(one), bench.memberOf(two)];
    let closed: Promise<void> | undefined;
    two.onEvent = () => {
      two.send(1, "answer");
      two.transport.setMembers(members);
      if (two.frames.length === 2) closed = two.transport.close();
    };
    for (const content of ["a", "b", "c", "d"]) one.send(2, content);
    await one.until(() => one.downs.length === 1);
    await closed;
    expect(two.texts).toEqual(["a", "b"]);
  });
}
