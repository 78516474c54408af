import type { Configuration, Learning, LeaseTerms, Member, NodeId, QuorumSpec } from "@synod/interface";
import type { BuggifyPoint, NodeLimits } from "@synod/node";
import { type DeployOptions, drawDeploy } from "./deploy.js";
import { drawQuorum as drawShape, idsUpTo } from "./draw-quorum.js";
import { drawMembers, type MembersOptions } from "./members.js";
import type { NetworkOptions } from "./network.js";
import type { ClockOptions } from "./process.js";
import type { SeededRandom } from "./random.js";

/** `calm`: nothing fails. `network`, `disk`: hostile there, kind elsewhere. `swarm`: each kind of fault or not, by the seed. */
export type Profile = "calm" | "network" | "disk" | "swarm";

export const PROFILES: readonly Profile[] = ["calm", "network", "disk", "swarm"];

/** How likely each kind of fault is among all. 0: never. */
export interface FaultWeights {
  readonly kill: number;
  readonly powerCut: number;
  /** Several at once, up to all. */
  readonly powerCutAll: number;
  readonly close: number;
  readonly pause: number;
  readonly partition: number;
  readonly heal: number;
  /** A node is cut off and heard again, in turn. */
  readonly flap: number;
  /** The leader is mute for a moment, is heard again, and ends: it leaves gaps in what others have heard of it. */
  readonly stumble: number;
  /** A process ends, or its disk fails, at one of its next disk operations. */
  readonly armDisk: number;
  readonly slowDisk: number;
  readonly fullDisk: number;
  /** A bit read from the disk is wrong, once. */
  readonly misread: number;
  /** A bit on the disk is wrong from now on. */
  readonly rot: number;
  /** A blank disk in place of the node's own. */
  readonly loseDisk: number;
  /** A clock jumps ahead. */
  readonly clockJump: number;
  /** A call of a node to one of its ports throws. */
  readonly throwFromPort: number;
  /** A bit of a state in memory is another one: only the digest shows it. */
  readonly flipState: number;
  /** A leader is told to hand over. */
  readonly transfer: number;
  /** The turns of one node come late, time and again. */
  readonly lag: number;
}

/** Everything about a run that is drawn from its seed. */
export interface Config {
  readonly profile: Profile;
  readonly nodes: number;
  readonly quorum: QuorumSpec;
  readonly alpha: number;
  readonly limits: Partial<NodeLimits> & Pick<NodeLimits, "electionTimeoutMs" | "proposeTimeoutMs" | "readTimeoutMs">;
  readonly segmentBytes: number;
  readonly clients: number;
  readonly thinkMs: readonly [number, number];
  /** Part of the clients that go through sessions of their own and ask again after an unknown outcome. */
  readonly sessionClients: number;
  /** How likely such a client gives up its session after a request. */
  readonly sessionCloses: number;
  /** After which an unused session is forgotten, by logged time. */
  readonly sessionTtlMs: number;
  readonly safetyMs: number;
  readonly faultEveryMs: number;
  readonly faults: FaultWeights;
  /** A node that is down starts again within this time. */
  readonly downMs: readonly [number, number];
  readonly network: NetworkOptions;
  readonly disk: { readonly flushMs: readonly [number, number]; readonly otherMs: readonly [number, number] };
  /** How likely a node takes a rare path on purpose, each time that it comes by. */
  readonly buggify: Readonly<Record<BuggifyPoint, number>>;
  /** Null: one release from the start to the end. */
  readonly deploy: DeployOptions | null;
  /** Null: the founders are the members from the start to the end. */
  readonly members: MembersOptions | null;
  /** Part of the queries that ask a quorum, and that may be stale. */
  readonly reads: { readonly quorum: number; readonly stale: number };
  /** Leader leases; null: none. */
  readonly lease: LeaseTerms | null;
  /** Who says what is chosen besides the leader; null: nobody. */
  readonly learning: Learning | null;
  /** Founders that only vote. */
  readonly witnesses: readonly NodeId[];
  /** Drawn for each life of a process. */
  clock(random: SeededRandom): ClockOptions;
}

