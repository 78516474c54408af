import { type Configuration, type Member, type NodeId, type QuorumSpec, SynodError } from "@synod/interface";
import { encodeConfigurationValue } from "@synod/multipaxos";
import type { MembershipChange } from "@synod/node";
import type { Cluster, Running } from "./cluster.js";
import { counting, hasMoved, isSettled, type Marks } from "./core/changes.js";
import { type Epoch, isEnough, isFull, isWitness, withPromotions } from "./core/epochs.js";
import { drawQuorum } from "./draw-quorum.js";
import type { Judge } from "./judge.js";
import type { Oracle } from "./oracle.js";
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
const JOINS_AS = { voter: "joining", learner: "learner", witness: "joiningWitness" } as const;
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

const isVoter = (member: Member): boolean => isFull(member) || member.role === "witness";
const asVoter = (member: Member): Member =>
  isWitness(member) ? { id: member.id, role: "witness" } : { id: member.id };

interface Drawn {
  readonly change: MembershipChange;
  /** What it makes of the last configuration. */
  readonly next: Configuration;
  /** Id that is started for it. */
  readonly joins: NodeId | null;
  /** As a witness. */
  readonly witness?: boolean;
}

/** An operator who adds, removes, replaces and promotes members, and throws away the disks of those that were removed as soon as he may. */
export class Members {
  readonly #options: MembersOptions | null;
  readonly #cluster: Cluster;
  readonly #oracle: Oracle;
  readonly #judge: Judge;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  /** Draws quorums, and who only votes. */
  readonly #shapes: SeededRandom;
  readonly #marks: Marks;
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
    shapes: SeededRandom;
  }) {
    this.#options = parts.options;
    this.#cluster = parts.cluster;
    this.#oracle = parts.oracle;
    this.#judge = parts.judge;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#shapes = parts.shapes;
    this.#marks = (id) => parts.oracle.markedUpTo(id);
    this.#nextId = Math.max(...parts.cluster.ids) + 1;
    parts.oracle.truth.onEpoch = (epoch) => this.#onEpoch(epoch);
    parts.cluster.onRemoved = (id) => this.#onRemoved(id);
    parts.cluster.onElected = (id) => this.#onElected(id);
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

  #act(random: SeededRandom, elected: NodeId | null = null): void {
    const cluster = this.#cluster;
    const up = cluster.ids.filter((id) => cluster.running.has(id));
    const leader = elected ?? cluster.leader();
    const id = leader !== undefined && random.chance(0.7) ? leader : up.length > 0 ? random.pick(up) : undefined;
    const running = id === undefined ? undefined : cluster.running.get(id);
    if (id === undefined || running === undefined || this.#open.size > 2) return;
    const drawn = this.#draw(this.#oracle.epochs.last.configuration, id, random);
    if (drawn === null || !this.#isLively(drawn.next)) return;
    const { change, next, joins, witness = false } = drawn;
    // So that nothing which the old members need is spoiled meanwhile, and nothing which the new ones will.
    const stamp = this.#oracle.epochs.last.epoch;
    const configuration = { ...next, epoch: stamp + 1 };
    this.#oracle.epochs.saw(encodeConfigurationValue({ stamp, changeId: `asked ${this.#changes}`, configuration }));
    if (joins !== null) cluster.join(joins, { witness });
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

  /** What is open may be known to the new leader only as one of the values that it found: another one at once may come too late. */
  #onElected(id: NodeId): void {
    if (this.#options === null || this.#stopped || this.#open.size === 0) return;
    this.#timeline.after(0, () => {
      if (!this.#stopped) this.#act(this.#shapes.fork(), id);
    });
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
    switch (random.int(1, 10)) {
      case 1:
      case 2:
      case 3: {
        if (voters.length >= VOTERS_MAX || learners.length > 1) return null;
        const as = random.chance(0.8) ? "voter" : "learner";
        const witness = as === "voter" && base.members.some(isWitness) && this.#shapes.chance(0.4);
        return this.#add(base, witness ? "witness" : as);
      }
      case 4:
      case 5: {
        if (voters.length < 2) return null;
        const id = random.chance(0.5) ? asked : random.pick(base.members).id;
        if (!base.members.some((member) => member.id === id)) return null;
        const members = base.members.filter((member) => member.id !== id);
        const quorum = this.#quorumOf(members);
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
          .map((member) => (member === learner ? asVoter(member) : member));
        const quorum = this.#quorumOf(members);
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
        return this.#setQuorum(base, voters, random);
    }
  }

  /** That of the next voters: a majority, most of the time. */
  #quorumOf(members: readonly Member[]): QuorumSpec {
    return this.#shapes.chance(0.7) ? MAJORITY : this.#shapeOf(members.filter(isVoter));
  }

  #shapeOf(voters: readonly Member[]): QuorumSpec {
    return drawQuorum(this.#shapes, this.#shapes.shuffle(voters.map(({ id }) => id)));
  }

  #setQuorum(base: Configuration, voters: readonly Member[], random: SeededRandom): Drawn {
    const phase2 = random.int(1, voters.length);
    const sizes: QuorumSpec = { kind: "sizes", phase1: voters.length + 1 - phase2, phase2 };
    const usual = random.chance(0.5) ? MAJORITY : sizes;
    const quorum = this.#shapes.chance(0.6) ? this.#shapeOf(voters) : usual;
    const alpha = random.pick([1, 2, 5, 20]);
    return { change: { kind: "setQuorum", quorum, alpha }, next: { ...base, quorum, alpha }, joins: null };
  }

  #add(base: Configuration, as: keyof typeof JOINS_AS): Drawn | null {
    const id = this.#newId();
    if (id === null) return null;
    const quorum = this.#quorumOf(base.members);
    const next = { ...base, quorum, members: [...base.members, { id, role: JOINS_AS[as] }] };
    const change = { kind: "add", member: { id }, as, quorum } as const;
    return { change, next, joins: id, witness: as === "witness" };
  }

  #replace(base: Configuration, id: NodeId): Drawn | null {
    const joins = this.#newId();
    if (joins === null) return null;
    const witness = this.#cluster.isWitness(id);
    const role = JOINS_AS[witness ? "witness" : "voter"];
    const members = [...base.members, { id: joins, role, replaces: id }];
    return { change: { kind: "replace", id, with: { id: joins } }, next: { ...base, members }, joins, witness };
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
  #onEpoch({ epoch, voters, members, configuration }: Epoch): void {
    const { previous } = this.#oracle.epochs;
    const { kind } = configuration.quorum;
    if (kind !== previous?.configuration.quorum.kind) this.#judge.sometimes(`quorums changed to ${kind}`);
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

  /** A caller was told that its change is complete: from here on nobody needs those that it removed. A later one that is complete says so as well. */
  #onComplete({ epoch }: Configuration): void {
    const since = this.#oracle.epochs.from(1).filter((each) => each.epoch >= epoch);
    this.#judge.check(
      since.some((each) => this.isComplete(each)),
      "completion rule",
      () => `epoch ${epoch} is said to be complete; neither the disks of its voters nor those of a later one say so`,
    );
    const made = since.find((each) => each.epoch === epoch);
    for (const id of made?.retired ?? []) this.#cluster.throwAway(id);
  }

  /** A node stopped because it was removed. */
  #onRemoved(id: NodeId): void {
    const without = this.#oracle.epochs.from(1).filter(({ retired }) => retired.includes(id));
    this.#judge.check(
      without.some((epoch) => this.isComplete(epoch)),
      "completion rule",
      () => {
        const [out] = without;
        return `node ${id} stops as removed; ${out === undefined ? "it is a member" : `epoch ${out.epoch} is not complete`}`;
      },
    );
    this.#judge.sometimes("removed member stops");
  }

  /**
   * Whether a phase-2 quorum of its voters has everything below it on disk, and the mark that it is chosen; and the values are where they have to be,
   * which takes more where some of the voters are witnesses.
   */
  isComplete(made: Epoch): boolean {
    const before = this.#oracle.epochs.upTo(made.slot).slice(0, -1);
    return isSettled(made, before.at(-1), this.#marks) && hasMoved(made, before, this.#marks);
  }

  /** Every configuration that may have to decide from here on, and those that still hold what the changes since have not moved. */
  needed(): Configuration[] {
    const { epochs, prefix } = this.#oracle;
    const all = new Set([...counting(epochs.from(1), this.#marks), ...epochs.from(prefix + 1)]);
    return [...[...all].map(({ configuration }) => configuration), ...epochs.possible()];
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
