import type { Configuration, Fields } from "@synod/interface";
import { expect, test } from "vitest";
import { Outlook } from "../src/outlook.js";
import { World } from "./world.js";

const configuration: Configuration = {
  epoch: 1,
  alpha: 16,
  quorum: { kind: "majority" },
  members: [{ id: 1 }, { id: 2, address: "b:1" }, { id: 3, address: "c:1" }],
};

function outlook() {
  const lines: Fields[] = [];
  const now = { content: false, leader: null, heard: [2] };
  const nothing = (): void => {};
  const it = new Outlook({
    self: 1,
    status: () => now,
    configuration: () => configuration,
    peers: { isConnected: (id) => id === 2, refusalOf: (id) => (id === 3 ? "it belongs to cluster other" : null) },
    logger: { debug: nothing, info: nothing, error: nothing, warn: (_text, fields = {}) => void lines.push(fields) },
  });
  return { it, now, lines };
}

test("after some seconds without a leader it says whom this node hears, and why it does not reach the others", () => {
  const { it, lines } = outlook();
  for (let ms = 0; ms <= 4_900; ms += 100) it.look(ms);
  expect(lines).toEqual([]);
  it.look(5_000);
  expect(lines).toEqual([
    { sight: "no leader: 2 of 3 members heard, 2 are needed", unreached: ["3 at c:1: it belongs to cluster other"] },
  ]);
});

test("it says so again after a minute, and begins anew when there was a leader", () => {
  const { it, now, lines } = outlook();
  for (let ms = 0; ms <= 64_900; ms += 100) it.look(ms);
  expect(lines).toHaveLength(1);
  it.look(65_000);
  expect(lines).toHaveLength(2);
  now.content = true;
  it.look(66_000);
  now.content = false;
  for (let ms = 66_100; ms <= 71_000; ms += 100) it.look(ms);
  expect(lines).toHaveLength(2);
  it.look(71_100);
  expect(lines).toHaveLength(3);
});

test("a node that is cut off says so, and the others, which lead and follow, do not", async () => {
  const lines: [id: number, text: string][] = [];
  const world = await World.of(3);
  const leader = await world.leader();
  const cut = world.ids.find((id) => id !== leader) ?? 0;
  const nothing = (): void => {};
  for (const id of world.ids) {
    await world.node(id).close({ transferTimeoutMs: 0 });
    await world.boot(id, false, {
      logger: { debug: nothing, info: nothing, error: nothing, warn: (text) => void lines.push([id, text]) },
    });
  }
  await world.leader();
  lines.length = 0;
  world.net.isolate(cut);
  await world.clock.run(8_000);
  const said = lines.filter(([, text]) => text.startsWith("no working leader"));
  expect(said).toEqual([[cut, "no working leader is in sight: nothing is decided here"]]);
  await world.close();
});
