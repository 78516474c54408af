// How a read ends that was asked more than once.
import { type Codec, SynodError, type SynodErrorCode } from "@synod/interface";
import { expect, test } from "vitest";
import { Call, type CallShared } from "../src/call.js";
import type { Connection } from "../src/connection.js";
import { OpenCalls } from "../src/open-calls.js";
import { ReadPlan } from "../src/proposal.js";
import { Deadlines } from "../src/protocol/deadlines.js";

const codec: Codec<string> = {
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => new TextDecoder().decode(bytes),
};

/** A read whose first connection breaks; the second server is as given. */
function askedAgain(frameBytesMax: number): { call: Call<string>; ended: Promise<unknown> } {
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    timer: (_: number, callback: () => void) => {
      timers.push(callback);
      return () => {};
    },
  };
  const limits = [1_000, frameBytesMax];
  const pool = {
    readyCount: 1,
    describe: () => "",
    describeDown: () => "",
    submit: (call: Call<unknown>) => {
      const welcome = { limits: { frameBytesMax: limits.shift() } };
      call.sendOn({ welcome, nextId: () => 1, request: () => {} } as unknown as Connection);
    },
    withdraw: () => {},
  };
  const context = { clock, random: { uint32: () => 0 }, metrics: { count: () => {} } };
  const shared = { context, pool, deadlines: new Deadlines(clock), calls: new OpenCalls() } as unknown as CallShared;
  const plan = new ReadPlan(codec.encode("x".repeat(100)), "leader", codec, { leave: () => {} });
  const call = new Call(shared, plan, { timeoutMs: 1_000 }).begin().go();
  const ended = call.promise.catch((error: unknown) => error);
  call.lost(new SynodError("NoServer", "read ECONNRESET"));
  for (const timer of timers.splice(0)) timer();
  return { call, ended };
}

test.each(["Forbidden", "InvalidArgument", "Compacted"] satisfies SynodErrorCode[])(
  "a server that refuses it for good with %s is believed, also where a connection was lost before: NoLeader asks to try again",
  async (code) => {
    const { call, ended } = askedAgain(1_000);
    call.answered({ kind: "failure", id: 1, code, message: "never", retryAfterMs: 0 });
    expect(await ended).toMatchObject({ code, message: "never" });
  },
);

test("so is one that takes no request of that size", async () => {
  expect(await askedAgain(10).ended).toMatchObject({ code: "TooLarge" });
});
