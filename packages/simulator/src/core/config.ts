import type { Configuration, LeaseTerms, Member, QuorumSpec } from "@synod/interface";
import type { Message, ReplicaSettings } from "@synod/multipaxos";
import { drawQuorum, idsUpTo } from "../draw-quorum.js";
import type { SeededRandom } from "../random.js";
import type { CoreNetworkOptions } from "./network.js";
import { NO_SNAPSHOTS, type SnapshotPlan } from "./snapshots.js";

/**
 * `short`: three replicas, a hundred commands, everything may fail. `network`, `disk`: hostile there, kind elsewhere.
 * `members`: members come and go, and disks are lost. `flexible`: one to seven replicas and all kinds of quorums.
 * `swarm`: any of it, each kind of fault or not.
 */
export type CoreProfile = "short" | "swarm" | "network" | "disk" | "flexible" | "members";

export const CORE_PROFILES: readonly CoreProfile[] = ["short", "swarm", "network", "disk", "flexible", "members"];

/** How likely each kind of fault is among all. 0: never. */
export interface CoreFaultWeights {
  readonly crash: number;
  /** Several at once, up to all. */
  readonly powerCut: number;
  readonly restart: number;
  /** A process ends at one of its next steps. */
  readonly arm: number;
  readonly pause: number;
  readonly clockJump: number;
  readonly slowDisk: number;
  readonly cut: number;
  /** One of the named partitions, or clogged links. */
  readonly partition: number;
  /** A leader is cut off from most, is read from, and hears old packets. */
  readonly ghost: number;
  /** A leader's first proposals are lost, its next ones are not, and it ends: it leaves gaps. */
  readonly stumble: number;
  /** One that was cut off for long is the only one in sight of a quorum: it leads without what was chosen meanwhile. */
  readonly straggle: number;
  readonly loseKinds: number;
  readonly replay: number;
  readonly open: number;
  /** A leader is told to hand over, whatever else happens. */
  readonly transfer: number;
  /** The turns of one node come late, time and again. */
  readonly lag: number;
  /** A log loses something in its middle, where the others can do without this node. */
  readonly rot: number;
}

/** Everything about a run that is drawn from its seed. */
export interface CoreConfig {
  readonly configuration: Configuration;
  readonly settings: Partial<ReplicaSettings> & { readonly electionTimeoutMs: number };
  /** Of each node, by id. */
  readonly priorities: readonly number[];
  readonly network: CoreNetworkOptions;
  readonly diskMs: readonly [number, number];
  readonly applyMs: number;
  readonly drift: number;
  readonly echo: number;
  readonly freeze: boolean;
  readonly plan: SnapshotPlan;
  readonly valueBytesMax: number;
  /** Slots that are chosen before the run ends, if any progress is possible. */
  readonly slotsMin: number;
  /** Longest time with faults; they end at once where `slotsMin` slots are chosen. */
  readonly faultyMs: number;
  readonly clientEveryMs: number;
  /** Values that a client proposes at once. */
  readonly burst: number;
  readonly faultEveryMs: number;
  /** Between changes of the members; 0 for none. */
  readonly changeEveryMs: number;
  readonly faults: CoreFaultWeights;
  /** Part of the reads that ask a quorum, not the leader. */
  readonly quorumReads: number;
}

export const TIMEOUT_MS = 100;
/** A witness that may keep so much forgets nothing in a run. */
export const KEEPS_ALL = 1_000_000;

const KINDS: Readonly<Record<Message["kind"], true>> = {
  prepare: true,
  promise: true,
  accept: true,
  accepted: true,
  reject: true,
  commit: true,
  fetch: true,
  learn: true,
  beat: true,
  beatReply: true,
  forward: true,
  forwardReply: true,
  confirm: true,
  confirmReply: true,
  readIndexAsk: true,
  readIndexReply: true,
  quorumReadAsk: true,
  quorumReadReply: true,
  leaseAsk: true,
  leaseGrant: true,
  leaseRelease: true,
  transferTo: true,
  snapshotOffer: true,
  snapshotAsk: true,
  snapshotChunk: true,
  change: true,
  changeReply: true,
  removed: true,
  stateDigest: true,
};

/** Any of them may be lost, or slow. */
const LOSABLE = Object.keys(KINDS) as Message["kind"][];

export const drawKind = (random: SeededRandom): Message["kind"] => random.pick(LOSABLE);

export function configurationOf(
  nodes: number,
  alpha: number,
  quorum: QuorumSpec = { kind: "majority" },
): Configuration {
  return { epoch: 1, members: idsUpTo(nodes).map((id) => ({ id })), alpha, quorum };
}

