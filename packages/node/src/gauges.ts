import type { Metrics, NodeId } from "@synod/interface";
import type { NodePeerStatus, NodeStatus } from "./types.js";

const VERDICTS: readonly NodeStatus["verdict"][] = ["leading", "follow", "yield", "wait", "campaign"];
const flag = (value: boolean): number => (value ? 1 : 0);

type PeerNumbers = Pick<
  NodePeerStatus,
  "connected" | "heard" | "lagSlots" | "lagBytes" | "sentBytes" | "creditBytes" | "withheldBytes"
>;

/** For metrics that cannot forget. */
const GONE: PeerNumbers = {
  connected: false,
  heard: false,
  lagSlots: 0,
  lagBytes: 0,
  sentBytes: 0,
  creditBytes: 0,
  withheldBytes: 0,
};

/** Gives what goes up and down to the metrics: now and then, at a cost that does not grow with the load. */
export class Gauges {
  readonly #metrics: Metrics;
  #peers: readonly NodeId[] = [];

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  publish(status: NodeStatus): void {
    const metrics = this.#metrics;
    const { ballot, promised, queues } = status;
    metrics.gauge("synod_is_leader", flag(status.role === "leader"));
    metrics.gauge("synod_leader_id", status.leader ?? 0);
    metrics.gauge("synod_content", flag(status.content));
    metrics.gauge("synod_impaired", flag(status.impaired !== null));
    metrics.gauge("synod_ballot_round", ballot?.round ?? 0);
    metrics.gauge("synod_promised_round", promised?.round ?? 0);
    for (const verdict of VERDICTS) metrics.gauge("synod_verdict", flag(status.verdict === verdict), { verdict });
    metrics.gauge("synod_chosen_slot", status.chosenUpTo);
    metrics.gauge("synod_durable_slot", status.durableUpTo);
    metrics.gauge("synod_applied_slot", status.applied);
    metrics.gauge("synod_configuration_epoch", status.configuration.epoch);
    metrics.gauge("synod_window_slots", status.windowSlots);
    metrics.gauge("synod_open_slots", status.openSlots);
    metrics.gauge("synod_open_bytes", status.openBytes);
    for (const [queue, { count, bytes }] of Object.entries(queues)) {
      metrics.gauge("synod_queue_commands", count, { queue });
      metrics.gauge("synod_queue_bytes", bytes, { queue });
    }
    metrics.gauge("synod_reads_waiting", status.readsWaiting);
    metrics.gauge("synod_sessions", status.sessions);
    metrics.gauge("synod_transferring", flag(status.transferringTo !== null));
    metrics.gauge("synod_lease_left_ms", status.leaseLeftMs ?? 0);
    metrics.gauge("synod_failures_tolerated", status.membership.tolerates.now);
    const { index, taking, receiving } = status.snapshot;
    metrics.gauge("synod_snapshot_slot", index);
    metrics.gauge("synod_snapshot_taking_bytes", taking?.bytes ?? 0);
    metrics.gauge("synod_snapshot_to_come_bytes", receiving === null ? 0 : receiving.bytes - receiving.received);
    this.#publishPeers(status.peers);
  }

  /** Who is no member any more would otherwise stay what it was at the end. */
  #publishPeers(peers: NodeStatus["peers"]): void {
    const ids = peers.map(({ id }) => id);
    for (const id of this.#peers) if (!ids.includes(id)) this.#forget(id);
    for (const peer of peers) this.#publishPeer(peer.id, peer);
    this.#peers = ids;
  }

  #forget(id: NodeId): void {
    if (this.#metrics.forget === undefined) this.#publishPeer(id, GONE);
    else this.#metrics.forget({ peer: String(id) });
  }

  #publishPeer(id: NodeId, peer: PeerNumbers): void {
    const metrics = this.#metrics;
    const labels = { peer: String(id) };
    metrics.gauge("synod_peer_connected", flag(peer.connected), labels);
    metrics.gauge("synod_peer_heard", flag(peer.heard), labels);
    metrics.gauge("synod_peer_lag_slots", peer.lagSlots, labels);
    metrics.gauge("synod_peer_lag_bytes", peer.lagBytes, labels);
    metrics.gauge("synod_peer_sent_bytes", peer.sentBytes, labels);
    metrics.gauge("synod_peer_credit_bytes", peer.creditBytes, labels);
    metrics.gauge("synod_peer_withheld_bytes", peer.withheldBytes, labels);
  }
}
