import type { QuorumSystem } from "@synod/paxos";
import type { NodeId, Slot } from "@synod/interface";
import type { ConfigurationHistory, Governing } from "./configuration-history.js";
import { fullVotersOf, isWitness } from "./configuration-value.js";
import { ForwardFilter } from "./forwards.js";

/** All that several configurations ask for: a set is a quorum if it is one of each. */
function jointly(all: readonly Governing[]): QuorumSystem {
  const [first] = all;
  if (first !== undefined && all.length === 1) return first.quorums;
  const members = [...new Set(all.flatMap(({ quorums }) => quorums.members))];
  return {
    members,
    phase1: (has) => all.every(({ quorums }) => quorums.phase1(has)),
    phase2: (has) => all.every(({ quorums }) => quorums.phase2(has)),
  };
}

/** What a peer last said of its log. */
interface Report {
  readonly chosenUpTo: Slot;
  /** The highest ever: what is on disk stays there, and an id never gets another disk. */
  readonly durableUpTo: Slot;
}

/** Who takes part now: seen from the own log, and from what the members report of their disks. */
export class Membership {
  readonly history: ConfigurationHistory;
  /** Changes that nodes asked for. */
  readonly asked: ForwardFilter = new ForwardFilter();
  readonly #me: NodeId;
  readonly #reports = new Map<NodeId, Report>();
  /** Every change up to this epoch is known to be complete. */
  #completeEpoch = 1;
  #window: { key: string; quorums: QuorumSystem } | null = null;
  #audience: { key: string; ids: readonly NodeId[] } | null = null;

  constructor(me: NodeId, history: ConfigurationHistory) {
    this.#me = me;
    this.history = history;
  }

  /** A peer, or this node, says how far its log and its disk reach. */
  reported(id: NodeId, report: Report): void {
    const durableUpTo = Math.max(this.#reports.get(id)?.durableUpTo ?? 0, report.durableUpTo);
    this.#reports.set(id, { chosenUpTo: report.chosenUpTo, durableUpTo });
  }

  /** What a member, or this node, ever said to have on disk as chosen. */
  durableUpTo(id: NodeId): Slot {
    return this.#reports.get(id)?.durableUpTo ?? 0;
  }

  /** Whether a member executes nothing: the newest configuration that lists it says so, and none says otherwise. */
  isWitness(id: NodeId): boolean {
    for (let { entries } = this.history, i = entries.length - 1; i >= 0; i--) {
      const member = entries[i]?.configuration.members.find((each) => each.id === id);
      if (member !== undefined) return isWitness(member);
    }
    return false;
  }

  chosenUpTo(id: NodeId): Slot | null {
    return this.#reports.get(id)?.chosenUpTo ?? null;
  }

  /**
   * Whether the newest change is complete: a phase-2 quorum of the new configuration has everything below it on disk, and the
   * mark that it is chosen. Before that the disks of removed members may be the only ones that hold it. One of them has to be a full
   * member: a witness may have forgotten the values.
   */
  get complete(): boolean {
    const { last } = this.history;
    if (this.#completeEpoch >= last.epoch || last.slot === 0) return true;
    const durable = new Set<NodeId>();
    for (const [id, { durableUpTo }] of this.#reports) if (durableUpTo >= last.from - 1) durable.add(id);
    if (!last.quorums.phase2(durable) || !fullVotersOf(last.configuration).some((id) => durable.has(id))) return false;
    this.#completeEpoch = last.epoch;
    return true;
  }

  /** The quorums of every configuration that may own a slot above the chosen prefix, taken together. */
  inWindow(chosenUpTo: Slot): QuorumSystem {
    const governing = this.history.from(chosenUpTo + 1);
    const key = governing.map(({ epoch }) => epoch).join();
    if (this.#window?.key !== key) this.#window = { key, quorums: jointly(governing) };
    return this.#window.quorums;
  }

  /**
   * Everybody who is to hear of the log, this node first: members and learners of every configuration in the window, and those
   * whom the newest change removes, until it is complete.
   */
  audience(chosenUpTo: Slot): readonly NodeId[] {
    const { history, complete } = this;
    const governing = history.from(chosenUpTo + 1);
    const { previous } = history;
    const all = complete || previous === null ? governing : [previous, ...governing];
    const key = all.map(({ epoch }) => epoch).join();
    if (this.#audience?.key !== key) {
      const ids = new Set([this.#me, ...all.flatMap(({ configuration }) => configuration.members.map(({ id }) => id))]);
      this.#audience = { key, ids: [...ids] };
    }
    return this.#audience.ids;
  }

  /** Whether an id was removed, and nobody needs it any more. */
  isGone(id: NodeId): boolean {
    return this.history.last.retired.includes(id) && this.complete;
  }
}
