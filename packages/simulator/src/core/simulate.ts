import type { Configuration, QuorumSpec } from "@synod/interface";
import { Cluster, type ClusterOptions } from "./cluster.js";
import { Random } from "./random.js";

const TIMEOUT_MS = 100;

export function configurationOf(
  nodes: number,
  alpha: number,
  quorum: QuorumSpec = { kind: "majority" },
): Configuration {
  return { epoch: 1, members: Array.from({ length: nodes }, (_, i) => ({ id: i + 1 })), alpha, quorum };
}

function randomConfiguration(random: Random): Configuration {
  const alpha = random.pick([1, 2, 3, 8, 64]);
  const nodes = random.pick([3, 3, 3, 4, 5, 5]);
  if (random.chance(0.5)) return configurationOf(nodes, alpha);
  if (nodes === 4) {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    return configurationOf(nodes, alpha, { kind: "grid", rows });
  }
  if (random.chance(0.2)) {
    const weights = Array.from({ length: nodes }, (_, i) => [i + 1, i === 0 ? 2 : 1] as const);
    const phase2 = random.int(2, nodes);
    return configurationOf(nodes, alpha, { kind: "weights", weights, phase1: nodes + 2 - phase2, phase2 });
  }
  const phase2 = random.int(1, nodes);
  return configurationOf(nodes, alpha, { kind: "sizes", phase1: nodes + 1 - phase2, phase2 });
}

function randomOptions(seed: number, trace?: (line: string) => void): ClusterOptions {
  const random = new Random(seed * 7919 + 1);
  const slow = random.chance(0.3);
  const configuration = randomConfiguration(random);
  return {
    seed,
    configuration,
    settings: {
      electionTimeoutMs: TIMEOUT_MS,
      resendMs: random.pick([10, 30, 50]),
      frameValueBytesMax: configuration.alpha > 8 ? 1_000 : random.pick([1, 8, 24, 1_000]),
      inFlightBytesMax: random.pick([4, 40, 10_000]),
      writeBytesMax: [1, 150, 1_000_000][seed % 3] ?? 1,
    },
    delayMs: slow ? [1, 60] : [1, random.pick([3, 10, 30])],
    diskMs: random.pick([
      [0, 1],
      [1, 10],
      [5, 40],
    ]),
    lossRate: random.pick([0, 0, 0.02, 0.1, 0.3]),
    duplicateRate: random.pick([0, 0.02, 0.2]),
    ...(trace === undefined ? {} : { trace }),
  };
}

const LOSABLE = ["accept", "accepted", "reject", "commit", "beat", "beatReply", "fetch", "prepare", "confirm"] as const;

/** What a fault does, drawn anew each time. */
function fault(cluster: Cluster): void {
  const { random, ids } = cluster;
  const leaders = ids.filter((each) => cluster.isUp(each) && cluster.replica(each).status().role !== "follower");
  const id = leaders.length > 0 && random.chance(0.5) ? random.pick(leaders) : random.pick(ids);
  const others = ids.filter((other) => other !== id);
  switch (random.int(0, 9)) {
    case 0:
    case 1:
      return cluster.crash(id);
    case 2:
    case 3:
      return cluster.restart(id);
    case 4:
      return cluster.pause(id, random.between(10, 400));
    case 5:
      return cluster.cut(id, random.pick(others));
    case 6:
      for (const other of others) {
        if (random.chance(0.8)) cluster.cut(id, other);
        if (random.chance(0.8)) cluster.cut(other, id);
      }
      return;
    case 7:
      return cluster.uncut();
    case 8:
      // Odd knowledge: who hears of what it voted for, who learns that it is deposed?
      for (let n = random.int(1, 3); n > 0; n--) cluster.lostKinds.add(random.pick(LOSABLE));
      return;
    case 9:
      // The power fails for all at once.
      if (random.chance(0.3)) for (const each of ids) cluster.crash(each);
      for (const each of ids) if (random.chance(0.7)) cluster.restart(each);
  }
}

function clientStep(cluster: Cluster): void {
  const { random } = cluster;
  const up = cluster.ids.filter((id) => cluster.isUp(id));
  if (up.length === 0) return;
  const id = random.pick(up);
  const choice = random.next();
  if (choice < 0.7) for (const each of up) cluster.propose(each, random.int(1, 4));
  else if (choice < 0.8) cluster.forward(id);
  else cluster.read(id);
}

/** Repeats an action at random times. */
function often(cluster: Cluster, everyMs: number, untilMs: number, action: () => void): void {
  const again = (): void => {
    if (cluster.now >= untilMs) return;
    action();
    cluster.at(cluster.now + cluster.random.between(0, 2 * everyMs), again);
  };
  cluster.at(cluster.now, again);
}

/**
 * All faults end. A leader within four election timeouts; everything converged within eight, and the leader stays. Where a
 * frame holds one value, what is missing costs a round trip for each slot.
 */
function expectRecovery(cluster: Cluster, timeoutMs: number, tinyFrames: boolean): void {
  cluster.heal();
  const { ids } = cluster;
  const slackMs = tinyFrames ? 8 * (cluster.oracle.prefix - Math.min(...ids.map((id) => cluster.applied(id)))) : 0;
  const start = cluster.now;
  for (const id of ids) cluster.read(id);
  cluster.run(start + 4 * timeoutMs + slackMs);
  const leader = ids.find((id) => {
    const { role, content } = cluster.replica(id).status();
    return role === "leader" && content;
  });
  if (leader === undefined) throw new Error("no leader within four election timeouts after healing");
  const { ballot } = cluster.replica(leader).status();

  for (const id of ids) {
    cluster.read(id);
    cluster.forward(id);
  }
  const end = start + 8 * timeoutMs + 2 * slackMs;
  let proposed = 0;
  while (proposed === 0 && cluster.now < end - timeoutMs) {
    proposed = cluster.propose(leader, 1);
    cluster.run(cluster.now + 10);
  }
  cluster.run(end);
  if (proposed === 0) throw new Error(`node ${leader} takes no proposal`);
  const status = cluster.replica(leader).status();
  if (status.role !== "leader" || status.ballot !== ballot) throw new Error(`node ${leader} did not stay leader`);
  if (status.openSlots > 0) throw new Error(`${status.openSlots} slots are open`);
  const { prefix } = cluster.oracle;
  for (const id of ids) {
    const { chosenUpTo, leader: followed } = cluster.replica(id).status();
    if (cluster.applied(id) !== prefix) {
      throw new Error(`node ${id} has executed ${cluster.applied(id)} and knows ${chosenUpTo} of ${prefix} slots`);
    }
    if (followed !== leader) throw new Error(`node ${id} follows ${followed}, not ${leader}`);
  }
  if (cluster.readsOpen > 0) throw new Error(`${cluster.readsOpen} reads have no answer`);
}

/** One random run: faults for a while, then recovery. Throws where a rule is broken. */
export function simulate(seed: number, trace?: (line: string) => void): Cluster {
  const options = randomOptions(seed, trace);
  const { frameValueBytesMax = 0 } = options.settings;
  const cluster = new Cluster(options);
  const { random } = cluster;
  const untilMs = random.pick([500, 1_000, 2_000]);
  often(cluster, random.pick([5, 20, 60]), untilMs, () => clientStep(cluster));
  if (random.chance(0.9)) often(cluster, random.pick([15, 50, 100, 300]), untilMs, () => fault(cluster));
  cluster.run(untilMs);
  expectRecovery(cluster, TIMEOUT_MS, frameValueBytesMax < 1_000);
  return cluster;
}