const SESSION_TTL_MS = 600_000;

const CALM_NETWORK: NetworkOptions = { delayMs: [0.5, 3], loss: 0, duplication: 0, replay: 0 };

const NO_FAULTS: FaultWeights = {
  kill: 0,
  powerCut: 0,
  powerCutAll: 0,
  close: 0,
  pause: 0,
  partition: 0,
  heal: 0,
  flap: 0,
  stumble: 0,
  armDisk: 0,
  slowDisk: 0,
  fullDisk: 0,
  misread: 0,
  rot: 0,
  loseDisk: 0,
  clockJump: 0,
  throwFromPort: 0,
  flipState: 0,
  transfer: 0,
  lag: 0,
};

function drawQuorum(random: SeededRandom, nodes: number): QuorumSpec {
  if (random.chance(0.8)) return { kind: "majority" };
  const phase2 = random.int(Math.min(2, nodes), nodes);
  return { kind: "sizes", phase1: nodes + 1 - phase2, phase2 };
}

function drawNetwork(random: SeededRandom): NetworkOptions {
  return {
    delayMs: random.pick([
      [0.5, 3],
      [0.5, 30],
      [1, 200],
      [20, 60],
    ] as const),
    loss: random.pick([0, 0, 0.02, 0.1, 0.3]),
    duplication: random.pick([0, 0, 0.05, 0.5]),
    replay: random.pick([0, 0, 0.05, 0.5]),
  };
}

function drawDisk(random: SeededRandom): Config["disk"] {
  return {
    flushMs: random.pick([
      [0, 1],
      [0, 10],
      [1, 80],
    ] as const),
    otherMs: random.pick([
      [0, 0],
      [0, 0],
      [0, 2],
    ] as const),
  };
}

/** A swarm: each kind of fault is left out of half of the runs, so that no kind hides what another one shows. */
function drawFaults(random: SeededRandom, profile: Profile): FaultWeights {
  if (profile === "calm") return NO_FAULTS;
  const drawn = (share: number): number => (random.chance(share) ? random.pick([1, 1, 3]) : 0);
  const share = profile === "swarm" ? 0.5 : 1;
  const network =
    profile === "disk"
      ? {}
      : {
          partition: drawn(share),
          heal: 2,
          flap: drawn(share * 0.6),
          pause: drawn(share),
          stumble: 2 * drawn(share),
          clockJump: drawn(share * 0.6),
        };
  const disk =
    profile === "network"
      ? {}
      : {
          powerCut: drawn(share),
          powerCutAll: drawn(share * 0.6),
          armDisk: drawn(share),
          slowDisk: drawn(share),
          fullDisk: drawn(share * 0.6),
          misread: drawn(share * 0.4),
          rot: drawn(share * 0.2),
          loseDisk: drawn(share * 0.2),
        };
  const process = {
    kill: drawn(share),
    close: drawn(share * 0.6),
    throwFromPort: drawn(share * 0.4),
    flipState: drawn(share * 0.3),
    transfer: drawn(share * 0.6),
    lag: drawn(share * 0.4),
  };
  return { ...NO_FAULTS, ...network, ...disk, ...process };
}

function drawLimits(random: SeededRandom): Config["limits"] {
  const tiny = random.chance(0.3);
  return {
    electionTimeoutMs: random.pick([100, 150, 250]),
    proposeTimeoutMs: random.pick([400, 1_500, 3_000]),
    readTimeoutMs: random.pick([400, 1_500, 3_000]),
    digestEverySlots: random.pick([1, 4, 64]),
    ...(random.chance(0.3) ? { peerBytesMax: random.pick([1, 500, 20_000]) } : {}),
    ...(random.chance(0.2) ? { queueWaitMs: random.pick([1, 50]) } : {}),
    ...drawSnapshots(random),
    ...(tiny ? { inFlightCommandsMax: random.int(1, 4), batchBytesMax: random.pick([1, 64, 1024]) } : {}),
  };
}

