import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataDirectory } from "../src/data-directory.js";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "synod-test-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const refusal = (text: RegExp) => expect.objectContaining({ exitCode: 2, message: expect.stringMatching(text) });

describe("the data directory", () => {
  it("goes on with what an earlier run founded", async () => {
    const path = join(root, "a", "b");
    const first = await DataDirectory.open(path, 3);
    expect(first.founded).toBe(false);
    expect(first.replicas).toEqual([]);
    const replicas = [{ id: 1, address: "127.0.0.1:15001", founder: true, removed: false }];
    await first.saveReplicas(replicas);
    await first.markFounded();
    const again = await DataDirectory.open(path, 3);
    expect(again.founded).toBe(true);
    expect(again.clusterId).toBe(first.clusterId);
    expect(again.replicas).toEqual(replicas);
    expect(again.storeOf(2)).toBe(join(path, "replica-2"));
    again.remove();
    expect(existsSync(path)).toBe(true);
  });

  it("refuses another number of replicas", async () => {
    await DataDirectory.open(root, 3);
    await expect(DataDirectory.open(root, 5)).rejects.toThrow(
      refusal(/holds a cluster of 3: start it with --nodes 3, not 5/),
    );
  });

  it.each([
    "",
    "{",
    "null",
    '{"format":2}',
    '{"format":1,"clusterId":"x","nodes":3,"founded":true}',
    '{"format":2,"clusterId":"x","nodes":3,"founded":true,"replicas":[{"id":1}]}',
  ])("refuses %j as its description and leaves it as it is", async (text) => {
    await writeFile(join(root, "cluster.json"), text);
    await expect(DataDirectory.open(root, 3)).rejects.toThrow(refusal(/is not a description of a demo cluster/));
    expect(await readFile(join(root, "cluster.json"), "utf8")).toBe(text);
  });

  it("refuses what is no directory", async () => {
    await writeFile(join(root, "file"), "");
    await expect(DataDirectory.open(join(root, "file", "below"), 3)).rejects.toThrow(
      refusal(/cannot be used \(ENOTDIR\)/),
    );
    await expect(DataDirectory.open(join(root, "file"), 3)).rejects.toThrow(refusal(/cannot be used/));
  });

  it("removes a temporary one", async () => {
    const temporary = await DataDirectory.open(null, 3);
    expect(existsSync(temporary.path)).toBe(true);
    temporary.remove();
    expect(existsSync(temporary.path)).toBe(false);
  });
});
