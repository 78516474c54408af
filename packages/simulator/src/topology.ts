import type { NodeId } from "@synod/interface";
import type { SeededRandom } from "./random.js";

/** Directed links to cut or to clog. */
export interface Partition {
  readonly name: string;
  readonly links: readonly (readonly [from: NodeId, to: NodeId])[];
  readonly clog?: boolean;
}

type Links = (readonly [NodeId, NodeId])[];

const between = (some: readonly NodeId[], others: readonly NodeId[]): Links =>
  some.flatMap((a) => others.filter((b) => b !== a).flatMap((b) => [[a, b] as const, [b, a] as const]));

/** All links but these, both ways. */
function only(ids: readonly NodeId[], kept: readonly (readonly [NodeId, NodeId])[]): Links {
  const keep = new Set(kept.flatMap(([a, b]) => [`${a}>${b}`, `${b}>${a}`]));
  return ids.flatMap((a) => ids.filter((b) => b !== a && !keep.has(`${a}>${b}`)).map((b) => [a, b] as const));
}

const except = (ids: readonly NodeId[], id: NodeId | undefined): NodeId[] => ids.filter((other) => other !== id);

type Maker = (order: readonly NodeId[], leader: NodeId, random: SeededRandom) => Omit<Partition, "name">;

/** `order` is a random order of all nodes with `leader`, or whoever stands for it, first. */
const MAKERS: Readonly<Record<string, Maker>> = {
  "majority and minority": (order, _, random) => {
    const mixed = random.shuffle(order);
    const size = Math.floor((order.length - 1) / 2);
    return { links: between(mixed.slice(0, size), mixed.slice(size)) };
  },
  halves: (order, _, random) => {
    const mixed = random.shuffle(order);
    const size = Math.ceil(order.length / 2);
    return { links: between(mixed.slice(0, size), mixed.slice(size)) };
  },
  "isolate leader": (order, leader) => ({ links: between([leader], order) }),
  "isolate one": (order, _, random) => ({ links: between([random.pick(order)], order) }),
  // All talk to one follower only: the leader has lost its quorum, and just the hub could lead.
  "quorum-loss star": (order) => ({
    links: only(
      order,
      order.filter((_, i) => i !== 1).map((id) => [order[1] as NodeId, id] as const),
    ),
  }),
  // As before, and the leader is gone: only the hub, which may lag, reaches a quorum.
  "constrained election": (order, leader) => ({
    links: only(
      order,
      except(order, leader)
        .slice(1)
        .map((id) => [order[1] as NodeId, id] as const),
    ),
  }),
  chained: (order, _, random) => {
    const chain = random.shuffle(order);
    return {
      links: only(
        order,
        chain.slice(1).map((id, i) => [chain[i] as NodeId, id] as const),
      ),
    };
  },
  // Two groups that share one member.
  bridge: (order, _, random) => {
    const rest = random.shuffle(order).slice(1);
    const size = Math.floor(rest.length / 2);
    return { links: between(rest.slice(0, size), rest.slice(size)) };
  },
  "two-leaf": (order) => {
    const leaves = order.slice(-2);
    const hub = order[0] as NodeId;
    return { links: leaves.flatMap((leaf) => between([leaf], except(order, hub))) };
  },
  "one link": (order) => ({ links: between(order.slice(0, 1), order.slice(1, 2)) }),
  "deaf leader": (order, leader) => ({ links: except(order, leader).map((id) => [id, leader] as const) }),
  "mute leader": (order, leader) => ({ links: except(order, leader).map((id) => [leader, id] as const) }),
  "one-way": (order, _, random) => ({
    links: random.subset(order.flatMap((a) => except(order, a).map((b) => [a, b] as const))),
  }),
  "swizzle-clog": (order, _, random) => ({
    clog: true,
    links: random.subset(order).flatMap((id) => between([id], order)),
  }),
};

/** Names of the partitions that a run may draw. */
export const PARTITIONS: readonly string[] = Object.keys(MAKERS);

/** One of the named partitions. `leader` is the node that leads now, if any. */
export function partition(ids: readonly NodeId[], leader: NodeId | undefined, random: SeededRandom): Partition {
  const name = random.pick(PARTITIONS);
  const mixed = random.shuffle(ids);
  const first = leader ?? random.pick(mixed);
  const maker = MAKERS[name] as Maker;
  return { name, ...maker([first, ...except(mixed, first)], first, random) };
}
