import type { Metrics } from "@synod/interface";
import type { NodeStatus } from "./types.js";

const VERDICTS: readonly NodeStatus["verdict"][] = ["leading", "follow", "yield", "wait", "campaign"];
const flag = (value: boolean): number => (value ? 1 : 0);

/** Gives what goes up and down to the metrics: now and then, at a cost that does not grow with the load. */
export function publish(metrics: Metrics, status: NodeStatus): void {
  const { ballot, promised, queues } = status;
  metrics.gauge("synod_is_leader", flag(status.role === "leader"));
  metrics.gauge("synod_leader_id", status.leader ?? 0);
  metrics.gauge("synod_content", flag(status.content));
  metrics.gauge("synod_ballot_round", ballot?.round ?? 0);
  metrics.gauge("synod_promised_round", promised?.round ?? 0);
  metrics.gauge("synod_impaired", flag(status.impaired !== null));
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
  for (const { id, connected, heard, lagSlots, sentBytes, creditBytes, withheldBytes } of status.peers) {
    const labels = { peer: String(id) };
    metrics.gauge("synod_peer_connected", flag(connected), labels);
    metrics.gauge("synod_peer_heard", flag(heard), labels);
    metrics.gauge("synod_peer_lag_slots", lagSlots, labels);
    metrics.gauge("synod_peer_lag_bytes", sentBytes, labels);
    metrics.gauge("synod_peer_credit_bytes", creditBytes, labels);
    metrics.gauge("synod_peer_withheld_bytes", withheldBytes, labels);
  }
}
