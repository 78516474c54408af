import { SCENARIOS } from "@synod/lecture";
import { describe, expect, test } from "vitest";
import { meaningOf } from "../src/model/keys.js";
import { readLink } from "../src/model/link.js";
import { searchesOf } from "../src/model/searching.js";
import { isStoryEnd, type Event, reduce, START, type Stage, type State } from "../src/model/state.js";
import { rowsIn, worldAt } from "../src/model/tree.js";
import { tellingOf } from "../src/model/telling.js";
import { findingOf, quickFinding, replyTo, verdictOf } from "../src/model/verdict.js";
import { branchOf } from "../src/model/tree.js";

const open = (hash: string): State => reduce(START, { do: "open", place: readLink(hash) });
const after = (state: State, ...events: Event[]): State => events.reduce(reduce, state);
const stageOf = (state: State): Stage => {
  if (state.stage === null) throw new Error("There is no stage.");
  return state.stage;
};
const atOf = (state: State): number => stageOf(state).tree.at;

describe("time", () => {
  const state = open("#/promises-report");

  test("it plays what is written, and stops at its end", () => {
    let now = after(state, { do: "play" });
    for (let tick = 0; tick < 40; tick++) now = reduce(now, { do: "tick" });
    expect([atOf(now), now.playing]).toEqual([13, false]);
  });

  test("a step stops at the end of the story, and only who wants it goes on", () => {
    const end = after(open("#/promises-report-nothing"), { do: "last" });
    expect(isStoryEnd(stageOf(end))).toBe(true);
    expect(rowsIn(stageOf(after(end, { do: "next" })).tree)).toBe(8);
    const beyond = after(end, { do: "goOn" });
    expect([rowsIn(stageOf(beyond).tree), isStoryEnd(stageOf(beyond))]).toEqual([9, false]);
    const free = after(open("#/free/multi-paxos"), { do: "last" });
    expect(isStoryEnd(stageOf(free))).toBe(false);
  });

  test("play at the end begins again", () => {
    expect(atOf(after(state, { do: "last" }, { do: "play" }))).toBe(0);
  });

  test("first, last, back and a row stay within the run", () => {
    expect(atOf(after(state, { do: "back" }))).toBe(0);
    expect(atOf(after(state, { do: "row", row: 99 }))).toBe(13);
  });
});

describe("acting", () => {
  const state = open("#/promises-report");

  test("what is not possible is said and changes nothing", () => {
    const now = after(state, { do: "act", action: { do: "deliver", id: 99 } });
    expect(now.note).toContain("no message 99");
    expect(stageOf(now).tree).toBe(stageOf(state).tree);
  });

  test("what is held back is overtaken", () => {
    const asked = after(
      state,
      { do: "startOver" },
      { do: "act", action: { do: "ask", client: "C1", value: "m1", to: "S1" } },
    );
    const [first] = worldAt(stageOf(asked).tree).flights;
    const now = after(asked, { do: "hold", id: first?.id ?? 0 }, { do: "next" });
    expect(worldAt(stageOf(now).tree).flights.map((flight) => flight.id)).toContain(first?.id);
  });

  test("other servers: the script is played if it makes sense with them", () => {
    const now = after(state, { do: "servers", count: 5 });
    expect([Object.keys(worldAt(stageOf(now).tree).servers).length, rowsIn(stageOf(now).tree) > 0]).toEqual([5, true]);
    expect(rowsIn(stageOf(after(state, { do: "servers", count: 1 })).tree)).toBe(0);
  });

  test("what a search has found is played from its beginning, and the story stays", () => {
    const story = SCENARIOS.find((one) => one.id === "promises-report-nothing");
    const [wanted] = searchesOf(story ?? null, stageOf(state).protocol);
    if (story === undefined || wanted === undefined) throw new Error("It has a search.");
    const search = { wanted, protocol: "promises", state: "found", states: 1, depth: 1, ms: 1 } as const;
    const actions = [
      { do: "suspect", at: "S2", of: "S1" },
      { do: "crash", at: "S3" },
    ] as const;
    const begun = { do: "search", search: { ...search, state: "running" } } as const;
    const now = after(open("#/promises-report-nothing"), begun, { do: "found", search, actions });
    expect([atOf(now), rowsIn(stageOf(now).tree), now.playing, stageOf(now).tree.moments.length]).toEqual([
      0,
      2,
      true,
      11,
    ]);
    // Whoever went elsewhere meanwhile stays there.
    const elsewhere = after(open("#/promises-report-nothing"), begun, { do: "open", place: readLink("#/one-server") });
    expect(after(elsewhere, { do: "found", search, actions }, { do: "news", search })).toBe(elsewhere);
  });
});

test("every key of the help means something", () => {
  const state = after(open("#/promises-report"), { do: "next" });
  const keys = [
    "ArrowRight",
    "ArrowLeft",
    "n",
    "p",
    "Home",
    "End",
    " ",
    "+",
    "-",
    "j",
    "k",
    "Enter",
    "d",
    "u",
    "w",
    "1",
    "x",
    "t",
    "c",
    "f",
    "[",
    "]",
    "?",
  ];
  expect(keys.filter((key) => meaningOf(key, state) === null)).toEqual([]);
  expect(meaningOf("7", state)).toBeNull();
  expect(meaningOf("q", state)).toBeNull();
  expect(meaningOf("n", { ...state, help: true })).toBeNull();
});

test("a contradiction shows at once; how it ends only when asked", () => {
  const broken = branchOf(stageOf(open("#/promises-report-nothing")).tree);
  expect(quickFinding(broken)).toMatchObject({ kind: "diverges", rows: [8] });
  const stuck = branchOf(stageOf(open("#/two-of-five")).tree);
  expect(quickFinding(stuck).kind).toBe("open");
  expect(verdictOf(stuck).kind).toBe("blocks");
  expect(quickFinding(stuck).kind).toBe("blocks");
  expect([replyTo(undefined, "safe"), replyTo("safe", "safe"), replyTo("safe", "blocks")]).toEqual([
    "",
    "You saw it coming.",
    "Not what you guessed: look for the row that decides.",
  ]);
});

describe("rows as text", () => {
  test("say of the rows that are shown what the card says, and nothing of later ones", () => {
    const state = open("#/promises-report-nothing");
    const wordsAt = (row: number): string =>
      tellingOf(stageOf(after(state, { do: "row", row })))
        .split("\n")
        .at(-1)!;
    const end = wordsAt(8);
    expect(end).toContain("no single server could have said both");
    expect(wordsAt(3)).toMatch(/^3\. S3 crashes\./);
    expect(wordsAt(8)).toBe(end);
  });

  test("do not tell how it ends in its middle, though the checker has spoken", () => {
    const state = open("#/burgers");
    const last = after(state, { do: "last" });
    expect(tellingOf(stageOf(last)).split("\n").at(-1)).toBe("All agree on burgers.");
    expect(tellingOf(stageOf(after(last, { do: "row", row: 2 })))).not.toContain("All agree");
  });

  test("a contradiction is told as it is in the row that is shown", () => {
    const state = open("#/leader-reordered");
    const wordsAt = (row: number): string => findingOf(stageOf(after(state, { do: "row", row }))).words;
    expect(wordsAt(2)).toBe("");
    expect(wordsAt(3)).toContain('S1 has executed "m1 m2", S2 "m2":');
    expect(wordsAt(4)).toContain('S1 has executed "m1 m2", S2 "m2 m1":');
  });
});
