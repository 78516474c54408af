import { type Logger, METRICS, type Metrics } from "@synod/interface";
import { expect, it } from "vitest";
import { createNode } from "../src/index.js";
import { Counter, type CounterCommand, type CounterNode, json, World } from "./world.js";

/** A logger and metrics that keep what they are told. */
function watched(): {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly lines: string[];
  readonly calls: Map<string, number>;
  /** Of all values, by name. */
  readonly sums: Map<string, number>;
  /** Counts of 0: those that are told before there is anything to count. */
  readonly zeros: string[];
  readonly wrong: string[];
} {
  const lines: string[] = [];
  const calls = new Map<string, number>();
  const sums = new Map<string, number>();
  const zeros: string[] = [];
  const wrong: string[] = [];
  const line = (message: string): void => void lines.push(message);
  const told =
    (kind: string) =>
    (name: string, value: number = 1, labels: Readonly<Record<string, string>> = {}): void => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      sums.set(name, (sums.get(name) ?? 0) + value);
      if (value === 0 && kind === "counter") zeros.push([name, ...Object.values(labels)].join(" "));
      const metric = METRICS[name];
      const known = Object.keys(labels).every((label) => metric?.labels?.includes(label) === true);
      if (metric?.kind !== kind || !known || !Number.isFinite(value)) wrong.push(`${kind} ${name} ${value}`);
    };
  return {
    logger: { debug: line, info: line, warn: line, error: line },
    metrics: { count: told("counter"), gauge: told("gauge"), observe: told("distribution") },
    lines,
    calls,
    sums,
    zeros,
    wrong,
  };
}

it("tells the operator much, and no line and no number for each command", async () => {
  const world = new World(3);
  const watches = world.ids.map(() => watched());
  for (const [i, id] of world.ids.entries()) {
    const { logger, metrics } = watches[i] ?? watched();
    const node: CounterNode = await createNode({
      id,
      cluster: { id: "test", members: world.ids.map((member) => ({ id: member })) },
      stateMachine: new Counter(),
      transport: world.net.transport(id),
      storage: world.disk(id).storage(),
      codec: world.codec,
      commandCodec: json<CounterCommand>(),
      resultCodec: json<number>(),
      bootstrap: true,
      clock: world.clock,
      random: { uint32: () => 2 ** 31 * (i % 2) },
      limits: { digestEverySlots: 1 },
      logger,
      metrics,
    });
    world.nodes.set(id, node);
  }
  // An alert on what rises would not see what comes from nowhere.
  for (const outcome of ["agree", "othersDiffer", "ownDiffers", "undecided"]) {
    for (const { zeros } of watches) expect(zeros).toContain(`synod_state_digests_total ${outcome}`);
  }
  const leader = world.node(await world.leader());
  await world.settle(leader.propose({ add: 1 }));
  await world.clock.run(500);
  const lines = watches.map((watch) => watch.lines.length);
  const callsBefore = watches.map((watch) => [...watch.calls.values()].reduce((a, b) => a + b, 0));
  const slots = leader.status().applied;
  await world.settle(Promise.all(Array.from({ length: 2_000 }, () => leader.propose({ add: 1 }))));
  const batches = leader.status().applied - slots;
  const calls = watches.map((watch, i) => [...watch.calls.values()].reduce((a, b) => a + b, 0) - (callsBefore[i] ?? 0));
  expect(watches.map((watch) => watch.lines.length)).toEqual(lines);
  expect(Math.max(...calls)).toBeLessThan(100 + 20 * batches);
  expect(batches).toBeLessThan(50);
  expect(watches.flatMap((watch) => watch.wrong)).toEqual([]);
  expect(watches.flatMap((watch) => watch.lines)).toContain("this node leads");

  const status = leader.status();
  expect(status.reason).toBe("leads: 3 of 3 members heard, 2 are needed");
  expect(status).toMatchObject({ verdict: "leading", elections: { won: 1 }, readsWaiting: 0, windowSlots: 1024 });
  await world.clock.run(500);
  for (const peer of leader.status().peers) {
    expect(peer).toMatchObject({ lagSlots: 0, sentBytes: 0, creditBytes: 16 * 1024 * 1024, withheldBytes: 0 });
  }
  const follower = world.ids.find((id) => world.node(id) !== leader) ?? 0;
  expect(world.node(follower).status().reason).toBe(`follows leader ${leader.id}`);
  const ofNode = (name: string): boolean => !name.includes("transport") && !name.startsWith("synod_server_");
  const gauges = Object.entries(METRICS).filter(([name, { kind }]) => kind === "gauge" && ofNode(name));
  for (const [name] of gauges) expect(watches[leader.id - 1]?.calls.has(name), name).toBe(true);

  await world.settle(leader.read("total"));
  await world.settle(leader.snapshot());
  const of = (name: string): number => watches[leader.id - 1]?.sums.get(name) ?? Number.NaN;
  const counted = Object.entries(METRICS).filter(([name, { kind }]) => kind === "distribution" && ofNode(name));
  for (const [name] of counted) expect(watches[leader.id - 1]?.calls.has(name), name).toBe(true);
  // The node opened its session, besides.
  expect([of("synod_batch_commands"), of("synod_applied_commands_total")]).toEqual([2_002, 2_001]);
  expect(of("synod_batch_bytes")).toBeGreaterThan(2_001 * JSON.stringify({ add: 1 }).length);
  expect(of("synod_storage_write_bytes")).toBeGreaterThan(of("synod_batch_bytes") / 2);
  for (const name of ["commit", "storage_write", "snapshot_take"])
    expect(of(`synod_${name}_ms`), name).toBeGreaterThan(0);
  expect(of("synod_storage_write_ms")).toBeLessThanOrEqual(world.clock.now());
  for (const name of ["campaigns", "elections_won", "snapshots_taken", "reads"]) {
    expect([name, of(`synod_${name}_total`)]).toEqual([name, 1]);
  }
  expect(of("synod_state_digests_total")).toBeGreaterThan(0);
  await world.close();
});
