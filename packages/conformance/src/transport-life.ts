import { equal } from "./assert.js";
import type { TestNode } from "./test-node.js";
import type { AddCase, TransportBench } from "./transport-bench.js";

/** Starting, the address book, incarnations, closing. */
export function lifeCases(add: AddCase): void {
  startCases(add);
  incarnationCases(add);
  memberCases(add);
  closeCases(add);
}

const warned = (bench: TransportBench, node: TestNode): Promise<void> =>
  bench.until("a warning about the refused peer", node, () => node.log.some(({ level }) => level === "warn"));

function startCases(add: AddCase): void {
  add("it is started once, and closed even if it never was", async (bench) => {
    const one = await bench.alone(1);
    await bench.scope.refused("a second start()", one.start([bench.memberOf(one)]), "InvalidArgument");
    await bench.close(bench.make(2));
  });

  add("start settles though no peer is there, and finds one that comes later", async (bench) => {
    const gone = await bench.alone(2);
    const absent = bench.memberOf(gone);
    await bench.close(gone);
    const one = bench.make(1);
    await bench.start(one, [bench.entry(1, bench.world.listen), absent]);
    equal(one.send(2, "nobody there"), false, "send() to a peer that never was there");
    const two = bench.make(2, { bootCount: 2 });
    await bench.start(two, [bench.memberOf(one), absent]);
    await bench.until("peerUp of the late peer", one, () => one.ups.length === 1);
    await bench.until("peerUp", two, () => two.ups.length === 1);
    equal(two.send(1, "here I am") && one.send(2, "welcome"), true, "send() once the peer is up");
    await bench.until("a frame", one, () => one.texts.includes("here I am"));
    await bench.until("a frame", two, () => two.texts.includes("welcome"));
  });

  add("a place that is taken is refused, and free again after close", async (bench) => {
    const one = await bench.alone(1);
    const members = [bench.memberOf(one)];
    const second = bench.make(1, { bootCount: 2 });
    await bench.scope.refused("start() at a place that is taken", second.start(members), "AddressInUse");
    const third = await bench.replace(one, members, { bootCount: 3 });
    equal(third.calls, 0, "handler calls at a node that is alone");
  });
}

function incarnationCases(add: AddCase): void {
  add("a peer that restarts goes down and comes up as a new incarnation", async (bench) => {
    const [one, two] = await bench.pair();
    const members = [bench.memberOf(one), bench.memberOf(two)];
    const next = await bench.replace(two, members, { bootCount: 2 });
    await bench.until("the second peerUp", one, () => one.ups.length === 2);
    await bench.until("peerUp", next, () => next.ups.length === 1);
    equal(one.downs, [2], "peerDown in between");
    equal(
      one.ups.map(({ bootCount }) => bootCount),
      [1, 2],
      "the incarnations",
    );
    equal(one.send(2, "welcome back") && next.send(1, "hello again"), true, "send() on the new link");
    await bench.until("a frame", one, () => one.frames.length === 1);
    await bench.until("a frame", next, () => next.frames.length === 1);
  });

  const old: [string, { bootCount: number; bootId?: string; storeId?: string }][] = [
    ["a lower boot count", { bootCount: 2 }],
    ["another store, however often it was opened", { bootCount: 4, storeId: "f".repeat(32) }],
    ["the same boot count with another boot id", { bootCount: 3, bootId: "f".repeat(32) }],
  ];
  for (const [what, incarnation] of old) {
    add(`an incarnation with ${what} is refused`, async (bench) => {
      const one = await bench.alone(1);
      const two = await bench.alone(2, { bootCount: 3 });
      await bench.introduce([one, two]);
      const members = [bench.memberOf(one), bench.memberOf(two)];
      await bench.close(two);
      await bench.until("peerDown", one, () => one.downs.length === 1);
      const stale = bench.make(2, incarnation);
      await bench.start(stale, members);
      await warned(bench, one);
      equal(
        one.send(2, "to the old one") || stale.send(1, "from the old one"),
        false,
        "send() to or from a stale incarnation",
      );
      const next = await bench.replace(stale, members, { bootCount: 4 });
      await bench.until("the second peerUp", one, () => one.ups.length === 2);
      await bench.until("peerUp", next, () => next.ups.length === 1);
      equal(
        one.ups.map(({ bootCount }) => bootCount),
        [3, 4],
        "the incarnations that were let in",
      );
      equal([one.texts, stale.calls], [[], 0], "what the stale incarnation brought about");
    });
  }

  add("a store that the address book names is let in, however often another was opened under its id", async (bench) => {
    const one = await bench.alone(1);
    const blank = await bench.alone(2, { storeId: "f".repeat(32), bootCount: 3 });
    await bench.introduce([one, blank]);
    const right = bench.make(2, { bootCount: 2 });
    const members = [bench.memberOf(one), { ...bench.memberOf(blank), storeId: right.self.storeId }];
    one.transport.setMembers(members);
    await bench.until("peerDown", one, () => one.downs.length === 1);
    equal(one.send(2, "to another disk"), false, "send() to another store than the one that is named");
    await bench.close(blank);
    await bench.start(right, members);
    await bench.until("the second peerUp", one, () => one.ups.length === 2);
    await bench.until("peerUp", right, () => right.ups.length === 1);
    equal(one.send(2, "welcome") && right.send(1, "thank you"), true, "send() on the new link");
    await bench.until("a frame", right, () => right.frames.length === 1);
    await bench.until("a frame", one, () => one.texts.includes("thank you"));
  });

  add("nodes of two clusters do not meet", async (bench) => {
    const one = await bench.alone(1);
    const stranger = await bench.alone(2, { clusterId: "cluster-b" });
    const members = [bench.memberOf(one), bench.memberOf(stranger)];
    for (const node of [one, stranger]) node.transport.setMembers(members);
    for (const node of [one, stranger]) await warned(bench, node);
    equal(one.send(2, "wrong cluster") || stranger.send(1, "wrong cluster"), false, "send() to another cluster");
    equal([one.calls, stranger.calls], [0, 0], "handler calls");
  });
}

