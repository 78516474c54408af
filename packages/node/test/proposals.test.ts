import { quietLogger, quietMetrics, type SessionTicket } from "@synod/interface";
import type { Replica } from "@synod/multipaxos";
import { type BatchEntry, encodeBatch } from "@synod/rsm";
import { describe, expect, it } from "vitest";
import { Leading } from "../src/leading.js";
import { nodeLimits } from "../src/limits.js";
import { Proposals } from "../src/proposals.js";
import type { Route } from "../src/proposals-options.js";
import { Held } from "./memory.js";
import { seeded } from "./world.js";

const BALLOT = { round: 1, node: 1 };
const sight = () => ({ text: "no leader", details: { leader: null, heard: [], members: 1 } });
const ticketOf = (slot: number, sequence: number): SessionTicket => ({
  session: { slot, index: 0 },
  sequence,
  floor: 0,
});

function make(now: () => number = () => 0): Proposals {
  return new Proposals({
    random: seeded(1),
    now,
    batchBytesMax: 65_536,
    queueBytesMax: 1024 * 1024,
    queueWaitMs: 5_000,
    sessionLimit: 100,
    resendMs: 500,
    sessionIdleMs: 200_000,
    buggify: () => false,
  });
}

/** Keeps what becomes of calls. */
class Calls {
  readonly ends: string[] = [];

  add(proposals: Proposals, body: Uint8Array, ticket?: SessionTicket, deadlineMs = 1_000): void {
    const at = this.ends.push("open") - 1;
    proposals.add({
      body,
      ticket,
      deadlineMs,
      caller: {
        resolve: () => (this.ends[at] = "settled"),
        reject: (error) => (this.ends[at] = error.code),
      },
    });
  }
}

const nowhere: Route = { leads: false, leaderBallot: null, lead: () => undefined, forward: () => null };

/** A leader whose window is closed, or open. */
function leading(queueBytesMax = 64 * 1024 * 1024, capacity = 0) {
  const answers: string[] = [];
  const proposed: Uint8Array[] = [];
  const replica = {
    leads: true,
    capacity: () => capacity - proposed.length,
    propose: (value: Uint8Array) => proposed.push(value),
    replyForward: (_to: number, _bootId: string, _sequence: number, outcome: string) => void answers.push(outcome),
  } as unknown as Replica;
  const limits = nodeLimits({ queueBytesMax, commandBytesMax: 1_000 });
  const machine = { timeMs: 0, timedBy: null, applied: 0, nextDeadline: () => null };
  return {
    answers,
    proposed,
    it: new Leading({
      self: 1,
      replica,
      machine,
      limits,
      logger: quietLogger(undefined),
      metrics: quietMetrics(undefined),
      buggify: () => false,
      awaits: () => undefined,
    }),
  };
}

describe("calls that ended", () => {
  it.each([
    ["waits for a leader", ticketOf],
    ["waits for a session", () => undefined],
  ])("leave nothing behind where one %s", async (_what, ticket) => {
    const proposals = make();
    const calls = new Calls();
    const held = new Held();
    for (let i = 1; i <= 9; i++) calls.add(proposals, held.watch(new Uint8Array(100_000)), ticket(1, i));
    expect(proposals.refusal(null, 100_000)).toBe(null);
    expect(proposals.refusal(null, 200_000)).toEqual({ retryAfterMs: 250 });
    proposals.dispatch(nowhere, 0, 0);
    proposals.expire(1_000, sight);
    expect(calls.ends).toEqual(Array(9).fill("NotProposed"));
    expect(proposals.refusal(null, 200_000)).toBe(null);
    expect(await held.count()).toBe(0);
    // As long as this is used, it is not collected as a whole.
    expect(proposals.bytes).toBeLessThan(100_000);
  });

  it("are a slice of them a turn", () => {
    let nowMs = 0;
    const proposals = make(() => nowMs);
    for (let i = 1; i <= 12; i++) {
      const reject = (): number => nowMs++;
      const caller = { resolve: reject, reject };
      proposals.add({ body: new Uint8Array(1), ticket: ticketOf(1, i), deadlineMs: 1_000, caller });
    }
    const left = (): unknown => [proposals.expire(1_000, sight), proposals.count];
    expect([left(), left(), left()]).toEqual([
      [true, 7],
      [true, 2],
      [false, 0],
    ]);
  });

  it("leave the queue of a leader whose window is closed", async () => {
    const leader = leading();
    const route: Route = {
      leads: true,
      leaderBallot: BALLOT,
      lead: (p, e) => leader.it.enqueue(p, e),
      forward: () => null,
    };
    const proposals = make();
    const calls = new Calls();
    const held = new Held();
    for (let i = 1; i <= 9; i++) calls.add(proposals, held.watch(new Uint8Array(1_000)), ticketOf(1, i));
    proposals.dispatch(route, 0, 0);
    leader.it.propose(0, 0);
    proposals.expire(1_000, sight);
    expect(calls.ends).toEqual(Array(9).fill("NotProposed"));
    expect(await held.count()).toBe(0);
    leader.it.stop();
    expect(proposals.count).toBe(0);
  });

  it("leave what was forwarded, even if others of the same frame go on", async () => {
    const route: Route = { leads: false, leaderBallot: BALLOT, lead: () => undefined, forward: () => 1 };
    const proposals = make();
    const calls = new Calls();
    const held = new Held();
    for (let i = 1; i <= 9; i++) calls.add(proposals, held.watch(new Uint8Array(1_000)), ticketOf(1, i));
    calls.add(proposals, new Uint8Array(1), ticketOf(1, 10), 5_000);
    proposals.dispatch(route, 0, 0);
    proposals.onForwardOutcome(1, "queued", 0);
    proposals.expire(1_000, sight);
    proposals.tick(route, 1_000);
    expect(calls.ends).toEqual([...Array(9).fill("OutcomeUnknown"), "open"]);
    expect(await held.count()).toBe(0);
    expect(proposals.count).toBe(1);
  });
});

