import { CoreCluster } from "../../src/core/cluster.js";
import { configurationOf } from "../../src/core/config.js";
import { SeededRandom } from "../../src/random.js";

const TIMEOUT_MS = 100;

/** `kill`: the process ends and its connections close. `hang`: it stands still, and its sockets stay open. */
export type Failover = "kill" | "hang" | "disk" | "transfer";

/**
 * A healthy cluster under load loses its leader, or its leader's disk, or the leader hands over.
 * @returns how long until another node leads, and the longest time in which no slot was chosen, in election timeouts
 */
export function failover(how: Failover, nodes: number, seed: number): { elected: number; gap: number } {
  let electedAtMs = Number.POSITIVE_INFINITY;
  let armed = false;
  const cluster = new CoreCluster({
    random: new SeededRandom(seed),
    configuration: configurationOf(nodes, 8),
    settings: { electionTimeoutMs: TIMEOUT_MS },
    network: { delayMs: [0.2, 0.5], tail: 0, loss: 0, duplication: 0, replay: 0 },
    diskMs: [0.5, 1],
    applyMs: 0,
    drift: 0,
    echo: 0,
    freeze: false,
    valueBytesMax: 5,
    trace: (event) => {
      if (armed && event.kind === "node" && event.text === "elected") electedAtMs = Math.min(electedAtMs, event.atMs);
    },
  });
  const { world, oracle } = cluster;
  for (const node of cluster.nodes) node.boot();
  let [prefix, movedAtMs, gapMs] = [0, 0, 0];
  const load = (): void => {
    for (const id of cluster.ids) cluster.propose(id, 1);
    if (oracle.prefix > prefix) {
      if (armed) gapMs = Math.max(gapMs, world.nowMs - movedAtMs);
      [prefix, movedAtMs] = [oracle.prefix, world.nowMs];
    }
    world.after(2, load);
  };
  load();
  world.run(4 * TIMEOUT_MS + new SeededRandom(seed, 1).between(0, TIMEOUT_MS));
  const leader = cluster.nodes.find((node) => node.leads);
  if (leader === undefined) throw new Error(`seed ${seed}: nobody leads`);
  armed = true;
  const start = world.nowMs;
  if (how === "hang") leader.pause(20 * TIMEOUT_MS);
  if (how === "disk") leader.healDisk([1e9, 1e9]);
  if (how === "transfer") cluster.transfer(null, 4 * TIMEOUT_MS);
  if (how === "kill") {
    leader.crash();
    for (const node of cluster.nodes) if (node !== leader) node.turn(({ replica }) => replica.peerLost(leader.id));
  }
  world.run(start + 5 * TIMEOUT_MS);
  return { elected: (electedAtMs - start) / TIMEOUT_MS, gap: gapMs / TIMEOUT_MS };
}
