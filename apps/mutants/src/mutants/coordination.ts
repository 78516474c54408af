import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/coordination/src/${path}.ts`, find, replace });

const LOCKS = "packages/coordination/test/locks.test.ts";
const MACHINE = "packages/coordination/test/machine.test.ts";

/** Locks, leases and their tokens. */
export const coordinationMutants: readonly Mutant[] = [
  {
    id: "token-of-the-lock",
    faults: [3],
    title: "Fencing tokens are counted for each lock, and begin anew with it",
    patches: [
      inFile("queues")(
        `const held = { ...request, token: this.#tick() };`,
        `this.#tick();\n    const held = { ...request, token: queue.holders.size + 1 };`,
      ),
    ],
    finder: {
      kind: "unit",
      file: MACHINE,
      test: "tokens grow through everything: releases, deleted locks, snapshots",
    },
  },
  {
    id: "expired-lease-in-force",
    faults: [51],
    title: "A lease that has expired is in force until it is cleared away",
    patches: [
      inFile("leases")(`lease.ended || lease.expiresMs <= timeMs ? null : lease`, `lease.ended ? null : lease`),
    ],
    finder: {
      kind: "unit",
      file: MACHINE,
      test: "100,000 leases that expire at once are cleared away a slice at a time, none of them in force meanwhile",
    },
  },
  {
    id: "lease-counts-from-the-answer",
    faults: [51],
    title: "A holder counts its time from when a keep-alive was answered, not from when it was sent",
    patches: [inFile("lease-keeper")(`else kept.renewed(sentMs);`, `else kept.renewed(clock.now());`)],
    finder: {
      kind: "unit",
      file: LOCKS,
      test: "an answer that comes after 1250 ms counts from when the keep-alive was sent",
    },
  },
  {
    id: "lost-only-by-timer",
    faults: [51],
    title: "A process that stood still believes in its lock until a timer runs",
    patches: [inFile("lease-keeper")(`if (this.#core.clock.now() < this.#validUntilMs) return true;`, `return true;`)],
    finder: {
      kind: "unit",
      file: LOCKS,
      test: "a process that stood still learns that it lost as soon as it looks, before any timer runs",
    },
  },
  {
    id: "ghost-in-the-queue",
    faults: [87],
    title: "A request that comes after its caller gave up takes a place in the queue",
    patches: [
      inFile("requests")(
        `if (lease === null && unknown) this.#core.later(this.#keeper.endById(id, ttlMs, true));`,
        `if (lease === null && unknown) this.#core.later(this.#keeper.endById(id, ttlMs, false));`,
      ),
    ],
    finder: {
      kind: "unit",
      file: LOCKS,
      test: "a caller that gives up while the outcome is unknown leaves no ghost, even if its request comes late",
    },
  },
  {
    id: "text-by-its-characters",
    faults: ["unseen"],
    title: "A key is taken for another one whose characters are its bytes",
    patches: [
      inFile("wire")(
        `if (isShort && text.length === length) known[found] = text;`,
        `if (isShort) known[found] = text;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/coordination/test/known-texts.test.ts",
      test: "takes no text for another whose characters are its bytes",
    },
  },
  {
    id: "page-filled-under-a-snapshot",
    faults: ["unseen"],
    title: "A page of the history is filled again while a snapshot is read from it",
    patches: [
      inFile("changes")(`if (this.#copies === 0) this.#spare = emptied(page);`, `this.#spare = emptied(page);`),
    ],
    finder: {
      kind: "unit",
      file: "packages/coordination/test/changes.test.ts",
      test: "a copy stays as it is until it is released, whatever is forgotten and added",
    },
  },
  {
    id: "lease-after-its-end",
    faults: [87],
    title: "A copy of the grant that comes after the lease was ended grants it anew",
    patches: [inFile("leases-client")(`lease.unknown = unknown;`, ``)],
    finder: {
      kind: "unit",
      file: "packages/coordination/test/client.test.ts",
      test: "a lease that was ended does not come back, even if a copy of its grant comes late",
    },
  },
  {
    id: "views-of-what-does-not-last",
    faults: ["unseen"],
    title: "Values of the state are views of what came over a socket: each keeps far more in memory than itself",
    patches: [
      {
        file: "packages/node/src/applier.ts",
        find: `machine.apply(slot, value, slot <= recoveredUpTo)`,
        replace: `machine.apply(slot, value, slot <= Math.max(recoveredUpTo, slot))`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/node.test.ts",
      test: "lets the state keep views of the log that it found at its start, and of nothing that came later",
    },
  },
];
