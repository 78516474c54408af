import type { Configuration, Member, NodeId, QuorumSpec } from "@synod/interface";
import { decodeConfigurationValue, encodeConfigurationValue, type Notice } from "@synod/multipaxos";
import { drawQuorum } from "../draw-quorum.js";
import type { SeededRandom } from "../random.js";
import type { CoreCluster } from "./cluster.js";
import { check } from "./broken.js";
import { isSettled } from "./changes.js";
import { KEEPS_ALL } from "./config.js";
import { isEnough, isFull, isWitness, sameLease, withPromotions } from "./epochs.js";
import type { CoreNode } from "./node.js";

/** Ids are bits of an integer for the oracle. */
const ID_MAX = 29;
const VOTERS_MAX = 7;

const isVoter = (member: Member): boolean => isFull(member) || member.role === "witness";

/** Adds, removes and replaces members, loses disks, and throws away those of removed members as soon as it may. */
export class Operator {
  readonly #cluster: CoreCluster;
  #nextId: NodeId;
  #changes = 0;
  readonly #founders: Configuration;
  /** Whether witnesses are added. */
  readonly #witnesses: boolean;
  readonly #keepsAll: boolean;
  /** Draws the quorums of new members. */
  readonly #shapes: SeededRandom;

  constructor(
    cluster: CoreCluster,
    founders: Configuration,
    { retainedBytesMax = 0, shapes }: { readonly retainedBytesMax: number | undefined; readonly shapes: SeededRandom },
  ) {
    this.#keepsAll = retainedBytesMax >= KEEPS_ALL;
    this.#shapes = shapes;
    this.#cluster = cluster;
    this.#founders = founders;
    this.#witnesses = founders.members.some(isWitness);
    this.#nextId = Math.max(...cluster.ids) + 1;
  }

  onNotice(node: CoreNode, notice: Notice): void {
    const { oracle, world } = this.#cluster;
    if (notice.kind === "changeComplete") {
      oracle.changes.onComplete(node.id, notice.epoch);
      const { last, previous } = oracle.epochs;
      if (notice.epoch === last.epoch) {
        this.#throwAway(last.retired);
        const { kind } = last.configuration.quorum;
        if (kind !== previous?.configuration.quorum.kind) world.sometimes(`quorums changed to ${kind}`);
      }
    }
    if (notice.kind === "removed" && notice.mayStop) {
      oracle.changes.onMayStop(node.id);
      this.#throwAway([node.id]);
    }
    if (notice.kind === "changeAnswered") world.sometimes(`change ${notice.refused ?? "proposed"}`);
    if (notice.kind === "changeVoid") world.sometimes(`change void: ${notice.reason}`);
  }

