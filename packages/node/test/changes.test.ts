// What a caller that asked for a change of the members is told, by what the leaders said and what the log shows.
import type { Configuration, SynodError } from "@synod/interface";
import type { Governing, Replica } from "@synod/multipaxos";
import { beforeEach, describe, expect, it } from "vitest";
import { Changes } from "../src/changes.js";
import type { MembershipChange } from "../src/types.js";

const RESEND_MS = 500;
const DEADLINE_MS = 60_000;

const configuration = (epoch: number, ids: readonly number[]): Configuration => ({
  epoch,
  members: ids.map((id) => ({ id })),
  alpha: 8,
  quorum: { kind: "majority" },
});

/** A history of configurations and a leader that is asked and says nothing by itself. */
class Bench {
  readonly entries: Governing[] = [];
  complete = true;
  asked = 0;
  outcome: Configuration | SynodError | null = null;
  readonly changes: Changes;
  /** Why nothing is taken from a peer. */
  readonly refusals = new Map<number, string>();
  nowMs = 0;

  constructor() {
    this.made(1, "", [1, 2, 3]);
    const replica: Pick<Replica, "membership" | "madeBy" | "ofEpoch" | "change"> = {
      membership: () => {
        const last = this.entries.at(-1) as Governing;
        const { complete } = this;
        const rest = { previous: null, unfinished: [], removed: null, reported: () => null, isGone: () => false };
        return { last, governing: last, settled: complete, complete, ...rest };
      },
      madeBy: (changeId) => this.entries.find((entry) => entry.changeId === changeId) ?? null,
      ofEpoch: (epoch) => this.entries.find((entry) => entry.epoch === epoch) ?? null,
      change: () => ++this.asked,
    };
    const refusalOf = (id: number): string | null => this.refusals.get(id) ?? null;
    const options = { name: "me", resendMs: RESEND_MS, refusalOf, addresses: [] };
    this.changes = new Changes({ replica: replica as Replica, ...options });
  }

  made(epoch: number, changeId: string, ids: readonly number[]): void {
    const made = { epoch, slot: epoch, from: epoch + 8, configuration: configuration(epoch, ids), changeId };
    this.entries.push({ ...made, quorums: { members: ids, phase1: () => true, phase2: () => true }, retired: [] });
  }

  remove(id: number): void {
    this.ask({ kind: "remove", id });
  }

  add(id: number): void {
    this.ask({ kind: "add", member: { id } });
  }

  ask(change: MembershipChange): void {
    this.changes.add({
      change,
      expectedEpoch: undefined,
      deadlineMs: DEADLINE_MS,
      resolve: (made) => (this.outcome = made),
      reject: (error) => (this.outcome = error),
    });
  }

  /** So much later; what is due is done. */
  turn(laterMs: number = 0): void {
    this.nowMs += laterMs;
    this.changes.dispatch(this.nowMs, () => ({ text: "a test", details: { leader: 2, heard: [], members: 3 } }));
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
  bench.remove(3);
  bench.turn();
});

