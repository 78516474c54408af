import { type Codec, type NodeId, type Slot, SynodError } from "@synod/interface";
import { checkLinearizability } from "@synod/linearizability";
import type { Envelope } from "@synod/multipaxos";
import { Client } from "./clients.js";
import { type AnyWorkload, Cluster } from "./cluster.js";
import { type Config, configurationOf, drawConfig, type Profile, PROFILES, reduced, type Reduction } from "./config.js";
import { Deploy } from "./deploy.js";
import { type Failure, Judge } from "./judge.js";
import { Ledger } from "./ledger.js";
import { Members } from "./members.js";
import { Nemesis, SLOWEST_MS } from "./nemesis.js";
import { Oracle } from "./oracle.js";
import { SeededRandom } from "./random.js";
import { Recovery } from "./recovery.js";
import { type Drain, hostDrain, Timeline } from "./timeline.js";
import type { TraceEvent } from "./trace.js";
import type { StorageFactory, Workload } from "./workload.js";

export interface SimulateOptions<Command, Query, Result, Answer = Result> {
  /** Any safe integer. The same seed gives the same run, event by event. */
  readonly seed: number;
  /** What is drawn from the seed; `swarm` by default. */
  readonly profile?: Profile;
  readonly workload: Workload<Command, Query, Result, Answer>;
  /** Opens a store on the simulated disk, for each life of each node. */
  readonly storage: StorageFactory;
  /** Messages between nodes to bytes. */
  readonly codec: Codec<Envelope>;
  /** Called with each event of the run. */
  readonly trace?: (event: TraceEvent) => void;
  /** Leaves a part of the run out: see `shrink`. */
  readonly reduce?: Reduction;
  /** Waits until all promises that can settle have settled. By default a turn of the host's event loop. */
  readonly drain?: Drain;
}

/** What came of a run. */
export interface Report {
  readonly seed: number;
  readonly profile: Profile;
  /** The first invariant that was found broken, or null. */
  readonly failure: Failure | null;
  /** Of everything that happened: equal for equal runs. Sixteen hexadecimal digits. */
  readonly traceHash: string;
  readonly nodes: readonly NodeId[];
  /** Virtual time at the end. */
  readonly virtualMs: number;
  readonly events: number;
  readonly framesSent: number;
  readonly slotsChosen: Slot;
  /** Requests of clients that ended, and those of them that were answered. */
  readonly requests: number;
  readonly answered: number;
  readonly clients: number;
  /** Faults that struck or were left out. */
  readonly strikes: number;
  /** How often each rare path was reached. */
  readonly sometimes: Readonly<Record<string, number>>;
}

/** Steps of the search for a linear order, at most; beyond it the history counts as not checked. */
const LINEARIZABILITY_STEPS_MAX = 2_000_000;
/** Apart from the streams of the profiles. */
const DEPLOY_STREAM = 1_000;

/** Streams that draw how the members change. */
const MEMBERS_STREAM = 2_000;

/** Streams that draw how the members learn what is chosen. */
const LEARNING_STREAM = 3_000;

/** Streams that draw quorums and limits besides the usual ones. */
const SHAPES_STREAM = 4_000;

/** Streams of random numbers that draw how clients read. */
const READING_STREAM = 50;

/**
 * Runs a whole cluster in virtual time: the production node over a simulated network, disk and clock. First everything fails
 * that may fail, and nothing wrong may happen; then a quorum is healed, and everything must come to an end.
 * @returns the report, also for a run that broke an invariant.
 * @throws SynodError `InvalidArgument` for a seed or profile that is none.
 */
export async function simulate<Command, Query, Result, Answer = Result>(
  options: SimulateOptions<Command, Query, Result, Answer>,
): Promise<Report> {
  const { seed, profile = "swarm" } = options;
  if (!Number.isSafeInteger(seed)) throw new SynodError("InvalidArgument", `a seed is a safe integer, not ${seed}`);
  if (!PROFILES.includes(profile)) {
    throw new SynodError("InvalidArgument", `no profile "${String(profile)}": there are ${PROFILES.join(", ")}`);
  }
  // From here on only the workload itself looks into commands and results.
  return new Simulation(options, profile).run();
}

class Simulation {
  readonly #options: SimulateOptions<unknown, unknown, unknown, unknown>;
  readonly #profile: Profile;
  readonly #timeline: Timeline;
  readonly #judge: Judge;

  constructor(options: SimulateOptions<unknown, unknown, unknown, unknown>, profile: Profile) {
    this.#options = options;
    this.#profile = profile;
    this.#timeline = new Timeline(options.drain ?? hostDrain());
    this.#judge = new Judge(() => this.#timeline.nowMs);
  }

