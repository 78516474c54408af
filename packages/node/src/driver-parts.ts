import type { EventHub, NodeId, Random } from "@synod/interface";
import { Applier } from "./applier.js";
import { Changes } from "./changes.js";
import type { DriverOptions, Input } from "./driver-options.js";
import { learnersOf, membersOf } from "./membership.js";
import { Proposals } from "./proposals.js";
import type { Sending } from "./sending.js";
import { Snapshots } from "./snapshots.js";
import type { StateCheck } from "./state-check.js";
import type { NodeEvent } from "./types.js";
import { Upgrade } from "./versions.js";
import { Wire } from "./wire.js";

/** What the parts of a driver ask of the turns that it takes. */
export interface Turns {
  readonly now: () => number;
  readonly input: (input: Input) => void;
  readonly fail: (cause: unknown) => void;
}

/** Who hears of what was executed. */
interface Heard {
  readonly proposals: Proposals;
  readonly events: EventHub<NodeEvent>;
}

export const upgradeOf = ({ self, machine, replica, manualUpgrade, logger }: DriverOptions): Upgrade =>
  new Upgrade({
    self: self.nodeId,
    machine,
    members: () => membersOf(replica.membership()),
    learners: () => learnersOf(replica.membership()),
    heard: () => replica.status().heard,
    manual: manualUpgrade,
    logger,
  });

export const wireOf = (options: DriverOptions, upgrade: Upgrade): Wire =>
  new Wire({
    ...options,
    epoch: () => options.replica.membership().last.epoch,
    supports: options.machine.supports,
    version: () => upgrade.wire,
  });

export const changesOf = (
  { self, replica, limits, addresses }: DriverOptions,
  refusalOf: (id: NodeId) => string | null,
): Changes =>
  new Changes({
    replica,
    name: `${self.nodeId}.${self.bootId}`,
    resendMs: limits.electionTimeoutMs * 2,
    refusalOf,
    addresses,
  });

/** @param random that of the options, which may fail */
export const proposalsOf = (
  { limits, buggify, sessionTtlMs }: DriverOptions,
  random: Random,
  { now }: Turns,
): Proposals =>
  new Proposals({
    random,
    now,
    batchBytesMax: limits.batchBytesMax,
    queueBytesMax: limits.queueBytesMax,
    queueWaitMs: limits.queueWaitMs,
    sessionLimit: limits.inFlightCommandsMax,
    resendMs: limits.electionTimeoutMs * 2,
    // Sooner than the cluster forgets it: a command may be long under way.
    sessionIdleMs: sessionTtlMs / 3,
    buggify,
  });

export const applierOf = (
  options: DriverOptions,
  { now }: Turns,
  { proposals, events }: Heard,
  stateCheck: StateCheck,
): Applier =>
  new Applier({
    ...options,
    proposals,
    now,
    onApplied: (slot) => {
      if (!options.witness) stateCheck.applied(slot);
    },
    raised: (versions) => {
      options.logger.info("versions were raised", { ...versions });
      events.emit({ kind: "versionsRaised", versions });
    },
  });

export const snapshotsOf = (
  options: DriverOptions,
  { now, input, fail }: Turns,
  { proposals, events }: Heard,
  { applier, sending }: { readonly applier: Applier; readonly sending: Sending },
): Snapshots =>
  new Snapshots({
    ...options,
    applier,
    now,
    inTurn: (run) => input({ kind: "task", run }),
    send: (to, message) => {
      input({ kind: "task", run: () => sending.send({ to: [to], message, lane: "bulk", after: 0 }) });
    },
    outcomesMissed: () => proposals.outcomesMissed(),
    emit: (event) => events.emit(event),
    fail,
  });
