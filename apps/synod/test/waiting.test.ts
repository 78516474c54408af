// What the tests of this program wait for comes, or they say what did not. Needs the build, as `npm test` makes it.
import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { pause } from "../src/times.js";
import { endAll, endOf, freePorts, run, start, temporary } from "./cli.js";
import { ready } from "./cluster.js";

const place = temporary();
afterEach(async () => {
  vi.useRealTimers();
  await endAll();
});
afterAll(() => place.remove());

const limitMs = 50;

/** It waits for `init` for as long as nobody ends it. */
async function waiting(): Promise<readonly string[]> {
  const [clients, http] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const directory = join(place.path, "never");
  return ["start", "--data-dir", directory, "--wait-for-init", `--client-listen=${clients}`, `--http-listen=${http}`];
}

it("a command that does not end is named, with what it printed", async () => {
  const node = start(await waiting());
  await node.saw("is not formatted");
  await expect(endOf(node, limitMs)).rejects.toThrow(
    /start --data-dir .* ends: not within 50 ms.*is not formatted.*it runs on/s,
  );
  await expect(run(await waiting(), { limitMs })).rejects.toThrow(/--wait-for-init .* ends: not within 50 ms/);
});

it("a line that does not come is named, with what came", async () => {
  const node = start(await waiting(), { limitMs });
  await expect(node.saw("this node leads")).rejects.toThrow(/prints this node leads: not within 50 ms/);
});

it("a node that does not get ready is named, with its last answer", async () => {
  const node = start(await waiting());
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let answers = 0;
  let askedAgain = (): void => {};
  const server = createServer((_request, response) => {
    response.writeHead(503).end("no: nobody leads");
    // By then the first answer was read.
    if (++answers === 2) askedAgain();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const again = new Promise<void>((resolve) => (askedAgain = resolve));
  const asked = ready(`127.0.0.1:${(server.address() as AddressInfo).port}`, node, limitMs);
  const refused = expect(asked).rejects.toThrow(/is ready: not within 50 ms.*said last: no: nobody leads/s);
  await again;
  vi.advanceTimersByTime(limitMs);
  await refused;
  server.closeAllConnections();
  server.close();
});

it("a pause ends with its signal, and leaves nothing with it, however often one waits", async () => {
  const ending = new AbortController();
  for (let i = 0; i < 10; i++) await pause(0, ending.signal);
  expect(getEventListeners(ending.signal, "abort")).toEqual([]);
  const long = pause(2 ** 31 - 1, ending.signal);
  ending.abort();
  await long;
  await pause(2 ** 31 - 1, ending.signal);
});