describe("a change that was asked for", () => {
  it("is refused for good by the first leader that was asked", () => {
    bench.changes.onAnswer(1, "changeUnderWay", bench.nowMs);
    expect(bench.outcome).toMatchObject({ code: "ChangeUnderWay" });
  });

  it.each(["changeUnderWay", "learnerBehind"] as const)(
    "is not refused for good by %s while an earlier copy may be in recovery",
    (refused) => {
      // The first leader proposed it and died before it said so.
      bench.turn(RESEND_MS);
      expect(bench.asked).toBe(2);
      bench.changes.onAnswer(2, refused, bench.nowMs);
      expect(bench.outcome).toBeNull();
      // The next leader finds it.
      bench.made(2, "me.1", [1, 2]);
      bench.turn();
      expect(bench.outcome).toMatchObject({ epoch: 2, members: [{ id: 1 }, { id: 2 }] });
    },
  );

  it.each([
    [
      "nothing was heard of it",
      null,
      "nothing was heard of node 4, which is dialed without an address: start it there",
    ],
    [
      "it is refused",
      "it has other founders",
      "nothing is taken from node 4, which is dialed without an address: it has",
    ],
  ])("ends with what is known of the new member: %s", (_what, refusal, text) => {
    bench = new Bench();
    if (refusal !== null) bench.refusals.set(4, refusal);
    bench.add(4);
    bench.turn();
    bench.made(2, "me.1", [1, 2, 3, 4]);
    bench.complete = false;
    bench.turn(DEADLINE_MS);
    expect(bench.outcome).toMatchObject({ code: "OutcomeUnknown", message: expect.stringContaining(text) as string });
  });

  it("ends as unknown where no leader finds that copy in time", () => {
    bench.turn(RESEND_MS);
    bench.changes.onAnswer(2, "changeUnderWay", bench.nowMs);
    bench.turn(DEADLINE_MS);
    expect(bench.outcome).toMatchObject({ code: "OutcomeUnknown" });
  });

  it.each([
    ["invalid", "InvalidConfiguration"],
    ["retiredId", "IdRetired"],
  ] as const)("is refused for good by %s: the log would refuse every copy", (refused, code) => {
    bench.turn(RESEND_MS);
    bench.changes.onAnswer(2, refused, bench.nowMs);
    expect(bench.outcome).toMatchObject({ code });
  });

  it("came too late where the log shows another change in its place", () => {
    bench.made(2, "other", [1, 2, 3, 4]);
    bench.turn();
    expect(bench.outcome).toMatchObject({ code: "EpochMismatch", details: { expected: 1, found: 2 } });
  });

  it("is unknown where a snapshot skipped the epoch that it may have made", () => {
    for (const epoch of [3, 4, 5]) bench.made(epoch, "other", [1, 2, epoch]);
    bench.turn();
    expect(bench.outcome).toMatchObject({ code: "OutcomeUnknown", details: { expected: 1, found: 5 } });
  });

  it("came too late where the epoch was skipped but no leader was ever asked", () => {
    const late = new Bench();
    late.remove(3);
    for (const epoch of [3, 4, 5]) late.made(epoch, "other", [1, 2, epoch]);
    late.turn();
    expect(late.outcome).toMatchObject({ code: "EpochMismatch" });
  });

  it("whose new member was removed again before it was promoted did take effect: its id is used up", () => {
    const adding = new Bench();
    adding.add(4);
    adding.turn();
    adding.changes.onAnswer(1, null, adding.nowMs);
    adding.made(2, "me.1", [1, 2, 3, 4]);
    adding.made(3, "other", [1, 2, 3]);
    adding.turn();
    expect(adding.outcome).toMatchObject({ code: "IdRetired", details: { epoch: 2 } });
  });

  describe("at a node that is told that nobody needs it any more, before its own log shows that", () => {
    /** Node 1 asks; it has these configurations, and does not know the last one to be complete. */
    const told = (change: MembershipChange, ...later: (readonly number[])[]): typeof bench.outcome => {
      bench = new Bench();
      bench.ask(change);
      bench.turn();
      for (const [i, ids] of later.entries()) bench.made(2 + i, i === 0 ? "me.1" : "", ids);
      bench.complete = false;
      bench.changes.released(1);
      return bench.outcome;
    };

    it("its own removal is done", () => {
      expect(told({ kind: "remove", id: 1 }, [2, 3])).toMatchObject({ epoch: 2 });
    });

    it("and what came before it", () => {
      expect(told({ kind: "remove", id: 3 }, [1, 2], [2])).toMatchObject({ epoch: 3 });
    });

    it("a change that it asked for after its removal may not be", () => {
      bench = new Bench();
      bench.made(2, "", [2, 3]);
      bench.ask({ kind: "remove", id: 3 });
      bench.turn();
      bench.made(3, "me.1", [2]);
      bench.complete = false;
      bench.changes.released(1);
      expect(bench.outcome).toBeNull();
    });
  });
});
