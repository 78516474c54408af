import { describe, expect, it } from "vitest";
import {
  beginRun,
  type Bounds,
  judge,
  lastWorld,
  PROTOCOLS,
  playScenario,
  playScript,
  type Protocol,
  type Run,
  type Scenario,
  SCENARIOS,
  search,
  violationOf,
  type World,
} from "../src/index.ts";

const scenario = (id: string): Scenario => {
  const found = SCENARIOS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no scenario ${id}`);
  return found;
};
const protocol = (id: string): Protocol => {
  const found = PROTOCOLS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no protocol ${id}`);
  return found;
};
const runFrom = (of: Protocol, world: World): Run => ({ protocol: of, actions: [], worlds: [world], rows: [] });
const multiPaxos = protocol("multi-paxos");

describe("SYS-40: two servers without order", () => {
  it("diverges: the answers are not beginnings of one sequence", () => {
    const verdict = judge(playScenario(scenario("two-servers-opposite-orders")));
    expect(verdict.kind).toBe("diverges");
    expect(verdict.words).toBe('C1 was told "m1", C2 was told "m2": no single server could have said both.');
    expect(verdict.rows).toEqual([4]);
  });
});

describe("SYS-42: a partition", () => {
  const script = [
    "cut S1 C1 | S2 C2",
    "S1 suspects S2",
    "S2 suspects S1",
    "C1 asks m1 of S1",
    "C2 asks m2 of S2",
    "settle",
  ];

  it("makes two servers diverge", () => {
    expect(judge(playScript(beginRun(protocol("wait-for-learn")), script)).kind).toBe("diverges");
  });

  it.each(["three-servers", "rounds", "promises", "reports", "multi-paxos"])(
    "of three lets one side answer: %s",
    (id) => {
      const apart = ["cut S1 C1 | S2 S3 C2", ...script.slice(1, 3), "settle", ...script.slice(3)];
      const { answers } = lastWorld(playScript(beginRun(protocol(id)), apart));
      expect(answers.map(({ client }) => client)).toEqual(["C2"]);
    },
  );
});

describe("SYS-45: a slow leader is suspected, and goes on sending", () => {
  it.each(["false-detection-with-rounds", "synod-takeover"])(
    "is refused, follows, and there is one history: %s",
    (id) => {
      const run = playScenario(scenario(id));
      const refusal = run.rows.find(
        (row) => row.at === "S3" && row.arrow?.from === "S1" && row.arrow.label.startsWith("ACC"),
      );
      expect(run.rows.some((row) => row.marks.some((mark) => mark.mark === "stopsLeading" && mark.at === "S1"))).toBe(
        true,
      );
      expect(refusal).toBeDefined();
      expect(judge(run).kind).toBe("safe");
      const world = lastWorld(run);
      expect(world.servers["S1"]?.state.leads).toBe(false);
      expect(new Set(Object.values(world.servers).map(({ state }) => state.executed.join())).size).toBe(1);
    },
  );
});

describe("SYS-16: a command is answered, then another one elsewhere", () => {
  const cutOff = (world: World, links: string[]): World => ({ ...world, flights: [], cuts: links });
  const first: Bounds = { values: [{ value: "X", by: "C1", to: ["S1"] }] };
  const firsts: World[] = [];
  search(multiPaxos, {
    goal: (world) => {
      if (world.answers.length > 0) firsts.push(world);
      return false;
    },
    bounds: first,
    from: playScript(beginRun(multiPaxos), ["cut S1 S2 | S3"]),
  });

  it.each([
    ["S1", ["S1 S2", "S2 S3"]],
    ["S2", ["S1 S2", "S1 S3"]],
  ] as const)("among %s and S3 the second client sees both, in order", (at, links) => {
    expect(firsts.length).toBeGreaterThan(1);
    for (const world of firsts) {
      const answers = new Set<string>();
      const report = search(multiPaxos, {
        goal: (next) => {
          const answer = next.answers.find((one) => one.value === "Y");
          if (answer !== undefined) answers.add(answer.state.join(""));
          return violationOf(next) !== null;
        },
        bounds: { values: [{ value: "Y", by: "C2", to: [at] }], suspicions: 1, suspects: at === "S1" ? [] : [at] },
        from: runFrom(multiPaxos, cutOff(world, [...links])),
      });
      expect(report.verdict).toBe("none");
      expect([...answers]).toEqual(["XY"]);
    }
  });
});

describe("SYS-18: number 2 is chosen, number 1 is not, and everything in flight is lost", () => {
  const isChosen = (world: World, slot: number, value?: string): boolean =>
    world.chosen.some((one) => one.slot === slot && (value === undefined || one.value === value));
  const values = [
    { value: "A", by: "C1", to: ["S1"] },
    { value: "B", by: "C2", to: ["S1"] },
  ];
  const gap = search(multiPaxos, {
    goal: (world) => isChosen(world, 2) && !isChosen(world, 1),
    bounds: { values },
  });

  it("ends with both chosen and no divergence; number 1 is a no-op or the command", () => {
    if (gap.run === null) throw new Error("no such state");
    const from = runFrom(multiPaxos, { ...lastWorld(gap.run), flights: [] });
    const command = lastWorld(gap.run).chosen[0]?.value === "B" ? "A" : "B";
    const bounds: Bounds = { values: [], suspicions: 1, suspects: ["S2", "S3"] };
    expect(search(multiPaxos, { goal: "diverges", bounds, from }).verdict).toBe("none");
    for (const filler of ["no-op", command]) {
      const report = search(multiPaxos, { goal: (world) => isChosen(world, 1, filler), bounds, from });
      expect([filler, report.verdict]).toEqual([filler, "found"]);
      if (report.run !== null) expect(isChosen(lastWorld(report.run), 2)).toBe(true);
    }
    expect(judge(from).kind).toBe("safe");
  });
});