it("a call is sent again where its last copy is lost, though the leader before says late that it has one", () => {
  const sent: number[] = [];
  const routeTo = (round: number): Route => ({
    ...nowhere,
    leaderBallot: { round, node: 2 },
    forward: () => sent.push(round),
  });
  const proposals = make();
  new Calls().add(proposals, new Uint8Array(1), ticketOf(1, 1), 10_000);
  proposals.dispatch(routeTo(1), 0, 0);
  proposals.tick(routeTo(2), 100);
  proposals.dispatch(routeTo(2), 100, 0);
  // The second copy is lost with its connection.
  proposals.onForwardOutcome(1, "queued", 101);
  for (let nowMs = 125; nowMs <= 1_000; nowMs += 25) {
    proposals.tick(routeTo(2), nowMs);
    proposals.dispatch(routeTo(2), nowMs, 0);
  }
  expect(sent).toEqual([1, 2, 2]);
});

describe("a leader's queue for its peers", () => {
  const command = (bytes: number): BatchEntry => ({
    kind: "command",
    ticket: ticketOf(1, 1),
    body: new Uint8Array(bytes),
  });
  const forwarded = (sequence: number, body: Uint8Array) => ({ from: 2, bootId: "b", sequence, body });

  it("counts what small commands cost", () => {
    const leader = leading(64 * 1024);
    const body = encodeBatch(0, Array(16).fill(command(1)));
    for (let i = 1; i <= 20; i++) leader.it.onForwarded(forwarded(i, body));
    const taken = leader.answers.filter((answer) => answer === "queued").length * 16;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThanOrEqual(128);
    expect(leader.answers.at(-1)).toBe("busy");
  });

  it("refuses what a value could not carry, or nobody can read, for good", () => {
    const leader = leading(undefined, 10);
    leader.it.onForwarded(forwarded(1, encodeBatch(0, [command(1_000), command(1_001)])));
    leader.it.onForwarded(forwarded(2, Uint8Array.of(3, 1, 0)));
    leader.it.onForwarded(forwarded(3, encodeBatch(0, [command(1_000)])));
    leader.it.propose(0, 0);
    expect(leader.answers).toEqual(["busy", "busy", "queued"]);
    expect(leader.proposed.map((value) => value.length < 1_100)).toEqual([true]);
  });
});

describe("what the log says of a ticket", () => {
  it("never calls a command without effect while a copy may be on its way", () => {
    const proposals = make();
    const calls = new Calls();
    let number = 0;
    const route: Route = { leads: false, leaderBallot: BALLOT, lead: () => undefined, forward: () => ++number };
    const ticket = ticketOf(1, 7);
    calls.add(proposals, Uint8Array.of(1), ticket);
    proposals.dispatch(route, 0, 0);
    calls.add(proposals, Uint8Array.of(1), ticket, 2_000);
    proposals.dispatch(route, 0, 0);
    // One copy, of either call or of another node, found no room.
    proposals.onOutcome({ kind: "beyondLimit", index: 0, ticket }, 10, 0);
    expect(calls.ends).toEqual(["open", "open"]);
    proposals.expire(1_000, sight);
    proposals.tick(route, 1_000);
    proposals.dispatch(route, 1_000, 0);
    expect(calls.ends).toEqual(["OutcomeUnknown", "open"]);
    expect(number).toBe(3);
    proposals.onOutcome({ kind: "result", index: 0, ticket, reply: new Uint8Array(), cached: false }, 1_100, 0);
    expect(calls.ends).toEqual(["OutcomeUnknown", "settled"]);
  });

  it("keeps the present session of the node when a ticket of an older one is unknown", () => {
    const proposals = make();
    const calls = new Calls();
    const entries: BatchEntry[] = [];
    const route: Route = {
      leads: true,
      leaderBallot: BALLOT,
      lead: (_proposal, entry) => void entries.push(entry),
      forward: () => null,
    };
    const step = (): BatchEntry[] => {
      proposals.dispatch(route, 0, 0);
      proposals.dispatch(route, 0, 0);
      return entries.splice(0);
    };
    const opened = (slot: number): void => {
      const [open] = step();
      if (open?.kind !== "open") throw new Error("no session is opened");
      proposals.onOutcome({ kind: "opened", index: 0, nonce: open.nonce, session: { slot, index: 0 } }, 0, 0);
    };
    calls.add(proposals, Uint8Array.of(1));
    calls.add(proposals, Uint8Array.of(2));
    opened(5);
    expect(step()).toMatchObject([{ ticket: { session: { slot: 5 } } }, { ticket: { session: { slot: 5 } } }]);
    proposals.onOutcome({ kind: "unknownSession", index: 0, ticket: ticketOf(5, 1) }, 0, 0);
    calls.add(proposals, Uint8Array.of(3));
    opened(8);
    expect(step()).toMatchObject([{ ticket: { session: { slot: 8 }, sequence: 1 } }]);
    proposals.onOutcome({ kind: "unknownSession", index: 0, ticket: ticketOf(5, 2) }, 0, 0);
    calls.add(proposals, Uint8Array.of(4));
    expect(step()).toMatchObject([{ ticket: { session: { slot: 8 }, sequence: 2 } }]);
    expect(calls.ends).toEqual(["OutcomeUnknown", "OutcomeUnknown", "open", "open"]);
  });
});
