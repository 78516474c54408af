import type { Incarnation } from "@synod/interface";
import { expect, it } from "vitest";
import { tcpTransport } from "../src/index.js";

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const uncounted = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const self = (nodeId: number, bootCount = 1): Incarnation => ({
  clusterId: "c",
  nodeId,
  bootCount,
  bootId: `${nodeId}${bootCount}`.padStart(32, "0"),
});

it("connects, delivers in both lanes, and connects again to a new incarnation", async () => {
  const a = tcpTransport({ listen: "127.0.0.1:0" });
  const got: string[] = [];
  const ups: number[] = [];
  let wake = (): void => undefined;
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const start = (transport: typeof a, id: number, boots: number, members: { id: number; address: string }[]): Promise<void> =>
    transport.start({
      self: self(id, boots),
      members,
      handlers: {
        frame: (from, frame) => {
          got.push(`${from}>${id} ${new TextDecoder().decode(frame)}`);
          wake();
        },
        peerUp: (peer) => {
          ups.push(peer.nodeId * 10 + peer.bootCount);
          wake();
        },
        peerDown: (peer) => {
          ups.push(-peer);
          wake();
        },
      },
      logger: quiet,
      metrics: uncounted,
    });
  await start(a, 1, 1, [{ id: 1, address: "127.0.0.1:1" }]);
  const b = tcpTransport({ listen: "127.0.0.1:0" });
  await start(b, 2, 1, [{ id: 1, address: a.address ?? "" }, { id: 2, address: "127.0.0.1:1" }]);
  a.setMembers([{ id: 1, address: a.address ?? "" }, { id: 2, address: b.address ?? "" }]);
  await until(() => ups.includes(21) && ups.includes(11));
  expect(a.send(2, new TextEncoder().encode("hello"), "control")).toBe(true);
  expect(b.send(1, new TextEncoder().encode("x".repeat(100_000)), "bulk")).toBe(true);
  await until(() => got.length === 2);
  expect(got.map((line) => line.slice(0, 9)).sort()).toEqual(["1>2 hello", "2>1 xxxxx"]);
  const address = b.address ?? "";
  await b.close();
  await until(() => ups.includes(-2));
  const c = tcpTransport();
  await start(c, 2, 2, [{ id: 1, address: a.address ?? "" }, { id: 2, address }]);
  await until(() => ups.includes(22) && ups.filter((up) => up === 11).length === 2);
  await Promise.all([a.close(), c.close()]);
});
