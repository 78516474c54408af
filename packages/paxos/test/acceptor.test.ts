import { describe, expect, it } from "vitest";
import {
  type AcceptorMessage,
  type AcceptorOutput,
  type AcceptorState,
  acceptorState,
  acceptorStep,
  formatBallot,
} from "../src/index.js";
import { ballot, deepFreeze } from "./support.js";

const prepare = (b: string): AcceptorMessage<string> => ({ type: "prepare", ballot: ballot(b) });
const accept = (b: string, value: string): AcceptorMessage<string> => ({ type: "accept", ballot: ballot(b), value });

function show({ message, afterWrite }: AcceptorOutput<string>): string {
  const wait = afterWrite ? " once written" : "";
  switch (message.type) {
    case "promise": {
      const vote = message.vote === null ? "" : `${formatBallot(message.vote.ballot)}=${message.vote.value}`;
      return `promise ${formatBallot(message.ballot)} {${vote}}${wait}`;
    }
    case "accepted":
      return `accepted ${formatBallot(message.ballot)} ${message.value}${wait}`;
    case "reject":
      return `reject ${formatBallot(message.ballot)} for ${formatBallot(message.promised)}${wait}`;
  }
}

/** Feeds messages one after the other; gives what was answered, and the last state. */
function play(start: AcceptorState<string>, ...messages: AcceptorMessage<string>[]): [string[], AcceptorState<string>] {
  const answers: string[] = [];
  let state = deepFreeze(start);
  for (const message of messages) {
    const step = acceptorStep({ me: 7 }, state, deepFreeze(message));
    for (const output of step.outputs) expect(output.message.from).toBe(7);
    answers.push(...step.outputs.map(show));
    state = deepFreeze(step.state);
  }
  return [answers, state];
}

const fresh = acceptorState<string>();
const at = (promised: string, vote?: [string, string]): AcceptorState<string> =>
  acceptorState({ promised: ballot(promised), vote: vote ? { ballot: ballot(vote[0]), value: vote[1] } : null });

describe("promises", () => {
  it("promises a higher ballot, and the same one again", () => {
    const [answers, state] = play(fresh, prepare("1.1"), prepare("1.2"), prepare("1.2"));
    expect(answers).toEqual([
      "promise 1.1 {} once written",
      "promise 1.2 {} once written",
      "promise 1.2 {} once written",
    ]);
    expect(state).toEqual(at("1.2"));
  });

  it("refuses a lower ballot, at once and unchanged", () => {
    expect(play(at("5.2"), prepare("4.3"), prepare("5.1"))).toEqual([
      ["reject 4.3 for 5.2", "reject 5.1 for 5.2"],
      at("5.2"),
    ]);
  });

  it("reports the last vote", () => {
    const [answers] = play(
      fresh,
      prepare("8.1"),
      accept("8.1", "foo"),
      prepare("10.1"),
      accept("10.1", "bar"),
      prepare("11.2"),
    );
    expect(answers.filter((answer) => answer.startsWith("promise"))).toEqual([
      "promise 8.1 {} once written",
      "promise 10.1 {8.1=foo} once written",
      "promise 11.2 {10.1=bar} once written",
    ]);
  });
});

describe("votes", () => {
  it("votes without a Prepare, and that is a promise too", () => {
    const [answers, state] = play(fresh, accept("1.3", "lime"), accept("1.2", "fig"));
    expect(answers).toEqual(["accepted 1.3 lime once written", "reject 1.2 for 1.3"]);
    expect(state).toEqual(at("1.3", ["1.3", "lime"]));
  });

  it("votes in the promised ballot, not below it", () => {
    const [answers, state] = play(at("7.2"), accept("7.1", "m1"), accept("7.2", "m2"));
    expect(answers).toEqual(["reject 7.1 for 7.2", "accepted 7.2 m2 once written"]);
    expect(state).toEqual(at("7.2", ["7.2", "m2"]));
  });

  it("replaces a vote by one in a higher ballot", () => {
    const [answers, state] = play(at("3.1", ["3.1", "kiwi"]), accept("4.2", "fig"));
    expect(answers).toEqual(["accepted 4.2 fig once written"]);
    expect(state).toEqual(at("4.2", ["4.2", "fig"]));
  });

  it("repeats a vote, and stops at a second value in its ballot", () => {
    const voted = at("4.2", ["4.2", "fig"]);
    expect(play(voted, accept("4.2", "fig"))).toEqual([["accepted 4.2 fig once written"], voted]);
    expect(() => play(voted, accept("4.2", "kiwi"))).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
    // Below a promise it is refused like any other: it can do no harm there.
    expect(play(at("5.1", ["4.2", "fig"]), accept("4.2", "kiwi"))[0]).toEqual(["reject 4.2 for 5.1"]);
  });

  it("compares bytes by content, other values as told", () => {
    const voteFor = <V>(first: V, second: V, equals?: (a: V, b: V) => boolean): unknown => {
      const options = equals === undefined ? { me: 1 } : { me: 1, equals };
      const { state } = acceptorStep(options, acceptorState<V>(), {
        type: "accept",
        ballot: ballot("1.1"),
        value: first,
      });
      return acceptorStep(options, state, { type: "accept", ballot: ballot("1.1"), value: second }).outputs.length;
    };
    const violated = expect.objectContaining({ code: "InvariantViolated" });
    expect(voteFor(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(1);
    expect(() => voteFor(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toThrow(violated);
    expect(() => voteFor(Uint8Array.of(1, 2), Uint8Array.of(1))).toThrow(violated);
    expect(() => voteFor({ id: 1 }, { id: 1 })).toThrow(violated);
    expect(voteFor({ id: 1 }, { id: 1 }, (a, b) => a.id === b.id)).toBe(1);
  });
});

describe("restart and bad input", () => {
  it("goes on from what was written, through JSON too", () => {
    const written = at("4.2", ["4.2", "k"]);
    const read = acceptorState(JSON.parse(JSON.stringify(written)) as AcceptorState<string>);
    expect(play(read, prepare("3.3"), prepare("5.1"))[0]).toEqual([
      "reject 3.3 for 4.2",
      "promise 5.1 {4.2=k} once written",
    ]);
  });

  it("takes a stored vote as a promise", () => {
    const state = acceptorState({ vote: { ballot: ballot("3.1"), value: "kiwi" } });
    expect(state.promised).toEqual(ballot("3.1"));
    expect(play(state, prepare("2.9"))[0]).toEqual(["reject 2.9 for 3.1"]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1.5, -1, 2 ** 53, 2 ** 32 + 6])(
    "learns nothing from round %d",
    (round) => {
      const state = deepFreeze(at("5.2"));
      for (const message of [{ type: "prepare" }, { type: "accept", value: "x" }]) {
        const bad = { ...message, ballot: { round, node: 1 } } as AcceptorMessage<string>;
        expect(() => acceptorStep({ me: 1 }, state, bad)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
      }
    },
  );
});
