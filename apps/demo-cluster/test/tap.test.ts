// What a replica says to the others, as moments worth telling.
import type { Codec, Transport } from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";
import { describe, expect, it } from "vitest";
import { Tap } from "../src/tap.js";

const old = { round: 4, node: 1 };
const fresh = { round: 9, node: 3 };
const codec: Codec<Envelope> = {
  encode: (envelope) => new TextEncoder().encode(JSON.stringify(envelope)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Envelope,
};
const silent = { send: () => true } as unknown as Transport;

/** One replica, and how it hears and says things. */
function replica(id: number) {
  let nowMs = 1000;
  const tap = new Tap(id, () => nowMs);
  const [heard, transport] = [tap.codec(codec), tap.transport(silent)];
  const envelope = (from: number, message: Message) => ({ from, message }) as Envelope;
  return {
    hear: (from: number, message: Message) => heard.decode(codec.encode(envelope(from, message))),
    say: (to: number | number[], message: Message) =>
      transport.send(to, heard.encode(envelope(id, message)), "control"),
    wait: (ms: number) => {
      nowMs += ms;
    },
    moments: () => tap.take().moments.map(({ moment }) => moment),
    received: () => tap.take().received,
  };
}

const accept = (ballot: typeof old, firstSlot: number, values: Uint8Array[]): Message => ({
  kind: "accept",
  ballot,
  firstSlot,
  values,
  chosenUpTo: 0,
});
const reject = (ballot: typeof old): Message => ({
  kind: "reject",
  ballot,
  promised: fresh,
  content: true,
  leaderBallot: fresh,
  leaseLeftMs: 0,
});
const value = Uint8Array.of(3, 1);
const noop = Uint8Array.of(0);

describe("a replica that refuses", () => {
  it("is told to have ignored what it was asked", () => {
    const { hear, say, moments } = replica(3);
    hear(1, accept(old, 7, []));
    say(1, reject(old));
    hear(2, { kind: "prepare", ballot: old, fromSlot: 1 });
    say(2, reject(old));
    expect(moments()).toEqual([
      { kind: "refuses", what: "ACC", from: 1, ballot: old, promised: fresh },
      { kind: "refuses", what: "PREP", from: 2, ballot: old, promised: fresh },
    ]);
  });
});

describe("a replica that takes over", () => {
  it("says whose silence made it, and what it proposes again", () => {
    const { hear, say, wait, moments } = replica(3);
    hear(1, accept(old, 5, []));
    wait(300);
    say([1, 2], { kind: "prepare", ballot: fresh, fromSlot: 6 });
    say([1, 2], { kind: "prepare", ballot: fresh, fromSlot: 9 });
    const votes = [{ slot: 6, ballot: old, value }];
    hear(2, { kind: "promise", ballot: fresh, firstSlot: 6, lastSlot: null, votes, chosenUpTo: 5, snapshotIndex: 0 });
    say([1, 2], accept(fresh, 6, [value, noop, value]));
    say([1, 2], accept(fresh, 9, [value]));
    expect(moments()).toEqual([
      { kind: "prepares", ballot: fresh, fromSlot: 6, silent: { id: 1, ms: 300 } },
      { kind: "proposesAgain", ballot: fresh, adopted: 1, noops: 1, firstSlot: 6, lastSlot: 8 },
    ]);
  });

  it("needs no words for its daily business", () => {
    const { say, moments } = replica(3);
    say([1, 2], accept(fresh, 6, [value]));
    expect(moments()).toEqual([]);
  });
});

describe("a follower", () => {
  it("promises once, with its report, and has one first vote in a round", () => {
    const { say, moments } = replica(2);
    const votes = [
      { slot: 6, ballot: { round: 2, node: 2 }, value },
      { slot: 7, ballot: old, value },
    ];
    const page = { kind: "promise", ballot: fresh, firstSlot: 6, votes, chosenUpTo: 5, snapshotIndex: 0 } as const;
    say(3, { ...page, lastSlot: 7 });
    say(3, { ...page, lastSlot: null });
    const more = { chosenUpTo: 5, durableUpTo: 5, applied: 5, creditBytes: 1 };
    for (const slot of [6, 7]) say(3, { kind: "accepted", ballot: fresh, slots: [[slot, slot]], ...more });
    expect(moments()).toEqual([
      { kind: "promises", to: 3, ballot: fresh, values: 2, latest: old },
      { kind: "accepts", to: 3, ballot: fresh, slot: 6 },
    ]);
  });
});

describe("the counts", () => {
  it("are of what arrived, by sender and purpose", () => {
    const { hear, received } = replica(3);
    hear(1, accept(old, 7, []));
    hear(1, { kind: "commit", ballot: old, chosenUpTo: 7 });
    hear(2, reject(old));
    expect(received()).toEqual([
      [1, { phase1: 0, phase2: 1, learn: 1, calls: 0, beats: 0 }],
      [2, { phase1: 0, phase2: 1, learn: 0, calls: 0, beats: 0 }],
    ]);
    expect(received()).toEqual([]);
  });
});
