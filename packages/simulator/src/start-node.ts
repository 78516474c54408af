import type { Codec, Logger, Metrics, NodeId, Storage, Transport } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { createNode, createWitness, type WitnessOptions } from "@synod/node";
import type { AnyNode, ClusterParts, Running } from "./cluster.js";
import { releaseCodec } from "./deploy.js";
import { SimulatedFileSystem } from "./file-system.js";
import { faultyPorts, type Ports } from "./ports.js";
import type { Life, Process } from "./process.js";
import { type Tagged, taggedCodec, watchedMachine } from "./tags.js";

const DIRECTORY = "/store";
const SNAPSHOTS = "synod_snapshots";
/** First words of the last line of a node that was removed. */
const STOPS = "the node stops";
const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const UNCOUNTED: Metrics = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** One life of one node, and who watches it. */
export interface StartParts extends ClusterParts {
  readonly id: NodeId;
  readonly life: Life;
  readonly process: Process;
  readonly bootstrap: boolean;
  /** An operator tells a node whom to ask. */
  readonly contacts: readonly NodeId[];
  readonly transport: Transport;
  watchCodec(inner: Codec<Envelope>): Codec<Envelope>;
  watchStorage(inner: Storage): Storage;
  isHealed(): boolean;
  onCrash(how: "kill" | "power cut"): void;
  onTurn(): void;
  onApplied(slot: number): void;
  onCounted(name: string, labels: Readonly<Record<string, string>> | undefined): void;
}

/** The production node, a full member or a witness, on ports that are simulated and may fail. */
export function startNode(parts: StartParts): Promise<Running["node"]> {
  const { id, configuration, config, random, deploy, judge, process, timeline, life } = parts;
  const fileSystem = new SimulatedFileSystem({
    disk: process.disk,
    life,
    timeline,
    onCrash: (how) => parts.onCrash(how),
  });
  const place = {
    directory: DIRECTORY,
    fileSystem,
    random: random.fork(),
    segmentBytes: config.segmentBytes,
  };
  const clock = process.clock(life, config.clock(random));
  const release = deploy.begin(id);
  const { members, quorum, alpha, lease, learning } = configuration;
  const rare = random.fork();
  const ports: Ports = {
    transport: parts.transport,
    storage: parts.watchStorage(parts.storage(place)),
    codec: parts.watchCodec(release === null ? parts.codec : releaseCodec(parts.codec, release)),
    clock: {
      ...clock,
      soon: (callback) =>
        clock.soon(() => {
          callback();
          parts.onTurn();
        }),
    },
    random: random.fork(),
    ...reports(parts),
  };
  const options: WitnessOptions = {
    id,
    cluster: {
      id: "simulated",
      members,
      contacts: parts.contacts.map((other) => ({ id: other })),
      quorum,
      alpha,
      ...(lease === undefined ? {} : { lease }),
      ...(learning === undefined ? {} : { learning }),
    },
    ...faultyPorts(ports, process.ports),
    bootstrap: parts.bootstrap,
    ...(members.some((member) => member.id === id) ? {} : { join: {} }),
    limits: config.limits,
    sessionTtlMs: config.sessionTtlMs,
    ...(release === null ? {} : { supports: { wire: release, log: release } }),
    buggify: (point) => {
      // Copies of everything, in each round, are more than a window of one slot takes.
      if (parts.isHealed() && point === "sent again at once") return false;
      const taken = config.buggify[point] > 0 && rare.chance(config.buggify[point]);
      if (taken) judge.sometimes(`provoked: ${point}`);
      return taken;
    },
  };
  if (parts.oracle.witnesses.has(id)) return createWitness(options);
  return startFull(parts, options, release ?? 1);
}

function startFull(parts: StartParts, options: WitnessOptions, release: number): Promise<AnyNode> {
  const { id, life, workload, judge, ledger } = parts;
  const own = workload.stateMachine(release);
  if (own.digest === undefined) judge.sometimes("states not compared: the state machine has no digest");
  const machine = watchedMachine(own, {
    applied: (tag, context, result) => {
      ledger.onApply({ node: id, life, tag, context, result });
      parts.onApplied(context.slot);
    },
    flipped: () => life.flipped ?? "",
    impure: (call, used) => judge.fail("deterministic apply", `${call} uses ${used.join(", ")}`),
  });
  return createNode<Tagged<unknown>, unknown, unknown, unknown>({
    ...options,
    stateMachine: machine,
    commandCodec: taggedCodec(workload.commandCodec),
    resultCodec: workload.resultCodec ?? workload.commandCodec,
  });
}

/** What the node says of itself while it runs. */
function reports(parts: StartParts): Pick<Ports, "logger" | "metrics"> {
  const { life, judge } = parts;
  return {
    // A node that stops says so, and runs no turn after it.
    logger: {
      ...SILENT,
      info: (line) => void (life.ending ||= line.startsWith(STOPS)),
      error: () => void (life.ending = true),
    },
    metrics: {
      ...UNCOUNTED,
      count: (name, _by, labels) => {
        if (name.startsWith(SNAPSHOTS)) judge.sometimes(textOf(name));
        parts.onCounted(name, labels);
      },
    },
  };
}

/** As in "snapshots taken". */
const textOf = (name: string): string =>
  name.slice(SNAPSHOTS.length - "snapshots".length, -"_total".length).replace("_", " ");
