// Clients are told who leads, whenever that was decided.
import { afterEach, expect, test } from "vitest";
import type { ServedNode, Server } from "../src/index.js";
import { type Answer, type Query, until, World } from "./support.js";

let world: World;
let server: Server | null = null;
afterEach(async () => {
  await server?.close({ drainTimeoutMs: 0 });
  server = null;
  await world.close();
});

test("also where it was decided after the server was made and before it listened", async () => {
  world = await World.of(1);
  const { node } = await world.leader();
  let isDecided = false;
  const served: ServedNode<Query, Answer> = {
    id: node.id,
    encoded: node.encoded,
    direct: node.direct,
    openSession: (options) => node.openSession(options),
    closeSession: (session, options) => node.closeSession(session, options),
    status: () => (isDecided ? node.status() : { ...node.status(), leader: null, ballot: null }),
    events: (options) => node.events(options),
    changeMembership: (change, options) => node.changeMembership(change, options),
    transferLeadership: (options) => node.transferLeadership(options),
    snapshot: () => node.snapshot(),
  };
  const serving = world.serve(served);
  isDecided = true;
  server = await serving;
  const client = await world.connect({ servers: [server.address] });
  expect(client.status().leader).toBe(node.id);
});

test("also that a leader leads no more, where nobody follows it", async () => {
  world = await World.of(3);
  const { node, server: its } = await world.leader();
  const client = await world.connect({ servers: [its.address] });
  const told: unknown[] = [];
  const telling = (async (): Promise<void> => {
    for await (const event of client.events()) if (event.kind === "leader") told.push(event.leader);
  })();
  expect(client.status().leader).toBe(node.id);
  for (const { node: other } of world.members) if (other !== node) world.network.cut(node.id, other.id);
  await until(() => node.status().leader === null);
  await until(() => client.status().leader === null);
  await client.close();
  await telling;
  expect(told).toEqual([null]);
});
