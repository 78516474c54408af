import type { QuorumSpec } from "@synod/interface";
import { describe, expect, it } from "vitest";
import {
  formatBallot,
  type ProposerInput,
  type ProposerOutput,
  type ProposerState,
  proposerState,
  proposerStep,
  quorumSystem,
} from "../src/index.js";
import { ballot, deepFreeze } from "./support.js";

const start: ProposerInput<string> = { type: "start" };
const timeout: ProposerInput<string> = { type: "timeout" };
const propose = (value: string): ProposerInput<string> => ({ type: "propose", value });
const promise = (from: number, b: string, vote?: [string, string]): ProposerInput<string> => ({
  type: "promise",
  from,
  ballot: ballot(b),
  vote: vote === undefined ? null : { ballot: ballot(vote[0]), value: vote[1] },
});
const accepted = (from: number, b: string, value: string): ProposerInput<string> => ({
  type: "accepted",
  from,
  ballot: ballot(b),
  value,
});
const reject = (from: number, b: string, promised: string): ProposerInput<string> => ({
  type: "reject",
  from,
  ballot: ballot(b),
  promised: ballot(promised),
});
const prepareSeen = (b: string): ProposerInput<string> => ({ type: "prepare", ballot: ballot(b) });
const acceptSeen = (b: string): ProposerInput<string> => ({ type: "accept", ballot: ballot(b), value: "other" });

function show(output: ProposerOutput<string>): string {
  switch (output.type) {
    case "send": {
      const { message, afterWrite } = output;
      const value = message.type === "accept" ? ` ${message.value}` : "";
      return `${message.type} ${formatBallot(message.ballot)}${value}${afterWrite ? " once written" : ""}`;
    }
    case "stepDown":
      return `stepDown ${formatBallot(output.by)}`;
    case "chosen":
      return `chosen ${output.value}`;
    default:
      return output.type;
  }
}

class Player {
  state: ProposerState<string>;
  readonly me: number;
  readonly quorums: ReturnType<typeof quorumSystem>;

  constructor(
    me: number,
    n: number,
    state: ProposerState<string> = proposerState(),
    spec: QuorumSpec = { kind: "majority" },
  ) {
    this.me = me;
    this.state = deepFreeze(state);
    this.quorums = quorumSystem(
      spec,
      Array.from({ length: n }, (_, index) => index + 1),
    );
  }

  do(...inputs: ProposerInput<string>[]): string {
    const outputs = inputs.map((input) => {
      const step = proposerStep({ me: this.me, quorums: this.quorums }, this.state, deepFreeze(input));
      this.state = deepFreeze(step.state);
      return step.outputs.map(show).join(", ") || "-";
    });
    return outputs.join("; ");
  }
}

/** A proposer in phase 1 of its ballot. */
const preparing = (me: number, b: string, wish?: string, n = 3): Player =>
  new Player(me, n, {
    ...proposerState({ ballot: ballot(b), wish: wish === undefined ? null : { value: wish } }),
    phase: "preparing",
  });

