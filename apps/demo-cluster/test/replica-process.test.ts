import { afterEach, expect, it } from "vitest";
import type { ReplicaConfig } from "../src/protocol.js";
import { ReplicaProcess } from "../src/replica-process.js";

const { execPath } = process;
afterEach(() => {
  process.execPath = execPath;
});

it("a process that the system does not start is down, and nobody waits for its end", { timeout: 20_000 }, async () => {
  // As where there are as many processes as there may be.
  process.execPath = "/there/is/no/node";
  const replica = new ReplicaProcess(1, { event: () => {}, seen: () => {}, died: () => {}, changed: () => {} });
  await expect(replica.start({} as ReplicaConfig)).rejects.toMatchObject({ code: "Error" });
  expect(replica.state).toBe("down");
  await replica.stop(100);
});
