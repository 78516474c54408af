import { describe, expect, test } from "vitest";
import { led } from "./story.js";

// The stories themselves are told in transcripts/.
describe("steady state", () => {
  test.each([3, 5])("of %i nodes: messages and writes per command are exactly these", (nodes) => {
    const story = led(nodes);
    const before = story.configuration.members.map(({ id }) => story.actor(id).writes);
    const commands = 100;
    for (let i = 0; i < commands; i++) story.propose(1, `v${i}`);
    const count = (kind: string): number => story.trace.filter((line) => line.includes(` ${kind} `)).length;
    const peers = nodes - 1;
    expect([count("accept"), count("accepted"), count("commit")]).toEqual([
      commands * peers,
      commands * peers,
      commands * peers,
    ]);
    expect(story.trace.length).toBe(3 * commands * peers);
    story.configuration.members.forEach(({ id }, i) =>
      expect(story.actor(id).writes).toBe((before[i] ?? 0) + commands),
    );
  });

  test("what waits in a turn shares one frame, one answer and one write", () => {
    const story = led();
    const before = story.actor(2).writes;
    story.propose(1, ...Array.from({ length: 50 }, (_, i) => `v${i}`));
    expect(story.take().map((line) => line.replace(/ v.* upto/, " upto"))).toEqual([
      "1>2 accept 1.1 s1 upto 0",
      "1>3 accept 1.1 s1 upto 0",
      "2>1 accepted 1.1 [1..50] upto 0",
      "3>1 accepted 1.1 [1..50] upto 0",
      "1>2 commit 1.1 upto 50",
      "1>3 commit 1.1 upto 50",
    ]);
    expect(story.actor(2).writes).toBe(before + 1);
  });

  test("a chosen slot above a gap is not announced again and again", () => {
    const story = led();
    story.lose((_from, _to, message) => message.kind === "accept" && message.firstSlot === 1);
    story.propose(1, "a");
    story.propose(1, "b");
    expect(story.take().filter((line) => line.includes("commit"))).toEqual([]);
  });
});
