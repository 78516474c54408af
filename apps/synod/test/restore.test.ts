// What happens to a directory while a backup is restored into it. Needs the build, as `npm test` makes it.
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { nodeFileSystem } from "@synod/storage-file";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type * as Backup from "../src/backup.js";
import { restoreBackup } from "../src/restore.js";
import { holderOf, isComplete, readStore } from "../src/store.js";
import { endAll, run, temporary } from "./cli.js";
import { makeCluster } from "./cluster.js";

const place = temporary();
const backup = join(place.path, "old.backup");
afterEach(async () => {
  hook.whenRead = async () => {};
  await endAll();
});
afterAll(() => place.remove());

/** Done when a backup has been read, before anything else is. */
const hook = vi.hoisted(() => ({ whenRead: async (): Promise<void> => {} }));
vi.mock("../src/backup.js", async (importOriginal) => {
  const original = await importOriginal<typeof Backup>();
  return {
    ...original,
    readBackup: async function* (path: string): AsyncGenerator<Uint8Array> {
      yield* original.readBackup(path);
      await hook.whenRead();
    },
  };
});

const slow = { timeout: 300_000 };

beforeAll(async () => {
  const old = await makeCluster(place.path, "old", { ids: [1] });
  await old.start(1);
  await old.json(["put", "a", "A"]);
  await old.json(["snapshot", "save", backup]);
  await old.end(1, "SIGTERM");
}, 60_000);

const members = [{ id: 41, address: "127.0.0.1:1" }];
const restore = (directory: string): ReturnType<typeof restoreBackup> =>
  restoreBackup({
    path: backup,
    directory,
    cluster: "new",
    id: 41,
    founders: { epoch: 1, members, alpha: 1024, quorum: { kind: "majority" } },
    skipRevisions: 1_000_000,
  });
const init = (directory: string): ReturnType<typeof run> =>
  run(["init", "--cluster", "new", "--id", "41", "--members", "41=127.0.0.1:1", "--data-dir", directory, "--json"]);

describe("while a backup is restored", slow, () => {
  it("a store that is made there meanwhile is left as it is", async () => {
    const directory = join(place.path, "made-meanwhile");
    let storeId = "";
    hook.whenRead = async () => {
      const { code, out } = await init(directory);
      expect(code).toBe(0);
      ({ storeId } = JSON.parse(out) as { storeId: string });
    };
    await expect(restore(directory)).rejects.toMatchObject({ code: "AlreadyFormatted" });
    const { storage, recovered } = await readStore(directory);
    await storage.close();
    expect(recovered.identity.storeId).toBe(storeId);
    expect(readdirSync(directory)).not.toContain("restoring");
  });

  it("nobody else uses the directory", async () => {
    const directory = join(place.path, "in-use");
    mkdirSync(directory);
    const release = await nodeFileSystem().lock(directory);
    await expect(restore(directory)).rejects.toMatchObject({ code: "StoreLocked" });
    await release();
    await restore(directory);
    expect(await isComplete(directory)).toBe(true);
  });

  it("it is complete with its identity, also where the end of the program leaves an empty directory", async () => {
    const directory = join(place.path, "left");
    await restore(directory);
    mkdirSync(join(directory, "restoring"));
    expect(await isComplete(directory)).toBe(true);
    // Whoever restores has it until all is done.
    const release = await nodeFileSystem().lock(directory);
    expect(await isComplete(directory)).toBe(false);
    await release();
  });
});

it("who has a directory open is seen where its path is longer than that of a socket may be", async () => {
  const directory = join(place.path, "deep".repeat(30), "down".repeat(20));
  mkdirSync(directory, { recursive: true });
  expect(await holderOf(directory)).toBeNull();
  const release = await nodeFileSystem().lock(directory);
  expect(await holderOf(directory)).toBe(process.pid);
  await release();
  expect(await holderOf(directory)).toBeNull();
});
