import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Recovered, type Storage, SynodError } from "@synod/interface";
import { afterEach, describe, expect, it } from "vitest";
import { fileStorage, nodeFileSystem } from "../src/index.js";
import { ForgetfulDisk } from "./forgetful-disk.js";

const DIRECTORY = "/disk/store";
const founders = { epoch: 1, members: [{ id: 1 }], alpha: 8, quorum: { kind: "majority" } } as const;
const create = { clusterId: "c", nodeId: 1, founders };
const open = (disk: ForgetfulDisk): Storage =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.fileSystem(), segmentBytes: 1024 });
const write = (slot: number): Parameters<Storage["write"]>[0] => ({
  promised: { round: 1, node: 1 },
  votes: [{ slot, ballot: { round: 1, node: 1 }, value: new Uint8Array(60).fill(slot) }],
  chosen: [],
});
const slots = ({ votes }: Recovered): number[] => votes.map(({ slot }) => slot);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const code = (error: unknown): string => (error instanceof SynodError ? error.code : `no SynodError: ${String(error)}`);

/** A store after some writes and a process that ended without a word. */
async function written(count: number): Promise<ForgetfulDisk> {
  const disk = new ForgetfulDisk();
  const storage = open(disk);
  await storage.open({ create });
  for (let slot = 1; slot <= count; slot++) await storage.write(write(slot));
  await storage.close();
  return disk;
}

async function reopened(disk: ForgetfulDisk): Promise<Recovered | string> {
  const storage = open(disk);
  try {
    return await storage.open();
  } catch (error) {
    return code(error);
  } finally {
    await storage.close();
  }
}

const segments = (disk: ForgetfulDisk): string[] => disk.files().filter((name) => /\.log$|segment|wal/.test(name));

describe("damage", () => {
  it("recovers a prefix or refuses at every truncation of the last segment, and never invents anything", async () => {
    const disk = await written(3);
    const last = segments(disk).at(-1) ?? "";
    const whole = disk.content(last);
    const outcomes = new Set<string>();
    for (let length = 0; length < whole.length; length++) {
      const copy = disk.clone();
      copy.damage(last, whole.slice(0, length));
      const result = await reopened(copy);
      if (typeof result === "string") {
        expect(result).toBe("StoreDamaged");
        outcomes.add(result);
      } else {
        expect(slots(result)).toEqual(upTo(result.votes.length));
        outcomes.add(String(result.votes.length));
      }
    }
    expect([...outcomes]).toContain("3");
    expect([...outcomes]).toContain("2");
  });

  it("detects every flipped bit but in the last batch, which cannot be told from a torn write", async () => {
    const disk = await written(6);
    const [first, ...others] = segments(disk);
    expect(others.length, "the test needs two segments").toBeGreaterThan(0);
    for (const name of segments(disk)) {
      const whole = disk.content(name);
      const used = lastUsed(whole);
      for (let at = 0; at < used; at += 1) {
        const copy = disk.clone();
        const damaged = whole.slice();
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
        copy.damage(name, damaged);
        const result = await reopened(copy);
        if (name === first) expect(result, `byte ${at} of ${name}`).toHaveProperty("damage");
        if (typeof result === "string") continue;
        const bound = result.damage?.upTo ?? 0;
        const missing = upTo(6).filter((slot) => !slots(result).includes(slot));
        expect(
          missing.filter((slot) => slot > bound && slot < 6),
          `byte ${at} of ${name}`,
        ).toEqual([]);
      }
    }
  });

  it("names file, offset and remedy", async () => {
    const disk = await written(6);
    const [first] = segments(disk);
    const damaged = disk.content(first ?? "").slice();
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    disk.damage(first ?? "", damaged);
    const found = await reopened(disk);
    expect(found).toMatchObject({ damage: { places: [{ file: first, offset: 0 }] } });
    for (const name of segments(disk)) disk.remove(name);
    const error: unknown = await open(disk)
      .open()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "StoreDamaged", details: { file: first } });
    expect((error as Error).message).toMatch(/replace|remove/i);
  });

  it("refuses a store without its log, and one whose first segment is gone", async () => {
    const disk = await written(6);
    const [first] = segments(disk);
    const holed = disk.clone();
    holed.remove(first ?? "");
    expect(await reopened(holed)).toBe("StoreDamaged");
    for (const name of segments(disk)) disk.remove(name);
    expect(await reopened(disk)).toBe("StoreDamaged");
  });

  it("belongs to one node of one cluster", async () => {
    const disk = await written(1);
    for (const expected of [{ clusterId: "other" }, { nodeId: 2 }]) {
      const storage = open(disk);
      expect(await storage.open({ expect: expected }).catch(code)).toBe("StoreForeign");
      await storage.close();
    }
    expect(await open(disk).open({ create }).catch(code)).toBe("AlreadyFormatted");
  });
});

/** End of what is not zero. */
function lastUsed(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

describe("the lock on real directories", () => {
  const directories: string[] = [];
  afterEach(async () => {
    for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
  });
  const temporary = async (): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), "synod-lock-"));
    directories.push(directory);
    return directory;
  };

  it("keeps a second one out, in the same process too, and lets it in after the release", async () => {
    const directory = await temporary();
    const release = await nodeFileSystem().lock(directory);
    expect(await nodeFileSystem().lock(directory).catch(code)).toBe("StoreLocked");
    await release();
    await (await nodeFileSystem().lock(directory))();
  });

  it("holds while another process lives, paused too, and is no obstacle once that was killed", {
    timeout: 30_000,
  }, async () => {
    const directory = await temporary();
    const source = new URL("../dist/index.js", import.meta.url).href;
    const program = `import { nodeFileSystem } from ${JSON.stringify(source)};
      await nodeFileSystem().lock(${JSON.stringify(directory)}); console.log("locked"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", () => reject(new Error("the child ended")));
    });
    expect(await nodeFileSystem().lock(directory).catch(code)).toBe("StoreLocked");
    child.kill("SIGSTOP");
    expect(await nodeFileSystem().lock(directory).catch(code)).toBe("StoreLocked");
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    await (await nodeFileSystem().lock(directory))();
    expect(await readdir(directory)).toEqual(expect.any(Array));
  });

  it("keeps what was written in real files", async () => {
    const directory = join(await temporary(), "store");
    const storage = fileStorage({ directory, segmentBytes: 4096 });
    await storage.open({ create });
    for (let slot = 1; slot <= 200; slot++) await storage.write(write(slot % 250));
    await storage.close();
    const again = fileStorage({ directory });
    const recovered = await again.open({ expect: { clusterId: "c", nodeId: 1 } });
    expect(slots(recovered)).toEqual(upTo(200));
    expect(recovered.identity.bootCount).toBe(2);
    await again.close();
    await again.close();
    expect(await again.write(write(1)).catch(code)).toBe("Closed");
  });
});
