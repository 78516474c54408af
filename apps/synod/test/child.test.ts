import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runChild } from "../src/child.js";
import { startedBy } from "../src/process-group.js";

const place = mkdtempSync(join(tmpdir(), "synod-child-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const never = new AbortController().signal;
const held = (): boolean => true;

describe("who is ended with a command", () => {
  const group = 50;
  const all = [
    { pid: 1, parent: 0, group: 1 },
    { pid: 40, parent: 1, group: 40 },
    { pid: 50, parent: 40, group },
    // The other end of a pipe, and what the script starts later.
    { pid: 51, parent: 40, group },
    { pid: 60, parent: 50, group },
    { pid: 70, parent: 55, group },
    // The command, what it started, what one of these left behind, and one with a group of its own.
    { pid: 55, parent: 52, group },
    { pid: 56, parent: 55, group },
    { pid: 57, parent: 1, group },
    { pid: 58, parent: 55, group: 58 },
    { pid: 52, parent: 50, group },
  ];
  it("is what it started, and nobody else of the group", () => {
    const before = new Set([50, 51]);
    expect([...startedBy(52, before, all)].sort((a, b) => a - b)).toEqual([55, 56, 57, 70]);
  });
});

describe.each([{ terminal: false }, { terminal: true }])("a command ($terminal)", ({ terminal }) => {
  const base = { onLoss: "kill" as const, env: {}, held, terminal, killAfterMs: 20_000 };
  const command = (script: string): string[] => ["sh", "-c", script];

  it("ends with its code, and with what it was given in its environment but the token", async () => {
    process.env["SYNOD_TOKEN"] = "secret";
    const file = join(place, "env");
    const env = { SYNOD_LOCK: "x" };
    const script = `echo "$SYNOD_LOCK:$SYNOD_TOKEN" > ${file}; exit 7`;
    expect(await runChild({ ...base, command: command(script), env, lost: never })).toBe(7);
    delete process.env["SYNOD_TOKEN"];
    expect(readFileSync(file, "utf8")).toBe("x:\n");
  });

  it("is ended with all that it started, also what does not want to", async () => {
    const file = join(place, `pids-${terminal}`);
    const lost = new AbortController();
    const script = `trap '' TERM; sh -c "trap '' TERM; sleep 60 & echo \\$! >> ${file}; wait" & echo $! >> ${file}; (sleep 60 & echo $! >> ${file}); wait; wait; wait`;
    const ended = runChild({ ...base, command: command(script), lost: lost.signal, killAfterMs: 100 });
    const pids = (): number[] => {
      try {
        return readFileSync(file, "utf8").trim().split("\n").map(Number);
      } catch {
        return [];
      }
    };
    await expect.poll(pids, { timeout: 10_000 }).toHaveLength(3);
    lost.abort();
    expect(await ended).toBe(137);
    const alive = (): number[] =>
      pids().filter((pid) => {
        try {
          process.kill(pid, 0);
          // One that nobody has waited for yet is no process any more.
          return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
        } catch {
          return false;
        }
      });
    await expect.poll(alive, { timeout: 10_000 }).toEqual([]);
  });

  it("goes on after a stop only if what it works under is still held", async () => {
    for (const still of [true, false]) {
      const file = join(place, `beats-${terminal}-${still}`);
      const script = `while :; do echo x >> ${file}; sleep 0.02; done`;
      const lost = new AbortController();
      const ended = runChild({ ...base, command: command(script), held: () => still, lost: lost.signal });
      const beats = (): number => {
        try {
          return readFileSync(file, "utf8").length;
        } catch {
          return 0;
        }
      };
      await expect.poll(beats, { timeout: 10_000 }).toBeGreaterThan(0);
      process.emit("SIGCONT");
      const before = beats();
      if (still) {
        await expect.poll(beats, { timeout: 10_000 }).toBeGreaterThan(before + 4);
        lost.abort();
      }
      expect(await ended).toBe(143);
    }
  });
});
