// A backup of a cluster whose node takes long to make its snapshot. Needs the build, as `npm test` makes it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CoordinationAnswer, type CoordinationQuery, coordinationCodecs } from "@synod/coordination";
import type { NodeStatus } from "@synod/interface";
import { type ServedNode, serve } from "@synod/server";
import { afterAll, expect, it } from "vitest";
import { endAll, run, temporary } from "./cli.js";

const place = temporary();
afterAll(async () => {
  await endAll();
  place.remove();
});

const never = (): Promise<never> => new Promise(() => {});
const nobody = (): never => {
  throw new Error("nobody asks for it here");
};

const STATUS: CoordinationAnswer = {
  kind: "status",
  revision: 1,
  compacted: 0,
  timeMs: 0,
  keys: 0,
  bytes: 0,
  historyBytes: 0,
  leases: 0,
  locks: 0,
  requests: 0,
  counters: 0,
};

/** It answers reads, and its snapshots do not come to an end. */
const node: ServedNode<CoordinationQuery, CoordinationAnswer> = {
  id: 1,
  encoded: { propose: nobody, read: nobody, watch: nobody, openSession: nobody },
  direct: {
    propose: nobody,
    read: (_query, _via, caller) => {
      setImmediate(() => caller.resolve(STATUS));
      return () => {};
    },
  },
  openSession: async () => ({ id: { slot: 1, index: 0 }, limit: 1 }),
  closeSession: async () => {},
  status: () => ({ clusterId: "shop", content: true, leader: 1, ballot: { round: 1, node: 1 } }) as NodeStatus,
  async *events({ signal } = {}) {
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    yield* [];
  },
  changeMembership: never,
  transferLeadership: never,
  snapshot: never,
};

it("ends with 4 at --timeout where no snapshot is taken by then, and leaves no file", async () => {
  const { queryCodec, answerCodec } = coordinationCodecs();
  const server = await serve(node, {
    cluster: "shop",
    listen: "127.0.0.1:0",
    queryCodec,
    answerCodec,
    storage: { readSnapshot: nobody },
  });
  const file = join(place.path, "never.synod");
  const flags = ["--cluster", "shop", "--servers", server.address, "--timeout", "2s"];
  const { code, err } = await run(["snapshot", "save", file, ...flags], { limitMs: 60_000 });
  expect([code, err]).toEqual([4, expect.stringContaining("no answer within the time limit")]);
  expect(existsSync(file)).toBe(false);
  await server.close({ drainTimeoutMs: 0 });
});
