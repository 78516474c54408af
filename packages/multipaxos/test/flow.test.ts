import { describe, expect, it } from "vitest";
import { creditOf } from "../src/credit.js";
import { Flow } from "../src/flow.js";
import { Replica } from "../src/index.js";
import { type ReplicaSettings, replicaSettings } from "../src/settings.js";
import { configurationOf } from "./disk.js";
import { accept, ballot } from "./support.js";

const flow = (): Flow => new Flow({ creditBytesMax: 100, resendMs: 10 });

describe("credits", () => {
  it("bound what is on the way; answers to later slots stand for earlier ones", () => {
    const it = flow();
    expect(it.admits(2, 60, 2)).toBe(true);
    it.sent(2, 1, 30);
    it.sent(2, 2, 30);
    expect([it.admits(2, 40), it.admits(2, 41), it.admits(3, 100, 2)]).toEqual([true, false, true]);
    it.answered(2, 2);
    expect(it.of(2)).toEqual({ sentBytes: 0, creditBytes: 100, withheldBytes: 0 });
  });

  it("let one large value pass alone, and nothing where there is none", () => {
    const it = flow();
    expect([it.admits(2, 101), it.admits(2, 101, 2)]).toEqual([true, false]);
    it.credit(2, 0, 5);
    expect([it.admits(2, 1), it.mayProbe(2, 44), it.mayProbe(2, 45)]).toEqual([false, false, true]);
    it.credit(2, 1_000, 50);
    expect([it.admits(2, 100, 2), it.admits(2, 101, 2)]).toEqual([true, false]);
  });

  it("remember from where a peer was left out, also when its connection breaks", () => {
    const it = flow();
    it.sent(2, 1, 90);
    it.withhold(2, 2, 20);
    it.withhold(2, 3, 20);
    it.lost(2);
    expect([it.withheldFrom(2), it.of(2).sentBytes, it.of(2).withheldBytes]).toEqual([2, 0, 40]);
    it.goOnFrom(2, null);
    expect(it.withheldFrom(2)).toBe(null);
    it.reset();
    expect(it.of(2).withheldBytes).toBe(0);
  });

  it("are what is left before the disk and before execution, in coarse steps", () => {
    const credit = (writeBytes: number, applyBytes: number): number =>
      creditOf({ creditBytesMax: 800, applyBytesMax: 4_000, writeBytes, applyBytes });
    expect([credit(0, 0), credit(50, 0), credit(100, 0), credit(750, 0), credit(800, 0), credit(9_000, 0)]).toEqual([
      800, 800, 700, 100, 0, 0,
    ]);
    expect([credit(0, 3_000), credit(0, 3_950), credit(0, 4_000)]).toEqual([800, 100, 0]);
  });

  it("are whole bytes, as the settings that they come from have to be", () => {
    expect(() => replicaSettings({ creditBytesMax: 1e7 / 3 })).toThrow(/creditBytesMax must be whole bytes/);
    expect(() => replicaSettings({ snapshotChunkBytes: 0.5 })).toThrow(/snapshotChunkBytes must be whole bytes/);
    expect(replicaSettings({ resendMs: 0.5, creditBytesMax: 3 })).toMatchObject({ resendMs: 0.5, creditBytesMax: 3 });
  });
});

/** A follower whose disk and state machine go on when told, and what it says of its credit. */
function follower(settings: Partial<ReplicaSettings>): {
  replica: Replica;
  credits: () => number[];
  write: () => void;
} {
  const recovered = { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };
  const replica = new Replica({ nodeId: 2, bootId: "2:1", configuration: configurationOf(3, 8), recovered, settings });
  return {
    replica,
    credits: () =>
      replica.takeEffects().sends.flatMap(({ message }) => (message.kind === "accepted" ? [message.creditBytes] : [])),
    write: () => {
      const next = replica.takeWrite();
      if (next !== null) replica.writeDone(next.id);
    },
  };
}

it("a follower that said that it has no room says so when it has, whatever it said in between", () => {
  const { replica, credits, write } = follower({ creditBytesMax: 80, applyBytesMax: 100 });
  replica.receive(1, accept("1.1", 1, ["x".repeat(100)]));
  expect(credits()).toEqual([0]);
  replica.receive(1, { kind: "commit", ballot: ballot("1.1"), chosenUpTo: 1 });
  replica.appliedUpTo(0, 70);
  write();
  expect(credits()).toEqual([]);
  replica.receive(1, accept("1.1", 2, ["y"]));
  expect(credits()).toEqual([20]);
  write();
  // The word of 20 may arrive before the one of 0.
  replica.appliedUpTo(1, 0);
  expect(credits()).toEqual([80]);
  replica.appliedUpTo(1, 0);
  expect(credits()).toEqual([]);
});

it("a follower says that there is room again also where it may keep less for execution than for its disk", () => {
  const { replica, credits, write } = follower({ creditBytesMax: 8_000, applyBytesMax: 100 });
  replica.receive(1, accept("1.1", 1, ["x"]));
  replica.receive(1, { kind: "commit", ballot: ballot("1.1"), chosenUpTo: 1 });
  write();
  expect(credits()).toEqual([1_000]);
  replica.appliedUpTo(0, 100);
  replica.receive(1, accept("1.1", 2, ["y"]));
  expect(credits()).toEqual([0]);
  replica.appliedUpTo(1, 0);
  expect(credits()).toEqual([1_000]);
});

it("a follower repeats that there is room, and stops as soon as there is none", () => {
  const { replica, credits } = follower({ creditBytesMax: 800, applyBytesMax: 800 });
  let nowMs = 0;
  const round = (): number[] => {
    replica.tick((nowMs += 40), 0.5);
    return credits();
  };
  round();
  replica.appliedUpTo(0, 800);
  replica.receive(1, accept("1.1", 1, ["x"]));
  replica.appliedUpTo(0, 0);
  expect(credits()).toEqual([0, 800]);
  expect(round()).toEqual([800]);
  replica.appliedUpTo(0, 800);
  expect([round(), round(), round()]).toEqual([[0], [], []]);
});
