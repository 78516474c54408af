import { expect, test } from "vitest";
import { PARTITIONS, type Profile, PROFILES } from "../src/index.js";
import { PORT_CALLS } from "../src/ports.js";
import { range, run } from "./support.js";

/** SYNOD_SEEDS=5000 SYNOD_START=1 npx vitest run --project simulator simulate */
const SEEDS = Number(process.env["SYNOD_SEEDS"] ?? 50);
const START = Number(process.env["SYNOD_START"] ?? 1);

/** Each has a seed of its own, below. */
const RARER: readonly string[] = ["logger", "metrics", "storage.write, later"];

/** Rare paths that the fixed seeds must reach: without them the runs would prove less than it seems. */
const RARE = [
  "a witness forgot",
  "a witness forgot, members changed",
  "a witness skipped",
  "a witness voted",
  "answered after a retry",
  "busy",
  "catch-up by fetch",
  "change of the members: ChangeUnderWay",
  "change of the members: LearnerBehind",
  "change of the members: OutcomeUnknown",
  "clock jump",
  "closed in order",
  "damage refused",
  "deploys while the members change",
  "duplicate suppressed by session",
  "executed on accept",
  "founders decide by sizes",
  "founders decide by weights",
  "gap filled by a no-op",
  "lag",
  "leader deposed",
  "leader elected",
  "leadership transferred",
  "learned by all-to-all",
  "learning allToAll",
  "learning onAccept",
  "lease dropped: the leadership ended",
  "lease dropped: the leadership is handed over",
  "lease read",
  "log dropped",
  "lost disk refused",
  "lost name",
  "not proposed",
  "outcome unknown",
  "outside the healed core: cut off",
  "outside the healed core: deaf",
  "outside the healed core: down",
  "outside the healed core: mute",
  "outside the healed core: ragged",
  "outside the healed core: whole",
  "pause",
  "power cut",
  "power cut of several",
  "process killed",
  "provoked: no write this turn",
  "provoked: one entry a batch",
  "provoked: one event a turn",
  "provoked: one value executed a turn",
  "provoked: sent again at once",
  "quorum read",
  "quorum read fell back",
  "quorums changed to majority",
  "quorums changed to sizes",
  "quorums changed to weights",
  "rejected by a higher promise",
  "restart",
  "retry with the same ticket",
  "session closed",
  "session unknown: closed",
  "session unknown: expired",
  "slow disk",
  "snapshot offered",
  "snapshots installed",
  "snapshots taken",
  "stale read",
  "stale read, old",
  "stopped by a failing disk",
  "partition: flapping",
  "rolling deploy begins",
  "downgraded before a raise",
  "versions raised",
  "versions raised after a member returned",
  "deploy finished when healed",
  "deploy half done when healed",
  "configuration chosen",
  "members changed: add",
  "members changed: promote",
  "members changed: remove",
  "members changed: replace",
  "members changed: setAddress",
  "members changed: setQuorum",
  "node thrown away",
  "removed member stops",
  "transfer in vain: NotTransferred",
  ...PARTITIONS.map((name) => `partition: ${name}`),
  ...PORT_CALLS.filter((call) => !RARER.includes(call)).map((call) => `thrown by ${call}`),
];

const reached = new Set<string>();

test.each(PROFILES)(`%s: ${SEEDS} seeds from ${START}`, { timeout: 60_000 + SEEDS * 4_000 }, async (profile) => {
  let answered = 0;
  for (const seed of range(START, SEEDS)) {
    const report = await run(seed, profile);
    expect(report.failure, `seed ${seed}, profile ${profile}`).toBeNull();
    answered += report.answered;
    for (const name of Object.keys(report.sometimes)) reached.add(name);
  }
  // A run in which nothing is done finds nothing.
  expect(answered).toBeGreaterThan(SEEDS * 10);
});

// Too rare to expect them of a few seeds: each has one at which it comes.
test.each<[profile: Profile, seed: number, what: readonly string[]]>([
  ["disk", 3, ["damaged log met"]],
  ["disk", 5, ["change of the members: IdRetired"]],
  ["disk", 9, ["torn write"]],
  ["disk", 11, ["diverged state found"]],
  ["disk", 99, ["rotten disk, and the node votes"]],
  ["disk", 337, ["damaged log, repaired before"]],
  ["network", 53, ["snapshots resumed"]],
  ["network", 71, ["downgraded after a raise"]],
  ["network", 74, ["older release stops at a raise"]],
  ["network", 75, ["thrown by logger", "founders decide by grid"]],
  ["network", 84, ["quorums changed to grid"]],
  ["network", 131, ["thrown by metrics"]],
  ["network", 156, ["thrown by storage.write, later"]],
  ["swarm", 9, ["quorums changed to grid"]],
  ["swarm", 167, ["a damaged node learns"]],
])("%s, seed %i: %j", async (profile, seed, what) => {
  const report = await run(seed, profile);
  expect(report.failure).toBeNull();
  expect(Object.keys(report.sometimes)).toEqual(expect.arrayContaining([...what]));
});

// Each of these finds a fault that the simulator found first, when its repair is undone.
test.each<[profile: Profile, seed: number, what: string]>([
  ["calm", 1, "a node whose clock stood above 200 s opened sessions for ever and proposed nothing"],
  ["calm", 1, "a new leader's first batch logged the time of its own clock, and every session expired"],
  ["disk", 5, "a store whose formatting was interrupted could not be formatted again"],
  ["disk", 303, "a witness wrote to its store in the turn in which it was removed and had closed it"],
  ["disk", 50317, "a node that a port had stopped in the middle of a turn sent the rest of its messages"],
  [
    "disk",
    5019,
    "a fault of the simulator itself: the end of a log rotted where a snapshot and the identity were written after it",
  ],
  [
    "swarm",
    86,
    "who asked for a member that was removed again before it was promoted was told that nothing had happened",
  ],
  ["network", 2129, "a fault of the simulator itself: a change counts as complete, too, once a later one is"],
  ["swarm", 2103, "a fault of the simulator itself: nobody asked again at a node that was killed after the healing"],
  ["network", 18200108, "a command whose node was thrown away under it took effect, and the history did not have it"],
  ["network", 18200326, "a witness that forgot less than it had executed knew a raise above that slot after a restart"],
  ["swarm", 7007526, "commands provoked again and again after the healing filled a window of one slot"],
  ["disk", 91800082, "a fault of the simulator itself: what ended together with its node ended twice for its client"],
])("%s, seed %i: %s", async (profile, seed) => {
  expect((await run(seed, profile)).failure).toBeNull();
});

test("the rare paths were reached", () => {
  expect(RARE.filter((name) => !reached.has(name))).toEqual([]);
});
