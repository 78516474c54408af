import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const election = inFile("election");
const handlers = inFile("election-handlers");

/** Who leads. */
export const electionMutants: readonly Mutant[] = [
  {
    id: "campaigns-without-random-delay",
    faults: [12],
    title: "Rivals wait equally long before they campaign, and duel",
    patches: [
      election(`return ((random * RANDOM_ROUNDS + rounds)`, `return (((random < 0 ? 1 : 0) * RANDOM_ROUNDS + rounds)`),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/election.test.ts",
      test: "the rule must hold over a random part of a timeout without a break",
    },
  },
  {
    id: "leader-without-quorum-stays",
    faults: [40],
    title: "A leader that no quorum follows stays leader",
    patches: [
      handlers(`    stopProposing(core, "no quorum follows");`, ``),
      election(
        `  return view.quorums.phase2(new Set([me, ...followers.map((p) => p.id)]));`,
        `  return followers.length >= 0;`,
      ),
    ],
    finder: { kind: "topology", links: "star", runs: 10 },
  },
  {
    id: "longest-log-leads",
    faults: [41],
    title: "Only a replica with the longest log in sight may campaign",
    patches: [
      election(
        `    const better = heard.filter((p) => !p.impaired);`,
        `    if (lag > 0) return 1000 * this.#timeoutMs;\n    const better = heard.filter((p) => !p.impaired);`,
      ),
    ],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "campaigns-beside-a-good-leader",
    faults: [42, 89],
    title: "A node that misses its leader campaigns although a peer in sight is content",
    patches: [election(`if (view.heard.some((p) => p.content)) return "wait";`, ``)],
    finder: { kind: "topology", links: "chain", runs: 24 },
  },
  {
    id: "heard-is-enough",
    faults: [43],
    title: "A leader that is heard but does not hear counts as a working leader",
    patches: [
      election(
        `(p) => p.id === leaderBallot.node && p.content && ballotsEqual(p.leaderBallot, leaderBallot),`,
        `(p) => p.id === leaderBallot.node,`,
      ),
    ],
    finder: { kind: "topology", links: "any", runs: 80 },
  },
  {
    id: "beat-counts-as-reply",
    faults: [43],
    title: "A peer whose beats arrive is taken for one that also hears us",
    patches: [
      handlers(
        `  core.peerDurable.set(from, message.durableUpTo);
  core.send(from, { kind: "beatReply"`,
        `  core.peerDurable.set(from, message.durableUpTo);
  core.election.onReply(from, { ...message, round: core.election.round }, core.nowMs);
  core.send(from, { kind: "beatReply"`,
      ),
    ],
    finder: { kind: "topology", links: "any", runs: 80 },
  },
  {
    id: "campaigns-in-a-minority",
    faults: [44, 80],
    title: "A cut-off node raises its ballot for ever and deposes the leader when it is back",
    patches: [
      election(`return hearsQuorums(view) ? "campaign" : "wait";`, `return "campaign";`),
      election(`(nowMs < this.#campaignAtMs || !this.quorumsAnswer(nowMs))`, `nowMs < this.#campaignAtMs`),
    ],
    finder: { kind: "topology", links: "any", runs: 80 },
  },
  {
    id: "candidate-has-no-patience",
    faults: [39, 80],
    title: "A candidate over slow links starts anew before its promises can arrive, for ever",
    patches: [
      election(
        `this.#patienceMs = this.#timeoutMs * Math.min(2 ** this.#campaigns, PATIENCE_TIMEOUTS_MAX);`,
        `this.#patienceMs = this.#timeoutMs / 16;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/edges.test.ts",
      test: "elects a leader on disks that take",
    },
  },
  {
    id: "stray-promise-never-resolved",
    faults: [44],
    title: "A follower with a stray higher promise tells an idle leader nothing",
    patches: [
      handlers(`  if (compareBallots(promised, ballot) > 0)\n`, `  if (compareBallots(promised, ballot) > 1)\n`),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/leadership.test.ts",
      test: "a node with a stray higher promise gets a leader back from an idle cluster",
    },
  },
  {
    id: "leader-waits-for-lost-slots",
    faults: [40],
    title: "A leader that can fetch from nobody what was chosen before it waits for ever",
    patches: [handlers(`stopProposing(core, "nobody can serve the slots that were chosen before");`, ``)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/leadership.test.ts",
      test: "the holder of the base dies: the leader gives up",
    },
  },
  {
    id: "two-leaders-content",
    faults: [40, 42],
    title: "A leader does not make room for one with a higher ballot that a peer follows",
    patches: [election(`if (leads && contentAbove(view, view.leaderBallot)) return "yield";`, ``)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/election.test.ts",
      test: "a content peer follows a higher ballot",
    },
  },
  {
    id: "priority-ignored",
    faults: [42],
    title: "A node with a lower priority campaigns as soon as one with a higher priority",
    patches: [
      {
        file: "packages/multipaxos/src/election.ts",
        find: `better.some((p) => p.priority > own.priority) ?`,
        replace: `better.some((p) => p.priority > Infinity) ?`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/election.test.ts",
      test: "a lower priority than that of a peer in sight waits two rounds",
    },
  },
  {
    id: "lag-ignored",
    faults: [41],
    title:
      "A node that lacks much of the log campaigns as soon as one that has it, and the cluster waits while it fetches",
    patches: [
      {
        file: "packages/multipaxos/src/election.ts",
        find: `lag === 0 ? 0 : Math.min(`,
        replace: `lag >= 0 ? 0 : Math.min(`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/election.test.ts",
      test: "one that has less of the log waits two rounds longer, and does campaign",
    },
  },
];
