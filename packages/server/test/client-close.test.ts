// What waits for room at a server when its client is closed.
import { afterEach, expect, test } from "vitest";
import { World } from "./support.js";

let world: World;
afterEach(() => world.close());

test("a client that is closed sends nothing any more, however much room the call before leaves", async () => {
  world = await World.of(1, { serve: { limits: { requestBytesMax: 3_000 } } });
  const client = await world.connect();
  await client.propose({ op: "add", key: "a", by: 1 });
  // The first one is sent; the second one finds no room, and holds up the third.
  const calls = [2_500, 2_000, 10].map((length) => client.propose({ op: "add", key: "k".repeat(length), by: 1 }));
  const codes = Promise.allSettled(calls);
  await client.close();
  expect(await codes).toMatchObject([
    { status: "rejected", reason: { code: "OutcomeUnknown" } },
    { status: "rejected", reason: { code: "NotProposed" } },
    { status: "rejected", reason: { code: "NotProposed" } },
  ]);
});
