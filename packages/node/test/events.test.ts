// What the stream of events tells of the life of a cluster.
import { expect, it } from "vitest";
import type { NodeEvent } from "../src/index.js";
import { World } from "./world.js";

/** An event in one line. */
function textOf(event: NodeEvent): string {
  switch (event.kind) {
    case "leader":
      return `leader ${event.leader}`;
    case "leadershipEnded":
      return `${event.kind}: ${event.reason}`;
    case "transferEnded":
      return `${event.kind} ${event.to} ${event.done}: ${event.reason}`;
    case "elected":
    case "campaign":
      return `${event.kind} ${event.ballot.round}.${event.ballot.node}`;
    case "configuration":
      return `${event.kind} ${event.configuration.epoch} from ${event.from}`;
    case "changeComplete":
      return `${event.kind} ${event.epoch}`;
    case "snapshotTaken":
      return `${event.kind} ${event.index}`;
    case "impaired":
      return `${event.kind} ${event.cause}`;
    case "peerUp":
    case "peerDown":
      return `${event.kind} ${event.peer}`;
    case "failed":
      return `${event.kind} ${event.error.code}`;
    default:
      return event.kind;
  }
}

it("tells of each leadership, transfer, change, snapshot, peer and fault, at each node that it concerns", async () => {
  const world = new World(3);
  const seen = new Map<number, string[]>(world.ids.map((id) => [id, []]));
  const boot = async (id: number, bootstrap = false): Promise<void> => {
    const stream = (await world.boot(id, bootstrap)).events();
    void (async () => {
      for await (const event of stream) seen.get(id)?.push(textOf(event));
    })();
  };
  /** What came since the last call. */
  const take = async (): Promise<Record<number, string[]>> => {
    await world.clock.run(100);
    return Object.fromEntries([...seen].map(([id, texts]) => [id, texts.splice(0)]));
  };
  for (const id of world.ids) await boot(id, true);
  expect(await world.leader()).toBe(2);
  expect(await take()).toEqual({
    1: ["peerUp 2", "peerUp 3", "leader 2"],
    2: ["peerUp 1", "peerUp 3", "campaign 1.2", "leader 2", "elected 1.2"],
    3: ["peerUp 1", "peerUp 2", "leader 2"],
  });

  await world.settle(world.node(2).transferLeadership({ to: 1 }));
  expect(await take()).toEqual({
    1: ["leader null", "campaign 2.1", "leader 1", "elected 2.1"],
    2: ["leader null", "leadershipEnded: node 1 has a higher ballot", "leader 1", "transferEnded 1 true: node 1 leads"],
    3: ["leader 1"],
  });

  const quorum = { kind: "sizes", phase1: 2, phase2: 2 } as const;
  await world.settle(world.node(3).changeMembership({ kind: "setQuorum", quorum }));
  const changed = ["configuration 2 from 1025", "changeComplete 2"];
  expect(await take()).toEqual({ 1: changed, 2: changed, 3: changed });

  await world.settle(world.node(3).snapshot());
  expect(await take()).toEqual({ 1: [], 2: [], 3: ["snapshotTaken 1024"] });

  await world.crash(3);
  expect(await take()).toEqual({ 1: ["peerDown 3"], 2: ["peerDown 3"], 3: [] });
  await world.settle(boot(3));
  expect(await take()).toEqual({
    1: ["peerUp 3"],
    2: ["peerUp 3"],
    3: ["peerUp 1", "peerUp 2", "leader 1", "changeComplete 2"],
  });

  // A write that does not end at the leader.
  world.disk(1).delayMs = 3_000;
  world
    .node(1)
    .propose({ add: 1 })
    .catch(() => undefined);
  const next = await world.leader([1]);
  const stalled = await take();
  expect(stalled[1]).toEqual([
    "impaired disk",
    "leader null",
    "leadershipEnded: the disk stands still: a write does not end",
    `leader ${next}`,
  ]);
  expect(stalled[next]?.at(-1)).toMatch(new RegExp(`^elected \\d+\\.${next}$`));
  world.disk(1).delayMs = 1;
  await world.clock.until(() => world.node(1).status().impaired === null);
  expect((await take())[1]).toEqual(["impaired null"]);

  const failing = world.node(next).propose({ crash: true });
  failing.catch(() => undefined);
  await world.clock.until(() => world.node(next).status().state === "failed");
  expect((await take())[next]?.at(-1)).toMatch(/^failed /);
  await world.close();
});
