import type { Ballot, NodeId } from "@synod/interface";
import { Broken } from "../../../../packages/simulator/src/core/broken.js";
import { CoreCluster } from "../../../../packages/simulator/src/core/cluster.js";
import { configurationOf } from "../../../../packages/simulator/src/core/config.js";
import type { CoreNode } from "../../../../packages/simulator/src/core/node.js";
import { SeededRandom } from "../../../../packages/simulator/src/random.js";

type Message = Parameters<CoreNode["receive"]>[1];

const TIMEOUT_MS = 100;
const TIMEOUTS = 20;
const NOISE_EVERY_MS = 8;
/** Says nonsense and nothing else. */
const BAD: NodeId = 3;
const GOOD: readonly NodeId[] = [1, 2];
const PROGRESS_MIN = 50;

const WILD_ROUNDS = [2 ** 34, 2 ** 50, Number.MAX_SAFE_INTEGER, Infinity, Number.NaN, 1.5];

/** A ballot that no working node has: of another one's, or with a round that is none or far above all others. */
function badBallot(random: SeededRandom, highest: number): Ballot {
  if (random.chance(0.5)) return { round: highest + random.int(0, 2), node: random.pick(GOOD) };
  return { round: random.pick(WILD_ROUNDS), node: BAD };
}

function badMessage(random: SeededRandom, highest: number): Message {
  const ballot = badBallot(random, highest);
  switch (random.pick(["prepare", "commit", "confirm", "reject"] as const)) {
    case "prepare":
      return { kind: "prepare", ballot, fromSlot: 1 };
    case "commit":
      return { kind: "commit", ballot, chosenUpTo: 0 };
    case "confirm":
      return { kind: "confirm", ballot, nonce: 1 };
    case "reject": {
      const promised = { round: random.pick(WILD_ROUNDS), node: BAD };
      return { kind: "reject", ballot, promised, content: false, leaderBallot: null, leaseLeftMs: 0 };
    }
  }
}

/** Two of three replicas work, the third sends wild messages: what the two then fail to do, or null. */
export function brokenByNoise(seed: number): string | null {
  const random = new SeededRandom(seed);
  const cluster = new CoreCluster({
    random: random.fork(),
    configuration: configurationOf(3, 8),
    settings: { electionTimeoutMs: TIMEOUT_MS },
    network: { delayMs: [1, 4], tail: 0, loss: 0, duplication: 0, replay: 0 },
    diskMs: [0, 2],
    applyMs: 2,
    drift: 0,
    echo: 0,
    freeze: false,
    valueBytesMax: 5,
  });
  const { world, oracle } = cluster;
  for (const id of GOOD) cluster.node(id).boot();
  const load = (): void => {
    for (const id of GOOD) cluster.propose(id, 1);
    world.after(7, load);
  };
  const disturb = (): void => {
    const highest = Math.max(...GOOD.map((id) => cluster.node(id).status()?.ballot?.round ?? 0));
    cluster.node(random.pick(GOOD)).receive(BAD, badMessage(random, highest));
    world.after(random.between(0, 2 * NOISE_EVERY_MS), disturb);
  };
  try {
    load();
    disturb();
    world.run((TIMEOUTS - 8) * TIMEOUT_MS);
    const before = oracle.prefix;
    world.run(TIMEOUTS * TIMEOUT_MS);
    const chosen = oracle.prefix - before;
    return chosen > PROGRESS_MIN ? null : `${chosen} slots in eight timeouts beside a peer that sends nonsense`;
  } catch (error) {
    if (error instanceof Broken) return `${error.invariant}: ${error.message}`;
    return `no node stops itself: ${error instanceof Error ? error.message : String(error)}`;
  }
}
