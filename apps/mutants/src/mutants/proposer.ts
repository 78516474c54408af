import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const proposer = inFile("proposer");
const phase1 = inFile("phase1");
const openSlots = inFile("open-slots");
const handlers = inFile("proposer-handlers");
const core = inFile("core");
const reports = inFile("reports");

/** Both phases at the leader of the log. */
export const proposerMutants: readonly Mutant[] = [
  {
    id: "own-value-over-votes",
    faults: ["MU-03", 5],
    title: "A new leader proposes no-ops where votes were reported",
    patches: [
      proposer(`log.value(slot) ?? vote?.value ?? NOOP`, `log.value(slot) ?? (vote === undefined ? NOOP : NOOP)`),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "first-vote-wins",
    faults: [5],
    title: "Of several votes for a slot the one that arrived first is proposed again",
    patches: [phase1(`if (order > 0) this.#reported.set(`, `if (best === undefined) this.#reported.set(`)],
    finder: { kind: "core", profile: "network", schedules: 1000 },
  },
  {
    id: "gap-filled-over-last-vote",
    faults: [15],
    title: "The highest slot with a vote is taken for free: the next command overwrites it",
    patches: [
      phase1(
        `else this.#barrier = Math.max(this.#barrier, slot);`,
        `else this.#barrier = Math.max(this.#barrier, slot - 1);`,
      ),
    ],
    finder: { kind: "core", schedules: 200 },
  },
  {
    id: "phase-1-counts-pages",
    faults: [6],
    title: "Phase 1 counts answers, so that two pages of one member pass for two members",
    patches: [
      phase1(
        `return quorums.phase1(complete);`,
        `return quorums.phase1(new Set(quorums.members.slice(0, this.#answers)));`,
      ),
      phase1(`    state.covered = lastSlot;`, `    state.covered = lastSlot;\n    this.#answers++;`),
      phase1(`  #done = false;`, `  #done = false;\n  #answers = 0;`),
    ],
    finder: { kind: "core", profile: "flexible", schedules: 100 },
  },
  {
    id: "promise-of-an-older-candidacy",
    faults: [6, 9],
    title: "A promise of an earlier ballot counts for the present candidacy",
    patches: [
      phase1(`if (!ballotsEqual(page.ballot, this.ballot)) return nothing;`, ``),
      handlers(
        `const { ballot } = message;
  if (core.proposer.phase === "idle" || !ballotsEqual(ballot, core.proposer.ballot)) return;`,
        `const { ballot } = message;
  if (core.proposer.phase === "idle") return;`,
      ),
    ],
    finder: { kind: "core", schedules: 600 },
  },
  {
    id: "late-accepted-drives-new-ballot",
    faults: [7, 9],
    title: "Votes of an earlier ballot count in the present one",
    patches: [
      proposer(
        `if (this.phase !== "lead" || !ballotsEqual(ballot, this.ballot)) return [];`,
        `if (this.phase !== "lead") return [];`,
      ),
      handlers(`if (!core.leads || !ballotsEqual(message.ballot, core.proposer.ballot)) {`, `if (!core.leads) {`),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/proposer.test.ts",
      test: "counts members once, in this ballot, per slot",
    },
  },
  {
    id: "repeated-accepted-counts-again",
    faults: ["MU-08", 6],
    title: "A repeated answer of one member counts as a second vote",
    patches: [
      openSlots(
        `if (open === undefined || open.voters.has(from)) continue;
        open.voters.add(from);`,
        `if (open === undefined) continue;
        const voter = open.voters.has(from) ? open.quorums.members.find((id) => !open.voters.has(id)) : from;
        open.voters.add(voter ?? from);`,
      ),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "votes-carried-across-ballots",
    faults: [7],
    title: "Proposals that are still open outlive their ballot",
    patches: [
      proposer(`    this.#phase1 = null;\n    this.#open = new OpenSlots(this.#options);`, `    this.#phase1 = null;`),
    ],
    finder: { kind: "core", profile: "network", schedules: 2000 },
  },
  {
    id: "page-taken-as-complete",
    faults: [16],
    title: "The first page of a promise is taken for the whole promise",
    patches: [phase1(`const lastSlot = page.lastSlot ?? Infinity;`, `const lastSlot = Infinity;`)],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "pages-with-a-hole",
    faults: [16],
    title: "A later page of a promise counts although the one before it is missing",
    patches: [
      phase1(
        `if (page.firstSlot > covered + 1 || lastSlot <= covered) return nothing;`,
        `if (lastSlot <= covered) return nothing;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/proposer.test.ts",
      test: "pages must reach from the start to the end without a hole",
    },
  },
  {
    id: "leader-ignores-reported-prefix",
    faults: [15],
    title: "A new leader fills slots with no-ops that a member of its quorum reported as chosen",
    patches: [phase1(`this.#base = Math.max(this.#base, page.chosenUpTo, page.snapshotIndex);`, ``)],
    finder: { kind: "core", profile: "network", schedules: 2000 },
  },
  {
    id: "window-one-too-wide",
    faults: [22],
    title: "One slot more than the window allows is proposed",
    patches: [proposer(`return Math.max(0, last - this.next + 1);`, `return Math.max(0, last - this.next + 2);`)],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "window-one-too-narrow",
    faults: [22],
    title: "A window of one slot never opens",
    patches: [proposer(`return Math.max(0, last - this.next + 1);`, `return Math.max(0, last - this.next);`)],
    finder: { kind: "core", profile: "flexible", schedules: 100 },
  },
  {
    id: "window-of-its-own",
    faults: [22, 71],
    title: "A node's window is its own and not that of the configuration",
    patches: [
      core(
        `this.history = new ConfigurationHistory(configuration);`,
        `this.history = new ConfigurationHistory({ ...configuration, alpha: configuration.alpha + me });`,
      ),
    ],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "recovery-stalls-at-the-window",
    faults: [22],
    title: "What phase 1 found beyond the window is never proposed",
    patches: [
      handlers(
        `  if (core.log.chosenUpTo > chosenUpTo) core.announcementDue = true;
  queueProposals(core, core.proposer.recover(core.nowMs));`,
        `  if (core.log.chosenUpTo > chosenUpTo) core.announcementDue = true;`,
      ),
      handlers(
        `queueProposals(core, core.proposer.recover(core.nowMs));
  const may`,
        `const may`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/replica.test.ts",
      test: "a leader goes on with what phase 1 found also where an old announcement",
    },
  },
  {
    id: "lost-accept-never-resent",
    faults: [22],
    title: "A proposal whose Accept was lost stays open for ever",
    patches: [
      openSlots(
        `if (waitMs === null || !may(id)) continue;`,
        `if (waitMs === null || waitMs >= 0 || !may(id)) continue;`,
      ),
    ],
    finder: { kind: "core", schedules: 200 },
  },
  {
    id: "rival-value-kept-by-old-leader",
    faults: [68],
    title: "An old leader fetches another value at a slot it proposed, and goes on leading",
    patches: [
      reports(`if (!sameValue(open, value)) stopProposing(`, `if (open.length < 0) stopProposing(`),
      reports(
        `if (core.proposer.endsWith(slot)) stopProposing(core, \`slot \${slot} is chosen by a later leader\`);`,
        ``,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/leadership.test.ts",
      test: "a leader fetches",
    },
  },
  {
    id: "leader-proposes-past-a-chosen-slot",
    faults: [68, 92],
    title: "A leader that hears of a chosen slot which it never proposed goes on",
    patches: [proposer(`return this.secured && chosen >= this.next && chosen > this.barrier;`, `return false;`)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/leadership.test.ts",
      test: "a report that a slot beyond its own is chosen ends a leadership",
    },
  },
  {
    id: "no-op-over-a-value-known-above-a-gap",
    faults: [92],
    title: "A leader does not propose again what it knows as chosen above a gap, and meets its own assertion",
    patches: [proposer(`log.value(slot) ?? vote?.value ?? NOOP`, `vote?.value ?? NOOP`)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/proposer.test.ts",
      test: "a slot known as chosen above a gap is proposed with the known value",
    },
  },
  {
    id: "same-value-taken-for-another",
    faults: [92],
    title: "Values are compared as objects: a second copy of what is known as chosen breaks an assertion",
    patches: [
      inFile("log")(
        `invariant(sameValue(known, value), "a chosen value never changes"`,
        `invariant(known === value, "a chosen value never changes"`,
      ),
    ],
    finder: { kind: "sim", profile: "network", seeds: 100 },
  },
  {
    id: "deposed-leader-goes-on",
    faults: [20],
    title: "A leader that promised a higher ballot goes on in its own",
    patches: [
      {
        file: "packages/multipaxos/src/leadership.ts",
        find: `if (core.proposer.ballot !== null && compareBallots(ballot, core.proposer.ballot) > 0) {`,
        replace: `if (core.proposer.ballot !== null && core.proposer.phase !== "lead") {`,
      },
    ],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "flexible-quorums-swapped",
    faults: ["MU-13"],
    title: "Phase 2 counts with the quorums of phase 1",
    patches: [
      openSlots(`if (!open.quorums.phase2(open.voters)) continue;`, `if (!open.quorums.phase1(open.voters)) continue;`),
    ],
    finder: { kind: "core", profile: "flexible", schedules: 100 },
  },
  {
    id: "phase-1-with-phase-2-quorum",
    faults: ["MU-13"],
    title: "Phase 1 is content with a quorum of phase 2",
    patches: [phase1(`return quorums.phase1(complete);`, `return quorums.phase2(complete);`)],
    finder: { kind: "core", profile: "flexible", schedules: 100 },
  },
  {
    id: "announcement-never-sent",
    faults: [19],
    title: "An idle leader never tells what it has got chosen",
    patches: [
      handlers(
        `const isNews = core.outgoing.length > 0 || announcementDue;`,
        `const isNews = core.outgoing.length > 0;`,
      ),
      inFile("election-handlers")(`announced(core, leaderBallot, chosenUpTo);`, ``),
      inFile("catch-up")(
        `const range = this.#log.missing(1)[0];`,
        `const range = this.#log.missing(1).find(([first]) => this.#log.target > first);`,
      ),
    ],
    finder: { kind: "core", schedules: 100 },
  },
];
