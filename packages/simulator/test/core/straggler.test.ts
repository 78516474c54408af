import type { Configuration } from "@synod/interface";
import { encodeConfigurationValue } from "@synod/multipaxos";
import { expect, test } from "vitest";
import { CoreCluster } from "../../src/core/cluster.js";
import { configurationOf, TIMEOUT_MS } from "../../src/core/config.js";
import { SeededRandom } from "../../src/random.js";

const STRAGGLER = 5;

function clusterOf(seed: number, configuration: Configuration): CoreCluster {
  return new CoreCluster({
    random: new SeededRandom(seed),
    configuration,
    settings: { electionTimeoutMs: TIMEOUT_MS, snapshotChunkBytes: 20, retainedBytesMax: 1 },
    network: { delayMs: [0.5, 3], tail: 0.05, loss: 0, duplication: 0.05, replay: 0.05 },
    diskMs: [0, 2],
    applyMs: 2,
    drift: 0.01,
    echo: 0,
    freeze: true,
    plan: { everySlots: 5, bytes: 40, own: 0.2, damaged: 0 },
    valueBytesMax: 20,
    changeEveryMs: 1,
  });
}

/** Runs until it is so, with commands and reads all the while. */
function until(cluster: CoreCluster, ms: number, condition: () => boolean): boolean {
  const { world } = cluster;
  const endMs = world.nowMs + ms;
  while (!condition()) {
    if (world.nowMs >= endMs) return false;
    for (const { id } of cluster.nodes.filter(({ leads }) => leads)) {
      cluster.propose(id, 2);
      cluster.read(id);
    }
    world.run(world.nowMs + 5);
  }
  return true;
}

/** The leader removes a member. */
function change(cluster: CoreCluster, leader: number, removed: number): boolean {
  const { oracle } = cluster;
  const { epoch } = oracle.epochs.last;
  cluster.node(leader).turn(({ replica }) => {
    const { configuration } = replica.membership().last;
    const members = configuration.members.filter(({ id }) => id !== removed);
    const next = { ...configuration, epoch: epoch + 1, members };
    const value = encodeConfigurationValue({ stamp: epoch, changeId: `without ${removed}`, configuration: next });
    oracle.epochs.saw(value);
    replica.change(value);
  });
  const isMade = (): boolean => oracle.epochs.last.epoch > epoch && cluster.operator.isSettled;
  return until(cluster, 500, isMade);
}

/** What tells the straggler what it lacks: lost until it leads. */
const CATCH_UP = ["learn", "snapshotOffer"] as const;

/**
 * A member is cut off while others change the configuration and forget what they have in snapshots. Then it is the only one that sees a
 * quorum, by its old configuration: it leads, fetches its base by snapshot, finds another configuration in it, and must ask for its quorums.
 */
function play(cluster: CoreCluster): void {
  const { world, network, oracle, nodes } = cluster;
  for (const node of nodes) node.boot();
  until(cluster, 1_000, () => oracle.prefix > 10);
  const leader = cluster.leader();
  if (leader === undefined || leader === STRAGGLER) return;
  const others = cluster.ids.filter((id) => id !== STRAGGLER);
  for (const id of others) {
    network.cut(id, STRAGGLER);
    network.cut(STRAGGLER, id);
  }
  const [out] = others.filter((id) => id !== leader);
  if (out === undefined || !change(cluster, leader, out)) return;
  until(cluster, 300, () => oracle.prefix > oracle.epochs.last.from + 15);
  cluster.node(leader).crash();
  const straggler = cluster.node(STRAGGLER);
  network.open();
  // Each of the others sees the straggler alone.
  for (const from of others) for (const to of others) if (from !== to) network.cut(from, to);
  for (const kind of CATCH_UP) network.lostKinds.add(kind);
  until(cluster, 20 * TIMEOUT_MS, () => straggler.leads);
  for (const kind of CATCH_UP) network.lostKinds.delete(kind);
  if (!straggler.leads) return;
  world.sometimes("the straggler leads");
  const known = straggler.life?.replica.membership().last.epoch ?? 0;
  if (known < oracle.epochs.last.epoch) world.sometimes("and does not know the configuration");
  const { prefix } = oracle;
  until(cluster, 3 * TIMEOUT_MS, () => oracle.prefix > prefix);
  if (straggler.leads && oracle.prefix > prefix) world.sometimes("and goes on in the new configuration");
  network.open();
  const goesOn = until(cluster, 20 * TIMEOUT_MS, () => oracle.prefix > prefix + 20);
  expect(goesOn).toBe(true);
}

test.each([
  ["without leases", undefined],
  ["with leases", { durationMs: 100, driftPercent: 2 }],
])("a leader finds its configuration in a snapshot: %s", (_, lease) => {
  const sums = new Map<string, number>();
  for (let seed = 1; seed <= 60; seed++) {
    const configuration = { ...configurationOf(5, 4), ...(lease === undefined ? {} : { lease }) };
    const cluster = clusterOf(seed, configuration);
    play(cluster);
    for (const [what, n] of cluster.world.counts) sums.set(what, (sums.get(what) ?? 0) + n);
  }
  for (const what of [
    "the straggler leads",
    "and does not know the configuration",
    "leader fetches its base by snapshot",
    "configuration known by a snapshot",
    "and goes on in the new configuration",
  ]) {
    expect(sums.get(what) ?? 0, what).toBeGreaterThan(10);
  }
});
