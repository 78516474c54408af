import { type Logger, type NodeId, type StateMachine, SynodError, type Versions } from "@synod/interface";
import { type Envelope, WIRE_VERSION } from "@synod/multipaxos";
import { higherVersions, LOG_VERSION, type ReplicatedMachine, versionsAbove } from "@synod/rsm";

/** What this node supports, by its release and its state machine. */
export function supportedVersions(options: {
  readonly stateMachine: Pick<StateMachine<never, never, unknown>, "version">;
  readonly supports?: Partial<Versions>;
}): Versions {
  const { version = 1 } = options.stateMachine;
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new SynodError("InvalidArgument", `stateMachine.version must be a positive integer, not ${String(version)}`);
  }
  return { wire: WIRE_VERSION, log: LOG_VERSION, machine: version, ...options.supports };
}

/** Wire versions that a node reads and writes. */
export function wireVersions({ wire }: Versions): readonly number[] {
  return wire === 1 ? [1] : [wire - 1, wire];
}

export interface UpgradeOptions {
  readonly self: NodeId;
  readonly machine: Pick<ReplicatedMachine<never, unknown>, "versions" | "supports">;
  /** Of the configuration in force and of the one that is to follow, this node included: who joins must be able to read on, too. */
  readonly members: () => readonly NodeId[];
  /** Those of them that vote nowhere. They answer no question of the election, so nobody can tell when they were heard last. */
  readonly learners: () => readonly NodeId[];
  /** Peers that answered within the last election timeout. */
  readonly heard: () => readonly NodeId[];
  /** Whether this node raises versions only after `allow`. */
  readonly manual: boolean;
  readonly logger: Logger;
}

/** What each member supports, what that allows to raise, and which wire version to write meanwhile. */
export class Upgrade {
  readonly #o: UpgradeOptions;
  readonly #supports = new Map<NodeId, { readonly bootId: string; readonly supports: Versions }>();
  /** Lives that were already reported as too old. */
  readonly #outdated = new Map<NodeId, string>();
  #wireSeen = 1;
  #allowed: boolean;

  constructor(options: UpgradeOptions) {
    this.#o = options;
    this.#allowed = !options.manual;
  }

  /** The operator has seen enough of the release that runs. */
  allow(): void {
    this.#allowed = true;
  }

  /**
   * Wire version to write. Whoever writes a version knows that it is in force, so a node whose log is behind follows what it hears: peers of
   * the next release no longer read what came before.
   */
  get wire(): number {
    const { versions, supports } = this.#o.machine;
    const [oldest = 1] = wireVersions(supports);
    return Math.min(Math.max(versions.wire, this.#wireSeen, oldest), supports.wire);
  }

  supportsOf(peer: NodeId): Versions | null {
    return this.#supports.get(peer)?.supports ?? null;
  }

  /** A frame of the present life of a peer. */
  onFrame(from: NodeId, { version, bootId, supports }: Pick<Envelope, "version" | "bootId" | "supports">): void {
    this.#wireSeen = Math.max(this.#wireSeen, version);
    const known = this.#supports.get(from);
    if (known?.bootId !== bootId) this.#supports.set(from, { bootId, supports });
    this.#reportOutdated(from, bootId, supports);
  }

  /** Its next life may be of another release. */
  lost(peer: NodeId): void {
    this.#supports.delete(peer);
  }

  forget(isGone: (id: NodeId) => boolean): void {
    for (const known of [this.#supports, this.#outdated])
      for (const id of known.keys()) if (isGone(id)) known.delete(id);
  }

  /** Members that are not heard, or support less than this node: nothing beyond what they support can be put in force. */
  heldBackBy(heard: readonly NodeId[]): NodeId[] {
    const { self, members, machine } = this.#o;
    const present = this.#present(heard);
    return members().filter((id) => {
      if (id === self) return false;
      const theirs = present(id);
      return theirs === null || versionsAbove(theirs, machine.supports).length > 0;
    });
  }

  /** What a leader raises now: everything that all members support, once each of them is heard. Null if that is in force. */
  due(): Versions | null {
    const { self, members, machine } = this.#o;
    if (!this.#allowed) return null;
    const present = this.#present(this.#o.heard());
    let common = machine.supports;
    for (const id of members()) {
      if (id === self) continue;
      const theirs = present(id);
      if (theirs === null) return null;
      common = lower(common, theirs);
    }
    return versionsAbove(machine.versions, common).length === 0 ? null : higherVersions(machine.versions, common);
  }

  /** What a member supports that is there: a voter that was heard lately, a learner whose connection stands. */
  #present(heard: readonly NodeId[]): (id: NodeId) => Versions | null {
    const learners = this.#o.learners();
    return (id) => (heard.includes(id) || learners.includes(id) ? this.supportsOf(id) : null);
  }

  #reportOutdated(from: NodeId, bootId: string, supports: Versions): void {
    const { versions } = this.#o.machine;
    if (versionsAbove(supports, versions).length === 0 || this.#outdated.get(from) === bootId) return;
    this.#outdated.set(from, bootId);
    const text = "a peer runs an older release than what is in force: it stops when it comes to that place of the log";
    this.#o.logger.warn(text, { from, supports, inForce: versions });
  }
}

function lower(a: Versions, b: Versions): Versions {
  return { wire: Math.min(a.wire, b.wire), log: Math.min(a.log, b.log), machine: Math.min(a.machine, b.machine) };
}
