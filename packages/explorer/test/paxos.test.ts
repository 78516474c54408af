import { describe, expect, it, vi } from "vitest";
import { explore, find, paxosModel, type PaxosModelOptions } from "../src/index.js";

// A search takes as long as it takes: on a machine that has other work, ten times as long.
vi.setConfig({ testTimeout: 240_000 });

const sizes = (options: PaxosModelOptions) => {
  const { states, generated, depth, verdict } = explore(paxosModel(options));
  return { states, generated, depth, verdict };
};

// Regression numbers: they change with what the shipped roles say and remember, and should change with nothing else.
describe("the shipped roles", () => {
  it("hold with three ballots", () => {
    expect(sizes({ crashes: 0 })).toEqual({ states: 7049, generated: 64_401, depth: 24, verdict: "holds" });
  });

  it("hold with crashes", () => {
    expect(sizes({ starts: 2, crashes: 1 })).toEqual({ states: 1628, generated: 20_548, depth: 17, verdict: "holds" });
  });

  it("hold where promises and votes arrive one by one", () => {
    const expected = { states: 1245, generated: 12_205, depth: 21, verdict: "holds" };
    expect(sizes({ starts: 2, crashes: 0, oneByOne: true })).toEqual(expected);
  });

  it("hold with other quorums that meet", () => {
    expect(sizes({ crashes: 0, q1: 3, q2: 1 }).verdict).toBe("holds");
    expect(sizes({ crashes: 0, q1: 1, q2: 3 }).verdict).toBe("holds");
  });

  it("give the same verdict where acceptors are told apart", () => {
    const alike = sizes({ starts: 2, crashes: 0 });
    const apart = sizes({ starts: 2, crashes: 0, symmetry: false });
    expect(apart).toMatchObject({ depth: alike.depth, verdict: alike.verdict });
    expect(apart.states).toBeGreaterThan(3 * alike.states);
  });

  it("decide, and go on to decide the same in a later ballot", () => {
    const model = paxosModel({ crashes: 0 });
    const { verdict, path } = find(model, (state) => {
      const { proposers } = model.view(state);
      return proposers.every((proposer) => proposer.state.phase === "decided");
    });
    expect(verdict).toBe("found");
    const last = path?.states.at(-1) ?? [];
    const [one, two] = model.view(last).proposers;
    expect(one?.state.proposal?.value).toBe(two?.state.proposal?.value);
  });

  it("break where a disk is lost", () => {
    expect(explore(paxosModel({ crashes: 0, lostDisks: 1 }))).toMatchObject({ verdict: "violated" });
    const { violation, path } = explore(paxosModel({ starts: 2, crashes: 0, lostDisks: 1, rules: ["agreement"] }));
    expect([violation, path?.actions.length]).toEqual(["agreement", 13]);
  });

  it("refuse quorums that do not meet", () => {
    expect(() => paxosModel({ q1: 1, q2: 2 })).toThrow(/nobody in common/);
  });
});
