import type { EventHub, Logger, Metrics, NodeId } from "@synod/interface";
import type { Notice } from "@synod/multipaxos";
import type { Changes } from "./changes.js";
import type { Leading } from "./leading.js";
import type { Sight } from "./sight.js";
import type { Transfers } from "./transfers.js";
import type { NodeEvent } from "./types.js";

export interface NoticesOptions {
  readonly self: NodeId;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly events: EventHub<NodeEvent>;
  readonly changes: Changes;
  readonly transfers: Transfers;
  readonly leading: Leading;
  readonly now: () => number;
  readonly sight: () => Sight;
  /** Somebody leads: what waits for a leader is to go on at once. */
  readonly leaderKnown: () => void;
  readonly membersChanged: () => void;
  /** The node is no member any more, and may stop. Called once. */
  readonly onRemoved: (epoch: number) => void;
}

type MembershipNotice = Extract<
  Notice,
  { kind: "configuration" | "changeVoid" | "changeComplete" | "changeAnswered" | "removed" }
>;

const REMOVED = "this node was removed";

/** What the core tells of itself: to the log of the process, the metrics, the events, and to whoever of the node has to know. */
export class Notices {
  readonly #o: NoticesOptions;
  /** Counters for status. */
  campaigns = 0;
  electionsWon = 0;

  constructor(options: NoticesOptions) {
    this.#o = options;
  }

  take(notice: Notice): void {
    const { logger, metrics, events } = this.#o;
    switch (notice.kind) {
      case "elected":
        this.electionsWon++;
        metrics.count("synod_elections_won_total");
        logger.info("this node leads", { ballot: notice.ballot, barrier: notice.barrier });
        return events.emit({ kind: "elected", ballot: notice.ballot });
      case "leadershipEnded":
        this.#o.leading.stop();
        metrics.count("synod_leaderships_ended_total");
        logger.info("this node no longer leads", { ballot: notice.ballot, reason: notice.reason });
        return events.emit({ kind: "leadershipEnded", ballot: notice.ballot, reason: notice.reason });
      case "campaign":
        this.campaigns++;
        metrics.count("synod_campaigns_total");
        logger.info("this node asks for promises to lead", { ballot: notice.ballot });
        return events.emit({ kind: "campaign", ballot: notice.ballot });
      case "leader":
        return this.#leader(notice);
      case "votesAgain":
        metrics.gauge("synod_voting", 1);
        logger.info("the log is repaired: this node votes again", { upTo: notice.upTo });
        return events.emit({ kind: "votesAgain", upTo: notice.upTo });
      case "impaired":
        if (notice.cause === null) logger.info("disk and event loop work again");
        else logger.warn("this node should not lead now", { cause: notice.cause, stillMs: notice.stillMs });
        return events.emit({ kind: "impaired", cause: notice.cause });
      case "transferEnded":
        logger.info("a transfer of the leadership ended", { to: notice.to, done: notice.done, reason: notice.reason });
        events.emit({ kind: "transferEnded", to: notice.to, done: notice.done, reason: notice.reason });
        return this.#o.transfers.ended(notice);
      case "quorumReadFellBack":
        return metrics.count("synod_quorum_reads_fell_back_total");
      case "widened":
        metrics.count("synod_thrifty_widened_total");
        return logger.info("a member of the quorum is silent: the others are asked, too", { slot: notice.slot });
      case "leaseDropped":
        metrics.count("synod_leases_dropped_total", 1, { reason: notice.reason });
        return logger.info("this node no longer uses its lease", { reason: notice.reason });
      case "snapshotResumed":
        metrics.count("synod_snapshots_resumed_total");
        return logger.info("another peer goes on with a snapshot", { from: notice.from, offset: notice.offset });
      case "ignored":
        metrics.count("synod_messages_ignored_total", 1, { reason: notice.reason });
        return logger.debug("a message was ignored", { from: notice.from, reason: notice.reason });
      default:
        return this.#membership(notice);
    }
  }

  #leader({ ballot }: Extract<Notice, { kind: "leader" }>): void {
    const { logger, metrics, events, self } = this.#o;
    metrics.count("synod_leader_changes_total");
    if (ballot?.node !== self) {
      logger.info(ballot === null ? "this node has no leader" : "this node follows a leader", { ballot });
    }
    if (ballot !== null) this.#o.leaderKnown();
    events.emit({ kind: "leader", leader: ballot?.node ?? null, ballot });
  }

  #membership(notice: MembershipNotice): void {
    const { logger, events, changes, now, sight } = this.#o;
    switch (notice.kind) {
      case "configuration": {
        const { configuration, from, epoch } = notice.governing;
        logger.info("the members change", { epoch, from, members: configuration.members });
        this.#o.membersChanged();
        return events.emit({ kind: "configuration", configuration, from });
      }
      case "changeVoid":
        return logger.info("a change of the members has no effect", { slot: notice.slot, reason: notice.reason });
      case "changeComplete":
        logger.info("the change of the members is complete", { epoch: notice.epoch });
        events.emit({ kind: "changeComplete", epoch: notice.epoch });
        // Now: if it removed this node, there is no next turn.
        return changes.dispatch(now(), sight);
      case "changeAnswered":
        return changes.onAnswer(notice.sequence, notice.refused, now());
      case "removed":
        logger.warn(notice.mayStop ? REMOVED : `${REMOVED}; it runs on until it is known that its disk is not needed`, {
          epoch: notice.epoch,
          mayStop: notice.mayStop,
        });
        events.emit({ kind: "removed", epoch: notice.epoch, mayStop: notice.mayStop });
        if (!notice.mayStop) return;
        changes.released(this.#o.self);
        this.#o.onRemoved(notice.epoch);
    }
  }
}