function drawConfiguration(random: SeededRandom, profile: CoreProfile): Configuration {
  const alpha = random.pick(profile === "short" ? [4, 8, 16, 64] : [1, 2, 3, 8, 64]);
  if (profile === "short") return configurationOf(3, alpha);
  if (profile === "members") return configurationOf(random.int(1, 5), random.pick([1, 2, 3, 5, 10]));
  if (profile === "flexible") {
    const nodes = random.int(1, 7);
    return configurationOf(nodes, alpha, drawQuorum(random, idsUpTo(nodes)));
  }
  const nodes = random.pick([3, 3, 3, 4, 5, 5, 2]);
  if (profile !== "swarm" || random.chance(0.7)) return configurationOf(nodes, alpha);
  return configurationOf(nodes, alpha, drawQuorum(random, idsUpTo(nodes)));
}

/** Founders that decide by other quorums than majorities, in a part of the runs. */
export function withShape(config: CoreConfig, random: SeededRandom): CoreConfig {
  if (!random.chance(0.3)) return config;
  const ids = config.configuration.members.map(({ id }) => id);
  return { ...config, configuration: { ...config.configuration, quorum: drawQuorum(random, random.shuffle(ids)) } };
}

const KIND_NETWORK: CoreNetworkOptions = { delayMs: [0.5, 3], tail: 0, loss: 0, duplication: 0, replay: 0 };

function drawNetwork(random: SeededRandom): CoreNetworkOptions {
  const slow = random.chance(0.25)
    ? {
        slow: {
          kind: drawKind(random),
          delayMs: random.pick([
            [10, 60],
            [50, 400],
          ] as const),
        },
      }
    : {};
  return {
    delayMs: random.pick([
      [0.5, 3],
      [0.5, 10],
      [1, 30],
      [1, 60],
    ] as const),
    tail: random.pick([0, 0, 0.05, 0.3]),
    loss: random.pick([0, 0, 0.02, 0.1, 0.3]),
    duplication: random.pick([0, 0, 0.05, 0.5]),
    replay: random.pick([0, 0, 0.05, 0.5]),
    ...slow,
  };
}

/** A swarm: each kind of fault is left out of a part of the runs, so that no kind hides what another one shows. */
function drawFaults(random: SeededRandom, hostile: { network: boolean; disk: boolean }): CoreFaultWeights {
  const drawn = (wanted: boolean, share: number): number =>
    wanted && random.chance(share) ? random.pick([1, 1, 3]) : 0;
  return {
    crash: drawn(true, 0.7),
    powerCut: drawn(hostile.disk, 0.4),
    restart: 2,
    arm: drawn(hostile.disk, 0.6),
    pause: drawn(true, 0.4),
    clockJump: drawn(true, 0.3),
    slowDisk: drawn(hostile.disk, 0.4),
    cut: drawn(hostile.network, 0.5),
    partition: drawn(hostile.network, 0.6),
    ghost: drawn(hostile.network, 0.5),
    stumble: drawn(hostile.network, 0.5),
    straggle: drawn(hostile.network, 0.4),
    loseKinds: drawn(hostile.network, 0.4),
    replay: drawn(hostile.network, 0.4),
    open: hostile.network ? 2 : 0,
    transfer: drawn(true, 0.5),
    lag: drawn(true, 0.3),
    rot: drawn(hostile.disk, 0.4),
  };
}

/** Limits so small that what is cut, paged and waited for elsewhere once in a while is so all the time. */
function drawLimits(random: SeededRandom): Partial<ReplicaSettings> {
  if (random.chance(0.4)) return {};
  return {
    frameValueBytesMax: random.pick([1, 24, 64, 1_000, 1_000_000]),
    inFlightBytesMax: random.pick([4, 100, 10_000, 1_000_000]),
    writeBytesMax: random.pick([1, 150, 1_000_000]),
    creditBytesMax: random.pick([1, 40, 1_000, 1_000_000]),
    applyBytesMax: random.pick([100, 2_000, 1_000_000]),
  };
}

/** Chunks and tails are so small that every snapshot has many parts and a short absence needs one. */
function drawSnapshots(random: SeededRandom): {
  readonly plan: SnapshotPlan;
  readonly settings: Partial<ReplicaSettings>;
} {
  if (random.chance(0.3)) return { plan: NO_SNAPSHOTS, settings: {} };
  const bytes = random.pick([1, 40, 300]);
  const plan = {
    everySlots: random.pick([1, 5, 20]),
    bytes,
    own: random.pick([0, 0.2, 1]),
    damaged: random.pick([0, 0, 0.3]),
  };
  const snapshotChunkBytes = Math.max(1, Math.floor(bytes / random.pick([1, 4, 20])));
  return { plan, settings: { snapshotChunkBytes, retainedBytesMax: random.pick([1, 200, 1_000]) } };
}

