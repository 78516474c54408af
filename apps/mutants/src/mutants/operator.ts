import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/node/src/${name}.ts`, find, replace });
const gauges = inFile("gauges");
const notices = inFile("notices");
const status = inFile("status");
const leading = inFile("leading");

const unit = (file: string, test: string): Mutant["finder"] => ({
  kind: "unit",
  file: `packages/node/test/${file}.test.ts`,
  test,
});

/** What an operator is told. */
export const operatorMutants: readonly Mutant[] = [
  {
    id: "gauge-of-another-number",
    faults: ["unseen"],
    title: "A gauge of what is executed shows what is chosen, and a state machine that stands still is not seen",
    patches: [gauges(`"synod_applied_slot", status.applied`, `"synod_applied_slot", status.chosenUpTo`)],
    finder: unit("gauges", "say what the status says, each its own number"),
  },
  {
    id: "gone-member-keeps-its-gauges",
    faults: ["unseen"],
    title: "The gauges of a removed member stay what they were, and alerts never end",
    patches: [gauges(`if (!ids.includes(id)) this.#forget(id)`, `if (ids.includes(id)) this.#forget(id)`)],
    finder: unit("gauges", "say what the status says, each its own number"),
  },
  {
    id: "lag-not-shown",
    faults: ["unseen"],
    title: "The status shows no lag of a peer that is cut off",
    patches: [
      status(
        `lagSlots: Math.max(0, replica.chosenUpTo - (peer?.chosenUpTo ?? 0)),`,
        `lagSlots: peer === undefined ? 1 : 0,`,
      ),
    ],
    finder: unit("gauges", "is what is chosen and a peer has not reported"),
  },
  {
    id: "lag-without-bytes",
    faults: ["unseen"],
    title: "The bytes that a peer lacks are those that are on the way to it, so none for one that is cut off",
    patches: [
      status(
        `lagBytes: parts.replica.lagBytes(id, LAG_SLOTS_MAX),`,
        `lagBytes: LAG_SLOTS_MAX && (peer?.sentBytes ?? 0),`,
      ),
    ],
    finder: unit("gauges", "is what is chosen and a peer has not reported"),
  },
  {
    id: "leadership-ends-without-an-event",
    faults: ["unseen"],
    title: "Observers are not told that a leadership ended, and why",
    patches: [
      notices(
        `return events.emit({ kind: "leadershipEnded", ballot: notice.ballot, reason: notice.reason });`,
        `return;`,
      ),
    ],
    finder: unit("events", "tells of each leadership"),
  },
  {
    id: "election-without-a-line",
    faults: ["unseen"],
    title: "The log of the process says nothing of a node that begins to lead",
    patches: [
      notices(`        logger.info("this node leads", { ballot: notice.ballot, barrier: notice.barrier });\n`, ``),
    ],
    finder: unit("operator", "tells the operator much"),
  },
  {
    id: "line-for-each-batch",
    faults: ["unseen"],
    title: "The log of the process has a line for each batch of commands, and the rare ones are not found in it",
    patches: [
      leading(
        `      metrics.observe("synod_batch_bytes", value.length);`,
        `      metrics.observe("synod_batch_bytes", value.length);\n      this.#o.logger.info("a batch was proposed");`,
      ),
    ],
    finder: unit("operator", "tells the operator much"),
  },
];
