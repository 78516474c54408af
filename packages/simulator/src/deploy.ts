import { type Codec, type NodeId, SynodError, type Versions } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import type { NodeStatus } from "@synod/node";
import type { Cluster } from "./cluster.js";
import type { Judge } from "./judge.js";
import type { Oracle } from "./oracle.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";

/** Rolling deploys during a run. */
export interface DeployOptions {
  /** Releases in all, deployed one after the other. The version of everything in release n is n. */
  readonly releases: number;
  /** Between two acts of the operator, `[min, max]`. */
  readonly everyMs: readonly [number, number];
  /** How likely an act takes a node back to the release before. */
  readonly downgrade: number;
}

export function drawDeploy(random: SeededRandom): DeployOptions {
  return {
    releases: random.pick([2, 2, 3]),
    everyMs: random.pick([
      [5, 60],
      [20, 200],
    ] as const),
    downgrade: random.pick([0, 0.1, 0.3]),
  };
}

/** Frames of a release: the inner codec's, behind the wire version. It reads and writes its own and the one before. */
export function releaseCodec(inner: Codec<Envelope>, release: number): Codec<Envelope> {
  const check = (version: number): void => {
    if (version >= 1 && (version === release || version === release - 1)) return;
    throw new SynodError("VersionUnsupported", `wire version ${version}; this is release ${release}`);
  };
  return {
    encode: (envelope) => {
      check(envelope.version);
      const bytes = inner.encode({ ...envelope, version: 1 });
      const frame = new Uint8Array(bytes.length + 1);
      frame[0] = envelope.version;
      frame.set(bytes, 1);
      return frame;
    },
    decode: (frame) => {
      const version = frame[0] ?? 0;
      check(version);
      return { ...inner.decode(frame.slice(1)), version };
    },
  };
}

const highest = (versions: Versions): number => Math.max(versions.wire, versions.log, versions.machine);
/** What a node without a state machine has to support. */
const withoutMachine = ({ wire, log }: Versions): number => Math.max(wire, log);

/** An operator who brings new releases to the nodes, one by one, changes his mind now and then, and does what errors say. */
export class Deploy {
  readonly #options: DeployOptions | null;
  readonly #oracle: Oracle;
  readonly #judge: Judge;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  /** What each node is to run from its next start on, what its present or last life runs, and the newest that it ever ran. */
  readonly #wanted = new Map<NodeId, number>();
  readonly #runs = new Map<NodeId, number>();
  readonly #newest = new Map<NodeId, number>();
  #release = 1;
  #stopped = false;
  #finished = false;
  #missed = false;

