import type { EventHub, Logger, Metrics, NodeId } from "@synod/interface";
import type { Replica } from "@synod/multipaxos";
import type { Input } from "./driver-options.js";
import type { Peers } from "./peers.js";
import type { Snapshots } from "./snapshots.js";
import type { StateCheck } from "./state-check.js";
import type { NodeEvent } from "./types.js";
import type { Upgrade } from "./versions.js";
import type { Wire } from "./wire.js";

export interface ReceivingOptions {
  readonly replica: Pick<Replica, "receive" | "peerLost" | "membership">;
  /** It has no state to be held against that of others. */
  readonly witness: boolean;
  readonly wire: Wire;
  readonly peers: Peers;
  readonly upgrade: Upgrade;
  readonly snapshots: Pick<Snapshots, "peerLost">;
  readonly stateCheck: Pick<StateCheck, "received">;
  readonly events: EventHub<NodeEvent>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What comes from peers: that they are there, that they are gone or refused, and what they say. */
export class Receiving {
  readonly #o: ReceivingOptions;

  constructor(options: ReceivingOptions) {
    this.#o = options;
  }

  take(input: Exclude<Input, { readonly kind: "task" }>): void {
    const { peers, logger, events } = this.#o;
    if (input.kind === "frame") return this.#frame(input.from, input.frame);
    if (input.kind === "peerUp") {
      const { nodeId, bootCount } = input.peer;
      peers.up(input.peer);
      logger.info("a peer is connected", { peer: nodeId, bootCount });
      this.#lost(nodeId);
      return events.emit({ kind: "peerUp", peer: nodeId });
    }
    if (input.kind === "peerRefused") return peers.refused(input.id, input.reason);
    peers.down(input.id);
    logger.info("a peer is disconnected", { peer: input.id });
    this.#lost(input.id);
    events.emit({ kind: "peerDown", peer: input.id });
  }

  /** What its last life said is of no more worth. */
  #lost(id: NodeId): void {
    this.#o.upgrade.lost(id);
    this.#o.snapshots.peerLost(id);
    this.#o.replica.peerLost(id);
  }

  #frame(from: NodeId, frame: Uint8Array): void {
    const { wire, peers, upgrade, replica, stateCheck, metrics, witness } = this.#o;
    const envelope = wire.decode(from, frame);
    if (envelope === null) return;
    if (peers.isFormer(from, envelope.bootId)) {
      metrics.count("synod_frames_refused_total");
      return;
    }
    upgrade.onFrame(from, envelope);
    const { message } = envelope;
    if (message.kind === "stateDigest" && !witness) stateCheck.received(from, message);
    else replica.receive(from, message);
  }

  /** Ids are never used again, so what is kept by id would grow with every member that leaves. */
  forgetGone(): void {
    const { replica, peers, upgrade, wire } = this.#o;
    const membership = replica.membership();
    if (membership.last.retired.length === 0) return;
    const isOver = (id: NodeId): boolean => membership.isGone(id) && !peers.isConnected(id);
    for (const known of [peers, upgrade, wire]) known.forget(isOver);
  }
}