function memberCases(add: AddCase): void {
  add("members come and go", async (bench) => {
    const [one, two] = await bench.pair();
    const three = await bench.alone(3);
    const all = [one, two, three].map((node) => bench.memberOf(node));
    for (const node of [one, two, three]) node.transport.setMembers(all);
    for (const node of [one, three]) await bench.until("peerUp of both peers", node, () => node.ups.length === 2);

    one.transport.setMembers(all.filter(({ id }) => id !== 2));
    equal(one.send(2, "you are out"), false, "send() to a peer that was taken out");
    equal(one.send(3, "you stay"), true, "send() to a peer that stayed");
    await bench.until("peerDown of the peer that was taken out", one, () => one.downs.length === 1);
    await bench.until("peerDown at the peer that was taken out", two, () => two.downs.includes(1));
    equal(two.send(1, "let me in"), false, "send() of a peer that was taken out");

    one.transport.setMembers(all);
    await bench.until("peerUp of the peer that came back", one, () => one.ups.length === 3);
    await bench.until("peerUp at the peer that came back", two, () => two.ups.length === 3);
    equal(one.send(2, "welcome"), true, "send() to the peer that came back");
    await bench.until("a frame", two, () => two.texts.includes("welcome"));
    await bench.until("a frame", three, () => three.frames.length > 0);
    equal(
      one.ups.map(({ nodeId }) => nodeId),
      [2, 3, 2],
      "peerUp",
    );
    equal([one.downs, three.downs], [[2], []], "peerDown");
    equal([three.texts, one.texts], [["you stay"], []], "what arrived");
  });

  add("setMembers with the same members changes nothing", async (bench) => {
    const [one, two] = await bench.pair();
    for (const node of [one, two]) node.transport.setMembers([bench.memberOf(one), bench.memberOf(two)]);
    equal(one.send(2, "still here"), true, "send()");
    await bench.until("a frame", two, () => two.texts.includes("still here"));
    equal([one.calls, two.calls], [1, 2], "handler calls: one peerUp each, and the frame");
  });
}

function closeCases(add: AddCase): void {
  add("close may be called twice, and nothing is heard after it", async (bench) => {
    const [one, two] = await bench.pair();
    const address = bench.memberOf(two);
    for (let i = 0; i < 100; i++) one.send(2, `frame ${i}`, "bulk");
    const { calls } = two;
    const closed = Promise.all([two.transport.close(), two.transport.close()]);
    await bench.scope.settled("close(), twice", closed);
    await bench.until("peerDown", one, () => one.downs.length === 1);
    await bench.close(two);
    // What was under way at close() has had its time once a later incarnation has been greeted.
    const next = await bench.replace(two, [bench.memberOf(one), address], { bootCount: 2 });
    await bench.until("peerUp of the next incarnation", one, () => one.ups.length === 2);
    await bench.until("peerUp", next, () => next.ups.length === 1);
    equal(one.send(2, "hello"), true, "send() to the next incarnation");
    await bench.until("a frame", next, () => next.frames.length === 1);
    equal(
      [two.calls, next.texts],
      [calls, ["hello"]],
      "handler calls since close(), and what the next incarnation got",
    );
    equal(two.send(1, "from beyond"), false, "send() after close()");
    two.transport.setMembers([]);
    await bench.scope.refused("start() after close()", two.start([]), "Closed");
  });

  add("a network without the closed one goes on", async (bench) => {
    const [one, two, three] = await bench.three();
    await bench.close(two);
    for (const node of [one, three]) await bench.until("peerDown", node, () => node.downs.includes(2));
    equal(one.send([2, 3], "to one left"), false, "send() to a closed peer and another");
    await bench.until("a frame", three, () => three.frames.length === 1);
    equal([one.downs, three.downs], [[2], [2]], "peerDown");
  });
}
