import { type NodeId, type Slot, SynodError } from "@synod/interface";
import { SeededRandom } from "../random.js";
import type { TraceEvent } from "../trace.js";
import { Broken, type CoreInvariant } from "./broken.js";
import { CoreCluster } from "./cluster.js";
import { CORE_PROFILES, type CoreConfig, type CoreProfile, drawCoreConfig, withShape } from "./config.js";
import { CoreNemesis } from "./nemesis.js";
import { CoreRecovery } from "./recovery.js";

export interface SimulateCoreOptions {
  /** Any safe integer. The same seed and profile give the same run, event by event. */
  readonly seed: number;
  /** What is drawn from the seed; `short` by default. */
  readonly profile?: CoreProfile;
  /** Called with each event of the run. */
  readonly trace?: (event: TraceEvent) => void;
}

export interface CoreFailure {
  readonly invariant: CoreInvariant;
  readonly message: string;
  /** Virtual time. */
  readonly atMs: number;
}

/** What came of a run of the bare core. */
export interface CoreReport {
  readonly seed: number;
  readonly profile: CoreProfile;
  /** The invariant that was found broken, which ends the run, or null. */
  readonly failure: CoreFailure | null;
  /** Of every message sent, and when: equal for equal runs. Sixteen hexadecimal digits. */
  readonly traceHash: string;
  readonly nodes: readonly NodeId[];
  /** Virtual time at the end. */
  readonly virtualMs: number;
  /** Values that replicas took from clients. */
  readonly commands: number;
  readonly slotsChosen: Slot;
  /** Messages that arrived at a node. */
  readonly deliveries: number;
  /** How often each rare path was reached. */
  readonly sometimes: Readonly<Record<string, number>>;
}

/** Streams of random numbers from this one up belong to these runs. */
const STREAM = 100;
const READING_STREAM = 150;
const OPTIONS_STREAM = 160;
const SHAPES_STREAM = 170;

function clientStep(cluster: CoreCluster, config: CoreConfig, random: SeededRandom): void {
  const up = cluster.nodes.filter((node) => node.life !== null);
  if (up.length === 0) return;
  const choice = random.fraction();
  const leaders = up.filter((node) => node.leads);
  if (choice < 0.7) for (const { id } of leaders) cluster.propose(id, random.int(1, config.burst));
  else if (choice < 0.8) cluster.forward(random.pick(up).id);
  // Whoever believes that it leads is the one to ask.
  else cluster.read(random.pick(leaders.length > 0 && random.chance(0.5) ? leaders : up).id);
}

function play(cluster: CoreCluster, config: CoreConfig, random: SeededRandom): void {
  const { world, oracle } = cluster;
  for (const node of cluster.nodes) node.boot();
  const clients = random.fork();
  const nemesis = new CoreNemesis(cluster, config, random.fork());
  let over = false;
  world.often(config.clientEveryMs, config.faultyMs, () => {
    if (!over) clientStep(cluster, config, clients);
  });
  world.often(config.faultEveryMs, config.faultyMs, () => {
    if (!over) nemesis.strike();
  });
  if (config.changeEveryMs > 0) {
    const changes = random.fork();
    world.often(config.changeEveryMs, config.faultyMs, () => {
      if (!over) cluster.operator.act(changes);
    });
  }
  while (world.nowMs < config.faultyMs && oracle.prefix < config.slotsMin) {
    world.run(Math.min(config.faultyMs, world.nowMs + 20));
  }
  over = true;
  nemesis.stop();
  new CoreRecovery(cluster, config, random.fork()).run();
}

/**
 * Runs a cluster of bare `Replica`s in virtual time: first everything fails that may fail, and nothing wrong may happen; then a
 * quorum is healed, and everything must come to an end. Without nodes, services and codecs around it, thousands of runs take a
 * second.
 * @returns the report, also for a run that broke an invariant.
 * @throws SynodError `InvalidArgument` for a seed or profile that is none.
 */
export function simulateCore(options: SimulateCoreOptions): CoreReport {
  const { seed, profile = "short", trace } = options;
  if (!Number.isSafeInteger(seed)) throw new SynodError("InvalidArgument", `a seed is a safe integer, not ${seed}`);
  if (!CORE_PROFILES.includes(profile)) {
    throw new SynodError("InvalidArgument", `no profile "${String(profile)}": there are ${CORE_PROFILES.join(", ")}`);
  }
  const random = new SeededRandom(seed, STREAM + CORE_PROFILES.indexOf(profile));
  const reading = new SeededRandom(seed, READING_STREAM + CORE_PROFILES.indexOf(profile));
  const variants = new SeededRandom(seed, OPTIONS_STREAM + CORE_PROFILES.indexOf(profile));
  const shapes = new SeededRandom(seed, SHAPES_STREAM + CORE_PROFILES.indexOf(profile));
  const drawn = drawCoreConfig(profile, random.fork(), reading, variants);
  const config = profile === "members" ? withShape(drawn, shapes) : drawn;
  const cluster = new CoreCluster({ ...config, random: random.fork(), reading, shapes, trace });
  const { world, oracle, network } = cluster;
  let failure: CoreFailure | null = null;
  try {
    play(cluster, config, random.fork());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const invariant = error instanceof Broken ? error.invariant : "no node stops itself";
    failure = { invariant, message, atMs: world.nowMs };
    world.noteWorld(() => `FAILED: ${invariant}: ${message}`);
  }
  if (oracle.epochs.count > 1) world.sometimes("change of the members took effect");
  if (oracle.epochs.count > 3) world.sometimes("three changes of the members took effect");
  if (oracle.noops > 0) world.sometimes("gap filled by a no-op");
  return {
    seed,
    profile,
    failure,
    traceHash: world.hash.toString(),
    nodes: cluster.ids,
    virtualMs: world.nowMs,
    commands: cluster.values,
    slotsChosen: oracle.prefix,
    deliveries: network.delivered,
    sometimes: Object.fromEntries([...world.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
