import type { Incarnation, Logger, Member, Metrics, NodeId, TransportStart } from "@synod/interface";
import type { Refusal } from "./hello.js";
import { compareIncarnations } from "./judge.js";
import type { Settings } from "./settings.js";

/** What all connections of one transport share: who is who, and where to report. */
export class Hub {
  readonly self: Incarnation;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly #handlers: TransportStart["handlers"];
  readonly #known = new Map<NodeId, Incarnation>();
  readonly #told = new Set<string>();
  #members: ReadonlyMap<NodeId, Member>;
  #silent = false;

  constructor(start: TransportStart, settings: Settings) {
    this.self = start.self;
    this.settings = settings;
    this.logger = start.logger;
    this.metrics = start.metrics;
    this.#handlers = start.handlers;
    this.#members = new Map(start.members.map((member) => [member.id, member]));
  }

  get nowMs(): number {
    return this.settings.clock.now();
  }

  /** No handler is called any more. */
  silence(): void {
    this.#silent = true;
  }

  setMembers(members: readonly Member[]): void {
    this.#members = new Map(members.map((member) => [member.id, member]));
  }

  /** Members other than this node. */
  get peers(): Member[] {
    return [...this.#members.values()].filter((member) => member.id !== this.self.nodeId);
  }

  isMember(id: NodeId): boolean {
    return this.#members.has(id);
  }

  known(id: NodeId): Incarnation | undefined {
    return this.#known.get(id);
  }

  /** Remembers the latest incarnation. Returns true if it is newer than the one known. */
  meet(peer: Incarnation): boolean {
    const latest = this.#known.get(peer.nodeId);
    if (latest !== undefined && compareIncarnations(peer, latest) !== "newer") return false;
    this.#known.set(peer.nodeId, peer);
    return latest !== undefined;
  }

  /** One log line for each peer and reason, however often it tries again. */
  refusal(who: string, by: "this node" | "the other side", { reason, text }: Pick<Refusal, "text"> & { reason: string }): void {
    this.metrics.count("synod_transport_refusals_total", 1, { reason });
    const key = `${who} ${by} ${reason}`;
    if (this.#told.has(key)) return;
    // Strangers could otherwise make it grow.
    if (this.#told.size >= 1000) this.#told.clear();
    this.#told.add(key);
    this.logger.warn("a connection was refused", { peer: who, by, reason, text });
  }

  frame(from: NodeId, frame: Uint8Array): void {
    this.#call(() => this.#handlers.frame(from, frame));
  }

  peerUp(peer: Incarnation): void {
    this.#call(() => this.#handlers.peerUp(peer));
  }

  peerDown(id: NodeId): void {
    this.#call(() => this.#handlers.peerDown(id));
  }

  /** A handler that throws is a bug of its owner; the link and the other frames are not to suffer from it. */
  #call(handler: () => void): void {
    if (this.#silent) return;
    try {
      handler();
    } catch (cause) {
      this.logger.error("a transport handler threw", { cause });
    }
  }
}
