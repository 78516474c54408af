import { expect, it } from "vitest";
import { type LearnerState, learnerState, learnerStep, quorumSystem } from "../src/index.js";
import { ballot, deepFreeze } from "./support.js";

/** Votes as `"node ballot value"`; gives, for each, what was chosen by it. */
function play(n: number, ...votes: string[]): (string | null)[] {
  const quorums = quorumSystem(
    { kind: "majority" },
    Array.from({ length: n }, (_, index) => index + 1),
  );
  let state: LearnerState<string> = learnerState();
  return votes.map((vote) => {
    const [from, b, value] = vote.split(" ") as [string, string, string];
    const step = learnerStep({ quorums }, state, { type: "accepted", from: Number(from), ballot: ballot(b), value });
    state = deepFreeze(step.state);
    return step.outputs[0]?.value ?? null;
  });
}

it("learns from a majority, once", () => {
  expect(play(3, "1 1.1 v", "2 1.1 v", "3 1.1 v")).toEqual([null, "v", null]);
  expect(play(5, "1 3.3 v", "2 3.3 v", "5 3.3 v", "4 3.3 v")).toEqual([null, null, "v", null]);
  expect(play(4, "1 3.3 v", "2 3.3 v", "3 3.3 v")).toEqual([null, null, "v"]);
  expect(play(1, "1 1.1 v")).toEqual(["v"]);
});

it("does not count a sender twice, nor a stranger", () => {
  expect(play(3, "1 1.1 v", "1 1.1 v", "9 1.1 v", "0 1.1 v")).toEqual([null, null, null, null]);
});

it("does not change at a repeated vote", () => {
  const quorums = quorumSystem({ kind: "majority" }, [1, 2, 3]);
  const vote = { type: "accepted", from: 1, ballot: ballot("1.1"), value: "v" } as const;
  const { state } = learnerStep({ quorums }, learnerState<string>(), vote);
  expect(learnerStep({ quorums }, state, vote).state).toBe(state);
});

it("does not add up ballots, even for one value", () => {
  expect(play(3, "1 1.1 v", "2 2.2 v", "3 3.3 v")).toEqual([null, null, null]);
});

it("finds a quorum of an earlier ballot among later votes", () => {
  expect(play(3, "1 1.1 v", "1 2.2 v", "2 2.3 v", "3 1.1 v")).toEqual([null, null, null, "v"]);
});

it("says nothing when the value is chosen again in another ballot", () => {
  expect(play(3, "1 1.1 v", "2 1.1 v", "1 5.1 v", "2 5.1 v")).toEqual([null, "v", null, null]);
});

it("stops at two values in a ballot and at two chosen values", () => {
  const violated = expect.objectContaining({ code: "InvariantViolated" });
  expect(() => play(3, "1 1.1 v", "2 1.1 w")).toThrow(violated);
  expect(() => play(3, "1 1.1 v", "2 1.1 v", "3 1.1 w")).toThrow(violated);
  // One vote for another value decides nothing yet; a quorum of them does.
  expect(play(3, "1 2.1 v", "2 2.1 v", "3 1.2 w")).toEqual([null, "v", null]);
  expect(() => play(3, "1 2.1 v", "2 2.1 v", "3 1.2 w", "1 1.2 w")).toThrow(violated);
});

it("uses phase-2 quorums", () => {
  const quorums = quorumSystem({ kind: "sizes", phase1: 4, phase2: 1 }, [1, 2, 3, 4]);
  const vote = { type: "accepted", from: 3, ballot: ballot("1.1"), value: "v" } as const;
  expect(learnerStep({ quorums }, learnerState(), vote).state.chosen).toEqual({ ballot: ballot("1.1"), value: "v" });
});

it("does not depend on the order of votes", () => {
  const quorums = quorumSystem({ kind: "majority" }, [1, 2, 3, 4, 5]);
  const votes = [2, 10, 1, 4].map((from) => ({ type: "accepted", from, ballot: ballot("1.1"), value: "v" }) as const);
  const run = (list: typeof votes): LearnerState<string> =>
    list.reduce((state, vote) => learnerStep({ quorums }, state, vote).state, learnerState<string>());
  expect(run([...votes].reverse())).toEqual(run(votes));
});

it("refuses malformed ballots", () => {
  const refused = expect.objectContaining({ code: "InvalidArgument" });
  for (const b of ["NaN.1", "Infinity.1", "1.0", "-1.2"]) expect(() => play(3, `1 ${b} v`)).toThrow(refused);
});
