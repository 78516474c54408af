import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });
const flow = inFile("multipaxos/src/flow");
const queue = inFile("node/src/leader-queue");
const admission = inFile("node/src/admission");
const digests = inFile("node/src/digests");

const unit = (name: string, test: string): Mutant["finder"] => ({
  kind: "unit",
  file: `packages/node/test/${name}.test.ts`,
  test,
});

/** Overload, fairness, and states held against each other. */
export const flowMutants: readonly Mutant[] = [
  {
    id: "credit-ignored",
    faults: [45],
    title: "A leader sends values to a peer that has no credit for them",
    patches: [
      flow(
        `    return creditBytes > 0 && (sentBytes + bytes <=`,
        `    return creditBytes >= 0 || (sentBytes + bytes <=`,
      ),
    ],
    finder: { kind: "core", schedules: 300 },
  },
  {
    id: "withheld-never-sent",
    faults: [80],
    title: "What a peer once had no credit for is not sent to it any more, though a quorum needs it",
    patches: [
      inFile("multipaxos/src/proposer-handlers")(
        `  for (const peer of others) if (sendWithheld(core, peer)) told.add(peer);
`,
        `  void sendWithheld;
`,
      ),
      inFile("multipaxos/src/proposer-handlers")(
        `const may = (id: NodeId): boolean => core.flow.mayProbe(id, core.nowMs);`,
        `const may = (id: NodeId): boolean => core.flow.withheldFrom(id) === null;`,
      ),
    ],
    finder: { kind: "core", schedules: 300 },
  },
  {
    id: "sessions-not-in-turn",
    faults: [22],
    title: "The commands of one node wait in one row, whoever they come from",
    patches: [
      queue(
        `  return sessionKey(entry.kind === "command" ?`,
        `  if (entry.kind === "command") return "all";
  return sessionKey(entry.kind === "command" ?`,
      ),
    ],
    finder: unit("leader-queue", "takes from the sessions of an origin in turn"),
  },
  {
    id: "one-client-fills-the-room",
    faults: [22],
    title: "A client that has nothing under way is refused because another fills the room",
    patches: [
      admission(
        `return own < callsMax / clients && this.#calls < 2 * callsMax ? null : this.#later();`,
        `return own < 0 && clients > 0 ? null : this.#later();`,
      ),
    ],
    finder: unit("admission", "a client below its part of the room is let in although another fills it"),
  },
  {
    id: "queue-bounded-by-bytes-alone",
    faults: [45],
    title: "Under overload calls are taken in until memory is full, and all wait for seconds",
    patches: [
      admission(
        `if (this.#callsPerMs === 0 || this.#busyRounds < 2) return null;`,
        `if (this.#callsPerMs >= 0) return null;`,
      ),
    ],
    finder: unit("admission", "bounds the waiting time of those who are let in"),
  },
  {
    id: "half-is-a-majority-of-digests",
    faults: [79],
    title: "Half of the members tell a node that its state is wrong, and it stops",
    patches: [digests(`2 * count > voters.length`, `2 * count >= voters.length`)],
    finder: unit("digests", "half of the members are no majority"),
  },
  {
    id: "different-digests-counted-together",
    faults: [79],
    title: "Two states that differ from each other count as one majority against the own state",
    patches: [
      digests(
        `majority(others.filter((other) => isSame(other, word)).length)`,
        `word !== null && majority(others.length)`,
      ),
    ],
    finder: unit("digests", "two that differ from this one and from each other are no majority"),
  },
  {
    id: "diverged-node-goes-on",
    faults: [24],
    title: "A node whose state differs from that of a majority goes on answering",
    patches: [
      inFile("node/src/state-check")(
        `if (kind === "ownDiffers") throw divergedError(finding);`,
        `if (kind === "ownDiffers") logger.error(divergedError(finding).message);`,
      ),
    ],
    finder: unit("digests", "a node whose state differs from that of a majority stops"),
  },
  {
    id: "floor-goes-back",
    faults: [27],
    title: "A copy of an older command lowers the floor of its session",
    patches: [
      inFile("rsm/src/sessions")(`  if (floor <= session.floor) return;`, `  if (floor === session.floor) return;`),
    ],
    finder: { kind: "unit", file: "packages/rsm/test/sessions.test.ts", test: "a floor never falls" },
  },
  {
    id: "earlier-leader-answers-for-the-next",
    faults: [25],
    title:
      "What a leader says late of its copy counts for the one that the next leader never got: the call waits in vain",
    patches: [
      inFile("node/src/proposals")(
        `if (ballotsEqual(proposal.sentTo, forwarded.to)) proposal.acknowledged = true;`,
        `proposal.acknowledged = true;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/proposals.test.ts",
      test: "a call is sent again where its last copy is lost",
    },
  },
  {
    id: "beyond-limit-taken-for-an-answer",
    faults: [25],
    title:
      "A refusal of the log beyond the limit of a session ends the call as not proposed, and a copy is executed later",
    patches: [
      inFile("node/src/proposals")(
        `        // No answer: it may be executed once earlier replies are given up, so it is sent again later.
`,
        `        proposal.reject(new SynodError("NotProposed", "beyond the limit"));
`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/proposals.test.ts",
      test: "never calls a command without effect while a copy may be on its way",
    },
  },
  {
    id: "window-without-bytes",
    faults: [22, 45],
    title: "A leader proposes large values until the window in slots is full, and memory with it",
    patches: [
      inFile("multipaxos/src/proposer")(
        ` || this.#open.bytes >= inFlightBytesMax) return 0;`,
        ` || inFlightBytesMax <= 0) return 0;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/proposer.test.ts",
      test: "bytes in flight close the window",
    },
  },
  {
    id: "own-disk-unbounded",
    faults: [45],
    title: "A leader whose disk is slower than those of the others keeps ever more votes that wait for it",
    patches: [
      inFile("multipaxos/src/replica")(
        `if (writes.bytes >= settings.inFlightBytesMax) return 0;`,
        `if (settings.inFlightBytesMax <= 0) return writes.bytes * 0;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/leadership.test.ts",
      test: "what waits for the own disk of a leader is bounded, also where the disks of the others are faster",
    },
  },
  {
    id: "backlog-not-in-credit",
    faults: [45],
    title: "A follower whose state machine stands still goes on giving credit, and keeps ever more values",
    patches: [
      inFile("multipaxos/src/credit")(
        `writeBytes: this.#writes.bytes, applyBytes: this.applyBytes }`,
        `writeBytes: this.#writes.bytes, applyBytes: 0 }`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/flow.test.ts",
      test: "a follower that said that it has no room says so when it has",
    },
  },
  {
    id: "room-never-told",
    faults: [45],
    title: "A follower that may keep less for execution than for its disk never says that it has room again",
    patches: [
      inFile("multipaxos/src/credit")(
        `bytes < Math.min(creditBytesMax, applyBytesMax) / 2`,
        `bytes < Math.max(creditBytesMax, applyBytesMax) / 2`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/flow.test.ts",
      test: "a follower says that there is room again also where it may keep less",
    },
  },
];
