/** How a number is to be read. */
export interface MetricDescription {
  /** `counter`: `Metrics.count`; `gauge`: `Metrics.gauge`; `distribution`: `Metrics.observe`. */
  readonly kind: "counter" | "gauge" | "distribution";
  /** Of one step of the value. */
  readonly unit: "1" | "ms" | "bytes" | "slots" | "slot" | "commands";
  readonly help: string;
  /** Their values come from small fixed sets: members, lanes, error codes, reasons. Never from commands, clients or sessions. */
  readonly labels?: readonly string[];
}

const counter = (unit: MetricDescription["unit"], help: string, ...labels: string[]): MetricDescription => ({
  kind: "counter",
  unit,
  help,
  ...(labels.length > 0 ? { labels } : {}),
});
const gauge = (unit: MetricDescription["unit"], help: string, ...labels: string[]): MetricDescription => ({
  ...counter(unit, help, ...labels),
  kind: "gauge",
});
const distribution = (unit: MetricDescription["unit"], help: string): MetricDescription => ({
  kind: "distribution",
  unit,
  help,
});

/** Every number that the packages of Synod give to `Metrics`, by name. docs/OPERATIONS.md prints this table. */
export const METRICS: Readonly<Record<string, MetricDescription>> = {
  // Leadership.
  synod_is_leader: gauge("1", "1 while this node leads"),
  synod_leader_id: gauge("1", "Id of the leader that this node follows or is; 0 without one"),
  synod_content: gauge("1", "1 while this node sees a working leader"),
  synod_ballot_round: gauge("1", "Round of the ballot that this node follows or owns"),
  synod_promised_round: gauge("1", "Round of the highest promise of this node"),
  synod_verdict: gauge("1", "1 for what the election rule said last, 0 for the others", "verdict"),
  synod_campaigns_total: counter("1", "Candidacies of this node"),
  synod_elections_won_total: counter("1", "Leaderships that began here"),
  synod_leaderships_ended_total: counter("1", "Leaderships that ended here; the log says why"),
  synod_leader_changes_total: counter("1", "Times that this node saw another leader, or none"),
  synod_impaired: gauge("1", "1 while the disk or the event loop keeps this node from leading well"),
  synod_voting: gauge("1", "1 while this node votes, 0 while it repairs a damaged log"),
  synod_log_damaged_places: gauge("1", "Damaged places that were found in the log at the start"),
  synod_leases_dropped_total: counter("1", "Leases that this leader gave back or no longer trusted", "reason"),
  synod_transferring: gauge("1", "1 while this leader hands the leadership over"),
  synod_lease_left_ms: gauge("ms", "For how long the lease of this leader still holds; 0 without one"),
  synod_failures_tolerated: gauge("1", "Members that may fail now before no quorum is in sight; -1: none is"),
  // Snapshots.
  synod_snapshot_slot: gauge("slot", "Everything up to this slot is in the snapshot of this node; 0 without one"),
  synod_snapshot_taking_bytes: gauge(
    "bytes",
    "What is written of the snapshot being taken; 0 while none is, or while it waits for its turn",
  ),
  synod_snapshot_to_come_bytes: gauge("bytes", "What is still to come of a snapshot from a peer; 0 while none comes"),
  synod_snapshots_taken_total: counter("1", "Snapshots taken"),
  synod_snapshots_failed_total: counter("1", "Snapshots during which the state machine threw"),
  synod_snapshot_take_ms: distribution("ms", "Time to take one snapshot and to make it durable"),
  synod_snapshots_installed_total: counter("1", "Snapshots of peers installed here"),
  synod_snapshots_refused_total: counter("1", "Snapshots of peers that were found damaged or were not finished"),
  synod_snapshots_damaged_total: counter("1", "Own snapshots that could not be read back: a new one takes their place"),
  synod_snapshots_resumed_total: counter("1", "Snapshots that another peer went on with"),
  synod_snapshot_sent_bytes_total: counter("bytes", "Bytes of snapshots sent to peers"),
  synod_snapshot_received_bytes_total: counter("bytes", "Bytes of snapshots received"),
  // The log.
  synod_chosen_slot: gauge("slot", "Every slot up to here is known as chosen"),
  synod_durable_slot: gauge("slot", "Every slot up to here is chosen and on the disk of this node"),
  synod_applied_slot: gauge("slot", "Every slot up to here is executed"),
  synod_configuration_epoch: gauge("1", "Epoch of the configuration in force"),
  synod_window_slots: gauge("slots", "Slots that may be open above the chosen prefix"),
  synod_open_slots: gauge("slots", "Slots that this leader has proposed and not yet seen chosen"),
  synod_open_bytes: gauge("bytes", "Values in these slots"),
  synod_batch_commands: distribution("commands", "Commands in one proposed batch"),
  synod_batch_bytes: distribution("bytes", "Size of one proposed batch"),
  synod_commit_ms: distribution("ms", "From proposing a batch to executing it at the leader"),
  // Peers.
  synod_peer_connected: gauge("1", "1 while the transport has a connection to the peer", "peer"),
  synod_peer_heard: gauge("1", "1 if the peer answered within the last election timeout", "peer"),
  synod_peer_lag_slots: gauge("slots", "Chosen slots that this leader knows and the peer has not reported", "peer"),
  synod_peer_lag_bytes: gauge(
    "bytes",
    "Values in these slots, as far as they are retained; at most 16,384 slots",
    "peer",
  ),
  synod_peer_sent_bytes: gauge("bytes", "Values on the way to the peer that it has not answered", "peer"),
  synod_peer_credit_bytes: gauge("bytes", "What may still be sent to the peer before it answers", "peer"),
  synod_peer_withheld_bytes: gauge("bytes", "Values not sent at once, for lack of credit, in this leadership", "peer"),
  // Queues and limits.
  synod_queue_commands: gauge(
    "commands",
    "Commands that wait: of own callers, at the leader; and values (apply, disk)",
    "queue",
  ),
  synod_queue_bytes: gauge("bytes", "What these hold: values wait for execution and for the own disk", "queue"),
  synod_reads_total: counter("1", "Linearizable reads answered, by what proved them", "via"),
  synod_lease_reads_refused_total: counter(
    "1",
    "Reads whose lease ended before the answer, so that a round proved them",
  ),
  synod_thrifty_widened_total: counter("1", "Times that a thrifty leader asked a voter that it had left out"),
  synod_quorum_reads_fell_back_total: counter("1", "Times that reads by quorum had to ask the leader"),
  synod_reads_waiting: gauge("1", "Linearizable reads under way at this node"),
  synod_busy_total: counter("1", "Calls refused with Busy, and forwarded batches refused by this leader", "what"),
  synod_sessions: gauge("1", "Sessions in the table"),
  // Work.
  synod_applied_commands_total: counter("commands", "Commands executed here, repeats not counted"),
  synod_apply_ms: distribution("ms", "Time of one slice of execution"),
  synod_apply_wait_ms: distribution("ms", "From knowing a value as chosen to having executed it, one value a slice"),
  synod_storage_write_ms: distribution("ms", "Time of one write with its sync"),
  synod_storage_write_bytes: distribution("bytes", "Values in one write"),
  synod_loop_lag_ms: distribution("ms", "How late the timer of the node fired: what else held the event loop up"),
  // States held against each other.
  synod_state_digests_total: counter("1", "Digests of the state that were compared, by what came of it", "outcome"),
  // Messages.
  synod_messages_ignored_total: counter("1", "Messages that broke a rule and were ignored", "reason"),
  synod_messages_unsendable_total: counter("1", "Messages that the codec refused to encode", "kind"),
  synod_frames_refused_total: counter("1", "Frames that were no message of this cluster from a present peer"),
  // Transports.
  // One frame may be for several peers.
  synod_transport_sent_frames_total: counter("1", "Frames handed over", "lane"),
  synod_transport_sent_bytes_total: counter("bytes", "Bytes sent", "peer", "lane"),
  synod_transport_received_frames_total: counter("1", "Frames received", "peer", "lane"),
  synod_transport_received_bytes_total: counter("bytes", "Bytes received", "peer", "lane"),
  synod_transport_dropped_frames_total: counter("1", "Frames dropped before they were sent", "peer", "lane", "reason"),
  synod_transport_dials_total: counter("1", "Connection attempts", "peer", "lane"),
  synod_transport_lost_connections_total: counter("1", "Connections that ended", "peer", "lane"),
  synod_transport_broken_connections_total: counter("1", "Connections closed for what came over them", "code"),
  synod_transport_refusals_total: counter("1", "Connections refused, by whom and why", "reason", "by"),
  synod_transport_handler_errors_total: counter("1", "Exceptions of the node in a handler of the transport", "handler"),
  // Clients and servers.
  synod_server_connections: gauge("1", "Connections of clients to this server"),
  synod_server_requests_total: counter("1", "Requests of clients", "kind"),
  synod_server_busy_total: counter("1", "Requests refused with Busy for a limit of the server"),
  synod_server_refusals_total: counter("1", "Connections of clients that were refused or ended, and why", "code"),
  synod_client_retries_total: counter(
    "1",
    "Attempts that this client follows up with another one, by what came of them",
    "code",
  ),
  synod_client_lost_connections_total: counter("1", "Connections and attempts of this client that ended", "code"),
};
