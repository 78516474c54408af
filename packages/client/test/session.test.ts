// How the client comes to a session of its own where that takes longer than its calls wait.
import { expect, test } from "vitest";
import type { CallShared } from "../src/call.js";
import { OpenCalls } from "../src/open-calls.js";
import { Deadlines } from "../src/protocol/deadlines.js";
import { Sessions, type Ticket } from "../src/session.js";

/** Virtual time. */
class Time {
  nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  readonly now = (): number => this.nowMs;
  readonly timer = (delayMs: number, run: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++) {
      for (const timer of this.#timers) if (timer.atMs <= this.nowMs && this.#timers.delete(timer)) timer.run();
      await Promise.resolve();
    }
  }
}

interface Asked {
  answered(answer: object): void;
  sendOn(connection: object): void;
}

/** A client of three servers that take `openMs` to open a session; each that was begun is opened. */
function clientOf(openMs: number): { time: Time; sessions: Sessions; opened: () => number; asked: number[] } {
  const time = new Time();
  const asked: number[] = [];
  let opened = 0;
  const connection = {
    welcome: { limits: { frameBytesMax: 1_000 } },
    nextId: () => 1,
    cancel: () => {},
    request: ({ deadlineMs }: { deadlineMs: number }, call: Asked) => {
      asked.push(deadlineMs);
      time.timer(openMs, () => {
        const session = ++opened;
        if (deadlineMs >= openMs) call.answered({ kind: "opened", id: 1, session, limit: 8 });
      });
      if (deadlineMs >= openMs) return;
      const message = "the client's deadline has passed";
      const failure = { kind: "failure", id: 1, code: "OutcomeUnknown", message, retryAfterMs: 0 };
      time.timer(deadlineMs, () => call.answered(failure));
    },
  };
  const pool = {
    readyCount: 3,
    describe: () => "",
    describeDown: () => "",
    submit: (call: Asked) => call.sendOn(connection),
    withdraw: () => {},
  };
  const limits = { keepAliveMs: 60_000 };
  const context = { clock: time, random: { uint32: () => 0 }, metrics: { count: () => {} }, limits };
  const shared = { context, pool, deadlines: new Deadlines(time), calls: new OpenCalls() } as unknown as CallShared;
  return { time, sessions: new Sessions(shared, () => {}), opened: () => opened, asked };
}

/** One call after the other, each of which waits so long for a ticket. */
async function callsFor(time: Time, sessions: Sessions, waitMs: number, forMs: number): Promise<Ticket[]> {
  const tickets: Ticket[] = [];
  for (const endMs = time.nowMs + forMs; time.nowMs < endMs; ) {
    const holder = {
      granted: (ticket: Ticket) => {
        tickets.push(ticket);
        ticket.done();
      },
      refused: () => {},
      untilMs: time.nowMs + waitMs,
    };
    sessions.acquire(holder);
    await time.pass(waitMs);
    sessions.withdraw(holder);
  }
  return tickets;
}

test("is given more time with each attempt, so that few sessions are left that nobody uses", async () => {
  const { time, sessions, opened } = clientOf(440);
  const tickets = await callsFor(time, sessions, 450, 12_000);
  expect(tickets.length).toBeGreaterThan(20);
  expect(opened()).toBeLessThan(15);
});

test("ends its first attempt while the first call still waits, so that this learns what the server says", async () => {
  const { time, sessions, asked } = clientOf(5_000);
  sessions.acquire({ granted: () => {}, refused: () => {}, untilMs: time.nowMs + 1_000 });
  expect(sessions.obstacle).toBe("");
  await time.pass(999);
  expect(asked.length).toBeGreaterThan(0);
  expect(sessions.obstacle).toBe("no session could be opened: last a server said: the client's deadline has passed");
});

test("asks for none when nobody has time left to use it", async () => {
  const { time, sessions, asked } = clientOf(10);
  await time.pass(100);
  sessions.acquire({ granted: () => {}, refused: () => {}, untilMs: time.nowMs });
  await time.pass(1_000);
  expect(asked).toEqual([]);
});

test("serves thousands that end as soon as they have a ticket, as commands do that are too large for the server", async () => {
  const { time, sessions } = clientOf(10);
  let granted = 0;
  const holder = {
    granted: (ticket: Ticket) => {
      granted++;
      ticket.done();
    },
    refused: () => {},
    untilMs: time.nowMs + 1_000,
  };
  for (let i = 0; i < 20_000; i++) sessions.acquire({ ...holder });
  await time.pass(100);
  expect(granted).toBe(20_000);
});
