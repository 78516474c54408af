// The words of the side panel, and when they are said.
import { describe, expect, it } from "vitest";
import type { Moment } from "../src/moments.js";
import { Story } from "../src/story.js";
import { tellingOf } from "../src/words.js";

const old = { round: 4, node: 1 };
const fresh = { round: 9, node: 2 };

const TEXTS: readonly (readonly [Moment, string])[] = [
  [
    { kind: "prepares", ballot: fresh, fromSlot: 813, silent: { id: 1, ms: 312 } },
    "S3 has heard nothing from S1 for 312 ms. S3 sends PREP 9·S2 to all, for every slot from 813 on.",
  ],
  [
    { kind: "prepares", ballot: fresh, fromSlot: 1, silent: { id: 1, ms: 4 } },
    "S3 sends PREP 9·S2 to all, for every slot from 1 on.",
  ],
  [
    { kind: "promises", to: 2, ballot: fresh, values: 0, latest: null },
    "S3 promises round 9·S2 to S2: nothing of a lower round any more. It has accepted nothing there.",
  ],
  [
    { kind: "promises", to: 2, ballot: fresh, values: 1, latest: old },
    "S3 promises round 9·S2 to S2: nothing of a lower round any more. It reports one value that it accepted, the latest in round 4·S1.",
  ],
  [
    { kind: "refuses", what: "ACC", from: 1, ballot: old, promised: fresh },
    "S3 ignores ACC from the old leader S1: its round 4·S1 is lower than the promise 9·S2.",
  ],
  [
    { kind: "refuses", what: "PREP", from: 1, ballot: old, promised: fresh },
    "S3 ignores PREP from S1: its round 4·S1 is lower than the promise 9·S2.",
  ],
  [
    { kind: "proposesAgain", ballot: fresh, adopted: 2, noops: 1, firstSlot: 7, lastSlot: 9 },
    "S3 sends ACC 9·S2 for slots 7 to 9: 2 values that the promises reported, and one no-op where they reported nothing.",
  ],
  [{ kind: "leads", ballot: fresh }, "S3 leads in round 9·S2: a majority has promised it."],
  [{ kind: "cut", links: [[1, 3]] }, "Nothing gets through between S1–S3."],
  [
    { kind: "members", epoch: 3, voters: [1, 2], learners: [4] },
    "Configuration 3 was chosen: S1, S2 vote; S4 only learns so far.",
  ],
];

describe("the words", () => {
  it.each(TEXTS)("%o", (moment, text) => {
    expect(tellingOf(3, moment).text).toBe(text);
  });

  it("give the reason for every refusal, and the rule behind it", () => {
    const { rule, tone } = tellingOf(3, { kind: "refuses", what: "ACC", from: 1, ballot: old, promised: fresh });
    expect([tone, rule]).toEqual(["refusal", expect.stringContaining("accepts nothing of a lower one")]);
  });
});

describe("the story", () => {
  const refusal: Moment = { kind: "refuses", what: "ACC", from: 1, ballot: old, promised: fresh };

  it("is told in the order in which things happened, not in which they were reported", () => {
    const story = new Story();
    story.add(3, { kind: "promises", to: 2, ballot: fresh, values: 0, latest: null }, 20);
    story.add(2, { kind: "prepares", ballot: fresh, fromSlot: 1, silent: null }, 10);
    story.tell(200);
    expect(story.lines).toEqual([]);
    story.tell(1000);
    expect(story.lines.map(({ at, number }) => [at, number])).toEqual([
      [2, 1],
      [3, 2],
    ]);
  });

  it("says the same once in a while only, and other things at once", () => {
    const story = new Story();
    for (let ms = 0; ms < 3000; ms += 100) story.add(3, refusal, ms);
    story.add(2, refusal, 2500);
    story.tell(9000);
    expect(story.lines.map(({ at }) => at)).toEqual([3, 2]);
    story.add(3, refusal, 8000);
    story.tell(9000);
    expect(story.lines.map(({ at }) => at)).toEqual([3, 2, 3]);
  });
});