/** So small that a node that was away for a moment needs a snapshot, in many parts. */
function drawSnapshots(random: SeededRandom): Partial<NodeLimits> {
  if (random.chance(0.3)) return {};
  return {
    snapshotLogBytes: random.pick([1, 500, 3_000, 20_000]),
    snapshotTailBytesMax: random.pick([1, 1_000]),
    snapshotChunkBytes: random.pick([50, 200, 131_072]),
  };
}

function drawBuggify(random: SeededRandom, profile: Profile): Config["buggify"] {
  const chance = (): number => (profile !== "calm" && random.chance(0.25) ? random.pick([0.05, 0.25]) : 0);
  return {
    "one event a turn": chance(),
    "one entry a batch": chance(),
    "one value executed a turn": chance(),
    "no write this turn": chance(),
    "sent again at once": chance(),
  };
}

/** With leases clocks keep the bound that the cluster was given: none jumps, none runs ahead. */
function drawLease(config: Config, random: SeededRandom): Config {
  if (!random.chance(0.35)) return config;
  const { electionTimeoutMs } = config.limits;
  const durationMs = random.pick([electionTimeoutMs / 2, electionTimeoutMs, 4 * electionTimeoutMs]);
  return {
    ...config,
    // No clock of a simulated process drifts by more.
    lease: { durationMs, driftPercent: 5 },
    faults: { ...config.faults, clockJump: 0 },
    clock: (own) => ({ ...config.clock(own), stepMs: 0 }),
  };
}

/** Members that change, in half of the runs with one release, and in a part of the others. A change takes a window, so that one is narrow. */
function drawChanges(config: Config, random: SeededRandom): Config {
  if (config.profile === "calm" || !random.chance(config.deploy === null ? 0.5 : 0.3)) return config;
  return {
    ...config,
    members: drawMembers(random),
    alpha: Math.min(config.alpha, random.pick([1, 2, 8, 20])),
    // Whose state is right is decided by a majority, and of whom would change.
    faults: { ...config.faults, flipState: 0 },
  };
}

/** Streams besides the first: a seed is otherwise the run that it was. */
export interface DrawStreams {
  readonly random: SeededRandom;
  /** How clients read. */
  readonly reading: SeededRandom;
  /** How the members change. */
  readonly changing: SeededRandom;
  /** How the members learn what is chosen. */
  readonly learning: SeededRandom;
  /** Quorums and limits besides the usual ones. */
  readonly shapes: SeededRandom;
}

/** Draws a run of the profile. */
export function drawConfig(profile: Profile, { random, reading, changing, learning, shapes }: DrawStreams): Config {
  const config = drawBasics(profile, random);
  const reads = { quorum: reading.pick([0, 0, 0.5, 1]), stale: reading.pick([0, 0, 0.3]) };
  // A calm run counts the messages that a command takes.
  const way = profile === "calm" ? null : learning.pick([null, null, "allToAll", "onAccept"] as const);
  const whole = drawChanges(drawLease({ ...config, reads, learning: way }, reading), changing);
  const witnesses = drawWitnesses(whole.nodes, whole.members === null ? learning : shapes);
  return profile === "calm" ? { ...whole, witnesses } : drawShapes({ ...whole, witnesses }, shapes);
}

/** Founders that decide by a grid or by weights, and nodes with room for a call or two, each in a part of the runs. */
function drawShapes(config: Config, random: SeededRandom): Config {
  const quorum = random.chance(0.2) ? drawShape(random, random.shuffle(idsUpTo(config.nodes))) : config.quorum;
  const room = random.chance(0.2) ? { queueBytesMax: random.pick([2_500, 6_000]) } : {};
  const sessions = { sessionCloses: random.pick([0, 0, 0.1]), sessionTtlMs: random.chance(0.2) ? 200 : SESSION_TTL_MS };
  return { ...config, quorum, limits: { ...config.limits, ...room }, ...sessions };
}

/** Some of the nodes, at least one less than all. */
function drawWitnesses(nodes: number, random: SeededRandom): readonly NodeId[] {
  if (nodes === 1 || !random.chance(0.25)) return [];
  return random.shuffle(idsUpTo(nodes)).slice(0, random.pick([1, 1, random.int(1, nodes - 1)]));
}