  constructor(parts: {
    options: DeployOptions | null;
    oracle: Oracle;
    judge: Judge;
    timeline: Timeline;
    random: SeededRandom;
  }) {
    this.#options = parts.options;
    this.#oracle = parts.oracle;
    this.#judge = parts.judge;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    parts.oracle.truth.onRaise = {
      proposed: (versions, slot) => this.#onProposed(versions, slot),
      chosen: (versions) => this.#onChosen(versions),
    };
  }

  /** A life of the node begins. Null where there is one release only. */
  begin(id: NodeId): number | null {
    if (this.#options === null) return null;
    // Who joins is installed with what is being deployed.
    const release = this.#wanted.get(id) ?? this.#release;
    this.#wanted.set(id, release);
    this.#runs.set(id, release);
    this.#newest.set(id, Math.max(release, this.#newest.get(id) ?? 1));
    return release;
  }

  /** Whether a node stops because its release is older than what is in force. */
  explains(id: NodeId, code: string): boolean {
    return code === "VersionUnsupported" && (this.#runs.get(id) ?? 1) < this.#neededBy(id, this.#inForce());
  }

  #neededBy(id: NodeId, versions: Versions): number {
    return this.#oracle.witnesses.has(id) ? withoutMachine(versions) : highest(versions);
  }

  /** A node stopped by itself, or did not start. */
  onStopped(id: NodeId, code: string): void {
    if (!this.explains(id, code)) return;
    this.#judge.sometimes("older release stops at a raise");
    this.#wanted.set(id, this.#release);
  }

  /** What a node says is in force is what the log says. */
  check(id: NodeId, { applied, versions }: Pick<NodeStatus, "applied" | "versions">): void {
    const expected = this.#inForce(applied);
    const { wire, log, machine } = versions.inForce;
    // What a witness takes in place of the log it lacks tells the members, and not the versions. What it forgets up to a slot it keeps with the
    // versions that it knows by then, which may have been raised above that slot.
    const newest = this.#inForce();
    const isChosen = wire <= newest.wire && log <= newest.log && machine <= newest.machine;
    if (this.#oracle.witnesses.has(id) && isChosen) {
      if (wire < expected.wire) this.#judge.sometimes("a witness skipped a raise of the versions");
      return;
    }
    this.#judge.check(
      wire === expected.wire &&
        log === expected.log &&
        (machine === expected.machine || versions.supports.machine === 1),
      "versions follow the log",
      () =>
        `node ${id} at slot ${applied}: wire ${wire}, log ${log}, machine ${machine}; the log says ${JSON.stringify(expected)}`,
    );
  }

  start(cluster: Cluster): void {
    if (this.#options === null || this.#stopped) return;
    const { everyMs } = this.#options;
    this.#timeline.after(this.#random.between(...everyMs), () => {
      if (this.#stopped) return;
      this.#act(cluster, this.#options?.downgrade ?? 0);
      this.start(cluster);
    });
  }

  /**
   * No acts from here on. A deploy that no member has yet to see for the first time must be brought to its end, since the release
   * may be in force at any time; another one may stay where it is.
   */
  finish(cluster: Cluster): void {
    this.#stopped = true;
    if (this.#options === null) return;
    const { ids } = cluster;
    const seen = ids.every((id) => (this.#newest.get(id) ?? 1) >= this.#release);
    this.#finished = seen || this.#random.chance(0.5);
    this.#judge.sometimes(this.#finished ? "deploy finished when healed" : "deploy half done when healed");
    for (const id of ids) {
      if (this.#finished) this.#wanted.set(id, this.#release);
      if ((this.#runs.get(id) ?? 1) !== (this.#wanted.get(id) ?? 1)) cluster.crash(id, "kill");
    }
  }

  /** Everybody is there with the newest release: it is in force. */
  checkEnd(cluster: Cluster, core: readonly NodeId[]): void {
    if (!this.#finished || core.length < cluster.ids.length) return;
    const release = withoutMachine(this.#inForce());
    this.#judge.check(
      release === this.#release,
      "versions raised after healing",
      () => `all nodes run release ${this.#release}; in force is ${release}`,
    );
    for (const id of core) {
      const status = cluster.running.get(id)?.node.status();
      if (status !== undefined) this.check(id, status);
    }
  }

  #act(cluster: Cluster, downgrade: number): void {
    const inForce = withoutMachine(this.#inForce());
    const { ids } = cluster;
    const behind = ids.filter((id) => (this.#wanted.get(id) ?? 1) < this.#release);
    if (behind.length === 0 && inForce >= this.#release && this.#release < (this.#options?.releases ?? 1)) {
      this.#release++;
      this.#missed = false;
      this.#judge.sometimes("rolling deploy begins");
      return;
    }
    if (behind.length === 0 && ids.some((id) => !cluster.running.has(id))) this.#missed = true;
    if (this.#release > 1 && this.#random.chance(downgrade)) {
      this.#judge.sometimes(inForce < this.#release ? "downgraded before a raise" : "downgraded after a raise");
      this.#restart(cluster, this.#random.pick(ids), this.#release - 1);
      return;
    }
    if (behind.length > 0) this.#restart(cluster, this.#random.pick(behind), this.#release);
  }

  #restart(cluster: Cluster, id: NodeId, release: number): void {
    if (this.#wanted.get(id) === release) return;
    cluster.note(id, `is to run release ${release}`);
    this.#wanted.set(id, release);
    if (cluster.running.has(id) && this.#random.chance(0.5)) cluster.close(id);
    else cluster.crash(id, "kill");
  }

  #onProposed(versions: Versions, slot: number): void {
    // Who has just become a member, or is about to leave, may not be one for the leader.
    const { previous, last } = this.#oracle.epochs;
    const steady = last.members.filter((id) => previous === undefined || previous.members.includes(id));
    const never = steady.filter((id) => (this.#newest.get(id) ?? 1) < this.#neededBy(id, versions));
    this.#judge.check(
      never.length === 0,
      "versions raised when all support them",
      () => `slot ${slot} raises to ${highest(versions)}, which node ${never.join(", ")} never supported`,
    );
  }

  #onChosen(versions: Versions): void {
    if (withoutMachine(versions) < this.#release) return;
    this.#judge.sometimes("versions raised");
    if (this.#missed) this.#judge.sometimes("versions raised after a member returned");
    this.#missed = false;
  }

  /** The versions in force after a slot, as what is chosen says. */
  #inForce(slot: number = Number.POSITIVE_INFINITY): Versions {
    let [wire, log, machine] = [1, 1, 1];
    for (const [at, versions] of this.#oracle.truth.raises) {
      if (at > slot) continue;
      wire = Math.max(wire, versions.wire);
      log = Math.max(log, versions.log);
      machine = Math.max(machine, versions.machine);
    }
    return { wire, log, machine };
  }
}
