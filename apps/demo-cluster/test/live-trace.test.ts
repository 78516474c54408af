import type { Message } from "@synod/multipaxos";
import { describe, expect, it } from "vitest";
import { liveTrace } from "../src/live-trace.js";
import { Wire } from "../src/wire.js";

const ballot = { round: 3, node: 1 };
const prepare: Message = { kind: "prepare", ballot, fromSlot: 7 };
const commit = (chosenUpTo: number): Message => ({ kind: "commit", ballot, chosenUpTo });
const beat = (kind: "beat" | "beatReply", round: number): Message => ({ kind, round }) as Message;

interface File {
  readonly version: number;
  readonly report: { readonly nodes: number[]; readonly live: boolean };
  readonly events: {
    atMs: number;
    kind: string;
    from?: number;
    to?: number;
    message?: string;
    delivery?: number;
    why?: string;
    text?: string;
  }[];
}

function cluster() {
  let nowMs = 1000;
  const wires = [1, 2, 3].map((id) => new Wire(id, () => nowMs));
  const [one, two] = [wires[0]!, wires[1]!];
  const wait = (ms: number): void => {
    nowMs += ms;
  };
  const file = (feed: Parameters<typeof liveTrace>[1] = []): File =>
    JSON.parse(
      liveTrace(
        wires.map((wire) => wire.recent()),
        feed,
      ),
    ) as File;
  return { one, two, wait, file };
}

describe("the last messages as a trace", () => {
  it("has each departure and its arrival under one number, in order of time", () => {
    const { one, two, wait, file } = cluster();
    one.said([2, 3], prepare);
    wait(2);
    two.heard(1, prepare);
    const { version, report, events } = file();
    expect([version, report.live, report.nodes]).toEqual([1, true, [1, 2, 3]]);
    expect(events.map(({ atMs, kind, to, message, delivery }) => [atMs, kind, to, message, delivery])).toEqual([
      [0, "send", 2, "prepare 3.1 from #7", 1],
      [0, "send", 3, "prepare 3.1 from #7", 2],
      [2, "deliver", 2, "prepare 3.1 from #7", 1],
    ]);
  });

  it("lets nothing arrive before it left, though clocks differ", () => {
    const { one, two, wait, file } = cluster();
    two.heard(1, commit(1));
    wait(1);
    one.said([2], commit(1));
    expect(file().events.map(({ kind, delivery }) => [kind, delivery])).toEqual([
      ["send", 1],
      ["deliver", 1],
    ]);
  });

  it("tells what a cut link swallowed, and what people did; no heartbeats", () => {
    const { one, wait, file } = cluster();
    one.cut([3]);
    one.said([3], commit(1));
    one.said([2], beat("beat", 1));
    wait(5);
    const events = file([
      { number: 1, atMs: 900, kind: "bad", text: "too early" },
      { number: 2, atMs: 1004, kind: "bad", text: "replica 2 killed" },
    ]).events;
    expect(events.map(({ kind, why, text }) => [kind, why, text])).toEqual([
      ["drop", "the link is cut", undefined],
      ["world", undefined, "replica 2 killed"],
    ]);
  });

  it("begins where every replica still knows what it saw, and has 200 messages at most", () => {
    const { one, two, wait, file } = cluster();
    two.said([3], commit(0));
    for (let slot = 1; slot <= 2000; slot++) {
      wait(1);
      one.said([2], commit(slot));
    }
    const { events } = file();
    expect(events.length).toBe(200);
    expect(events.at(-1)?.message).toBe("commit 3.1 up to #2000");
    expect(events.every(({ from }) => from === 1)).toBe(true);
  });

  it("takes the time from a heartbeat to its own answer", () => {
    const { one, wait } = cluster();
    one.said([2], beat("beat", 4));
    wait(3);
    one.heard(2, beat("beatReply", 3));
    one.heard(2, beat("beatReply", 4));
    expect(one.take()).toEqual([{ peer: 2, sent: 1, received: 2, roundTripMs: 3 }]);
    expect(one.take()).toEqual([]);
  });
});
