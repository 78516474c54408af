import type { Mutant, Patch } from "../mutant.js";

const changes = (find: string, replace: string): Patch => ({ file: "packages/node/src/changes.ts", find, replace });
const handlers = (find: string, replace: string): Patch => ({
  file: "packages/multipaxos/src/membership-handlers.ts",
  find,
  replace,
});

const lost = (find: string, replace: string): Patch => ({
  file: "packages/node/src/lost-quorum.ts",
  find,
  replace,
});

const SWARM = { kind: "sim", profile: "swarm" } as const;
const UNIT = { kind: "unit", file: "packages/node/test/changes.test.ts" } as const;
const MEMBERS = { kind: "unit", file: "packages/node/test/membership.test.ts" } as const;
const LOST = { kind: "unit", file: "packages/node/test/lost-quorum.test.ts" } as const;

/** What a caller of `changeMembership` relies on, seen on whole nodes. */
export const membershipOfNodesMutants: readonly Mutant[] = [
  {
    id: "store-of-added-member-forgotten",
    faults: [31],
    title:
      "After a restart a blank disk under the id of an added member is let in: with votes forgotten it makes a quorum",
    patches: [
      {
        file: "packages/node/src/membership.ts",
        find: `        ...(storeId === undefined ? {} : { storeId }),\n`,
        replace: ``,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/adapters.test.ts",
      test: "takes no blank disk for that of a member that was added with its store",
    },
  },
  {
    id: "change-settles-before-it-is-complete",
    faults: [10],
    title: "A change settles as soon as it is chosen, and the disk of a removed member is thrown away too early",
    patches: [
      changes("    if (last.epoch === made.epoch && !complete) return;\n", ""),
      changes("} else if (reached && complete) {", "} else if (reached) {"),
    ],
    finder: { ...SWARM, seeds: 40 },
  },
  {
    id: "removed-node-stops-at-once",
    faults: [10],
    title: "A removed member stops as soon as it knows, and not only when nobody needs its disk any more",
    patches: [
      handlers(
        "leave(core, last.epoch, core.membership.isGone(core.me));",
        "leave(core, last.epoch, core.membership.isGone(core.me) || last.retired.length > 0);",
      ),
    ],
    finder: { ...SWARM, seeds: 60 },
  },
  {
    id: "change-refused-while-a-copy-is-in-recovery",
    faults: [10],
    title: "A change is refused for good although an earlier copy of it may be about to take effect",
    patches: [changes("(!asked.unanswered || FOR_GOOD.includes(refused))", "refused !== null")],
    finder: { ...UNIT, test: "is not refused for good by changeUnderWay while an earlier copy may be in recovery" },
  },
  {
    id: "first-change-logs-the-addresses-of-the-first-day",
    faults: [61],
    title: "The first change logs where the founders listened when they were formatted, and nobody reaches them there",
    patches: [
      changes("changed(current(last.configuration, this.#addresses), change)", "changed(last.configuration, change)"),
    ],
    finder: { ...MEMBERS, test: "the first change says where the founders listen by the options" },
  },
  {
    id: "change-behind-a-snapshot-taken-for-refused",
    faults: [10],
    title: "A change whose epoch a snapshot skipped is said to have come too late",
    patches: [
      changes(
        "if (!asked.sent || this.#replica.ofEpoch(asked.stamp + 1) !== null) {",
        "if (!asked.sent || epoch > asked.stamp) {",
      ),
    ],
    finder: { ...UNIT, test: "is unknown where a snapshot skipped the epoch that it may have made" },
  },
  {
    id: "recovered-cluster-keeps-old-changes",
    faults: [10],
    title: "A cluster recovered from a lost quorum takes changes of the old members for its own",
    patches: [
      {
        file: "packages/node/src/lost-quorum.ts",
        find: "  history.apply(slot, value);\n  return NOOP;",
        replace: "  history.apply(slot, value);\n  return value;",
      },
    ],
    finder: { ...LOST, test: "changes of the old members decide who is missing, and mean nothing in the new cluster" },
  },
  {
    id: "recovery-takes-any-vote",
    faults: [10],
    title: "Of the votes of the survivors of a lost quorum the last one looked at is taken, not the highest",
    patches: [
      {
        file: "packages/node/src/lost-quorum.ts",
        find: "if (isHigher(vote, votes.get(slot))) votes.set(slot, vote);",
        replace: "if (isHigher(vote, votes.get(slot)) || recovered === best) votes.set(slot, vote);",
      },
    ],
    finder: { ...LOST, test: "the values known as chosen, then the highest votes of all survivors, then no-ops" },
  },
  {
    id: "recovery-from-a-witness",
    faults: [77],
    title: "The store of a witness that knows of most is taken for the state after a lost quorum",
    patches: [
      lost(
        "recovered.snapshot === null || !witnesses.has(recovered.identity.nodeId);",
        "recovered.snapshot === null || witnesses.size >= 0;",
      ),
    ],
    finder: { ...LOST, test: "the state of a full member, though a witness knows of more" },
  },
  {
    id: "recovery-prefers-higher-votes",
    faults: [10],
    title: "After a lost quorum a higher vote of one store replaces what another knows as chosen",
    patches: [
      lost(
        "const value = chosen.get(slot) ?? votes.get(slot)?.value;",
        "const value = votes.get(slot)?.value ?? chosen.get(slot);",
      ),
    ],
    finder: { ...LOST, test: "the vote of the one that knows its slot as chosen" },
  },
  {
    id: "recovery-refused-where-the-quorum-waits-for-ever",
    faults: [77],
    title: "Recovery is refused to a quorum that would wait for ever for what its witness has forgotten",
    patches: [lost("if (chosenUpTo < markedUpTo || !history", "if (!history")],
    finder: { ...LOST, test: "the state of a full member, though a witness knows of more" },
  },
];
