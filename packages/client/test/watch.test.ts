// How a watch ends.
import { type Codec, SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import type { Call, CallShared } from "../src/call.js";
import type { Connection } from "../src/connection.js";
import { OpenCalls } from "../src/open-calls.js";
import { Deadlines } from "../src/protocol/deadlines.js";
import { WatchIterator } from "../src/watch.js";

const timers: (() => void)[] = [];
const clock = {
  now: () => 0,
  timer: (_: number, callback: () => void) => {
    timers.push(callback);
    return () => {};
  },
};
const codec: Codec<string> = {
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => new TextDecoder().decode(bytes),
};

test("with what a server said, also where a connection was lost before: Closed is the end of the client alone", async () => {
  const calls: Call<unknown>[] = [];
  const connection = { welcome: { limits: { frameBytesMax: 1_000 } }, nextId: () => 1, request: () => {} };
  const pool = {
    readyCount: 1,
    describe: () => "",
    describeDown: () => "",
    submit: (call: Call<unknown>) => {
      calls.push(call);
      call.sendOn(connection as unknown as Connection);
    },
    withdraw: () => {},
  };
  const context = { clock, random: { uint32: () => 0 }, metrics: { count: () => {} } };
  const shared = { context, pool, deadlines: new Deadlines(clock), calls: new OpenCalls() } as unknown as CallShared;
  const watch = new WatchIterator({ shared, queryCodec: codec, answerCodec: codec, admit: () => {} }, "x", undefined);
  const ended = expect(watch.next()).rejects.toMatchObject({ code: "Forbidden", message: "not with this token" });
  await Promise.resolve();
  calls[0]?.lost(new SynodError("NoServer", "read ECONNRESET"));
  for (const timer of timers.splice(0)) timer();
  expect(calls).toHaveLength(2);
  calls[0]?.answered({ kind: "failure", id: 1, code: "Forbidden", message: "not with this token", retryAfterMs: 0 });
  await ended;
});
