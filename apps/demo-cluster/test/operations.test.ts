// An operator's commands on real replica processes, as typed. Needs the build, as `npm test` makes it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataDirectory } from "../src/data-directory.js";
import { execute } from "../src/execute.js";
import { Supervisor } from "../src/supervisor.js";

const REPLICA = fileURLToPath(new URL("../dist/replica.js", import.meta.url));
const WAIT_MS = 30_000;
const TEST_MS = 120_000;

let root = "";
let supervisor: Supervisor;

async function open(): Promise<void> {
  supervisor = await Supervisor.create(await DataDirectory.open(root, 3), 3, REPLICA);
  await supervisor.start();
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "synod-operations-"));
  await open();
});
afterEach(async () => {
  await supervisor.close();
  await rm(root, { recursive: true, force: true });
});

async function until(condition: () => boolean): Promise<void> {
  expect(await supervisor.waitFor(condition, WAIT_MS), JSON.stringify(supervisor.view().replicas, null, 1)).toBe(true);
}

async function typed(line: string): Promise<string> {
  const { ok, lines } = await execute(supervisor, line);
  const text = lines.join("\n");
  expect(ok, `${line}: ${text}`).toBe(true);
  return text;
}

async function refused(line: string): Promise<string> {
  const { ok, lines } = await execute(supervisor, line);
  expect(ok, line).toBe(false);
  return lines.join("\n");
}

/** Each replica hears both others, and one of them leads. */
const together = (): Promise<void> =>
  until(() => supervisor.leader !== null && supervisor.view().replicas.every(({ heard }) => heard.length === 2));

const parts = (): string =>
  supervisor
    .view()
    .replicas.map(({ id, part, epoch }) => `${id} ${part} ${epoch}`)
    .join(", ");

describe("the members", () => {
  it("come, go, are replaced, and are known to the next run", { timeout: TEST_MS }, async () => {
    await typed("put k v");
    expect(await typed("add 4")).toMatch(/^replica 4 has caught up and votes: epoch 3/);
    await until(() => parts() === "1 voter 3, 2 voter 3, 3 voter 3, 4 voter 3");
    expect(await typed("get k @4")).toMatch(/^k is "v" {2}\(replica 4/);
    expect(await refused("add 4")).toBe("replica 4 is there already: try add 5");

    const pid = supervisor.view().replicas[0]?.pid ?? 0;
    expect(await typed("remove 1")).toMatch(/^replica 1 is no member any more: epoch 4/);
    expect(supervisor.ids).toEqual([2, 3, 4]);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await refused("add 1")).toBe("replica 1 was removed, and an id is never used again: try add 5");
    expect(await refused("kill 1")).toBe("there is no replica 1: there are 2, 3, 4");

    await typed("kill 2");
    expect(await typed("replace 2 7")).toMatch(/^replica 7 votes in place of replica 2: epoch 6/);
    await until(() => parts() === "3 voter 6, 4 voter 6, 7 voter 6");
    await typed("put k w");

    await supervisor.close();
    await open();
    expect(supervisor.ids).toEqual([3, 4, 7]);
    expect(await typed("get k")).toContain('"w"');
    expect(supervisor.view().freshId).toBe(8);
  });

  it("wait for a majority before one more is added", { timeout: TEST_MS }, async () => {
    await until(() => supervisor.leader !== null);
    await typed("kill 1");
    await typed("kill 2");
    const adding = execute(supervisor, "add 4");
    await until(() => supervisor.view().replicas.some(({ id, state }) => id === 4 && state === "running"));
    await typed("restart 1");
    expect(await adding).toMatchObject({ ok: true, lines: [expect.stringMatching(/^replica 4 .* votes/)] });
  });
});

describe("the leadership", () => {
  it("is handed over, and by a rolling restart too", { timeout: TEST_MS }, async () => {
    await together();
    // A busy machine may elect another leader in between; then it is tried again.
    await expect
      .poll(
        async () => {
          const from = supervisor.leader ?? 0;
          const to = (from % 3) + 1;
          const first = await execute(supervisor, `transfer ${to}`);
          const second = await execute(supervisor, `transfer ${to}`);
          return [...first.lines, ...second.lines].join("\n").replaceAll(`${to}`, "TO").replaceAll(`${from}`, "FROM");
        },
        { timeout: TEST_MS / 2 },
      )
      .toMatch(/^replica FROM handed the leadership to replica TO.*\nreplica TO leads already$/);
    const before = supervisor.view().replicas.map(({ pid }) => pid);
    expect(await typed("roll")).toMatch(/^replicas 1 2 3 restarted one after the other/);
    for (const { pid } of supervisor.view().replicas) expect(before).not.toContain(pid);
    expect(supervisor.feed.lines.filter(({ text }) => /died/.test(text))).toEqual([]);
  });
});

describe("snapshots and links", () => {
  it("are taken on demand and shown", { timeout: TEST_MS }, async () => {
    await typed("put k v");
    await until(() => supervisor.view().replicas.every(({ applied }) => applied > 0));
    expect(await typed("snapshot 2")).toMatch(/^replica 2: \d+ bytes have everything up to slot \d+$/);
    await until(() => supervisor.view().replicas.every(({ id, snapshot }) => snapshot > 0 === (id === 2)));
    expect((await typed("snapshot")).split("\n")).toHaveLength(3);
    await until(() => supervisor.view().replicas.every(({ snapshot }) => snapshot > 0));
    expect(await typed("get k quorum @2")).toMatch(/^k is "v" {2}\(replica 2/);
    expect(await typed("get k stale @2")).toMatch(/^k was "v" as of slot \d+/);
  });

  it("are cut to a star and to a chain, in which commands go on", { timeout: TEST_MS }, async () => {
    await together();
    // Only its center reaches everybody.
    if (supervisor.leader !== 2) await typed("transfer 2");
    await typed("star 2");
    expect(supervisor.view().cuts).toEqual([[1, 3]]);
    for (const id of [1, 2, 3]) await typed(`put k v @${id}`);
    await typed("chain");
    expect(supervisor.view().cuts).toEqual([[1, 3]]);
    await typed("star 3");
    expect(supervisor.view().cuts).toEqual([[1, 2]]);
    await typed("put k w");
    expect(await refused("star 9")).toContain("there is no replica 9");
    await typed("heal");
    expect(supervisor.view().cuts).toEqual([]);
  });
});
