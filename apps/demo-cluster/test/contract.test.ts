import { msgpackCodec } from "@synod/codec-msgpack";
import { codecSuite, stateMachineSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { type KvCommand, kvCodec, kvMachine } from "../src/kv.js";

const keys = ["a", "b", "c", "d", "é"];
const commands = Array.from({ length: 100 }, (_, i): KvCommand => {
  const key = keys[(i * 3) % keys.length] ?? "a";
  switch (i % 7) {
    case 0:
    case 1:
      return { op: "put", key, value: `${i}` };
    case 2:
      return { op: "cas", key, from: null, to: "first" };
    case 3:
      return { op: "cas", key, from: `${i - 2}`, to: "swapped" };
    case 4:
      return { op: "delete", key };
    default:
      return { op: "incr", key };
  }
});

describe("contract of StateMachine: the store of the demo", () => {
  stateMachineSuite({ test, create: kvMachine, commands, queries: [{ keys }, { keys: ["none"] }] });
});

describe("contract of Codec: commands of the demo", () => {
  codecSuite({ test, create: () => kvCodec(msgpackCodec<unknown>()), samples: commands.slice(0, 14) });
});
