import { messageCodec } from "@synod/codec-msgpack";
import {
  type CoordinationAnswer,
  type CoordinationCommand,
  type CoordinationQuery,
  type CoordinationResult,
  coordinationCodecs,
  coordinationMachine,
} from "@synod/coordination";
import type { Logger } from "@synod/interface";
import { createNode, type NodeLimits, type SynodNode } from "@synod/node";
import { fileStorage } from "@synod/storage-file";
import { tcpTransport } from "@synod/transport-tcp";

export interface ReplicaOptions {
  readonly id: number;
  /** Where replica 1, 2, and so on listen for each other. */
  readonly ports: readonly number[];
  readonly directory: string;
  /** Who leads if it can. */
  readonly priority?: number;
  /** Whether the directory is to be founded; by default it is. */
  readonly bootstrap?: boolean;
  readonly limits?: Partial<NodeLimits>;
  /** Of the state machine; its default where it is not given. */
  readonly stateBytesMax?: number;
}

export type Replica = SynodNode<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;

const nothing = (): void => {};
const logger: Logger = { debug: nothing, info: nothing, warn: console.warn, error: console.error };

/** A replica with everything at its defaults: files with every write synced, TCP, the machine of `@synod/coordination`. */
export function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { id, ports, directory, priority = 0, bootstrap = true, limits = {}, stateBytesMax } = options;
  const { commandCodec, resultCodec } = coordinationCodecs();
  return createNode({
    id,
    cluster: { id: "bench", members: ports.map((port, i) => ({ id: i + 1, address: `127.0.0.1:${port}` })) },
    stateMachine: coordinationMachine(stateBytesMax === undefined ? {} : { stateBytesMax }),
    transport: tcpTransport(),
    storage: fileStorage({ directory }),
    codec: messageCodec(),
    commandCodec,
    resultCodec,
    bootstrap,
    priority,
    limits,
    logger,
  });
}
