import type { Lane } from "@synod/interface";
import { check, equal, show } from "./assert.js";
import type { AddCase } from "./transport-bench.js";

const lanes: readonly Lane[] = ["control", "bulk"];
const FRAME_BYTES = 10_000;

/** What `send` refuses: always with false, never with a throw. */
export function limitCases(add: AddCase): void {
  refusalCases(add);
  queueCases(add);
}

function refusalCases(add: AddCase): void {
  add("an unknown peer, and the node itself, are never reached; the others of a broadcast are", async (bench) => {
    const [one, two] = await bench.pair();
    equal(one.send(9, "to nobody"), false, "send() to an unknown peer");
    equal(one.send(1, "to myself"), false, "send() to the node itself");
    equal(one.send([9, 2], "half"), false, "send() to a known and an unknown peer");
    equal(one.send([], "to none"), true, "send() to no peer at all");
    await bench.until("a frame", two, () => two.frames.length === 1);
    equal([two.texts, one.texts], [["half"], []], "what arrived");
  });

  add("nothing is taken before the start, or for a peer that is not there", async (bench) => {
    equal(bench.make(7).send(2, "early"), false, "send() before start()");
    const [one, two] = await bench.pair();
    await bench.close(two);
    await bench.until("peerDown", one, () => one.downs.length === 1);
    equal(one.downs, [2], "the peer that is down");
    equal(one.send(2, "late"), false, "send() to a peer that is down");
  });

  add("send never throws, whoever it is for", async (bench) => {
    const [one] = await bench.pair();
    for (const to of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      let result: unknown;
      try {
        result = [one.send(to, "nobody"), one.send([to], "nobody", "bulk")];
      } catch (error) {
        throw new Error(`send() to ${to} has to return false, but threw ${show(error)}`, { cause: error });
      }
      equal(result, [false, false], `send() to ${to}`);
    }
  });
}

function queueCases(add: AddCase): void {
  for (const lane of lanes) {
    add(`a frame that is too long is dropped from the ${lane} lane`, async (bench) => {
      const [one, two] = await bench.pair();
      const tooLong = new Uint8Array(bench.world.tooLongBytes);
      equal(one.transport.send(2, tooLong, lane), false, `send() of ${tooLong.length} bytes`);
      equal(one.send(2, "short", lane), true, "send() of a short frame behind it");
      await bench.until("a frame", two, () => two.frames.length > 0);
      equal(two.texts, ["short"], "what arrived");
    });

    add(`the queue of the ${lane} lane has a limit, and takes more once it drained`, async (bench) => {
      const [one, two] = await bench.pair();
      const { queueBytesMax } = bench.world;
      const frame = new Uint8Array(FRAME_BYTES);
      let taken = 0;
      // All in one turn, so nothing can drain.
      while (taken * FRAME_BYTES <= queueBytesMax && one.transport.send(2, frame, lane)) taken++;
      check(taken > 0, "an empty queue takes a frame");
      const bytes = taken * FRAME_BYTES;
      check(bytes <= queueBytesMax, `the queue has a limit: ${bytes} bytes were taken, not more than ${queueBytesMax}`);
      equal(one.transport.send(2, frame, lane), false, "send() into a full queue");
      await bench.until("all frames that were taken", two, () => two.frames.length === taken);
      // The receiver may have a frame before the sender knows that it left.
      await bench.scope.until("a drained queue takes a frame", () => one.transport.send(2, frame, lane));
      await bench.until("the frame after them", two, () => two.frames.length === taken + 1);
    });
  }

  add("empty frames do not pile up without bound", async (bench) => {
    const [one] = await bench.pair();
    const [{ queueBytesMax }, empty] = [bench.world, new Uint8Array(0)];
    let taken = 0;
    while (taken <= queueBytesMax && one.transport.send(2, empty, "bulk")) taken++;
    check(taken <= queueBytesMax, `the limit counts more than bytes of content: ${taken} empty frames were taken`);
  });

  add("a full queue is full for that peer alone", async (bench) => {
    const [one, , three] = await bench.three();
    const frame = new Uint8Array(FRAME_BYTES);
    for (let bytes = 0; bytes <= bench.world.queueBytesMax && one.transport.send(2, frame, "control"); )
      bytes += FRAME_BYTES;
    equal(one.transport.send(3, frame, "control"), true, "send() to a peer whose queue is empty");
    equal(one.transport.send([2, 3], frame, "control"), false, "send() to both");
    await bench.until("both frames", three, () => three.frames.length === 2);
  });

  add("control frames overtake a full bulk lane", async (bench) => {
    const [one, two] = await bench.pair();
    const frame = new Uint8Array(FRAME_BYTES);
    let taken = 0;
    while (taken * FRAME_BYTES <= bench.world.queueBytesMax && one.transport.send(2, frame, "bulk")) taken++;
    equal(one.send(2, "vote", "control"), true, "send() in the control lane while the bulk lane is full");
    await bench.until("all frames", two, () => two.frames.length === taken + 1);
    const place = two.texts.indexOf("vote");
    check(
      place < taken,
      `the control frame comes before the last bulk frame, not as number ${place + 1} of ${taken + 1}`,
    );
  });
}
