import { messageCodec } from "@synod/codec-msgpack";
import type { Message } from "@synod/multipaxos";
import { expect, test } from "vitest";
import { Traffic, type TrafficParts } from "../src/traffic.js";

test("words about states, of which a node that catches up sends hundreds, are counted apart", () => {
  const nothing = (): void => undefined;
  const parts = {
    oracle: { onSend: nothing },
    judge: { check: nothing, sometimes: nothing },
    timeline: { nowMs: 0 },
    hash: { add: nothing, addBytes: nothing },
    trace: nothing,
  };
  const traffic = new Traffic(parts as unknown as TrafficParts);
  const codec = traffic.watchCodec(messageCodec());
  const supports = { wire: 1, log: 1, machine: 1 };
  const ballot = { round: 1, node: 1 };
  const messages: Message[] = [
    { kind: "stateDigest", slot: 8, chainHash: "0123456789abcdef", digest: null },
    { kind: "commit", ballot, chosenUpTo: 8 },
  ];
  for (const message of messages) {
    const frame = codec.encode({ version: 1, clusterId: "c", from: 1, bootId: "b", epoch: 1, supports, message });
    for (const peer of [2, 3]) traffic.sent(1, peer, frame, 1);
  }
  expect([traffic.framesSent, traffic.digestsSent]).toEqual([4, 2]);
});