/**
 * Leases, in a third of the runs, and in most of those whose members change: clocks keep their bound, then. A paused process finds
 * that time went on, as it does for one that the system stopped; a clock that jumps is beyond every bound.
 */
function drawLease(config: CoreConfig, random: SeededRandom): CoreConfig {
  if (!random.chance(config.changeEveryMs > 0 ? 0.6 : 0.35)) return config;
  const durationMs = random.pick([40, 100, 250, 400]);
  const drift = random.pick([0, 0.01, 0.1]);
  const lease: LeaseTerms = { durationMs, driftPercent: drift * 100 };
  const configuration = { ...config.configuration, lease };
  return { ...config, configuration, drift, faults: { ...config.faults, clockJump: 0 } };
}

/** Draws a run of the profile. How it reads, and options, are drawn from streams of their own: a seed is otherwise the run that it was. */
export function drawCoreConfig(
  profile: CoreProfile,
  random: SeededRandom,
  reading: SeededRandom,
  options: SeededRandom,
): CoreConfig {
  const config = drawBasics(profile, random);
  return drawOptions(profile, drawLease({ ...config, quorumReads: reading.pick([0, 0.3, 1]) }, reading), options);
}

/** Some of the members, at least one less than all, only vote. */
function withWitnesses(configuration: Configuration, random: SeededRandom): Configuration {
  const full = random.int(1, configuration.members.length);
  const order = random.shuffle(configuration.members.map(({ id }) => id));
  const members = configuration.members.map(
    (m): Member => (order.indexOf(m.id) < full ? m : { ...m, role: "witness" }),
  );
  return { ...configuration, members };
}

/** What a cluster may be told to do otherwise than by default, in the profiles that vary everything. */
function drawOptions(profile: CoreProfile, config: CoreConfig, random: SeededRandom): CoreConfig {
  if (profile === "short") return config;
  const learning = random.pick([undefined, undefined, "allToAll", "onAccept"] as const);
  const learned = learning === undefined ? config.configuration : { ...config.configuration, learning };
  const configuration = random.chance(0.3) ? withWitnesses(learned, random) : learned;
  const varied = profile === "flexible" || profile === "swarm" || profile === "members";
  const thrifty = varied && random.chance(0.4);
  // Where no snapshots are taken a witness forgets all the same.
  const retainedBytesMax = config.settings.retainedBytesMax ?? random.pick([1, 300, 2_000, 1_000_000]);
  return { ...config, configuration, settings: { ...config.settings, thrifty, retainedBytesMax } };
}

function drawBasics(profile: CoreProfile, random: SeededRandom): CoreConfig {
  const either = random.chance(0.5);
  const network = profile === "network" || (profile !== "disk" && (either || random.chance(0.5)));
  const disk = profile === "disk" || (profile !== "network" && (!either || random.chance(0.5)));
  const short = profile === "short";
  const { plan, settings } = drawSnapshots(random);
  return {
    plan,
    configuration: drawConfiguration(random, profile),
    settings: {
      electionTimeoutMs: TIMEOUT_MS,
      resendMs: random.pick([10, 30, 50]),
      ...drawLimits(random),
      ...settings,
    },
    priorities: random.chance(0.3) ? Array.from({ length: 8 }, () => random.int(0, 2)) : [],
    network: network ? drawNetwork(random) : KIND_NETWORK,
    diskMs: disk
      ? random.pick([
          [0, 1],
          [1, 10],
          [5, 40],
        ] as const)
      : [0, 1],
    applyMs: random.pick([0, 0, 2]),
    drift: random.pick([0, 0, 0.001, 0.05]),
    echo: network ? random.pick([0, 0, 10]) : 0,
    freeze: random.chance(0.05),
    valueBytesMax: random.pick([5, 5, 20, 100]),
    slotsMin: short ? 100 : random.pick([20, 100, 300]),
    faultyMs: short ? random.pick([300, 500]) : random.pick([500, 1_000, 2_000]),
    clientEveryMs: random.pick(short ? [5, 10, 20] : [5, 20, 60]),
    burst: random.pick(short ? [1, 2, 6] : [1, 4, 10]),
    faultEveryMs: random.pick(short ? [10, 25, 50] : [15, 50, 100, 300]),
    faults: drawFaults(random, { network, disk }),
    quorumReads: 0,
    changeEveryMs: profile === "members" ? random.pick([15, 40, 100]) : 0,
  };
}