  async run(): Promise<Report> {
    const { seed, workload, storage, codec, trace } = this.#options;
    const timeline = this.#timeline;
    const judge = this.#judge;
    const random = new SeededRandom(seed, PROFILES.indexOf(this.#profile));
    const { reduce = {} } = this.#options;
    const reading = new SeededRandom(seed, READING_STREAM + PROFILES.indexOf(this.#profile));
    const changing = new SeededRandom(seed, MEMBERS_STREAM + PROFILES.indexOf(this.#profile));
    const learning = new SeededRandom(seed, LEARNING_STREAM + PROFILES.indexOf(this.#profile));
    const shapes = new SeededRandom(seed, SHAPES_STREAM + PROFILES.indexOf(this.#profile));
    const streams = { random: random.fork(), reading, changing, learning, shapes };
    const config = reduced(drawConfig(this.#profile, streams), reduce);
    const configuration = configurationOf(config);
    const ledger = new Ledger(judge, workload.resultCodec ?? workload.commandCodec);
    const oracle = new Oracle({ judge, configuration, knownTags: ledger.tags });
    ledger.watch(oracle);
    // From a source of its own: runs of one release are as they would be without any deploy.
    const own = new SeededRandom(seed, DEPLOY_STREAM);
    const deploy = new Deploy({ options: config.deploy, oracle, judge, timeline, random: own });
    const parts = { config, configuration, workload, timeline, judge, ledger, oracle, deploy };
    const cluster = new Cluster({ ...parts, storage, codec, trace, random: random.fork() });
    const members = new Members({ ...parts, options: config.members, cluster, random: changing, shapes });
    cluster.maySpare = (id) => members.canSpare(id);
    const failed = (): boolean => judge.failure !== null;

    for (const id of cluster.ids) cluster.boot(id);
    const nemesis = new Nemesis({ ...parts, cluster, without: new Set(reduce.without), random: random.fork() });
    let nodes = (): readonly NodeId[] => cluster.members;
    const clients = Array.from(
      { length: config.clients },
      (_, i) =>
        new Client({
          ...parts,
          cluster,
          id: i + 1,
          random: random.fork(),
          reading: reading.fork(),
          sessions: shapes.fork(),
          nodes: () => nodes(),
        }),
    );
    for (const client of clients) client.start();
    nemesis.start();
    if (config.witnesses.length > 0) judge.sometimes("witnesses");
    if (config.quorum.kind !== "majority") judge.sometimes(`founders decide by ${config.quorum.kind}`);
    if (config.learning !== null) judge.sometimes(`learning ${config.learning}`);
    if (config.deploy !== null && config.members !== null) judge.sometimes("deploys while the members change");
    deploy.start(cluster);
    members.start();
    await timeline.run(config.safetyMs, failed);
    nemesis.stop();
    members.stop();

    const probeParts = { workload, cluster, ledger, timeline, random: random.fork() };
    const probe = (id: NodeId): Prober => new Prober(probeParts, id);
    const recovery = new Recovery({ ...parts, members, cluster, clients, probe, random: random.fork() });
    nodes = () => recovery.core;
    if (!failed()) await recovery.run();
    if (!failed()) this.#checkEnd(cluster, ledger, recovery.core);
    if (!failed() && config.profile === "calm") {
      const requests = clients.reduce((sum, client) => sum + client.finished, 0);
      this.#checkBudget(cluster, config, { requests, slots: oracle.prefix });
    }
    await this.#close(cluster);

    if (judge.failure !== null) cluster.noteWorld(`FAILED: ${judge.failure.invariant}: ${judge.failure.message}`);
    return {
      seed,
      profile: this.#profile,
      failure: judge.failure,
      traceHash: cluster.hash.toString(),
      nodes: cluster.everybody,
      virtualMs: timeline.nowMs,
      events: timeline.events,
      framesSent: cluster.framesSent,
      slotsChosen: oracle.prefix,
      requests: clients.reduce((sum, client) => sum + client.finished, 0),
      answered: clients.reduce((sum, client) => sum + client.answered, 0),
      strikes: nemesis.strikes,
      clients: config.clients,
      sometimes: Object.fromEntries([...judge.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }

  #checkEnd(cluster: Cluster, ledger: Ledger, core: readonly NodeId[]): void {
    for (const id of cluster.ids) cluster.compareDigest(id);
    const serving = core.filter((id) => !cluster.isWitness(id));
    ledger.checkNothingLost(Math.min(...serving.map((id) => cluster.running.get(id)?.node.status().applied ?? 0)));
    const { model } = this.#options.workload;
    if (model === undefined) return;
    const result = checkLinearizability(model, ledger.history, {
      stepsMax: LINEARIZABILITY_STEPS_MAX,
      explainStepsMax: LINEARIZABILITY_STEPS_MAX,
    });
    if (result.ok === "unknown") this.#judge.sometimes("linearizability not decided");
    else if (!result.ok) this.#judge.fail("linearizable", result.explanation.text);
  }

  /** Where nothing fails, a command costs a known number of messages, and so does an idle election timeout. */
  #checkBudget(cluster: Cluster, config: Config, done: { requests: number; slots: number }): void {
    const peers = cluster.ids.length - 1;
    // Accept, Accepted and Commit; a request may be forwarded, or ask for an index that takes a round of its own.
    const work = 3 * peers * done.slots + (2 * peers + 4) * done.requests;
    const rounds = (8 * this.#timeline.nowMs) / config.limits.electionTimeoutMs;
    // The leader renews its lease once per round at most.
    const talkers = cluster.ids.length + (config.lease === null ? 0 : 1);
    const beats = rounds * 2 * talkers * peers;
    // Everybody tells everybody what its state looks like, at agreed slots.
    const digests = (cluster.ids.length * peers * done.slots) / (config.limits.digestEverySlots ?? Infinity);
    const most = 1.15 * (work + beats + digests) + 200;
    this.#judge.check(
      cluster.framesSent <= most,
      "message budget",
      () =>
        `${cluster.framesSent} frames for ${done.requests} requests in ${done.slots} slots; ${most.toFixed(0)} are enough`,
    );
  }

  /** Every node can be closed, whatever happened before. */
  async #close(cluster: Cluster): Promise<void> {
    const judge = this.#judge;
    if (judge.failure === null) {
      // A node that is still opening its store cannot be closed yet.
      for (const id of cluster.ids) {
        if (cluster.running.has(id)) cluster.close(id);
        else cluster.crash(id, "kill");
      }
      const closed = (): boolean => cluster.ids.every((id) => cluster.process(id).life === null);
      await this.#timeline.run(this.#timeline.nowMs + 2 * SLOWEST_MS, closed);
      const open = cluster.ids.filter((id) => cluster.process(id).life !== null).join(", ");
      judge.check(open === "", "every call settles", () => `close() does not end at ${open}`);
    }
    for (const id of cluster.ids) cluster.process(id).crash();
  }
}

interface ProberParts {
  readonly workload: AnyWorkload;
  readonly cluster: Cluster;
  readonly ledger: Ledger;
  readonly timeline: Timeline;
  readonly random: SeededRandom;
}

/** Proposes at one node, as a client of its own, until it has an answer. */
class Prober {
  readonly #parts: ProberParts;
  readonly #id: NodeId;
  answered = false;

  constructor(parts: ProberParts, id: NodeId) {
    this.#parts = parts;
    this.#id = id;
    this.#try();
  }

  #try(): void {
    const { cluster, ledger, timeline } = this.#parts;
    const running = cluster.serving(this.#id);
    const next = this.#command();
    if (running === undefined || next === null) {
      timeline.after(10, () => this.#try());
      return;
    }
    const { tag, command } = next;
    const { life, node } = running;
    const operation = { client: `probe ${this.#id}`, call: ledger.stamp(), input: command };
    cluster.note(this.#id, `probe ${tag}`);
    const at = ledger.history.push({ ...operation, return: null }) - 1;
    const again = (): void => {
      if (life.onCrash.delete(again)) timeline.after(10, () => this.#try());
    };
    // Where the node is thrown away meanwhile nobody ever says what came of it.
    life.onCrash.add(again);
    node.propose({ tag, command }).then(
      (output) => {
        life.onCrash.delete(again);
        ledger.history[at] = { ...operation, return: ledger.stamp(), output };
        ledger.onAnswer(tag);
        this.answered = true;
      },
      (error: unknown) => {
        cluster.note(this.#id, `probe ${tag} fails: ${String(error)}`);
        again();
      },
    );
  }

  #command(): { tag: number; command: unknown } | null {
    const { workload, ledger, random } = this.#parts;
    for (let tries = 0; tries < 100; tries++) {
      const tag = ledger.newTag();
      const request = workload.next({ id: 0, unique: tag, random });
      if (request.kind === "command") return { tag, command: request.command };
    }
    // A workload of queries alone.
    return null;
  }
}
