import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });
const call = inFile("client/src/call");
const pool = inFile("client/src/pool");
const judge = inFile("transport-tcp/src/judge");

const FAILOVER = "packages/server/test/failover.test.ts";
const LIMITS = "packages/server/test/limits.test.ts";

/** Between clients and servers, and who may speak for whom. */
export const clientMutants: readonly Mutant[] = [
  {
    id: "server-ignores-ticket",
    faults: [25],
    title: "A server proposes in its own session, so that a retried command is executed twice",
    patches: [
      inFile("server/src/requests")(
        `propose(Buffer.from(question.body), question.ticket, open)`,
        `propose(Buffer.from(question.body), undefined, open)`,
      ),
    ],
    finder: {
      kind: "unit",
      file: FAILOVER,
      test: "every addition counts once over connections that are cut between frames",
    },
  },
  {
    id: "lost-attempt-counts-as-not-proposed",
    faults: [25],
    title: "A client says NotProposed although the connection broke under an attempt",
    patches: [
      inFile("client/src/verdicts")(
        `return { error, notProposed: false, forAll: false`,
        `return { error, notProposed: true, forAll: false`,
      ),
    ],
    finder: { kind: "unit", file: FAILOVER, test: "what is said of calls that end early is true" },
  },
  {
    id: "watch-starts-again",
    faults: [25],
    title: "A watch asks for what it had already",
    patches: [inFile("client/src/watch")(`this.#query = next;`, ``)],
    finder: { kind: "unit", file: FAILOVER, test: "a watch goes on at another server without gap or repetition" },
  },
  {
    id: "busy-is-not-waited-for",
    faults: [45],
    title: "A client comes back before the time that a busy server named",
    patches: [call(`Math.max(retryAfterMs, backoffMs(`, `Math.max(0, backoffMs(`)],
    finder: { kind: "unit", file: LIMITS, test: "Busy goes to the caller where the deadline comes before" },
  },
  {
    id: "call-without-deadline",
    faults: [45],
    title: "A call waits for servers for ever",
    patches: [call(`    this.#shared.deadlines.add(this);`, ``)],
    finder: { kind: "unit", file: LIMITS, test: "with no server left" },
    expected: "timeout",
  },
  {
    id: "gone-client-keeps-working",
    faults: [45],
    title: "The requests of a client that is gone stay open",
    patches: [inFile("server/src/connection")(`this.#requests?.abortAll("the client is gone");`, ``)],
    finder: { kind: "unit", file: LIMITS, test: "a client that is gone leaves nothing running" },
    expected: "timeout",
  },
  {
    id: "writes-anywhere",
    faults: [45],
    title: "A client does not send writes to the server of the leader",
    patches: [pool(`(leads || connection === prefer ? 1 : 0)`, `(connection === prefer ? 1 : 0)`)],
    finder: {
      kind: "unit",
      file: "packages/server/test/serving.test.ts",
      test: "writes and reads go to the server of the leader",
    },
  },
  {
    id: "certificate-of-another-node",
    faults: [31],
    title: "A replica is let in with the certificate of another one",
    patches: [
      judge(`!(proof.refused === null && proof.isNode(self.clusterId, from.nodeId))`, `proof.refused !== null`),
    ],
    finder: {
      kind: "unit",
      file: "packages/transport-tcp/test/tls.test.ts",
      test: "names another node is refused, whoever dials",
    },
  },
  {
    id: "deadline-of-another",
    faults: ["unseen"],
    title: "Who takes the place of a deadline that was taken out is taken out in its turn, and never ends",
    patches: [inFile("client/src/protocol/deadlines")(`    last.place = place;\n`, ``)],
    finder: {
      kind: "unit",
      file: "packages/client/test/deadlines.test.ts",
      test: "each ends once, in time, unless it was taken out before",
    },
  },
  {
    id: "gap-in-the-table",
    faults: ["unseen"],
    title: "A request is not found any more once another one has gone that it had to make way for",
    patches: [
      inFile("interface/src/number-map")(
        `      if (pushed < ((next - gap) & last)) continue;`,
        `      if (pushed <= last) continue;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/interface/test/number-map.test.ts",
      test: "whoever had to make way is found when the other has gone",
    },
  },
];
