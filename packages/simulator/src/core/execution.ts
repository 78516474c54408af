import type { ReadReady } from "@synod/multipaxos";
import type { CoreNodeParts, Life } from "./life.js";
import type { CoreNode } from "./node.js";

/** Executes what a replica handed out, and answers the reads that wait for it. */
export class Execution {
  readonly #node: CoreNode;
  readonly #p: CoreNodeParts;
  /** Something happens to one life, once its process is awake. */
  readonly #whenAwake: (life: Life, action: () => void) => void;

  constructor(node: CoreNode, parts: CoreNodeParts, whenAwake: (life: Life, action: () => void) => void) {
    this.#node = node;
    this.#p = parts;
    this.#whenAwake = whenAwake;
  }

  execute(life: Life): void {
    if (life.applyPlanned || life.applied === life.handedOut || life.snapshots.installing) return;
    const { applyMs, world } = this.#p;
    if (applyMs === 0) {
      life.applied = life.handedOut;
      this.#tellApplied(life);
      this.answerReads(life);
      return;
    }
    life.applyPlanned = true;
    world.after(world.random.between(0, applyMs), () =>
      this.#whenAwake(life, () => {
        life.applyPlanned = false;
        if (life.snapshots.installing || life.applied >= life.handedOut) return;
        life.applied = world.random.int(life.applied + 1, life.handedOut);
        this.#node.turn(() => this.#tellApplied(life));
        this.answerReads(life);
        if (this.#node.life === life) this.execute(life);
      }),
    );
  }

  #tellApplied({ replica, applied, handedOut }: Life): void {
    replica.appliedUpTo(applied, (handedOut - applied) * this.#p.valueBytesMax);
  }

  readReady(life: Life, ready: ReadReady): void {
    const { reads, leases, world } = this.#p;
    // The driver looks at the clock once it has the answer, and that is when the index is known to be good.
    if (ready.via === "lease" && !leases.stillHeld(this.#node, ready)) {
      world.sometimes("lease refused after a pause");
      for (const token of ready.tokens) life.replica.read(token, "round");
      return;
    }
    reads.onIndex(life, ready);
    life.waitingReads.push(ready);
    this.answerReads(life);
  }

  answerReads(life: Life): void {
    for (let i = life.waitingReads.length - 1; i >= 0; i--) {
      const ready = life.waitingReads[i] as ReadReady;
      if (ready.index > life.applied) continue;
      life.waitingReads.splice(i, 1);
      for (const token of ready.tokens) this.#p.reads.answered(token, life, ready.via);
    }
  }
}
