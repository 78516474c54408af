import { describe, expect, it, vi } from "vitest";
import {
  diagram,
  explore,
  find,
  type Model,
  type MultipaxosAction,
  multipaxosModel,
  type MultipaxosModel,
  type MultipaxosModelOptions,
  MULTIPAXOS_SCENARIOS,
  type MultipaxosState,
  startingAt,
} from "../src/index.js";

// A search takes as long as it takes: on a machine that has other work, ten times as long.
vi.setConfig({ testTimeout: 240_000 });

const sizes = (options: MultipaxosModelOptions) => {
  const { states, generated, depth, verdict } = explore(multipaxosModel(options));
  return { states, generated, depth, verdict };
};

// Regression numbers: they change with what the shipped replica says and when, and should change with nothing else.
describe("the shipped replica", () => {
  it("holds where promises report one vote a page", () => {
    expect(sizes(MULTIPAXOS_SCENARIOS.pages)).toEqual({
      states: 64_102,
      generated: 111_970,
      depth: 23,
      verdict: "holds",
    });
  });

  it("holds where a node crashes and comes back", () => {
    const options = { ...MULTIPAXOS_SCENARIOS.restart, proposals: 1 };
    expect(sizes(options)).toEqual({ states: 21235, generated: 45726, depth: 15, verdict: "holds" });
  });

  it("holds with three ballots, where an old leader comes back", () => {
    const options = { ...MULTIPAXOS_SCENARIOS.gaps, proposals: 1 };
    expect(sizes(options)).toEqual({ states: 18_214, generated: 29_004, depth: 20, verdict: "holds" });
  });

  it("holds where a node is replaced, and every slot is decided by those who govern it", () => {
    expect(sizes(MULTIPAXOS_SCENARIOS.members)).toEqual({
      states: 19745,
      generated: 29347,
      depth: 25,
      verdict: "holds",
    });
    expect(sizes(MULTIPAXOS_SCENARIOS.replaced)).toEqual({
      states: 13881,
      generated: 19217,
      depth: 20,
      verdict: "holds",
    });
  });

  it("holds where members learn from votes", () => {
    expect(sizes(MULTIPAXOS_SCENARIOS.everybody)).toEqual({
      states: 2836,
      generated: 4717,
      depth: 18,
      verdict: "holds",
    });
    expect(sizes(MULTIPAXOS_SCENARIOS.pair)).toEqual({ states: 11937, generated: 19936, depth: 26, verdict: "holds" });
  });

  it("breaks where a node loses its disk", () => {
    const model = multipaxosModel({ ...MULTIPAXOS_SCENARIOS.lostDisk, rules: ["agreement"] });
    const { verdict, violation, path } = explore(model);
    expect([verdict, violation, path?.actions.length]).toEqual(["violated", "agreement", 11]);
    expect(path === null ? [] : diagram(model, path)).toHaveLength(12);
  });
});

describe("an old leader", () => {
  it("learns what its rival got chosen, in place of its own proposal", () => {
    const model = multipaxosModel(MULTIPAXOS_SCENARIOS.rival);
    const { verdict, path } = find(model, (state) => {
      const { nodes, decided } = model.view(state);
      const own = nodes[0];
      return own?.executed.length === 1 && own.disk.chosen.length === 1 && decided[0]?.ballot.node === 2;
    });
    expect(verdict).toBe("found");
    expect(path?.actions.some((action) => model.packet(action)?.message.kind === "learn")).toBe(true);
  });
});

const chosen = (model: MultipaxosModel, state: MultipaxosState, slot: number): string | null =>
  model.view(state).decided[slot - 1]?.value ?? null;

describe("a change of the members", () => {
  it("takes effect, whoever leads", () => {
    const model = multipaxosModel(MULTIPAXOS_SCENARIOS.members);
    for (const leader of [1, 2]) {
      // Slot 3 is the first that the change at slot 1 governs: a command there is chosen by nodes 2 and 3.
      const { verdict } = find(model, (state) => {
        const { nodes, decided } = model.view(state);
        const decision = decided[2] ?? null;
        return decision?.value === "A" && decision.ballot.node === leader && nodes[0]?.epoch === 2;
      });
      expect([leader, verdict]).toEqual([leader, "found"]);
    }
  });
});

describe("a member that counts votes", () => {
  it("executes before the leader has heard of its vote", () => {
    const model = multipaxosModel(MULTIPAXOS_SCENARIOS.pair);
    const { verdict } = find(model, (state) => {
      const [leader, member] = model.view(state).nodes;
      return member?.executed.length === 1 && leader?.executed.length === 0;
    });
    expect(verdict).toBe("found");
  });
});

describe("SYS-18: slot 2 is chosen, slot 1 is not, and everything in flight is lost", () => {
  const options = { late: false, campaigns: [1, 2], proposals: 2, carries: ["prepare", "promise", "accept"] } as const;

  it("ends with both slots chosen and no divergence, slot 1 with a no-op or with the lost command", () => {
    const model = multipaxosModel(options);
    const gap = find(model, (state) => chosen(model, state, 2) !== null && chosen(model, state, 1) === null);
    expect(gap.verdict).toBe("found");
    const last = gap.path?.states.at(-1);
    if (last === undefined) throw new Error("no path");

    const rest = startingAt(model, [model.silence(last)]);
    expect(explore(rest).verdict).toBe("holds");
    for (const filler of ["no-op", "A"]) {
      const end = find(rest, (state) => chosen(model, state, 1) === filler && chosen(model, state, 2) === "B");
      expect([filler, end.verdict]).toEqual([filler, "found"]);
    }
  });
});

/** The model with a network that connects these nodes alone. */
function among(model: MultipaxosModel, nodes: readonly number[]): Model<MultipaxosState, MultipaxosAction> {
  const connected = (action: MultipaxosAction): boolean => {
    const packet = model.packet(action);
    return nodes.includes(action.node) && (packet === null || nodes.includes(packet.from));
  };
  return { ...startingAt(model, model.initial()), actions: (state) => model.actions(state).filter(connected) };
}

describe("SYS-16: a command is answered, then another one elsewhere", () => {
  const options = {
    late: false,
    campaigns: [1, 2],
    proposals: 2,
    carries: ["prepare", "promise", "accept", "accepted", "fetch", "learn"],
  } as const;

  it.each([[[1, 3]], [[2, 3]]])("among %j the second client sees both, in order", (second) => {
    const model = multipaxosModel({ ...options, campaigns: [1, second[0] ?? 1] });
    const answered = (state: MultipaxosState): boolean => model.view(state).nodes[0]?.executed.length === 1;
    const firsts: MultipaxosState[] = [];
    const first = among(model, [1, 2]);
    explore({
      ...first,
      actions: (state) => first.actions(state).filter((action) => action.type !== "propose" || state[1] === 0),
      within: (state) => {
        if (!answered(state)) return true;
        firsts.push(model.silence(state));
        return false;
      },
    });
    expect(firsts.length).toBeGreaterThan(0);

    const rest = startingAt(among(model, second), firsts);
    const seen = new Set<string>();
    const report = explore({
      ...rest,
      check: (state, before) => {
        const node = model.view(state).nodes[(second[0] ?? 1) - 1];
        const values = (node?.executed ?? []).map((value) => String.fromCharCode(...value.subarray(1)));
        seen.add(values.join(""));
        return model.check?.(state, before) ?? null;
      },
    });
    expect(report.verdict).toBe("holds");
    expect([...seen].filter((text) => text.includes("B"))).toEqual(["AB"]);
  });
});
