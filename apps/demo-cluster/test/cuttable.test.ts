import type { Transport, TransportHandlers, TransportStart } from "@synod/interface";
import { expect, it } from "vitest";
import { cuttable } from "../src/cuttable.js";

function recorded() {
  const sent: unknown[] = [];
  let handlers: TransportHandlers | null = null;
  const inner: Transport = {
    start: (options) => {
      handlers = options.handlers;
      return Promise.resolve();
    },
    setMembers: () => undefined,
    send: (to, _frame, lane) => {
      sent.push([to, lane]);
      return false;
    },
    close: () => Promise.resolve(),
  };
  return { inner, sent, arrive: (from: number) => handlers?.frame(from, new Uint8Array()) };
}

it("drops frames in both directions, for as long as the link is cut", async () => {
  const { inner, sent, arrive } = recorded();
  const { transport, cut } = cuttable(inner);
  const received: number[] = [];
  const handlers: TransportHandlers = {
    frame: (from) => received.push(from),
    peerUp: () => undefined,
    peerDown: () => undefined,
  };
  await transport.start({ handlers } as TransportStart);
  const frame = new Uint8Array();

  cut([2]);
  expect(transport.send(2, frame, "control")).toBe(true);
  expect(transport.send([1, 2, 3], frame, "bulk")).toBe(false);
  arrive(2);
  arrive(3);
  expect(sent).toEqual([[[1, 3], "bulk"]]);
  expect(received).toEqual([3]);

  cut([]);
  transport.send([1, 2], frame, "control");
  arrive(2);
  expect(sent.at(-1)).toEqual([[1, 2], "control"]);
  expect(received).toEqual([3, 2]);
});
