import type { Lane } from "@synod/interface";
import { bytes, check, equal, sameBytes, text } from "./assert.js";
import { later } from "./suite.js";
import type { TestNode } from "./test-node.js";
import type { AddCase } from "./transport-bench.js";

const lanes: readonly Lane[] = ["control", "bulk"];

/** Frames, whole, in order, each owned once; handlers. */
export function deliveryCases(add: AddCase): void {
  frameCases(add);
  ownershipCases(add);
  handlerCases(add);
}

function frameCases(add: AddCase): void {
  add("both sides are told who the other one is", async (bench) => {
    const [one, two] = await bench.pair();
    equal([one.ups, two.ups], [[two.self], [one.self]], "the incarnations that peerUp was called with");
    equal([one.downs, two.downs], [[], []], "peerDown on a healthy link");
  });

  for (const lane of lanes) {
    add(`frames of all lengths arrive unchanged in the ${lane} lane`, async (bench) => {
      const [one, two] = await bench.pair();
      const longest = Math.floor(Math.min(bench.world.queueBytesMax / 4, bench.world.tooLongBytes) * 0.9);
      for (const length of [0, 1, 100, 65_535, 65_536, longest]) {
        const frame = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255);
        const seen = two.frames.length;
        equal(one.transport.send(2, frame, lane), true, `send() of ${length} bytes`);
        await bench.until(`a frame of ${length} bytes`, two, () => two.frames.length > seen);
        equal(two.frames[seen]?.from, 1, "the sender that frame() was called with");
        check(sameBytes(two.frames[seen]?.frame ?? bytes("nothing"), frame), `${length} bytes arrive unchanged`);
      }
    });
  }

  add("each lane keeps its order on a healthy link", async (bench) => {
    const [one, two] = await bench.pair();
    const sent = Array.from({ length: 500 }, (_, i) => i);
    for (const i of sent) {
      equal(one.send(2, `c${i}`, "control"), true, "send() in the control lane");
      equal(one.send(2, `b${i}`, "bulk"), true, "send() in the bulk lane");
    }
    await bench.until("1,000 frames", two, () => two.frames.length === 1000);
    const { texts } = two;
    const inLane = (mark: string): string[] => texts.filter((content) => content.startsWith(mark));
    check(
      inLane("c").every((content, i) => content === `c${i}`),
      "the control lane keeps its order",
    );
    check(
      inLane("b").every((content, i) => content === `b${i}`),
      "the bulk lane keeps its order",
    );
  });

  add("both directions carry frames at the same time", async (bench) => {
    const [one, two, three] = await bench.three();
    const nodes = [one, two, three];
    for (let i = 0; i < 50; i++) {
      for (const node of nodes) for (const peer of nodes) if (peer !== node) node.send(peer.id, `${node.id}:${i}`);
    }
    for (const node of nodes)
      await bench.until(`100 frames at node ${node.id}`, node, () => node.frames.length === 100);
    for (const node of nodes) {
      const right = node.frames.every(({ from, frame }) => from !== node.id && text(frame).startsWith(`${from}:`));
      check(right, "each frame comes with the id of its sender");
    }
  });
}

