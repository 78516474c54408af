// What a call of a client is given by mistake harms nobody but that call.
import type { ProposeOptions, SessionTicket, SynodError } from "@synod/interface";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TestClient, World } from "./support.js";

let world: World;
let client: TestClient;
beforeEach(async () => {
  world = await World.of(1);
  client = await world.connect();
});
afterEach(() => world.close());

const add = { op: "add", key: "a", by: 1 } as const;
const good = { session: { slot: 1, index: 0 }, sequence: 1, floor: 0 };
const codeOf = ({ code, message }: SynodError): string => `${code}: ${message}`;

describe("a ticket that is none is refused, and no other call loses its connection for it", () => {
  test.each<readonly [string, unknown]>([
    ["the session in its place", null],
    ["a text", "1.0"],
    ["no session", { sequence: 1, floor: 0 }],
    ["a sequence of 0", { ...good, sequence: 0 }],
    ["a sequence that is none", { ...good, sequence: Number.NaN }],
    ["half a sequence", { ...good, sequence: 1.5 }],
    ["no floor", { ...good, floor: undefined }],
    ["a floor below 0", { ...good, floor: -1 }],
    ["a session before the log", { ...good, session: { slot: 0, index: 0 } }],
    ["a session without a place in its slot", { ...good, session: { slot: 1 } }],
  ])("%s", async (_, given) => {
    const opened = await client.openSession();
    const events = client.events();
    const ticket = (given ?? opened) as SessionTicket;
    const said = await client.propose(add, { session: ticket, timeoutMs: 500 }).catch(codeOf);
    expect(said).toBe("InvalidArgument: the session ticket is malformed: use one from session.ticket()");
    expect(client.status().calls).toBe(0);
    expect(await client.propose(add, { session: opened.ticket() })).toBe(1);
    await client.close();
    for await (const event of events) expect(event.kind).not.toBe("disconnected");
  });
});

test.each<readonly [string, unknown]>([
  ["a controller in its place", new AbortController()],
  ["a number", 500],
])("a signal that is none is refused, and takes no room: %s", async (_, signal) => {
  const options = { signal } as ProposeOptions;
  const calls = [
    () => client.propose(add, options),
    () => client.read({ op: "get", key: "a" }, options),
    () => client.openSession(options),
    () => client.admin.status(options),
    () => client.watch({ op: "history", from: 0 }, options).next(),
  ];
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({
      code: "InvalidArgument",
      message: expect.stringContaining("signal is an AbortSignal") as string,
    });
  }
  expect(client.status()).toMatchObject({ calls: 0, callBytes: 0 });
});
