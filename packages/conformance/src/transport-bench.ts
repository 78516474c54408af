import type { Member, NodeId, Transport } from "@synod/interface";
import { show } from "./assert.js";
import type { Scope } from "./suite.js";
import { TestNode, type TestNodeOptions } from "./test-node.js";

/** One network. Transports come and go on it. */
export interface TransportWorld {
  /** A transport that was not started yet. */
  transport(): Transport;
  /** What a node gives as its own address at its first start; left out where addresses mean nothing. */
  readonly listen?: string;
  /** Where a started transport can be reached; left out with `listen`. */
  addressOf?(transport: Transport): string;
  /** A frame of this length is never taken, whatever the lane. */
  readonly tooLongBytes: number;
  /** More than this is never queued for one peer, in bytes. At least 256 KiB; much more makes the suite slow. */
  readonly queueBytesMax: number;
  /** Lets something happen, where time does not pass by itself. Called while the suite waits. */
  advance?(): void | Promise<void>;
  dispose?(): void | Promise<void>;
}

export type AddCase = (name: string, body: (bench: TransportBench) => Promise<void>) => void;

/** Nodes that know each other. All waits are guarded. */
export class TransportBench {
  readonly world: TransportWorld;
  readonly scope: Scope;

  constructor(world: TransportWorld, scope: Scope) {
    this.world = world;
    this.scope = scope;
  }

  make(id: NodeId, options: TestNodeOptions = {}): TestNode {
    const node = new TestNode(this.world.transport(), id, options);
    this.scope.defer(`close() of node ${id} at the end`, () => node.transport.close());
    return node;
  }

  async start(node: TestNode, members: readonly Member[]): Promise<void> {
    await this.scope.settled(`start() of node ${node.id}`, node.start(members));
  }

  async close(node: TestNode): Promise<void> {
    await this.scope.settled(`close() of node ${node.id}`, node.transport.close());
  }

  /** Waits for something that one of the nodes records. */
  async until(what: string, node: TestNode, condition: () => boolean): Promise<void> {
    try {
      await this.scope.settled(what, node.until(condition));
    } catch (error) {
      const { ups, downs, frames, log } = node;
      const told = { ups: ups.map(({ nodeId }) => nodeId), downs, frames: frames.length, log };
      throw new Error(
        `${error instanceof Error ? error.message : show(error)}; node ${node.id} was told ${show(told)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Starts a node that knows only itself. */
  async alone(id: NodeId, options: TestNodeOptions = {}): Promise<TestNode> {
    const node = this.make(id, options);
    await this.start(node, [this.entry(id, this.world.listen)]);
    return node;
  }

  entry(id: NodeId, address: string | undefined): Member {
    return address === undefined ? { id } : { id, address };
  }

  memberOf(node: TestNode): Member {
    return this.entry(node.id, this.world.addressOf?.(node.transport));
  }

  async pair(): Promise<[TestNode, TestNode]> {
    const nodes: [TestNode, TestNode] = [await this.alone(1), await this.alone(2)];
    await this.introduce(nodes);
    return nodes;
  }

  async three(): Promise<[TestNode, TestNode, TestNode]> {
    const nodes: [TestNode, TestNode, TestNode] = [await this.alone(1), await this.alone(2), await this.alone(3)];
    await this.introduce(nodes);
    return nodes;
  }

  async introduce(nodes: readonly TestNode[]): Promise<void> {
    const members = nodes.map((node) => this.memberOf(node));
    for (const node of nodes) node.transport.setMembers(members);
    for (const node of nodes) {
      await this.until(`peerUp of all peers of node ${node.id}`, node, () => node.ups.length >= nodes.length - 1);
    }
  }

  /** Ends a node and starts another one in its place, at the same address. */
  async replace(node: TestNode, members: readonly Member[], options: TestNodeOptions): Promise<TestNode> {
    await this.close(node);
    const next = this.make(node.id, options);
    await this.start(next, members);
    return next;
  }
}
