import { describe, expect, it } from "vitest";
import {
  beginRun,
  choices,
  createSearch,
  createWorld,
  extend,
  invariantsOf,
  judge,
  lastWorld,
  PROTOCOLS,
  playScenario,
  playScript,
  type Protocol,
  replay,
  SCENARIOS,
  search,
  step,
  violationOf,
} from "../src/index.ts";

const protocol = (id: string): Protocol => {
  const found = PROTOCOLS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no protocol ${id}`);
  return found;
};
const play = (id: string, ...script: string[]): ReturnType<typeof beginRun> =>
  playScript(beginRun(protocol(id)), script);

/** S2 asks for promises, and `peer` gives one. */
const s2Asks = (peer: string): string[] => ["S2 suspects S1", `S2 > ${peer} PREP`];

describe("playing", () => {
  it("tells each row in words, and draws from the row that sent a message to the one that receives it", () => {
    const { rows } = play("promises", "C1 asks m1 of S1", "S2 suspects S1", "S2 > S3 PREP", "S1 > S3 ACC m1");
    expect(rows.map((row) => row.text)).toEqual([
      "C1 asks S1 for m1. S1 accepts m1 in round 1 for number 1. S1 sends ACC 1 #1 m1 to S2 and S3.",
      "S2 thinks that S1 is down, and is wrong. S2 will accept nothing below round 2. S2 sends PREP 2 to S1 and S3.",
      "S3 receives PREP 2 from S2. S3 will accept nothing below round 2. S3 sends PROM 2 to S2.",
      "S3 receives ACC 1 #1 m1 from S1. S3 does nothing with it: its promise 2 is higher than 1.",
    ]);
    expect(rows[3]?.arrow).toMatchObject({ from: "S1", to: "S3", sentRow: 1, phase: "accept" });
    expect(rows[3]?.arrow?.id).toBe(rows[0]?.sends[1]?.id);
    expect(rows[3]?.marks).toEqual([{ mark: "refused", at: "S3", because: "its promise 2 is higher than 1" }]);
  });

  it("counts the leader's own acceptance where all tell all", () => {
    const run = play("all-to-all", "S4 crashes", "S5 crashes", "C1 asks m1 of S1", "settle");
    expect(["S1", "S2", "S3"].map((id) => lastWorld(run).servers[id]?.state.executed)).toEqual([
      ["m1"],
      ["m1"],
      ["m1"],
    ]);
  });

  it("never changes an earlier world", () => {
    const run = play("multi-paxos", "C1 asks m1 of S1", "settle");
    const before = JSON.stringify(run.worlds);
    playScript(run, ["C2 asks m2 of S1", "S1 crashes", "S2 suspects S1", "settle"]);
    expect(JSON.stringify(run.worlds)).toBe(before);
  });

  it("loses what is sent into a cut, keeps what was on its way, and delivers it later", () => {
    const run = play("leader", "C1 asks m1 of S1", "cut S1 | S2", "C2 asks m2 of S1");
    expect(run.rows[2]?.sends[0]).toMatchObject({ to: "S2", lost: true });
    expect(lastWorld(run).flights).toHaveLength(1);
    expect(() => playScript(run, ["S1 > S2 m1"])).toThrowError(/Line 1 .*the link between S1 and S2 is cut/);
    expect(lastWorld(playScript(run, ["heal", "S1 > S2 m1"])).servers["S2"]?.state.executed).toEqual(["m1"]);
  });

  it("delivers copies, and nothing to those who are down", () => {
    const copies = play("leader", "C1 asks m1 of S1", "S1 + S2 ACC", "S1 > S2 ACC");
    expect(lastWorld(copies).servers["S2"]?.state.executed).toEqual(["m1", "m1"]);
    const down = play("leader", "C1 asks m1 of S1", "S2 crashes", "S1 > S2 ACC");
    expect(down.rows.at(-1)).toMatchObject({ outcome: "lost", text: "ACC m1 from S1 finds S2 down." });
  });

  it("stops a server of the shipped code that finds agreement broken", () => {
    const lost = SCENARIOS.find((one) => one.id === "disk-lost")!;
    const run = playScript(beginRun(protocol("synod-paxos")), [...lost.script, "settle"]);
    expect(judge(run).kind).toBe("diverges");
    const stop = run.rows.flatMap((row) => row.marks).find((mark) => mark.mark === "stopped");
    expect(stop).toMatchObject({ because: expect.stringContaining("Agreement is broken") });
    expect(Object.values(lastWorld(run).servers).some((server) => !server.up)).toBe(true);
  });

  it("takes one to seven servers", () => {
    expect(Object.keys(createWorld(protocol("multi-paxos"), 7).servers)).toHaveLength(7);
    for (const count of [0, 8, 2.5, Number.NaN]) {
      expect(() => beginRun(protocol("multi-paxos"), count)).toThrowError(/from 1 to 7/);
    }
  });

  it("says which line of a script is wrong, and what is on its way", () => {
    for (const [line, text] of [
      ["S1 > S2 PREP", /Line 2 of the script, "S1 > S2 PREP": .*S1 > S2 ACC m1/],
      ["S1 jumps", /"jumps" is no step of a script/],
      ["S9 timeout", /there is no server S9/],
      ["S1 restarts", /S1 is not down/],
    ] as const) {
      expect(() => play("leader", "C1 asks m1 of S1", line)).toThrowError(text);
    }
    expect(() =>
      step(protocol("leader"), beginRun(protocol("leader")).worlds[0]!, { do: "deliver", id: 7 }),
    ).toThrowError(expect.objectContaining({ code: "InvalidArgument" }));
  });
});

describe("the checker", () => {
  it("finds what was answered and is gone, though no two states contradict each other", () => {
    const run = play("basic-paxos");
    const world = lastWorld(run);
    const answers = [
      { client: "C1", value: "a", by: "S1", state: ["a"] },
      { client: "C2", value: "b", by: "S2", state: ["b"] },
    ];
    const asked = { a: { client: "C1", after: [] }, b: { client: "C2", after: ["a"] } };
    expect(violationOf({ ...world, asked, answers: answers.slice(0, 1) })).toBeNull();
    const behind = [answers[0]!, { client: "C2", value: "b", by: "S2", state: [] }];
    expect(violationOf({ ...world, asked, answers: behind })?.words).toMatch(/after a had been answered/);
    expect(violationOf({ ...world, asked, answers })?.rule).toBe("answers");
  });

  it("finds commands that nobody asked for, and remembers what a lost disk had", () => {
    const world = lastWorld(play("single-server"));
    const server = { up: true, state: { me: "S1", servers: ["S1"], executed: ["x"] } };
    expect(violationOf({ ...world, servers: { S1: server } })?.rule).toBe("invented");
    const lost = play("single-server", "C1 asks a of S1", "S1 crashes", "S1 restarts without its disk");
    expect(violationOf(lastWorld(lost))).toBeNull();
    expect(lastWorld(lost).forgotten).toEqual([{ me: "S1", executed: ["a"] }]);
    const world2 = lastWorld(lost);
    const other = { up: true, state: { me: "S1", servers: ["S1"], executed: ["b"] } };
    const asked = { ...world2.asked, b: { client: "C2", after: [] } };
    expect(violationOf({ ...world2, asked, servers: { S1: other } })?.rule).toBe("order");
  });

  it("tells the invariants of the derivation, live", () => {
    const brokenAt = (id: string): string[] => {
      const run = playScenario(SCENARIOS.find((one) => one.id === id)!);
      return invariantsOf(run.protocol, lastWorld(run)).flatMap((one) => (one.holds ? [] : [one.id]));
    };
    expect(brokenAt("worked-example-2")).toEqual([]);
    expect(brokenAt("synod-takeover")).toEqual([]);
    expect(brokenAt("no-op-fills-gap")).toEqual([]);
    expect(brokenAt("what-if-reports-nothing")).toEqual(["P2", "P2a", "P2b", "P2c"]);
    expect(brokenAt("what-if-ignores-promise")).toEqual(["P1a", "P2", "P2a", "P2b", "P2c"]);
    expect(brokenAt("five-servers-too-early")).toEqual(["learned"]);
    expect(() => invariantsOf(protocol("leader"), lastWorld(play("leader")))).toThrowError(/chooses nothing/);
  });

  it.each(SCENARIOS.filter(({ protocol: { quorum, id } }) => quorum !== undefined && id !== "first-proposal"))(
    "$id: nothing is accepted that was not proposed",
    (scenario) => {
      const { accepted, issued } = lastWorld(playScenario(scenario));
      const textOf = ({ slot, rnd, value }: { slot: number; rnd: number; value: string }): string =>
        `${value} for ${slot} in ${rnd}`;
      const proposed = issued.map(textOf);
      expect(accepted.map(textOf).filter((vote) => !proposed.includes(vote))).toEqual([]);
    },
  );

  it("holds all invariants in every situation of Paxos that a search meets", () => {
    const values = [
      { value: "foo", by: "S1" },
      { value: "bar", by: "S2" },
    ];
    const isBroken = (world: Parameters<typeof violationOf>[0]): boolean =>
      invariantsOf(protocol("basic-paxos"), world).some((one) => !one.holds);
    const report = search(protocol("basic-paxos"), {
      goal: isBroken,
      bounds: { values, withhold: ["LRN"], steps: 10 },
    });
    expect(report).toMatchObject({ verdict: "none", depth: 10 });
  });
});

describe("rows in which nothing is to be seen", () => {
  it.each([
    ["buffer", "S2 keeps it: the next number is 1.", ["C1 asks m1 of S1", "C2 asks m2 of S1", "S1 > S2 m2"]],
    ["learn", "S1 has nothing to send again.", ["C1 asks m1 of S1", "settle", "S1 timeout"]],
    ["retrans-accept", "S1 keeps it until its turn.", ["C1 asks m1 of S1", "C2 asks m2 of S1"]],
    ["resend", "S1 knows it already.", ["C1 asks m1 of S1", "settle", "S1 timeout", "S1 > S2 ACC", "S2 > S1 LRN"]],
    ["resend", "S1 is in round 2 by now.", ["C1 asks m1 of S1", "S1 > S3 ACC", ...s2Asks("S1"), "S3 > S1 LRN"]],
    ["promises", "S2 leads already.", [...s2Asks("S1"), ...s2Asks("S3").slice(1), "S1 > S2 PROM", "S3 > S2 PROM"]],
    [
      "promises",
      "S2 has two promises of three, with its own. S2 believes that it leads.",
      [...s2Asks("S1"), "S1 > S2 PROM"],
    ],
    ["synod-paxos", "S2 refuses it: its promise 2 is higher than 1.", ["S1 wants a", "S2 wants b", "S1 > S2 PREP"]],
    ["synod-paxos", "S1 knows that round 1 is over.", ["S1 wants a", "S2 wants b", "S1 > S2 PREP", "S2 > S1 REJ"]],
    [
      "synod-paxos",
      "S1 is in round 2 by now.",
      ["S1 wants a", "S2 wants b", "S1 > S2 PREP", "S2 > S1 PREP", "S2 > S1 REJ"],
    ],
    ["two-phase-commit", "S1 waits for the others.", ["S1 wants commit", "S1 > S2 VOTE", "S2 > S1 YES"]],
  ] as const)("%s: %s", (id, words, script) => {
    expect(play(id, ...script).rows.at(-1)?.text).toContain(words);
  });

  // Where no votes choose anything nobody can be wrong about that.
  it.each([
    ["one-acceptor", "S1 takes a for decided.", ["S2 wants a", "S2 > S1"]],
    ["one-acceptor", "S2 takes a for decided.", ["S2 wants a", "S2 > S1", "S1 > S2"]],
    ["two-phase-commit", "S1 takes commit for decided.", ["S1 wants commit", "S1 > S2 S3 VOTE", "S2 > S1", "S3 > S1"]],
    ["three-phase-commit", "S3 takes abort for decided.", ["S1 wants commit", "S1 > S3 VOTE", "S3 suspects S1"]],
  ] as const)("%s: %s", (id, words, script) => {
    expect(play(id, ...script).rows.at(-1)?.text).toContain(words);
  });

  it("tell a value that is chosen once more from one that was not", () => {
    const { rows } = playScenario(SCENARIOS.find((one) => one.id === "promises-report")!);
    const told = rows.filter((row) => row.marks.some((mark) => mark.mark === "chosen" && mark.value === "m1"));
    expect(told.map((row) => /(Now m1|m1, chosen already).*?\./.exec(row.text)?.[0])).toEqual([
      "Now m1 is chosen, in round 1.",
      "m1, chosen already in round 1, is now chosen in round 2 too.",
    ]);
  });
});

describe("votes", () => {
  it("of different rounds do not add up", () => {
    const run = play(
      "all-to-all",
      "C1 asks m1 of S1",
      "S1 > S3 ACC",
      "S2 suspects S1",
      "S2 > S4 S5 PREP",
      "S4 > S2 PROM",
      "S5 > S2 PROM",
      "C2 asks m2 of S2",
      "S2 > S3 ACC m2",
    );
    // S1 and S3 in round 1, S2 and S3 in round 2: three servers, and no majority.
    expect(lastWorld(run).servers["S3"]?.state.executed).toEqual([]);
    expect(lastWorld(playScript(run, ["S2 > S4 ACC m2", "S4 > S3 LRN"])).servers["S3"]?.state.executed).toEqual(["m2"]);
  });

  it.each(["all-to-all", "commit"])("of the leader itself counts, and two crashes of five stop nobody: %s", (id) => {
    const run = play(id, "S4 crashes", "S5 crashes", "C1 asks m1 of S1", "S1 > S2 S3 ACC", "S2 > S1 LRN");
    expect(lastWorld(run).servers["S1"]?.state.executed).toEqual([]);
    expect(lastWorld(playScript(run, ["S3 > S1 LRN"])).servers["S1"]?.state.executed).toEqual(["m1"]);
  });

  it.each(["commit", "multi-paxos"])("decide among five only where three agree: %s", (id) => {
    const run = playScript(beginRun(protocol(id), 5), ["C1 asks m1 of S1", "S1 > S2 S3 ACC", "S2 > S1 LRN"]);
    expect(lastWorld(run).servers["S1"]?.state.executed).toEqual([]);
    expect(lastWorld(playScript(run, ["S3 > S1 LRN"])).servers["S1"]?.state.executed).toEqual(["m1"]);
  });
});

describe("searching", () => {
  const values = [
    { value: "m1", by: "C1" },
    { value: "m2", by: "C2" },
  ];

  it("finds a shortest run, which can be played again", () => {
    const { run } = search(protocol("two-servers"), { goal: "diverges", bounds: { values } });
    expect(run?.actions).toHaveLength(4);
    expect(replay(beginRun(protocol("two-servers")), run?.actions ?? []).rows).toEqual(run?.rows);
    expect(run === null ? "" : judge(run).kind).toBe("diverges");
  });

  it("says unknown when it is stopped, and goes on from there", () => {
    const one = createSearch(protocol("wait-for-learn"), { goal: "diverges", bounds: { values, crashes: 1 } });
    expect(one.run(20).verdict).toBe("unknown");
    const all = one.run();
    expect(all.verdict).toBe("none");
    expect(search(protocol("wait-for-learn"), { goal: "diverges", bounds: { values, crashes: 1 } })).toEqual(all);
  });

  it("lists choices always in the same order, each possible", () => {
    let run = beginRun(protocol("resend"));
    const bounds = {
      values,
      suspicions: 1,
      losses: 1,
      duplicates: 1,
      timeouts: 1,
      crashes: 1,
      restarts: 1,
      lostDisks: 1,
    };
    for (let turn = 0; turn < 40; turn++) {
      const open = choices(run.protocol, lastWorld(run), bounds);
      expect(choices(run.protocol, lastWorld(run), bounds)).toEqual(open);
      for (const action of open) expect(extend(run, action).rows).toHaveLength(turn + 1);
      const next = open[(turn * 7) % Math.max(1, open.length)];
      if (next === undefined) break;
      run = extend(run, next);
    }
    expect(run.rows.length).toBeGreaterThan(10);
    expect(judge(run).kind).not.toBe("livelocks");
  });

  it("respects its bounds", () => {
    const report = search(protocol("wait-for-learn"), { goal: (world) => world.row > 3, bounds: { values, steps: 3 } });
    expect(report).toMatchObject({ verdict: "none", depth: 3 });
    const noCrash = search(protocol("takeover"), { goal: "diverges", bounds: { values } });
    expect(noCrash.verdict).toBe("none");
  });
});
