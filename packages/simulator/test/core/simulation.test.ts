import { expect, test } from "vitest";
import { CORE_PROFILES, type CoreProfile, type CoreReport, simulateCore } from "../../src/core/index.js";
import { PARTITIONS } from "../../src/topology.js";
import type { TraceEvent } from "../../src/trace.js";

const first = Number(process.env["SYNOD_START"] ?? 1);
const share = Number(process.env["SYNOD_SEEDS"] ?? 500) / 500;

/** Runs of each profile in 500. */
const RUNS: Readonly<Record<CoreProfile, number>> = {
  short: 300,
  swarm: 80,
  network: 40,
  disk: 40,
  flexible: 40,
  members: 80,
};

/** Paths that this many runs must have taken, or they prove little. */
const RARE = [
  "gap filled by a no-op",
  "leadershipEnded",
  "crash, write kept",
  "crash, write lost",
  "crash armed: write begun",
  "crash armed: write durable",
  "crash armed: message sent",
  "power cut of several",
  "slow disk",
  "ghost leader",
  "old packets replayed",
  "read",
  "follower read",
  "forward queued",
  "forward notProposed",
  "ignored: copy of a forwarded frame",
  "promise page",
  "reject",
  "fetch",
  "calm",
  "log damaged",
  "a damaged node learns",
  "votesAgain",
  "three changes of the members took effect",
  "disk of a removed member thrown away",
  "disk lost",
  "change changeUnderWay",
  "ignored: removed member",
  "configuration known by a snapshot",
  "lease held across a change",
  "widened",
  "executed before the leader did",
  "witness forgot values",
  "witness caught up by a head",
  "straggler",
  "outside the healed core: cut off",
  "outside the healed core: deaf",
  "outside the healed core: down",
  "outside the healed core: lagging",
  "outside the healed core: mute",
  "outside the healed core: stalled",
  "outside the healed core: whole",
  ...PARTITIONS.map((name) => `partition: ${name}`),
  "stumble",
  "abdicated: the event loop stood still",
  "impaired: disk",
  "impaired: loop",
  "impaired: well again",
  "leadership transferred",
  "transfer in vain",
  "transfer refused",
  "lease read",
  "leaseDropped",
  "quorum read",
  "quorumReadFellBack",
  "snapshot taken",
  "snapshot offered",
  "snapshot installed",
  "snapshotResumed",
  "snapshot given up: the log came first",
  "compacted",
  "values held back for lack of credit",
  "changeComplete",
  "removed",
  "quorums changed to grid",
  "quorums changed to majority",
  "quorums changed to sizes",
  "quorums changed to weights",
];

const sums = new Map<string, number>();

function expectWhole(report: CoreReport): void {
  const { seed, profile, failure } = report;
  expect(failure, `profile ${profile}, seed ${seed}`).toBeNull();
  for (const [what, n] of Object.entries(report.sometimes)) sums.set(what, (sums.get(what) ?? 0) + n);
}

test.each(CORE_PROFILES)(
  "random runs: %s",
  (profile) => {
    const runs = Math.ceil(RUNS[profile] * share);
    for (let seed = first; seed < first + runs; seed++) {
      const report = simulateCore({ seed, profile });
      expectWhole(report);
      if (profile === "short") expect(report.slotsChosen).toBeGreaterThanOrEqual(100);
    }
  },
  300_000 * Math.max(1, share),
);

test.runIf(share >= 1)("the rare things did happen", () => {
  for (const what of RARE) expect(sums.get(what) ?? 0, what).toBeGreaterThan(10);
});

test("the same seed gives the same run, traced or not", () => {
  for (const profile of CORE_PROFILES) {
    const events: TraceEvent[] = [];
    const traced = simulateCore({ seed: 11, profile, trace: (event) => events.push(event) });
    expect(simulateCore({ seed: 11, profile })).toEqual(traced);
    expect(simulateCore({ seed: 12, profile }).traceHash).not.toBe(traced.traceHash);
    expect(events.filter((event) => event.kind === "deliver")).toHaveLength(traced.deliveries);
  }
});

test("a seed or a profile that is none is refused", () => {
  expect(() => simulateCore({ seed: 0.5 })).toThrow("a seed is a safe integer, not 0.5");
  expect(() => simulateCore({ seed: 1, profile: "calm" as CoreProfile })).toThrow('no profile "calm"');
});

// Each of these found a fault that was there once.
test.each<[profile: CoreProfile, seed: number, what: string]>([
  [
    "network",
    1922,
    "a leader waited for ever for its own disk to take the snapshot of peers that had compacted what it proposed",
  ],
  [
    "network",
    2310,
    "a leader waited for ever for its own disk to take the snapshot of peers that had compacted what it proposed",
  ],
  ["network", 3003355, "slots that an earlier leader's announcement made known stayed open above the window"],
  ["short", 1088334, "resends waited for as long as one vote had taken over a link that lost most of them"],
  ["swarm", 21055, "a node that had asked in vain did not ask again for sixteen timeouts"],
  ["flexible", 380, "values that a snapshot covered counted as waiting for ever, and nothing more was fetched"],
  ["members", 1220, "the head of a snapshot went by what its writer knew of changes: two heads for one slot"],
  ["short", 5129041, "a fault that had ended made a healed disk slow again"],
  ["short", 5216794, "packets of the bad times, still under way, counted as part of the healed cluster"],
  ["short", 14000376, "what the disk had begun for a snapshot was not quick after the healing, as its log was"],
  [
    "short",
    14023935,
    "a candidate whose disk hangs may stay while the disks of those that could do without it stood still lately",
  ],
  ["flexible", 17100576, "a witness with a damaged log waits for a full member as one that was away does"],
  ["network", 18100400, "a full member that hears nobody was said to hold what a witness forgot"],
  ["network", 20776, "the time from the first copy of a question passed for what its answer takes"],
])("%s, seed %i: %s", (profile, seed) => {
  expect(simulateCore({ seed, profile }).failure).toBeNull();
});
