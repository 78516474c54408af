import type { ReadReady } from "@synod/multipaxos";
import { check } from "./broken.js";
import type { CoreCluster } from "./cluster.js";
import type { CoreNode } from "./node.js";

/** Watches who holds a lease: by the clock of each node, at every moment at most one. */
export class Leases {
  readonly #cluster: Pick<CoreCluster, "nodes" | "world">;

  constructor(cluster: Pick<CoreCluster, "nodes" | "world">) {
    this.#cluster = cluster;
  }

  /** A node had a turn: if it holds a lease now, no other one does, not even one that stands still. */
  look(node: CoreNode): void {
    if (!holds(node)) return;
    const { nodes, world } = this.#cluster;
    world.sometimes("lease held");
    for (const other of nodes) {
      check(
        other === node || !holds(other),
        "one lease at a time",
        () => `nodes ${node.id} and ${other.id} hold a lease`,
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