function ownershipCases(add: AddCase): void {
  add("a frame for several peers reaches each of them, and each owns what it got", async (bench) => {
    const [one, two, three] = await bench.three();
    const frame = bytes("for all");
    const scribble = (node: TestNode) => () => node.frames.at(-1)?.frame.reverse();
    two.onEvent = scribble(two);
    three.onEvent = scribble(three);
    equal(one.transport.send([2, 3], frame, "control"), true, "send() to two peers");
    for (const node of [two, three]) await bench.until("the frame", node, () => node.frames.length === 1);
    equal(text(frame), "for all", "the sender's frame after a receiver changed its own");
    equal(
      [...two.texts, ...three.texts],
      ["lla rof", "lla rof"],
      "the frame of each receiver after each changed its own",
    );
  });

  add("a frame that is kept keeps no more than as much memory again", async (bench) => {
    const [one, two] = await bench.pair();
    const lengths = [1, 7, 29, 700, 4_096, 60_000];
    for (const length of lengths) {
      const before = two.frames.length;
      equal(one.send(2, "x".repeat(length), "bulk"), true, "send()");
      await bench.until("the frame", two, () => two.frames.length > before);
      const memory = two.frames.at(-1)?.frame.buffer.byteLength ?? 0;
      check(memory <= 2 * length, `a frame of ${length} bytes keeps ${memory} bytes: at most twice its own`);
    }
  });

  add("received frames stay as they were while others come", async (bench) => {
    const [one, two] = await bench.pair();
    const contents = Array.from({ length: 300 }, (_, i) => `${i}`.repeat(1 + (i % 40)));
    const scribbled: Uint8Array[] = [];
    two.onEvent = (name) => {
      const last = two.frames.at(-1);
      // Every third receiver's copy is spoiled: that may not show anywhere else.
      if (name === "frame" && last !== undefined && two.frames.length % 3 === 0) scribbled.push(last.frame.fill(0));
    };
    for (const [i, content] of contents.entries()) {
      equal(one.send(2, content, i % 2 === 0 ? "control" : "bulk"), true, "send()");
    }
    await bench.until("300 frames", two, () => two.frames.length === contents.length);
    const kept = two.frames.filter(({ frame }) => !scribbled.includes(frame)).map(({ frame }) => text(frame));
    const wanted = new Set(contents);
    check(
      kept.every((content) => wanted.has(content)),
      "no frame changes after it was handed over",
    );
    equal(kept.length, 200, "frames that were left alone");
  });

  add("send leaves the frame as it is", async (bench) => {
    const [one, two] = await bench.pair();
    const whole = bytes("..inner part..");
    const frame = whole.subarray(2, 12);
    equal(one.transport.send(2, frame, "control"), true, "send() of a view");
    await bench.until("the frame", two, () => two.frames.length === 1);
    equal([text(whole), two.texts], ["..inner part..", ["inner part"]], "the sender's memory, and what arrived");
  });
}

function handlerCases(add: AddCase): void {
  add("no handler runs inside of send", async (bench) => {
    const [one, two] = await bench.pair();
    one.send(2, "ping");
    equal(two.frames, [], "frames received before send() returned");
    two.onEvent = () => two.send(1, "pong");
    await bench.until("the answer", one, () => one.texts.includes("pong"));
  });

  add("handlers that throw lose that call and no more", async (bench) => {
    const [one, two] = [await bench.alone(1), await bench.alone(2)];
    two.onEvent = (name) => {
      throw new Error(`${name} went wrong`);
    };
    await bench.introduce([one, two]);
    for (const content of ["a", "b", "c"]) equal(one.send(2, content), true, "send() to a node whose handlers throw");
    await bench.until("three frames", two, () => two.frames.length === 3);
    equal(two.texts, ["a", "b", "c"], "the frames");
    check(
      two.log.some(({ level }) => level === "error"),
      "a handler that throws is logged as an error",
    );
    equal(one.downs, [], "peerDown because of a handler that throws");
    await bench.close(one);
    await bench.until("peerDown", two, () => two.downs.length === 1);
  });

  add("a handler may send, change members and close", async (bench) => {
    const [one, two] = await bench.pair();
    const members = [bench.memberOf(one), bench.memberOf(two)];
    let closed: Promise<void> | undefined;
    two.onEvent = () => {
      two.send(1, "answer");
      two.transport.setMembers(members);
      if (two.frames.length === 2) closed ??= later(two.transport.close());
    };
    for (const content of ["a", "b", "c", "d"]) one.send(2, content);
    await bench.until("peerDown", one, () => one.downs.length === 1);
    await bench.scope.settled("close() out of a handler", closed);
    equal(two.texts, ["a", "b"], "the frames up to close()");
  });
}
