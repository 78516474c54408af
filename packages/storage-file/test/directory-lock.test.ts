import { spawn } from "node:child_process";
import { readdirSync, unlinkSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { fileStorage, nodeFileSystem } from "../src/index.js";
import { format } from "./support.js";

const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "synod-lock-"));
  made.push(directory);
  return directory;
}

/** Runs a program with the built package; settles with what it printed once it has ended by itself. */
async function program(directory: string, body: string): Promise<string> {
  const module = JSON.stringify(new URL("../dist/index.js", import.meta.url).href);
  const source = `import { nodeFileSystem } from ${module}; const directory = ${JSON.stringify(directory)}; ${body}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await new Promise((resolve) => child.once("close", resolve));
  return printed.trim();
}

/** Does something as soon as the next socket of this process listens. What the system is asked for in one go is several calls all the same. @returns undoes it */
async function onceListening(path: string, act: () => void): Promise<() => void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  type Handle = { fchmod: (this: Handle, mode: number) => number };
  const handles = Object.getPrototypeOf((server as Server & { readonly _handle: Handle })._handle) as Handle;
  await new Promise((resolve) => server.close(resolve));
  const { fchmod } = handles;
  const undo = (): void => {
    handles.fchmod = fchmod;
  };
  // The last of these calls.
  handles.fchmod = function (this: Handle, mode) {
    undo();
    const result = fchmod.call(this, mode);
    act();
    return result;
  };
  return undo;
}

describe("the lock of a directory", () => {
  test("goes to exactly one of many that ask at once in one process, and leaves no file", async () => {
    const directory = await temporary();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => nodeFileSystem().lock(directory)));
    const releases = asked.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(releases.length).toBe(1);
    await releases[0]?.();
    expect(await readdir(directory)).toEqual([]);
  });

  test("works where the path is longer than a socket's may be", async () => {
    const directory = join(await temporary(), "deep".repeat(30), "down".repeat(20));
    await mkdir(directory, { recursive: true });
    const release = await nodeFileSystem().lock(directory);
    const other =
      "await nodeFileSystem().lock(directory).catch((error) => console.log(error.code, error.details.pid));";
    expect(await program(directory, other)).toBe(`StoreLocked ${process.pid}`);
    await release();
    expect(await program(directory, "await (await nodeFileSystem().lock(directory))(); console.log('mine');")).toBe(
      "mine",
    );
    expect(await readdir(directory)).toEqual([]);
  });

  test("is never held by two, whoever comes and goes while one begins to listen", async () => {
    const directory = await temporary();
    let removed: string[] = [];
    // Somebody who looked when this one had its name and did not listen yet takes the name for what a killed process left, removes it, and goes again.
    const undo = await onceListening(join(await temporary(), "socket"), () => {
      removed = readdirSync(directory);
      for (const name of removed) unlinkSync(join(directory, name));
    });
    try {
      const release = await nodeFileSystem().lock(directory);
      expect(removed.length).toBe(1);
      const other = "await nodeFileSystem().lock(directory).catch((error) => console.log(error.code));";
      expect(await program(directory, other)).toBe("StoreLocked");
      await release();
      expect(await readdir(directory)).toEqual([]);
    } finally {
      undo();
    }
  });

  test("is given back also where its name cannot be removed, as on a disk that was made read-only", async () => {
    const directory = await temporary();
    const release = await nodeFileSystem().lock(directory);
    const [name = ""] = readdirSync(directory);
    unlinkSync(join(directory, name));
    // Not to be removed by what removes files.
    await mkdir(join(directory, name));
    await expect(release()).rejects.toThrow();
    await rm(join(directory, name), { recursive: true });
    await (await nodeFileSystem().lock(directory))();
    expect(await readdir(directory)).toEqual([]);
  });

  test("does not keep a process alive, and what that leaves is no obstacle", async () => {
    const directory = await temporary();
    expect(await program(directory, "await nodeFileSystem().lock(directory); console.log('held');")).toBe("held");
    await (await nodeFileSystem().lock(directory))();
    expect(await readdir(directory)).toEqual([]);
  });

  test("keeps a second storage out of the store, and a failed opening gives it back", async () => {
    const directory = await temporary();
    await expect(fileStorage({ directory }).open()).rejects.toMatchObject({ code: "NotFormatted" });
    const first = fileStorage({ directory });
    await first.open({ create: format });
    await expect(fileStorage({ directory }).open()).rejects.toMatchObject({
      code: "StoreLocked",
      details: { pid: process.pid },
    });
    await first.close();
    await expect(fileStorage({ directory }).open({ expect: { nodeId: 7 } })).rejects.toMatchObject({
      code: "StoreForeign",
    });
    const next = fileStorage({ directory });
    expect((await next.open()).identity.bootCount).toBe(2);
    await next.close();
  });
});