describe("phase 1", () => {
  it("begins in a ballot above everything seen, once that is written", () => {
    expect(new Player(1, 3).do(start)).toBe("prepare 1.1 once written");
    expect(new Player(1, 3, proposerState({ ballot: ballot("6.1") })).do(start)).toBe("prepare 7.1 once written");
    expect(new Player(1, 3).do(prepareSeen("6.3"), start)).toBe("-; prepare 7.1 once written");
  });

  it("proposes its wish when a quorum reports no vote", () => {
    expect(preparing(2, "2.2", "c1").do(promise(1, "2.2"), promise(3, "2.2"))).toBe("-; accept 2.2 c1");
  });

  it("is bound by a reported vote, with or without a wish", () => {
    for (const wish of [undefined, "c1"]) {
      const player = preparing(2, "2.2", wish);
      expect(player.do(promise(1, "2.2"), promise(3, "2.2", ["1.1", "old"]))).toBe("-; accept 2.2 old");
    }
  });

  it("takes the highest vote, neither the first, nor the last, nor the most frequent", () => {
    const player = preparing(1, "9.1", "mine", 5);
    const votes = [promise(1, "9.1", ["2.1", "a"]), promise(3, "9.1", ["4.2", "b"]), promise(5, "9.1", ["2.1", "a"])];
    expect(player.do(...votes)).toBe("-; -; accept 9.1 b");
  });

  it("ignores promises of other ballots, repeated ones and strangers", () => {
    const player = preparing(2, "4.2", "c1");
    expect(player.do(promise(1, "3.2"), promise(3, "6.3"), promise(1, "8.1"))).toBe("-; -; -");
    expect(player.do(promise(1, "4.2"), promise(1, "4.2"), promise(9, "4.2", ["3.3", "forged"]))).toBe("-; -; -");
    expect(player.do(promise(3, "4.2"))).toBe("accept 4.2 c1");
  });

  it("does nothing at a late promise", () => {
    const player = preparing(1, "3.1");
    expect(player.do(promise(1, "3.1"), promise(2, "3.1"))).toBe("-; ready");
    expect(player.do(promise(3, "3.1", ["2.2", "x"]), propose("c9"))).toBe("-; accept 3.1 c9");
    // The answer to a Prepare that arrived again after the Accept.
    expect(player.do(promise(3, "3.1", ["3.1", "c9"]))).toBe("-");
  });

  it("tries a higher ballot when too few answer, and forgets their promises", () => {
    const player = preparing(1, "3.1", "a");
    expect(player.do(promise(1, "3.1"), timeout)).toBe("-; prepare 4.1 once written");
    expect(player.do(promise(2, "3.1"), promise(2, "4.1"), promise(1, "4.1"))).toBe("-; -; accept 4.1 a");
  });

  it("keeps the first value asked for", () => {
    const player = preparing(1, "3.1");
    expect(player.do(propose("a"), propose("b"), promise(1, "3.1"), promise(2, "3.1"))).toBe("-; -; -; accept 3.1 a");
  });
});

describe("phase 2", () => {
  const proposing = (n = 3): Player => {
    const player = preparing(1, "3.1", "a", n);
    for (let id = 1; player.state.phase === "preparing"; id += 1) player.do(promise(id, "3.1"));
    return player;
  };

  it("sends again until a quorum voted", () => {
    const player = proposing();
    expect(player.do(timeout, accepted(1, "3.1", "a"), timeout)).toBe("accept 3.1 a; -; accept 3.1 a");
    expect(player.do(accepted(2, "3.1", "a"), timeout)).toBe("chosen a; -");
    expect(player.do(accepted(3, "3.1", "a"), start, propose("b"))).toBe("-; -; chosen a");
  });

  it("counts distinct members in its own ballot", () => {
    const player = proposing(5);
    expect(player.do(accepted(1, "3.1", "a"), accepted(1, "3.1", "a"), accepted(9, "3.1", "a"))).toBe("-; -; -");
    expect(player.state.voters).toEqual([1]);
    expect(player.do(accepted(2, "2.1", "a"), accepted(2, "4.2", "a"), accepted(2, "3.1", "a"))).toBe("-; -; -");
    expect(player.do(accepted(5, "3.1", "a"))).toBe("chosen a");
  });

  it("needs a phase-1 quorum to propose and a phase-2 quorum to decide", () => {
    const player = new Player(1, 4, preparing(1, "2.1", "a").state, { kind: "sizes", phase1: 3, phase2: 2 });
    expect(player.do(promise(1, "2.1"), promise(2, "2.1"), promise(3, "2.1"))).toBe("-; -; accept 2.1 a");
    expect(player.do(accepted(1, "2.1", "a"), accepted(4, "2.1", "a"))).toBe("-; chosen a");
  });

  it("decides alone in a group of one", () => {
    const player = new Player(1, 1);
    expect(player.do(start, propose("a"), promise(1, "1.1"), accepted(1, "1.1", "a"))).toBe(
      "prepare 1.1 once written; -; accept 1.1 a; chosen a",
    );
  });
});

