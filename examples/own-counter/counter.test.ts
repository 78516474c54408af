import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import { createNode, type SynodNode } from "@synod/node";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { expect, it } from "vitest";
import { type CounterCommand, counterMachine } from "./counter.js";

it("counts on three nodes, restores its snapshot, and survives the loss of one", async () => {
  const network = memoryNetwork();
  const start = (id: number): Promise<SynodNode<CounterCommand, string, number>> =>
    createNode({
      id,
      cluster: { id: "counters", members: [{ id: 1 }, { id: 2 }, { id: 3 }] },
      stateMachine: counterMachine(),
      codec: messageCodec(),
      commandCodec: msgpackCodec<CounterCommand>(),
      resultCodec: msgpackCodec<number>(),
      transport: network.transport(),
      storage: memoryStorage(),
      bootstrap: true,
    });
  const [one, two, three] = await Promise.all([start(1), start(2), start(3)]);
  expect(await Promise.all([1, 2, 3].map((add) => two.propose({ counter: "visits", add })))).toHaveLength(3);
  expect(await three.read("visits")).toBe(6);
  await one.snapshot();
  await one.close();
  expect(await two.propose({ counter: "visits", add: 4 })).toBe(10);
  expect(await three.read("visits")).toBe(10);
  await Promise.all([two.close(), three.close()]);

  const machine = counterMachine();
  const sink = machine.restore();
  for (const chunk of counterMachineWith("orders", 5).snapshot()) sink.write(chunk);
  sink.end();
  expect(machine.query("orders")).toBe(5);
});

function counterMachineWith(counter: string, add: number): ReturnType<typeof counterMachine> {
  const machine = counterMachine();
  machine.apply({ counter, add }, { slot: 1, index: 0, timeMs: 0, session: { slot: 1, index: 0 }, machineVersion: 1 });
  return machine;
}
