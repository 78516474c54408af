import { encodeConfigurationValue } from "@synod/multipaxos";
import { expect, test } from "vitest";
import { CoreCluster } from "../../src/core/cluster.js";
import { configurationOf, TIMEOUT_MS } from "../../src/core/config.js";
import { SeededRandom } from "../../src/random.js";

const LEASE = { durationMs: 80, driftPercent: 1 };

test("a lease goes on over a change of the members, and counts those that govern after it", () => {
  const cluster = new CoreCluster({
    random: new SeededRandom(1),
    configuration: { ...configurationOf(1, 4), lease: LEASE },
    settings: { electionTimeoutMs: TIMEOUT_MS },
    network: { delayMs: [0.5, 1], tail: 0, loss: 0, duplication: 0, replay: 0 },
    diskMs: [0, 1],
    applyMs: 0,
    drift: 0,
    echo: 0,
    freeze: true,
    valueBytesMax: 5,
    changeEveryMs: 1,
  });
  const { world, oracle, network } = cluster;
  const [founder] = cluster.nodes;
  if (founder === undefined) throw new RangeError("no founder");
  founder.boot();
  const held = (): boolean => (founder.life?.replica.leaseUntilMs ?? 0) > founder.clockMs;
  world.run(500);
  expect(held()).toBe(true);

  for (const id of [2, 3]) {
    cluster.join(id);
    founder.turn(({ replica }) => {
      const { epoch, configuration } = replica.membership().last;
      const members = [...configuration.members, { id, role: "joining" as const }];
      const next = { ...configuration, epoch: epoch + 1, members };
      const value = encodeConfigurationValue({ stamp: epoch, changeId: `with ${id}`, configuration: next });
      oracle.epochs.saw(value);
      replica.change(value);
    });
    world.run(world.nowMs + 500);
  }
  expect(oracle.epochs.last.voters).toEqual([1, 2, 3]);
  expect(oracle.epochs.last.configuration.lease).toEqual(LEASE);
  expect(held()).toBe(true);

  network.lostKinds.add("leaseGrant");
  world.run(world.nowMs + 2 * LEASE.durationMs);
  expect([founder.leads, held()]).toEqual([true, false]);
  network.open();
  world.run(world.nowMs + LEASE.durationMs);
  expect(held()).toBe(true);
});