function drawBasics(profile: Profile, random: SeededRandom): Config {
  const hostileNetwork = profile === "network" || (profile === "swarm" && random.chance(0.6));
  const hostileDisk = profile === "disk" || (profile === "swarm" && random.chance(0.6));
  const nodes = random.pick([3, 3, 3, 3, 5, 5, 4, 2, 1]);
  const drift = profile === "calm" ? 0 : random.pick([0, 0.001, 0.05]);
  const stepMs = random.pick([0, 0, 0, 0.5]);
  const turnMs = random.pick([
    [0, 0],
    [0, 0.2],
    [0, 4],
  ] as const);
  return {
    profile,
    nodes,
    quorum: drawQuorum(random, nodes),
    alpha: random.pick([1, 2, 8, 1024, 1024]),
    limits: drawLimits(random),
    segmentBytes: random.pick([1024, 2048, 4096, 16_384]),
    clients: random.pick([1, 2, 3, 5, 8, 12]),
    thinkMs: random.pick([
      [2, 20],
      [5, 60],
      [20, 200],
    ] as const),
    sessionClients: random.pick([0, 0.5, 1]),
    sessionCloses: 0,
    sessionTtlMs: SESSION_TTL_MS,
    safetyMs: random.pick([600, 1_500, 2_500]),
    faultEveryMs: random.pick([20, 80, 200]),
    faults: drawFaults(random, profile),
    downMs: random.pick([
      [0, 100],
      [0, 1_000],
    ] as const),
    network: hostileNetwork ? drawNetwork(random) : CALM_NETWORK,
    buggify: drawBuggify(random, profile),
    disk: hostileDisk ? drawDisk(random) : { flushMs: [0, 1], otherMs: [0, 0] },
    reads: { quorum: 0, stale: 0 },
    lease: null,
    learning: null,
    witnesses: [],
    clock: (own) => ({ rate: 1 + own.between(-drift, drift), stepMs, turnMs }),
    deploy: profile !== "calm" && random.chance(0.4) ? drawDeploy(random) : null,
    members: null,
  };
}

/** What all disks and links are like once they are healed. */
export const HEALED: Pick<Config, "network" | "disk"> = {
  network: CALM_NETWORK,
  disk: { flushMs: [0, 1], otherMs: [0, 0] },
};

export function configurationOf(config: Config): Configuration {
  const members = idsUpTo(config.nodes).map(
    (id): Member => (config.witnesses.includes(id) ? { id, role: "witness" } : { id }),
  );
  const { alpha, quorum, lease, learning } = config;
  const base = { epoch: 1, members, alpha, quorum, ...(learning === null ? {} : { learning }) };
  return lease === null ? base : { ...base, lease };
}

/** What is left out of a run. The rest happens as before: a run that still fails is easier to understand. */
export interface Reduction {
  /** Strikes of faults, by their number in the run. */
  readonly without?: readonly number[];
  /** Length of the safety phase. */
  readonly safetyMs?: number;
  readonly clients?: number;
  /** Links lose, copy and delay nothing of their own accord. */
  readonly calmNetwork?: boolean;
  readonly calmDisk?: boolean;
  readonly steadyClocks?: boolean;
  /** One release from the start to the end. */
  readonly oneRelease?: boolean;
  /** The founders are the members from the start to the end. */
  readonly sameMembers?: boolean;
}

export function reduced(config: Config, reduction: Reduction): Config {
  const { safetyMs = config.safetyMs, clients = config.clients } = reduction;
  return {
    ...config,
    safetyMs: Math.min(safetyMs, config.safetyMs),
    clients: Math.min(clients, config.clients),
    ...(reduction.calmNetwork === true ? { network: HEALED.network } : {}),
    ...(reduction.calmDisk === true ? { disk: HEALED.disk } : {}),
    ...(reduction.steadyClocks === true ? { clock: () => ({ rate: 1, stepMs: 0, turnMs: [0, 0] }) } : {}),
    ...(reduction.oneRelease === true ? { deploy: null } : {}),
    ...(reduction.sameMembers === true ? { members: null } : {}),
  };
}
