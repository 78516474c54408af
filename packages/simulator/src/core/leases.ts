import type { NodeId, Slot } from "@synod/interface";
import type { ReadReady } from "@synod/multipaxos";
import { check } from "./broken.js";
import type { CoreCluster } from "./cluster.js";
import type { CoreNode } from "./node.js";

/** Watches who holds a lease: by the clock of each node, at every moment at most one. */
export class Leases {
  readonly #cluster: Pick<CoreCluster, "nodes" | "world">;
  /** Who held one last, and which configuration governed its next slot. */
  #last: { readonly life: unknown; readonly ballot: string; readonly epoch: number } | null = null;

  constructor(cluster: Pick<CoreCluster, "nodes" | "world">) {
    this.#cluster = cluster;
  }

  /** A node had a turn: if it holds a lease now, no other one does, not even one that stands still. */
  look(node: CoreNode): void {
    if (!holds(node)) return;
    const { nodes, world } = this.#cluster;
    world.sometimes("lease held");
    this.#watchChange(node);
    for (const other of nodes) {
      check(
        other === node || !holds(other),
        "one lease at a time",
        () => `nodes ${node.id} and ${other.id} hold a lease`,
      );
    }
  }

  /** Counts leases that go on while other members come to govern. */
  #watchChange({ life }: CoreNode): void {
    if (life === null) return;
    const { epoch } = life.replica.membership().governing;
    const ballot = JSON.stringify(life.replica.leaderBallot);
    const before = this.#last;
    this.#last = { life, ballot, epoch };
    if (before?.life !== life || before.ballot !== ballot || before.epoch === epoch) return;
    this.#cluster.world.sometimes("lease held across a change");
  }

  /**
   * A quorum of the configuration that governs the slot has chosen a proposal: nobody else's, while a node holds a lease, or that node
   * could answer a read without it.
   */
  chosen(slot: Slot, proposer: NodeId): void {
    for (const node of this.#cluster.nodes) {
      check(
        node.id === proposer || !holds(node),
        "one lease at a time",
        () => `node ${node.id} holds a lease while slot ${slot} is chosen as node ${proposer} proposed it`,
      );
    }
  }

  /** What a driver finds when it looks at the clock after a read. */
  stillHeld(node: CoreNode, { untilMs }: ReadReady): boolean {
    return node.clockMs < untilMs;
  }
}

function holds(node: CoreNode): boolean {
  const untilMs = node.life?.replica.leaseUntilMs ?? null;
  return untilMs !== null && node.clockMs < untilMs;
}
