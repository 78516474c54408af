// What a call that is given up says of what it has met.
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { Call, type CallPlan, type CallShared } from "../src/call.js";
import { OpenCalls } from "../src/open-calls.js";
import { Deadlines } from "../src/protocol/deadlines.js";

const clock = { now: () => 0, timer: () => () => {} };

function callWith(ready: number, down: string): Call<null> {
  const pool = {
    readyCount: ready,
    describe: () => "a:1: refused",
    describeDown: () => down,
    submit: () => {},
    withdraw: () => {},
  };
  const context = { clock, random: { uint32: () => 0 }, metrics: { count: () => {} } };
  const shared = { context, pool, deadlines: new Deadlines(clock), calls: new OpenCalls() } as unknown as CallShared;
  const plan: CallPlan<null> = {
    kind: "read",
    to: "any",
    bytes: 1,
    repeatable: true,
    request: () => {
      throw new Error("not sent here");
    },
    read: () => null,
    conclude: ({ text, cause }) => new SynodError("NoLeader", text, { cause }),
  };
  const call = new Call(shared, plan, { timeoutMs: 1_000 }).begin();
  call.promise.catch(() => {});
  return call;
}

const textOf = (call: Call<null>): Promise<string> => {
  call.expire();
  return call.promise.then(String, ({ message }: SynodError) => message);
};

const late = "no answer within the time limit";

test("nothing where nothing is known", async () => {
  expect(await textOf(callWith(1, ""))).toBe(late);
});

test("what a server said, and who is missing", async () => {
  const call = callWith(1, "not connected: b:1: refused");
  call.answered({ kind: "failure", id: 1, code: "NoLeader", message: "no quorum", retryAfterMs: 0 });
  expect(await textOf(call)).toBe(`${late} (last a server said: no quorum; not connected: b:1: refused)`);
});

test("a connection that ends is not the word of a server", async () => {
  const call = callWith(1, "");
  call.lost(new SynodError("NoServer", "read ECONNRESET"));
  expect(await textOf(call)).toBe(`${late} (the last connection ended: read ECONNRESET)`);
});

test("what stands in the way of what it waits for", async () => {
  const call = callWith(1, "");
  call.waitFor(
    () => {},
    () => "last a server said: no session",
  );
  expect(await textOf(call)).toBe(`${late} (last a server said: no session)`);
});

test("where no server is connected: why not", async () => {
  expect(await textOf(callWith(0, "not connected: a:1"))).toBe(`${late} (no server is connected: a:1: refused)`);
});
