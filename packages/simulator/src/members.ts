import { type Configuration, type Member, type NodeId, type QuorumSpec, SynodError } from "@synod/interface";
import { encodeConfigurationValue } from "@synod/multipaxos";
import type { MembershipChange } from "@synod/node";
import type { Cluster, Running } from "./cluster.js";
import { type Epoch, isEnough, withPromotions } from "./core/epochs.js";
import type { Judge } from "./judge.js";
import type { Oracle } from "./oracle.js";
import { isQuorum } from "./quorums.js";
import type { SeededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";

/** Changes of the members during a run. */
export interface MembersOptions {
  /** Between two acts of the operator, `[min, max]`. */
  readonly everyMs: readonly [number, number];
  /** After which a change is given up. */
  readonly timeoutMs: number;
}

export function drawMembers(random: SeededRandom): MembersOptions {
  return {
    everyMs: random.pick([
      [5, 60],
      [20, 200],
      [100, 500],
    ] as const),
    timeoutMs: random.pick([300, 1_500, 4_000]),
  };
}

const VOTERS_MAX = 5;
/** Nodes that join in one run, at most. */
const JOINERS_MAX = 12;
const MAJORITY: QuorumSpec = { kind: "majority" };
/** After these a change surely never takes effect. */
const REFUSALS = [
  "NotProposed",
  "EpochMismatch",
  "ChangeUnderWay",
  "LearnerBehind",
  "InvalidConfiguration",
  "InvalidArgument",
  "Removed",
  "Closed",
];

const isVoter = ({ role }: Member): boolean => role === undefined || role === "voter";

interface Drawn {
  readonly change: MembershipChange;
  /** What it makes of the last configuration. */
  readonly next: Configuration;
  /** Id that is started for it. */
  readonly joins: NodeId | null;
}

/** An operator who adds, removes, replaces and promotes members, and throws away the disks of those that were removed as soon as he may. */
export class Members {
  readonly #options: MembersOptions | null;
  readonly #cluster: Cluster;
  readonly #oracle: Oracle;
  readonly #judge: Judge;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  #nextId: NodeId;
  #joined = 0;
  #addresses = 0;
  #stopped = false;
  /** Ids that were to become members by a change that was refused. */
  readonly #never = new Set<NodeId>();
  readonly #open = new Map<number, string>();
  #changes = 0;

  constructor(parts: {
    options: MembersOptions | null;
    cluster: Cluster;
    oracle: Oracle;
    judge: Judge;
    timeline: Timeline;
    random: SeededRandom;
  }) {
    this.#options = parts.options;
    this.#cluster = parts.cluster;
    this.#oracle = parts.oracle;
    this.#judge = parts.judge;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#nextId = Math.max(...parts.cluster.ids) + 1;
    parts.oracle.onEpoch = (epoch) => this.#onEpoch(epoch);
    parts.cluster.onRemoved = (id) => this.#onRemoved(id);
  }

  /** Changes that callers still wait for. */
  get open(): string | null {
    return this.#open.values().next().value ?? null;
  }

  /** No caller waits longer than this for a change. */
  get timeoutMs(): number {
    return this.#options?.timeoutMs ?? 0;
  }

  start(): void {
    if (this.#options === null || this.#stopped) return;
    this.#timeline.after(this.#random.between(...this.#options.everyMs), () => {
      if (this.#stopped) return;
      this.#act(this.#random.fork());
      this.start();
    });
  }

  /** No changes from here on; those under way may still come to their end. */
  stop(): void {
    this.#stopped = true;
  }

  // ---- what is asked for

  #act(random: SeededRandom): void {
    const cluster = this.#cluster;
    const up = cluster.ids.filter((id) => cluster.running.has(id));
    const leader = cluster.leader();
    const id = leader !== undefined && random.chance(0.7) ? leader : up.length > 0 ? random.pick(up) : undefined;
    const running = id === undefined ? undefined : cluster.running.get(id);
    if (id === undefined || running === undefined || this.#open.size > 2) return;
    const drawn = this.#draw(this.#oracle.epochs.last.configuration, id, random);
    if (drawn === null || !this.#isLively(drawn.next)) return;
    const { change, next, joins } = drawn;
    // So that nothing which the old members need is spoiled meanwhile, and nothing which the new ones will.
    const stamp = this.#oracle.epochs.last.epoch;
    const configuration = { ...next, epoch: stamp + 1 };
    this.#oracle.epochs.saw(encodeConfigurationValue({ stamp, changeId: `asked ${this.#changes}`, configuration }));
    if (joins !== null) cluster.join(joins);
    cluster.note(id, `is to change the members: ${change.kind} ${"id" in change ? change.id : (joins ?? "")}`);
    const expected = random.chance(0.3) ? { expectedEpoch: stamp } : {};
    const call = this.#changes++;
    this.#open.set(call, `${change.kind} at node ${id}`);
    const crashed = (): void => void this.#open.delete(call);
    running.life.onCrash.add(crashed);
    const over = (): void => {
      running.life.onCrash.delete(crashed);
      this.#open.delete(call);
    };
    cluster.process(id).whenAwake(running.life, () => this.#ask(running.node, { ...drawn, expected, over }));
  }

  #ask(node: Running["node"], asked: Drawn & { expected: { expectedEpoch?: number }; over: () => void }): void {
    const { change, joins, expected, over } = asked;
    const { timeoutMs } = this;
    node.changeMembership(change, { timeoutMs, ...expected }).then(
      (configuration) => {
        over();
        this.#judge.sometimes(`members changed: ${change.kind}`);
        this.#onComplete(configuration);
      },
      (error: unknown) => {
        over();
        this.#onFailed(error, joins);
      },
    );
  }

  #onFailed(error: unknown, joins: NodeId | null): void {
    const code = error instanceof SynodError ? error.code : String(error);
    // An id that was removed again before it was promoted: the change took effect, and another one after it.
    const known = [...REFUSALS, "OutcomeUnknown", "IdRetired"].includes(code);
    this.#judge.check(known, "every call settles", () => `changeMembership rejects with ${String(error)}`);
    this.#judge.sometimes(`change of the members: ${code}`);
    if (joins === null || !REFUSALS.includes(code)) return;
    this.#never.add(joins);
    const { epochs } = this.#oracle;
    const made = epochs.from(1).find(({ members }) => members.includes(joins));
    this.#judge.check(
      made === undefined,
      "refused changes never take effect",
      () => `node ${joins} is a member as of epoch ${made?.epoch}; the caller was told ${code}`,
    );
    this.#cluster.throwAway(joins);
  }

  /** What a change makes of the members, and who has to be started for it. Null: not now. */
  #draw(base: Configuration, asked: NodeId, random: SeededRandom): Drawn | null {
    const voters = base.members.filter(isVoter);
    const learners = base.members.filter((member) => !isVoter(member));
    const lost = voters.find(({ id }) => this.#cluster.isLost(id));
    if (lost !== undefined && learners.length === 0) return this.#replace(base, lost.id);
    const quorum = MAJORITY;
    switch (random.int(1, 10)) {
      case 1:
      case 2:
      case 3: {
        if (voters.length >= VOTERS_MAX || learners.length > 1) return null;
        const as = random.chance(0.8) ? "voter" : "learner";
        return this.#add(base, as);
      }
      case 4:
      case 5: {
        if (voters.length < 2) return null;
        const id = random.chance(0.5) ? asked : random.pick(base.members).id;
        if (!base.members.some((member) => member.id === id)) return null;
        const members = base.members.filter((member) => member.id !== id);
        return { change: { kind: "remove", id, quorum }, next: { ...base, quorum, members }, joins: null };
      }
      case 6:
      case 7:
        return learners.length > 0 ? null : this.#replace(base, random.pick(voters).id);
      case 8: {
        const [learner] = learners;
        if (learner === undefined) return null;
        const members = base.members
          .filter(({ id }) => id !== learner.replaces)
          .map((member) => (member === learner ? { id: member.id } : member));
        return {
          change: { kind: "promote", id: learner.id, quorum },
          next: { ...base, quorum, members },
          joins: null,
        };
      }
      case 9: {
        const { id } = random.pick(base.members);
        const address = `moved ${++this.#addresses}`;
        const members = base.members.map((member) => (member.id === id ? { ...member, address } : member));
        return { change: { kind: "setAddress", id, address }, next: { ...base, members }, joins: null };
      }
      default:
        return this.#setQuorum(base, voters.length, random);
    }
  }

  #setQuorum(base: Configuration, voters: number, random: SeededRandom): Drawn {
    const phase2 = random.int(1, voters);
    const sizes: QuorumSpec = { kind: "sizes", phase1: voters + 1 - phase2, phase2 };
    const quorum = random.chance(0.5) ? MAJORITY : sizes;
    const alpha = random.pick([1, 2, 5, 20]);
    return { change: { kind: "setQuorum", quorum, alpha }, next: { ...base, quorum, alpha }, joins: null };
  }

  #add(base: Configuration, as: "voter" | "learner"): Drawn | null {
    const id = this.#newId();
    if (id === null) return null;
    const member = { id, role: as === "voter" ? "joining" : "learner" } as const;
    const next = { ...base, quorum: MAJORITY, members: [...base.members, member] };
    return { change: { kind: "add", member: { id }, as, quorum: MAJORITY }, next, joins: id };
  }

  #replace(base: Configuration, id: NodeId): Drawn | null {
    const joins = this.#newId();
    if (joins === null) return null;
    const members = [...base.members, { id: joins, role: "joining", replaces: id } as const];
    return { change: { kind: "replace", id, with: { id: joins } }, next: { ...base, members }, joins };
  }

  #newId(): NodeId | null {
    return this.#joined++ < JOINERS_MAX ? this.#nextId++ : null;
  }

  /** Whether those that still have a whole disk can decide in it: to rely on lost ones would be the operator's fault. */
  #isLively(next: Configuration): boolean {
    const left = this.#left();
    return withPromotions([next]).every((configuration) => isEnough(configuration, left));
  }

  // ---- what comes of it

  /** Who was no member before does not vote at once: it would hold up the others until it has everything. */
  #onEpoch({ epoch, voters, members }: Epoch): void {
    const { previous } = this.#oracle.epochs;
    const news = voters.filter((id) => previous?.members.includes(id) === false);
    this.#judge.check(
      news.length === 0,
      "learners before voters",
      () => `epoch ${epoch} makes a voter of node ${news.join(", ")}, which was no member`,
    );
    const refused = members.filter((id) => this.#never.has(id));
    this.#judge.check(
      refused.length === 0,
      "refused changes never take effect",
      () => `epoch ${epoch} has node ${refused.join(", ")}, whose change was refused`,
    );
    this.#judge.sometimes("configuration chosen");
  }

  /** A caller was told that its change is complete: from here on nobody needs those that it removed. */
  #onComplete({ epoch }: Configuration): void {
    const { epochs } = this.#oracle;
    const made = epochs.from(1).find((each) => each.epoch === epoch);
    this.#judge.check(
      made !== undefined && this.isComplete(made),
      "completion rule",
      () => `epoch ${epoch} is said to be complete; the disks of its voters do not say so`,
    );
    for (const id of made?.retired ?? []) this.#cluster.throwAway(id);
  }

  /** A node stopped because it was removed. */
  #onRemoved(id: NodeId): void {
    const { epochs } = this.#oracle;
    const out = epochs.from(1).find(({ retired }) => retired.includes(id));
    this.#judge.check(
      out !== undefined && this.isComplete(out),
      "completion rule",
      () =>
        `node ${id} stops as removed; ${out === undefined ? "it is a member" : `epoch ${out.epoch} is not complete`}`,
    );
    this.#judge.sometimes("removed member stops");
  }

  /** Whether a phase-2 quorum of its voters has everything below it on disk, and the mark that it is chosen. */
  isComplete({ slot, from, voters, configuration }: Epoch): boolean {
    const has = voters.filter((id) => this.#oracle.markedUpTo(id) >= from - 1);
    return slot === 0 || isQuorum(configuration.quorum, voters.length, "phase2", new Set(has));
  }

  /** Every configuration that may have to decide from here on, and the one that still holds what the last change has not moved. */
  needed(): Configuration[] {
    const { epochs, prefix } = this.#oracle;
    const { last, previous } = epochs;
    const now = epochs.from(prefix + 1).map(({ configuration }) => configuration);
    const before = previous === undefined || this.isComplete(last) ? [] : [previous.configuration];
    return [...before, ...now, ...epochs.possible()];
  }

  /** Nodes whose disks are neither lost nor damaged. */
  #left(without?: NodeId): Set<NodeId> {
    return new Set(this.#cluster.whole.filter((id) => id !== without));
  }

  /** Whether the rest can still decide without this disk: there is one good copy of everything. */
  canSpare(id: NodeId): boolean {
    const left = this.#left(id);
    if (!this.#oracle.witnesses.isHeldWithout(id, this.#cluster.whole)) return false;
    return this.needed().every((configuration) => isEnough(configuration, left));
  }
}
