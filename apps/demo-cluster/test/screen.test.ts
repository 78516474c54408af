import { describe, expect, it } from "vitest";
import { COMMANDS } from "../src/commands.js";
import { clip, wrapWords } from "../src/lines.js";
import { paintFor } from "../src/paint.js";
import { grouped, sparkline, tableLines, throughputLine } from "../src/table.js";
import { Speed, Throughput } from "../src/throughput.js";
import type { ClusterView, ReplicaView } from "../src/view.js";

const replica = (id: number, fields: Partial<ReplicaView> = {}): ReplicaView => ({
  id,
  state: "running",
  role: "follower",
  ballot: "3.1",
  chosen: 1234,
  applied: 1234,
  commandsPerSecond: 2000,
  hash: "0123abcd",
  heard: [1, 2, 3].filter((other) => other !== id),
  pid: 4000 + id,
  epoch: 3,
  part: "voter",
  snapshot: 1000,
  promised: { round: 3, node: 1 },
  reason: "",
  impaired: null,
  slowMs: 0,
  log: [],
  ...fields,
});

const view: ClusterView = {
  replicas: [
    replica(1, { role: "leader" }),
    replica(2, { state: "killed", pid: null, commandsPerSecond: 0 }),
    replica(3, { heard: [1], part: "joining", snapshot: 0 }),
  ],
  leader: 1,
  cuts: [[2, 3]],
  loadPerSecond: 2000,
  throughput: { perSecond: 1998, p50Ms: 2.25, p99Ms: 11, acknowledged: 9, failed: 0 },
  directory: "/tmp/x",
  freshId: 4,
  links: [],
  reach: [],
  check: { compared: 0, atMs: null, slot: 0, differs: null },
};

describe("the names of the commands below the screen", () => {
  it.each([80, 120, 300, 10])("are all there at %d columns", (width) => {
    const names = COMMANDS.map(({ name }) => name);
    const lines = wrapWords(names, width);
    expect(lines.join(" ").split(/ +/)).toEqual(names);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    if (width === 300) expect(lines).toHaveLength(1);
  });
});

describe("the table", () => {
  it("shows each replica in a line of 80 columns at most", () => {
    const [head = "", ...rows] = tableLines(view);
    expect(head).toMatch(/role +epoch +ballot +applied +snapshot +cmds\/s +hash +hears +process/);
    expect(rows.map((row) => row.trimEnd())).toEqual([
      " 1 ★ leader        3    3.1     1,234     1,000  2,000 0123abcd 23       4001",
      " 2 ✕ killed        3    3.1     1,234     1,000      0 0123abcd –           –",
      " 3 ○ joining       3    3.1     1,234         –  2,000 0123abcd 1·       4003",
    ]);
  });

  it("has colours only where they are wanted", () => {
    const coloured = paintFor({ isTTY: true }, {});
    expect(coloured("red", "x")).toBe("\u001b[31mx\u001b[39m");
    expect(paintFor({ isTTY: true }, { NO_COLOR: "1" })("red", "x")).toBe("x");
    expect(paintFor({ isTTY: true }, { TERM: "dumb" })("red", "x")).toBe("x");
    expect(paintFor({}, {})("red", "x")).toBe("x");
  });

  it("clips to the visible width", () => {
    expect(clip("\u001b[31mabcdef\u001b[39m", 3)).toBe("\u001b[31mabc\u001b[0m");
    expect(clip("abc", 3)).toBe("abc");
    expect(clip("abcd", 3)).toBe("abc");
    expect(clip("\u001b[31mabc\u001b[39m", 3)).toBe("\u001b[31mabc\u001b[39m");
  });

  it("says what callers see", () => {
    expect(throughputLine(view)).toBe("1,998 acknowledged/s of 2,000   half within 2.3 ms, 99 % within 11.0 ms");
    expect(grouped(1234567)).toBe("1,234,567");
    expect(sparkline([0, 1, 50, 100], 6)).toBe("   ▁▄█");
  });
});

describe("the numbers", () => {
  it("cover about a second", () => {
    const throughput = new Throughput(0);
    for (let tick = 1; tick <= 8; tick++) {
      for (let i = 0; i < tick * 10; i++) throughput.acknowledged(tick);
      throughput.sample(tick * 250, tick);
    }
    expect(throughput.view()).toEqual({ perSecond: 260, p50Ms: 7, p99Ms: 8, acknowledged: 360, failed: 0 });
    expect(throughput.samples.at(-1)).toMatchObject({ atMs: 8, perSecond: 320, p50Ms: 8, p99Ms: 8 });
  });

  it("follow a counter, and its start from zero", () => {
    const speed = new Speed();
    for (let ms = 0; ms <= 3000; ms += 200) speed.read(ms < 1500 ? ms : 1500 + (ms - 1500) * 2, ms);
    expect(speed.perSecond).toBe(2000);
    speed.read(5, 3200);
    expect(speed.perSecond).toBe(0);
    speed.read(25, 3400);
    expect(speed.perSecond).toBe(100);
  });
});
