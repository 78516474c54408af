import type { Codec, StateMachine } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { expect, expectTypeOf, it } from "vitest";
import { createNode, type SynodNode } from "../src/index.js";
import { json, World } from "./world.js";

interface Put {
  readonly key: string;
}

const options = (world: World) => ({
  id: 1,
  cluster: { id: "test", members: [{ id: 1 }] },
  transport: world.net.transport(1),
  storage: world.disk(1).storage(),
  codec: world.codec satisfies Codec<Envelope>,
  clock: world.clock,
  bootstrap: true,
});

const machine = <Command, Result>(apply: (command: Command) => Result): StateMachine<Command, string, Result> => ({
  apply: (command) => ({ result: apply(command) }),
  query: () => apply({} as Command),
  snapshot: () => [],
  restore: () => ({ write: () => undefined, end: () => undefined }),
});

it("results that are commands need no codec of their own, and types are inferred", async () => {
  const world = new World(1);
  const node = createNode({
    ...options(world),
    stateMachine: machine((add: number) => add),
    commandCodec: json<number>(),
  });
  expectTypeOf(node).resolves.toEqualTypeOf<SynodNode<number, string, number, number>>();
  const one = await node;
  expect(await world.settle(one.propose(7))).toBe(7);
  await one.close();
});

it("results that are no commands need one", async () => {
  const world = new World(1);
  const stateMachine = machine(({ key }: Put) => key.length);
  const given = { ...options(world), stateMachine, commandCodec: json<Put>() };
  // Never called: what would be the first result to be refused does not compile.
  const wrong = () =>
    // @ts-expect-error -- a number is no command
    createNode(given);
  expectTypeOf(wrong).returns.toExtend<Promise<unknown>>();
  const node = createNode({ ...given, resultCodec: json<number>() });
  expectTypeOf(node).resolves.toEqualTypeOf<SynodNode<Put, string, number, number>>();
  const one = await node;
  expect(await world.settle(one.propose({ key: "four" }))).toBe(4);
  await one.close();
});

it("a result that is one of several kinds of commands needs none", async () => {
  const world = new World(1);
  const stateMachine = machine((command: Put | number): number => (typeof command === "number" ? command : 1));
  const node = await createNode({ ...options(world), stateMachine, commandCodec: json<Put | number>() });
  expect(await world.settle(node.propose({ key: "k" }))).toBe(1);
  await node.close();
});
