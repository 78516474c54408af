import { describe, expect, it } from "vitest";
import { explore, find, referenceModel, type ReferenceOptions } from "../src/index.js";
import { registerModel } from "./register.js";
import { votingModel } from "./voting.js";

const sizes = (options: ReferenceOptions) => {
  const { states, generated, depth, verdict } = explore(referenceModel(options));
  return { states, generated, depth, verdict };
};

describe("sizes known from other checkers", () => {
  it("MC-01: one acceptor, one value, two ballots", () => {
    const report = sizes({ acceptors: 1, values: 1, ballots: 2 });
    expect(report).toEqual({ states: 25, generated: 82, depth: 9, verdict: "holds" });
  });

  it("MC-02: three acceptors, two values, two ballots", () => {
    expect(sizes({ acceptors: 3, values: 2, ballots: 2 })).toMatchObject({ states: 3921, depth: 17, verdict: "holds" });
  });

  it("MC-06: quorums that meet without being majorities", () => {
    const all = { acceptors: 3, values: 2, ballots: 2 };
    expect(sizes({ ...all, q1: 3, q2: 1 })).toMatchObject({ states: 513, depth: 17, verdict: "holds" });
    expect(sizes({ ...all, q1: 1, q2: 3 })).toMatchObject({ states: 12_513, depth: 17, verdict: "holds" });
  });

  // The known sizes are those of ballots 0 to 2, as in the public example.
  it("MC-07: voting without messages", () => {
    const { states, generated, depth, verdict } = explore(votingModel({ acceptors: 3, values: 2, ballots: 3 }));
    expect({ states, generated, depth, verdict }).toEqual({
      states: 6752,
      generated: 41_017,
      depth: 16,
      verdict: "holds",
    });
  });

  it("MC-11: servers and clients as actors, with a linearizable history", () => {
    const model = registerModel(2);
    expect(explore(model)).toMatchObject({ states: 16_668, verdict: "holds" });
    const answer = find(model, ({ network }) => network.some(({ message }) => message[0] === "getOk"));
    expect(answer.verdict).toBe("found");
    expect(answer.path?.actions).toHaveLength(8);
  });
});

describe("seeded bugs", () => {
  const actions = (options: ReferenceOptions) => {
    const { verdict, violation, path } = explore(referenceModel(options));
    return [verdict, violation, path?.actions.length];
  };

  it.each([
    ["MU-01", 12],
    ["MU-03", 12],
    ["MU-06", 9],
    ["MU-08", 10],
    ["MU-10", 13],
    ["MU-13", 10],
  ] as const)("%s is found with %d actions", (bug, count) => {
    expect(actions({ bug })).toEqual(["violated", "agreement", count]);
    expect(actions({ bug, symmetry: true })).toEqual(["violated", "agreement", count]);
  });

  it("quorums that do not meet are found with 10 actions", () => {
    expect(actions({ q1: 2, q2: 1 })).toEqual(["violated", "agreement", 10]);
    expect(actions({ q1: 1, q2: 2 })).toEqual(["violated", "agreement", 10]);
  });
});
