// Three nodes with servers, and clients of them, in one machine room.
import { messageCodec } from "@synod/codec-msgpack";
import { type Client, connect } from "@synod/client";
import {
  type Coordination,
  coordination,
  type CoordinationAnswer,
  coordinationCodecs,
  type CoordinationCommand,
  coordinationMachine,
  type CoordinationQuery,
  type CoordinationResult,
} from "@synod/coordination";
import type { Storage } from "@synod/interface";
import { createNode, type SynodNode } from "@synod/node";
import { memoryStorage } from "@synod/storage-memory";
import { type MemoryNetwork, memoryNetwork } from "@synod/transport-memory";
import { serve, type Server } from "../../src/index.js";
import { type MachineRoom, Process } from "./machine-room.js";

const codecs = coordinationCodecs();
const ids = [1, 2, 3];

type Node = SynodNode<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;

export interface Running {
  readonly node: Node;
  readonly server: Server;
  readonly port: number;
}

export interface Worker {
  readonly name: string;
  readonly process: Process;
  readonly client: Client<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;
  readonly coordination: Coordination;
}

export class VirtualCluster {
  readonly room: MachineRoom;
  readonly network: MemoryNetwork;
  readonly processes: Process[] = [];
  readonly running = new Map<number, Running>();
  readonly #storages = new Map<number, Storage>();

  constructor(room: MachineRoom) {
    this.room = room;
    this.network = memoryNetwork({ clock: { soon: (run) => void room.after(room.latencyMs() / 2, run) } });
    for (const id of ids) {
      const process = new Process(room, 0.98 + room.chance() * 0.04, id);
      this.processes.push(process);
      this.#storages.set(id, memoryStorage({ random: process.random }));
    }
  }

  get ports(): number[] {
    return [...this.running.values()].map(({ port }) => port);
  }

  async start(id: number, bootstrap: boolean): Promise<void> {
    const { room } = this;
    const [process, storage] = [this.processes[id - 1], this.#storages.get(id)];
    if (process === undefined || storage === undefined) throw new Error(`no node ${id}`);
    const node = await createNode({
      id,
      cluster: { id: "virtual", members: ids.map((one) => ({ id: one })) },
      stateMachine: coordinationMachine(),
      ...codecs,
      codec: messageCodec(),
      transport: this.network.transport(),
      storage,
      bootstrap,
      clock: process.clock,
      random: process.random,
    });
    const { queryCodec, answerCodec } = codecs;
    const listen = "127.0.0.1:0";
    const server = await serve(node, { cluster: "virtual", listen, queryCodec, answerCodec, clock: process.clock });
    const port = Number(server.address.split(":")[1]);
    room.nodes.set(port, process);
    this.running.set(id, { node, server, port });
  }

  /** Its disk stays; clients and peers see nothing but that it is gone. */
  async crash(id: number): Promise<void> {
    const running = this.running.get(id);
    if (running === undefined) return;
    this.running.delete(id);
    for (const socket of this.room.sockets) if (socket.peer?.process === this.processes[id - 1]) socket.destroy();
    void running.server.close({ drainTimeoutMs: 0 });
    await running.node.close({ transferTimeoutMs: 0 });
  }

  async connect(name: string, rate: number, seed: number, servers: readonly number[]): Promise<Worker> {
    const process = new Process(this.room, rate, seed);
    this.room.clients.set(name, process);
    const { clock, random } = process;
    const client = await connect({
      cluster: "virtual",
      servers: servers.map((port) => `${name}:${port}`),
      ...codecs,
      clock,
      random,
      limits: { timeoutMs: 500, idleTimeoutMs: 400, handshakeTimeoutMs: 300, reconnectMaxMs: 200 },
    });
    return { name, process, client, coordination: coordination(client, { clock, random }) };
  }
}
