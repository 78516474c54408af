import { expect, it } from "vitest";
import { World } from "./world.js";

it("a session closes itself where it is disposed of", async () => {
  const world = await World.of(1);
  const node = world.node(1);
  await world.settle(node.propose({ add: 1 }));
  const { sessions } = node.status();
  const used = async (): Promise<number> => {
    await using session = await node.openSession();
    await node.propose({ add: 1 }, { session: session.ticket() });
    return node.status().sessions;
  };
  expect(await world.settle(used())).toBe(sessions + 1);
  expect(node.status().sessions).toBe(sessions);
  const other = await world.settle(node.encoded.openSession());
  expect(node.status().sessions).toBe(sessions + 1);
  await world.settle(other.close());
  expect(node.status().sessions).toBe(sessions);
  await world.close();
});
