import { MULTIPAXOS_RULES, PAXOS_RULES, REFERENCE_BUGS } from "@synod/explorer";
import { describe, expect, it } from "vitest";
import { HELP, parseOptions, UsageError } from "../src/options.js";
import { run } from "../src/run.js";

function explore(line: string): { code: number; lines: string[] } {
  const lines: string[] = [];
  const options = parseOptions(line.split(" ").filter((word) => word !== ""));
  if (options === null) throw new Error("help");
  const code = run(options, { print: (text) => lines.push(text), progress: () => undefined, now: () => 0 });
  return { code, lines };
}

describe("explore", () => {
  it("prints sizes, depth and verdict of the reference model", () => {
    expect(explore("--model reference --acceptors 3 --values 2 --ballots 3 --q1 3 --q2 2")).toEqual({
      code: 0,
      lines: [
        "model:     reference",
        "distinct:  9689 states",
        "generated: 60208 states",
        "depth:     25",
        "verdict:   holds",
      ],
    });
  });

  it.each([
    ["--model reference --q1 2 --q2 1", 10],
    ["--model reference --q1 1 --q2 2", 10],
    ["--model reference --bug MU-06", 9],
    ["--model reference --bug MU-13", 10],
    ["--starts 2 --crashes 0 --lost-disks 1 --rule agreement", 13],
    ["--model multipaxos --scenario lostDisk --rule agreement", 11],
  ])("%s: violated, with %d actions", (line, actions) => {
    const { code, lines } = explore(line);
    expect([code, lines[4], lines[6]]).toEqual([
      1,
      "verdict:   violated: agreement",
      `Shortest counterexample, ${actions} actions:`,
    ]);
    expect(lines[8 + actions]).toContain("C");
    expect(lines[10 + actions]).toMatch(/^\(p promises, v votes, C a value is chosen/);
  });

  it("shows what was proposed, and what contradicts what", () => {
    const { lines } = explore("--lost-disks 1 --starts 2");
    expect(lines[4]).toBe("verdict:   violated: proposals above a chosen one have its value");
    expect(lines.some((line) => line.endsWith("promise 1.2 by 2, no vote: 1.2 proposes v2"))).toBe(true);
    expect(lines.at(-1)).toBe("v1 is chosen in 1.1, but 1.2 proposes v2.");
    expect(explore("--starts 2 --crashes 0 --lost-disks 1 --rule agreement").lines.at(-1)).toMatch(
      /^v\d is chosen in 1\.\d, and v\d in 1\.\d\.$/,
    );
    const log = explore("--model multipaxos --scenario lostDisk").lines;
    expect(log.some((line) => line.endsWith("propose: 1.2 proposes B for slot 1"))).toBe(true);
  });

  it("says which fault is built in", () => {
    expect(explore("--model reference --bug MU-06").lines[0]).toBe(
      "model:     reference, MU-06: two proposers share a ballot number",
    );
  });

  it("explores the shipped code by default", () => {
    expect(explore("--starts 2").lines.slice(0, 5)).toEqual([
      "model:     paxos",
      "distinct:  1628 states",
      "generated: 20548 states",
      "depth:     17",
      "verdict:   holds",
    ]);
  });

  it("says so where it has given up", () => {
    const { code, lines } = explore("--model reference --states 50");
    expect([code, lines[4]]).toEqual([3, "verdict:   unfinished"]);
  });

  it.each([
    ["--model raft", /--model must be one of "paxos", "multipaxos", "reference"; not "raft"/],
    ["--modle paxos", /Unknown option '--modle'/],
    ["--model reference --bug MU-02", /--bug must be one of "MU-01", .*"MU-13"; not "MU-02"/],
    ["--model reference --nodes 3", /--nodes is no option of the model reference; it takes --acceptors, /],
    ["--model multipaxos --scenario x", /--scenario must be one of "gaps", /],
    ["--rule x", /--rule must be one of /],
    ["--starts 1.5", /--starts must be a whole number from 0, not "1.5"/],
    ["--model multipaxos --campaigns 1,x", /--campaigns must be a whole number from 1, not "x"/],
    ["--model multipaxos --campaigns 9", /campaigns must be an integer from 1 to 3, not 9/],
    ["--model reference --q1 4", /q1 must be an integer from 1 to 3, not 4/],
    ["--q1 1 --q2 2", /nobody in common/],
  ])("refuses %s", (line, message) => {
    expect(() => explore(line)).toThrow(UsageError);
    expect(() => explore(line)).toThrow(message);
  });

  it("has help that names every option", () => {
    expect(parseOptions(["--help"])).toBeNull();
    for (const name of ["--late", "--rounds", "--symmetry", "--one-by-one", "--slow-disk"])
      expect(HELP).toContain(name);
    for (const [bug, text] of Object.entries(REFERENCE_BUGS)) expect(HELP).toMatch(new RegExp(`${bug}  ${text}\n`));
    for (const rule of [...PAXOS_RULES, ...MULTIPAXOS_RULES]) expect(HELP).toContain(rule);
    expect(HELP).toContain("v votes");
  });
});
