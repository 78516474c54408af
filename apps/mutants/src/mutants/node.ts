import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/node/src/${name}.ts`, find, replace });
const writing = inFile("writing");
const node = inFile("node");
const proposals = inFile("proposals");

const EDGES = "packages/node/test/edges.test.ts";

/** The driver of one replica and the calls of its users. */
export const nodeMutants: readonly Mutant[] = [
  {
    id: "failed-write-ignored",
    faults: [32, 65],
    title: "A write that fails is taken for done",
    patches: [writing(`      (cause: unknown) => fail(cause),`, `      () => written(next.id),`)],
    finder: { kind: "sim", profile: "disk", seeds: 40 },
  },
  {
    id: "full-disk-ignored",
    faults: [32, 36],
    title: "A write for which the disk has no room is taken for done",
    patches: [
      writing(
        `      (cause: unknown) => fail(cause),`,
        `      (cause: unknown) => {
        if ((cause as { code?: string }).code !== "StoreFull") return fail(cause);
        return written(next.id);
      },`,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "turn-survives-its-exception",
    faults: [65],
    title: "The node goes on after an exception in the middle of a turn",
    patches: [
      inFile("loop")(
        `if (!this.#stopped) this.guarded(() => this.#o.turn());`,
        `if (this.#stopped) return;
    try {
      this.#o.turn();
    } catch {
      this.wake();
    }`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/node.test.ts",
      test: "stops when the state machine throws, and settles every call",
    },
  },
  {
    id: "close-hands-nothing-over",
    faults: [42],
    title: "A leader that is closed leaves the others to find out that it is gone",
    patches: [
      node(
        `const handedOver = this.#handOver(transferTimeoutMs);`,
        `const handedOver = this.#handOver(Math.min(0, transferTimeoutMs));`,
      ),
    ],
    finder: { kind: "unit", file: "packages/node/test/endings.test.ts", test: "has no gap: a leader that closes" },
  },
  {
    id: "close-leaves-callers-waiting",
    faults: [66],
    title: "Calls that are open when the node closes are never settled",
    patches: [node(`      this.#driver.proposals.giveUpAll(why, cause);`, ``)],
    finder: {
      kind: "unit",
      file: "packages/node/test/node.test.ts",
      test: "stops when the state machine throws, and settles every call",
    },
  },
  {
    id: "close-leaves-readers-waiting",
    faults: [66],
    title: "Reads that are open when the node closes are never settled",
    patches: [
      node(
        `      this.#driver.reads.failAll(new SynodError(cause.code === "Removed" ? "Removed" : "Closed", why, { cause }));`,
        ``,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "effects-before-write-settles",
    faults: [2, 66],
    title: "A write counts as durable when it was handed to storage",
    patches: [
      writing(
        `    storage.write(next.write).then(
      () => written(next.id),
      (cause: unknown) => fail(cause),
    );`,
        `    storage.write(next.write).catch((cause: unknown) => fail(cause));
    written(next.id);`,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 20 },
  },
  {
    id: "reply-to-the-wrong-call",
    faults: [28],
    title: "Outcomes are matched to calls by their sequence alone",
    patches: [
      {
        file: "packages/node/src/proposal-keys.ts",
        find: "const key = `${slot}.${index}`;",
        replace: "const key = `${Math.min(slot, 0)}`;",
      },
    ],
    finder: { kind: "sim", profile: "calm", seeds: 20 },
  },
  {
    id: "any-open-is-mine",
    faults: [28],
    title: "A node takes the session that another node opened for its own",
    patches: [inFile("open-calls")(`return this.#byNonce.get(nonce);`, `return [...this.#byNonce.values()][0];`)],
    finder: { kind: "sim", profile: "calm", seeds: 20 },
  },
  {
    id: "moved-command-gets-new-ticket",
    faults: [25],
    title: "A command that is sent to a new leader travels under a new sequence",
    patches: [
      proposals(
        `    for (const proposal of fresh) {
      proposal.fresh = false;
      this.#renew(proposal);`,
        `    for (const proposal of fresh) {
      proposal.fresh = false;
      const ticket = proposal.source.kind === "own" && proposal.sentAtMs > 0 ? this.#own.next(nowMs, loggedMs) : null;
      if (ticket) proposal.entry = { kind: "command", ticket, body: proposal.body };
      this.#renew(proposal);`,
      ),
    ],
    finder: { kind: "sim", profile: "network", seeds: 130 },
  },
  {
    id: "possible-effect-called-none",
    faults: [66],
    title: "A caller that gives up is told that its command was not proposed although a copy is on its way",
    patches: [inFile("proposal")(`this.copies === (this.place === null ? 0 : 1)`, `this.copies <= 1`)],
    finder: { kind: "sim", profile: "network", seeds: 130 },
  },
  {
    id: "read-before-applied",
    faults: [55],
    title: "A read is answered when its index is known, not when it is applied",
    patches: [
      inFile("reads")(`group !== undefined && group.index <= applied;`, `group !== undefined && applied >= 0;`),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/chaos.test.ts",
      test: "keeps its promises through crashes, cuts, loss and doubling",
    },
  },
  {
    id: "first-batch-logs-own-clock",
    faults: [24, 26],
    title: "A new leader logs the time of its own clock, and every session expires",
    patches: [
      inFile("leading")(`if (ballot !== null && this.#ballot === null) this.#time.begin(machine.timeMs, nowMs);`, ``),
    ],
    finder: { kind: "sim", profile: "calm", seeds: 20 },
  },
  {
    id: "leader-below-its-log",
    faults: [24],
    title: "A leader whose log began in another cluster, with higher ballots, leads on, and logs no time",
    patches: [inFile("leading")(`if (machine.timedBy !== null) replica.outrank(machine.timedBy);`, ``)],
    finder: {
      kind: "unit",
      file: "packages/node/test/lost-quorum.test.ts",
      test: "logs the time on as a new one, although its log has higher ballots than its own first one",
    },
  },
  {
    id: "frame-of-another-cluster-taken",
    faults: [47],
    title: "A frame of another cluster, or under another node's name, is taken",
    patches: [
      inFile("wire")(
        `if (envelope.clusterId === self.clusterId && envelope.from === from) {`,
        `if (self.clusterId !== "") {`,
      ),
    ],
    finder: { kind: "unit", file: EDGES, test: "keeps nodes apart that were formatted with different quorums" },
  },
  {
    id: "founders-not-compared",
    faults: [71],
    title: "Nodes whose windows or quorums differ talk to each other",
    patches: [
      inFile("founders")(
        'return `${clusterId}#${(hash >>> 0).toString(16).padStart(8, "0")}`;',
        "return `${clusterId}#${hash === 0 ? 1 : 0}`;",
      ),
    ],
    finder: { kind: "unit", file: EDGES, test: "keeps nodes apart that were formatted with different quorums" },
  },
  {
    id: "window-changed-by-options",
    faults: [71],
    title: "A formatted store starts with another window than its founders agreed on",
    patches: [
      inFile("founders")(`if (alpha !== undefined && alpha !== stored.alpha)`, `if (alpha !== undefined && alpha < 1)`),
    ],
    finder: { kind: "unit", file: EDGES, test: "refuses to start a formatted store with another quorum or window" },
  },
];
