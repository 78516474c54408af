import { SynodError } from "@synod/interface";
import { afterEach, expect, test } from "vitest";
import { World } from "./support.js";

let world: World;
afterEach(() => world.close());

const withoutText = Object.defineProperty(new Error(), "message", {
  get: () => {
    throw new Error("nobody may read it");
  },
});

test.each([
  ["nothing", undefined],
  ["a symbol", Symbol("why")],
  ["an object without a text", Object.create(null)],
  ["an error whose text throws", withoutText],
  ["an error with a text longer than any frame", new Error("why".repeat(4_000_000))],
  ["an error with a code that there is none", new SynodError("Nonsense" as "NoLeader", "why")],
])("a state machine that throws %s has refused that query, and the node goes on", async (_, thrown) => {
  world = await World.of(1);
  const client = await world.connect();
  const { machine, node } = world.member(1);
  machine.query = () => {
    throw thrown;
  };
  await expect(client.read({ op: "get", key: "a" }, { timeoutMs: 500 })).rejects.toThrow();
  expect(node.status().state).toBe("running");
  expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
});