  /** At once, but not in the middle of what the node is doing. */
  #throwAway(ids: readonly NodeId[]): void {
    const { world } = this.#cluster;
    for (const id of ids) {
      const node = this.#cluster.node(id);
      if (node.lost) continue;
      world.after(0, () => {
        if (node.lost) return;
        world.sometimes("disk of a removed member thrown away");
        node.destroy();
        this.#forget(node);
      });
    }
  }

  #forget(node: CoreNode): void {
    const { ids, nodes } = this.#cluster;
    ids.splice(ids.indexOf(node.id), 1);
    nodes.splice(nodes.indexOf(node), 1);
  }

  /** Asks some node for some change. */
  act(random: SeededRandom): void {
    const up = this.#cluster.nodes.filter((node) => node.life !== null);
    if (up.length === 0) return;
    if (random.chance(0.1)) return this.#loseDisk(random);
    const leaders = up.filter((node) => node.leads);
    const node = random.pick(leaders.length > 0 && random.chance(0.8) ? leaders : up);
    node.turn(({ replica }) => {
      const { last, governing } = replica.membership();
      const base = random.chance(0.95) ? last.configuration : governing.configuration;
      const next = this.#draw(base, node.id, random);
      if (next === null || !this.#isLively(next)) return;
      const { epoch } = base;
      const configuration = { ...next, epoch: epoch + 1 };
      const value = encodeConfigurationValue({ stamp: epoch, changeId: `${++this.#changes}`, configuration });
      check(
        sameLease(decodeConfigurationValue(value).configuration, this.#founders),
        "configuration continuity",
        () => `the terms of the lease are lost in the change of epoch ${epoch}`,
      );
      this.#cluster.oracle.epochs.saw(value);
      if (replica.change(value) !== null) this.#cluster.world.sometimes("change asked for");
    });
  }

  #draw(base: Configuration, asked: NodeId, random: SeededRandom): Configuration | null {
    const voters = base.members.filter(isVoter);
    const learners = base.members.filter((member) => !isVoter(member));
    const gone = voters.find(({ id }) => this.#cluster.node(id).lost);
    if (gone !== undefined && learners.length === 0) return this.#add(base, { role: "joining", replaces: gone.id });
    switch (random.int(1, 9)) {
      case 1:
      case 2: {
        if (voters.length >= VOTERS_MAX || learners.length > 1) return null;
        const role = random.chance(0.8) ? "joining" : "learner";
        return this.#add(
          { ...base, quorum: this.#quorumOf(base.members) },
          { role: this.#witnesses && role === "joining" && random.chance(0.4) ? "joiningWitness" : role },
        );
      }
      case 3:
      case 4: {
        if (voters.length < 2) return null;
        const out = random.chance(0.5) ? asked : random.pick(voters).id;
        return this.#with(
          base,
          base.members.filter(({ id }) => id !== out),
        );
      }
      case 5:
        if (learners.length > 0) return null;
        return this.#add(
          { ...base, quorum: this.#quorumOf(base.members) },
          { role: "joining", replaces: random.pick(voters).id },
        );
      case 6: {
        const promoted = base.members.map((m): Member => (isWitness(m) ? { id: m.id, role: "witness" } : { id: m.id }));
        return this.#with(base, promoted);
      }
      case 7:
        return { ...base, alpha: random.pick([1, 2, 3, 5, 8, 20]) };
      case 8: {
        const phase2 = random.int(1, voters.length);
        const sizes: QuorumSpec = { kind: "sizes", phase1: voters.length + 1 - phase2, phase2 };
        return { ...base, quorum: this.#shapes.chance(0.7) ? this.#shapeOf(voters) : sizes };
      }
      default: {
        // All at once: another set of the same members.
        const rest = random.subset(base.members);
        return rest.some(isVoter) ? this.#with(base, rest) : null;
      }
    }
  }

  #with(base: Configuration, members: readonly Member[]): Configuration {
    return { ...base, quorum: this.#quorumOf(members), members };
  }

  /** That of the next voters: a majority, most of the time. */
  #quorumOf(members: readonly Member[]): QuorumSpec {
    return this.#shapes.chance(0.6) ? { kind: "majority" } : this.#shapeOf(members.filter(isVoter));
  }

  #shapeOf(voters: readonly Member[]): QuorumSpec {
    return drawQuorum(this.#shapes, this.#shapes.shuffle(voters.map(({ id }) => id)));
  }

  /** Whether those that still have a whole disk can decide in it: to rely on lost ones would be the operator's fault. */
  #isLively(next: Configuration): boolean {
    const left = this.#left();
    return withPromotions([next]).every((configuration) => isEnough(configuration, left));
  }

  #add(base: Configuration, rest: Omit<Member, "id">): Configuration | null {
    const id = this.#nextId;
    if (id > ID_MAX) return null;
    this.#nextId++;
    this.#cluster.join(id, rest.role === "joiningWitness");
    return { ...base, members: [...base.members, { id, ...rest }] };
  }

  /** Nodes whose disks are neither lost nor damaged. */
  #left(without?: CoreNode): Set<NodeId> {
    const { nodes } = this.#cluster;
    return new Set(nodes.filter((node) => node !== without && !node.disk.forgot).map(({ id }) => id));
  }

  /** Whether the rest can still decide: there is one good copy of everything, and somebody to learn it from. More is not promised. */
  canSpare(node: CoreNode): boolean {
    const left = this.#left(node);
    if (!this.#isHeldWithout(node)) return false;
    return this.needed().every((configuration) => isEnough(configuration, left));
  }

  /** A witness may forget what this node says to hold: somebody else has to hold it as well, whatever witnesses did. */
  #isHeldWithout(node: CoreNode): boolean {
    const { nodes, oracle, world } = this.#cluster;
    if (node.witness || !nodes.some(({ witness }) => witness)) return true;
    const others = nodes.filter((other) => other !== node && !other.witness && !other.disk.forgot);
    const held = Math.max(0, ...others.map(({ marked }) => marked));
    if (held >= node.marked) return true;
    // Or witnesses, that have room for everything: they forget only what full voters that are a quorum had, or all there were.
    if (!this.#keepsAll || oracle.changes.mayBeForgotten(held + 1)) return false;
    world.sometimes("only a witness has the value");
    return true;
  }

  #loseDisk(random: SeededRandom): void {
    const { oracle, nodes, world } = this.#cluster;
    const node = random.pick(nodes);
    if (!this.canSpare(node)) return;
    const left = this.#left(node);
    if (oracle.epochs.last.voters.filter((id) => !left.has(id)).length > 1) return;
    world.sometimes("disk lost");
    node.destroy();
    this.#forget(node);
  }

  /** Every configuration that may have to decide from here on, and those that still hold what the changes since have not moved. */
  needed(): Configuration[] {
    const { epochs, prefix, changes } = this.#cluster.oracle;
    const all = new Set([...changes.counting, ...epochs.from(prefix + 1)]);
    return [...[...all].map(({ configuration }) => configuration), ...epochs.possible()];
  }

  /** Whether the last change is settled, as the disks have it. */
  get isSettled(): boolean {
    const { epochs, changes } = this.#cluster.oracle;
    return isSettled(epochs.last, epochs.previous, changes.markOf);
  }
}
