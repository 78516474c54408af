import type {
  Incarnation,
  Lane,
  Logger,
  Member,
  Metrics,
  NodeId,
  Transport,
  TransportHandlers,
} from "@synod/interface";
import { bytes, text } from "./assert.js";

const silent: Metrics = { count() {}, gauge() {}, observe() {} };

export interface TestNodeOptions {
  /** Default: one of its own for each id. */
  readonly storeId?: string;
  /** Default 1. */
  readonly bootCount?: number;
  /** Default: the boot count as 32 hexadecimal digits. */
  readonly bootId?: string;
  /** Default `cluster-a`. */
  readonly clusterId?: string;
}

/** One node with its transport, and all that its handlers and its log were told. For an adapter's own tests too. */
export class TestNode {
  readonly transport: Transport;
  readonly self: Incarnation;
  readonly frames: { readonly from: NodeId; readonly frame: Uint8Array }[] = [];
  readonly ups: Incarnation[] = [];
  readonly downs: NodeId[] = [];
  /** Whom `peerRefused` was called for, and why. Not among `calls`: a transport may repeat it. */
  readonly refusals: { readonly peer: NodeId; readonly reason: string }[] = [];
  readonly log: { readonly level: keyof Logger; readonly message: string }[] = [];
  /** Runs in each handler, after it was recorded. */
  onEvent: (name: keyof TransportHandlers) => void = () => {};
  #waiting: (() => void)[] = [];

  constructor(transport: Transport, id: NodeId, options: TestNodeOptions = {}) {
    const { bootCount = 1, bootId = bootCount.toString(16).padStart(32, "0"), clusterId = "cluster-a" } = options;
    this.transport = transport;
    const storeId = options.storeId ?? id.toString(16).padStart(32, "a");
    this.self = { clusterId, nodeId: id, storeId, bootCount, bootId };
  }

  get id(): NodeId {
    return this.self.nodeId;
  }

  get texts(): string[] {
    return this.frames.map(({ frame }) => text(frame));
  }

  /** How often a handler was called. */
  get calls(): number {
    return this.frames.length + this.ups.length + this.downs.length;
  }

  async start(members: readonly Member[], metrics: Metrics = silent): Promise<void> {
    const handlers: TransportHandlers = {
      frame: (from, frame) => this.#record("frame", () => this.frames.push({ from, frame })),
      peerUp: (peer) => this.#record("peerUp", () => this.ups.push(peer)),
      peerDown: (id) => this.#record("peerDown", () => this.downs.push(id)),
      peerRefused: (peer, reason) => this.#record("peerRefused", () => this.refusals.push({ peer, reason })),
    };
    const line = (level: keyof Logger) => (message: string) => {
      this.log.push({ level, message });
      this.#look();
    };
    const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    await this.transport.start({ self: this.self, members, handlers, logger, metrics });
  }

  /** Settles as soon as something that this node records makes the condition true. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }

  send(to: NodeId | readonly NodeId[], content: string, lane: Lane = "control"): boolean {
    return this.transport.send(to, bytes(content), lane);
  }

  #record(name: keyof TransportHandlers, note: () => void): void {
    note();
    this.#look();
    this.onEvent(name);
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
