import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Storage } from "@synod/interface";
import { fileStorage } from "@synod/storage-file";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ELECTION_TIMEOUT_MS, World } from "./world.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "synod-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Node 3 has its store in real files. The others are in virtual time altogether, so that they elect a leader on any machine. */
async function cluster(directory: () => string): Promise<World> {
  const world: World = new World(3, {
    storage: (id): Storage => (id === 3 ? fileStorage({ directory: directory() }) : world.disk(id).storage()),
  });
  for (const id of world.ids) await world.boot(id, true);
  await world.leader();
  return world;
}

/** Every frame that a node sends from now on. */
function sendsOf(world: World, id: number): string[] {
  const kinds: string[] = [];
  world.loses = (from, _to, { kind }) => {
    if (from === id) kinds.push(kind);
    return false;
  };
  return kinds;
}

test("SYS-53: a member whose directory was emptied does not come back under its old id", async () => {
  const world = await cluster(() => join(folder, "3"));
  await world.settle(world.put(1, "key", "value"), 100_000);
  await world.stop(3);
  rmSync(join(folder, "3"), { recursive: true });

  const sent = sendsOf(world, 3);
  await expect(world.boot(3)).rejects.toMatchObject({ code: "NotFormatted" });
  await world.clock.run(4 * ELECTION_TIMEOUT_MS);
  expect(sent).toEqual([]);
  // The others go on, and the refusal has formatted nothing: it is refused again.
  expect(await world.settle(world.append(1, "key", "!"), 100_000)).toBe("value!");
  await expect(world.boot(3)).rejects.toMatchObject({ code: "NotFormatted" });
  expect(sent).toEqual([]);
  await world.close();
});

test("SYS-53: a member that finds the directory of another one does not vote with it", async () => {
  let directory = join(folder, "3");
  const world = await cluster(() => directory);
  await world.settle(world.put(1, "key", "value"), 100_000);
  await world.stop(3);
  directory = join(folder, "2");
  const other = fileStorage({ directory });
  await other.open({ create: { clusterId: "test", nodeId: 2, founders: world.node(2).status().configuration } });
  await other.close();
  const sent = sendsOf(world, 3);
  await expect(world.boot(3)).rejects.toMatchObject({ code: "StoreForeign" });
  await world.clock.run(4 * ELECTION_TIMEOUT_MS);
  expect(sent).toEqual([]);
  // With its own directory it is welcome.
  directory = join(folder, "3");
  await world.boot(3);
  expect(await world.settle(world.append(3, "key", "!"), 100_000)).toBe("value!");
  await world.close();
});
