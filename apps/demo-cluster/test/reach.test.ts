import { describe, expect, it } from "vitest";
import { heardOf, timeText } from "../src/page/looks.js";
import { ReachTable } from "../src/reach.js";
import type { ClusterView, ReplicaView } from "../src/view.js";

const count = (peer: number, sent: number, received: number, roundTripMs: number | null = null) => ({
  peer,
  sent,
  received,
  roundTripMs,
});

function viewOf(table: ReachTable, nowMs: number, more: Partial<ClusterView> = {}): ClusterView {
  const replicas = [1, 2].map((id) => ({ id, pid: id, heard: [1, 2] }) as unknown as ReplicaView);
  return { replicas, cuts: [], reach: table.view(nowMs), ...more } as ClusterView;
}

it("a time has three digits at most, and its unit", () => {
  expect([0.04, 9.96, 99.94, 99.96, 999.4, 1061.6].map(timeText)).toEqual([
    "0.0 ms",
    "10.0 ms",
    "99.9 ms",
    "100 ms",
    "999 ms",
    "1.1 s",
  ]);
});

describe("who hears whom", () => {
  it("tells the time of a heartbeat to who asked, and what was lost on the way", () => {
    const table = new ReachTable();
    table.seen(1, [count(2, 100, 40, 1.25)], 1000);
    table.seen(2, [count(1, 40, 50)], 1000);
    expect(heardOf(viewOf(table, 1100), 2, 1)).toEqual({ kind: "well", text: "1.3 ms" });
    expect(heardOf(viewOf(table, 1100), 1, 2)).toEqual({ kind: "late", text: "heard, 50 % lost" });
    expect(heardOf(viewOf(table, 1100), 1, 1).kind).toBe("itself");
  });

  it("forgets what was long ago, and says who is silent, cut or down", () => {
    const table = new ReachTable();
    table.seen(2, [count(1, 40, 50, 2)], 1000);
    for (let interval = 0; interval < 12; interval++) table.sample();
    expect(table.view(9000).find(({ to }) => to === 2)?.lost).toBeNull();
    expect(heardOf(viewOf(table, 9000), 1, 2)).toEqual({ kind: "silent", text: "silent 8 s" });
    expect(heardOf(viewOf(table, 9000, { cuts: [[1, 2]] }), 1, 2).text).toBe("cut");
    const down = viewOf(table, 9000).replicas.map((one) => (one.id === 1 ? { ...one, pid: null } : one));
    expect(heardOf(viewOf(table, 9000, { replicas: down }), 1, 2)).toEqual({ kind: "down", text: "down" });
    table.forget(1);
    expect(table.view(9000)).toEqual([]);
  });
});
