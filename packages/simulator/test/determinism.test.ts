import { expect, test } from "vitest";
import { diagram, PROFILES, type TraceEvent } from "../src/index.js";
import { run } from "./support.js";

test.each(PROFILES)("%s: the same seed gives the same run", async (profile) => {
  const first = await run(11, profile);
  expect(await run(11, profile)).toEqual(first);
  expect((await run(12, profile)).traceHash).not.toBe(first.traceHash);
});

test("two runs at a time do not disturb each other", async () => {
  const alone = [await run(21, "swarm"), await run(22, "swarm")];
  expect(await Promise.all([run(21, "swarm"), run(22, "swarm")])).toEqual(alone);
});

test("a trace changes nothing, and the diagram has a line for each event", async () => {
  const events: TraceEvent[] = [];
  const traced = await run(31, "swarm", { trace: (event) => events.push(event) });
  expect(traced).toEqual(await run(31, "swarm"));
  const times = events.map(({ atMs }) => atMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(diagram(events, traced.nodes, { beats: true })).toHaveLength(events.length + 1);
  const work = events.filter((event) => !("message" in event && event.message.startsWith("beat")));
  expect(diagram(events, traced.nodes)).toHaveLength(work.length + 1);
});

test("the diagram draws who tells whom what", () => {
  const events: TraceEvent[] = [
    { atMs: 1, kind: "node", node: 2, text: "leads in 1.2" },
    { atMs: 2, kind: "send", from: 2, to: 1, message: "commit 1.2", delivery: 1 },
    { atMs: 3.5, kind: "deliver", from: 1, to: 3, message: "beat", delivery: 2 },
    { atMs: 4, kind: "drop", from: 2, to: 3, message: "beat", why: "cut" },
    { atMs: 5, kind: "world", text: "links heal" },
  ];
  expect(diagram(events, [1, 2, 3], { beats: true }).map((line) => line.trimEnd())).toEqual([
    "         ms  1        2        3",
    "      1.000  |        *        |         2 leads in 1.2",
    "      2.000  |<.......|        |         2>1 commit 1.2",
    "      3.500  |---------------->|         1>3 beat",
    "      4.000  |        |------x-|         2>3 beat (cut)",
    "      5.000  =========================== links heal",
  ]);
});

test("bad options are refused", async () => {
  await expect(run(1.5, "calm")).rejects.toMatchObject({ code: "InvalidArgument" });
  await expect(run(1, "mild" as "calm")).rejects.toMatchObject({ code: "InvalidArgument" });
});
