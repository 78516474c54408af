import type { Configuration, EventHub, Logger, Metrics, NodeId, Slot } from "@synod/interface";
import { type StateDigest, votersOf } from "@synod/multipaxos";
import { type DigestFinding, Digests, type DigestsOptions, divergedError } from "./digests.js";
import type { NodeEvent, NodeLimits } from "./types.js";

/** What may come of a comparison. */
const OUTCOMES: readonly DigestFinding["kind"][] = ["agree", "othersDiffer", "ownDiffers", "undecided"];

export interface StateCheckOptions {
  readonly self: NodeId;
  /** The configuration in force. */
  readonly configuration: () => Configuration;
  readonly machine: DigestsOptions["machine"];
  readonly limits: NodeLimits;
  readonly now: () => number;
  readonly send: (to: readonly NodeId[], digest: StateDigest) => void;
  readonly events: EventHub<NodeEvent>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Exchanges digests of the state with the other members and says what they show. */
export class StateCheck {
  readonly #o: StateCheckOptions;
  readonly #digests: Digests;

  constructor(options: StateCheckOptions) {
    this.#o = options;
    const { self, configuration, machine, limits, now, metrics } = options;
    // A rise from nothing is none: an alert would miss the first difference, which may be the only one.
    for (const outcome of OUTCOMES) metrics.count("synod_state_digests_total", 0, { outcome });
    this.#digests = new Digests({
      self,
      voters: () => votersOf(configuration()),
      machine,
      everySlots: limits.digestEverySlots,
      patienceMs: limits.electionTimeoutMs,
      now,
    });
  }

  /** To be called after each slot was executed. @throws SynodError `StateDiverged` */
  applied(slot: Slot): void {
    const digest = this.#digests.applied(slot);
    if (digest === null) return;
    const { self, configuration, send } = this.#o;
    // Learners too: they hold themselves against the voters.
    const to = configuration()
      .members.map(({ id }) => id)
      .filter((id) => id !== self);
    if (to.length > 0) send(to, digest);
    this.#report(this.#digests.compare(slot));
  }

  /** @throws SynodError `StateDiverged` */
  received(from: NodeId, digest: StateDigest): void {
    this.#digests.received(from, digest);
    this.#report(this.#digests.compare(digest.slot));
  }

  /** Now and then. */
  tick(): void {
    for (const finding of this.#digests.overdue()) this.#report(finding);
  }

  #report(finding: DigestFinding | null): void {
    if (finding === null) return;
    const { logger, metrics, events } = this.#o;
    metrics.count("synod_state_digests_total", 1, { outcome: finding.kind });
    if (finding.kind === "agree") return;
    const { kind, slot, after, peers } = finding;
    events.emit({ kind: "statesDiffer", firstSlot: after + 1, lastSlot: slot, peers, outcome: kind });
    if (kind === "ownDiffers") throw divergedError(finding);
    const text =
      kind === "othersDiffer"
        ? "a peer has another state than a majority"
        : "states differ, and no majority says which is right";
    logger.error(text, { firstSlot: after + 1, lastSlot: slot, peers });
  }
}
