import { messageCodec } from "@synod/codec-msgpack";
import { type Coordination, coordination, coordinationCodecs, coordinationMachine } from "@synod/coordination";
import { createNode } from "@synod/node";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";

/** One of three processes of a team, as the examples have them. */
export interface Instance {
  readonly coordination: Coordination;
  readonly node: AsyncDisposable;
}

/** First what is held is given back, while there is a majority to tell; then the nodes end. */
export async function closeAll(instances: readonly Instance[]): Promise<void> {
  await Promise.all(instances.map(({ coordination: own }) => own.close()));
  await Promise.all(instances.map(({ node }) => node[Symbol.asyncDispose]()));
}

/** Three nodes in one process, for tests: with TCP and files it is the same, see the root README. */
export async function threeInstances(): Promise<[Instance, Instance, Instance]> {
  const network = memoryNetwork();
  const start = async (id: number): Promise<Instance> => {
    const node = await createNode({
      id,
      cluster: { id: "examples", members: [{ id: 1 }, { id: 2 }, { id: 3 }] },
      stateMachine: coordinationMachine(),
      ...coordinationCodecs(),
      codec: messageCodec(),
      transport: network.transport(),
      storage: memoryStorage(),
      bootstrap: true,
    });
    return { coordination: coordination(node), node };
  };
  return Promise.all([start(1), start(2), start(3)]);
}