describe("rivals", () => {
  it("steps down at a refusal, and comes back above it with its wish", () => {
    const player = new Player(1, 3, proposerState({ wish: { value: "a" } }));
    expect(player.do(start, reject(2, "1.1", "6.3"), start)).toBe(
      "prepare 1.1 once written; stepDown 6.3; prepare 7.1 once written",
    );
    expect(player.do(promise(2, "7.1"), promise(3, "7.1"))).toBe("-; accept 7.1 a");
    expect(player.do(reject(3, "7.1", "8.2"), accepted(1, "7.1", "a"), accepted(2, "7.1", "a"))).toBe(
      "stepDown 8.2; -; -",
    );
  });

  it("steps down when it sees a higher ballot at work, and redirects", () => {
    for (const seen of [prepareSeen("1.2"), acceptSeen("1.2")]) {
      const player = new Player(1, 3);
      expect(player.do(start, seen, propose("c1"))).toBe("prepare 1.1 once written; stepDown 1.2; redirect");
      expect(player.do(start, promise(1, "2.1"), promise(2, "2.1"))).toBe("prepare 2.1 once written; -; ready");
    }
  });

  it("is not moved by lower ballots, its own, or old refusals", () => {
    const player = preparing(2, "4.2", "a");
    expect(player.do(prepareSeen("4.1"), prepareSeen("4.2"), acceptSeen("3.3"), reject(1, "2.2", "4.1"))).toBe(
      "-; -; -; -",
    );
    expect(player.do(promise(1, "4.2"), promise(2, "4.2"))).toBe("-; accept 4.2 a");
  });

  it("keeps a decision whatever comes", () => {
    const player = new Player(1, 1);
    player.do(start, propose("a"), promise(1, "1.1"), accepted(1, "1.1", "a"));
    expect(player.do(prepareSeen("5.2"), reject(2, "1.1", "9.3"), timeout)).toBe("-; -; -");
    expect(player.state).toMatchObject({ phase: "decided", proposal: { value: "a" } });
  });

  it("does nothing before it is started, but redirect", () => {
    expect(new Player(1, 3).do(timeout, promise(1, "1.1"), accepted(1, "1.1", "a"), propose("a"))).toBe(
      "-; -; -; redirect",
    );
  });
});

describe("what must not happen", () => {
  const violated = expect.objectContaining({ code: "InvariantViolated" });
  const refused = expect.objectContaining({ code: "InvalidArgument" });

  it("stops at two values in one ballot", () => {
    const two = preparing(1, "3.1", "a");
    expect(two.do(promise(1, "3.1", ["2.2", "x"]))).toBe("-");
    expect(() => two.do(promise(2, "3.1", ["2.2", "y"]))).toThrow(violated);
    const voted = preparing(1, "3.1", "a");
    voted.do(promise(1, "3.1"), promise(2, "3.1"));
    expect(() => voted.do(accepted(1, "3.1", "z"))).toThrow(violated);
  });

  it("refuses a promise that reports a vote above it", () => {
    const player = preparing(1, "3.1", "a");
    expect(() => player.do(promise(1, "3.1", ["4.2", "x"]))).toThrow(refused);
    expect(player.do(promise(1, "3.1"), promise(2, "3.1"))).toBe("-; accept 3.1 a");
  });

  it.each(["NaN.2", "Infinity.2", "-1.2", "9007199254740992.2", "4294967300.2"])(
    "learns nothing from ballot %s",
    (b) => {
      const player = preparing(1, "3.1", "a");
      const before = player.state;
      const inputs = [
        promise(1, b),
        accepted(1, b, "a"),
        reject(2, "3.1", b),
        prepareSeen(b),
        acceptSeen(b),
        promise(1, "3.1", [b, "x"]),
      ];
      for (const input of inputs) expect(() => player.do(input)).toThrow(refused);
      expect(player.state).toBe(before);
    },
  );

  it("ends when rounds are used up", () => {
    const last = proposerState<string>({ ballot: ballot(`${Number.MAX_SAFE_INTEGER}.1`) });
    expect(() => new Player(1, 3, last).do(start)).toThrow(expect.objectContaining({ code: "RoundsExhausted" }));
  });
});
