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

/** Whether the same voters decide with the same quorums. */
function decideAlike(a: Governing, b: Governing): boolean {
  const textOf = ({ configuration, quorums }: Governing): string =>
    JSON.stringify([quorums.members, configuration.quorum]);
  return textOf(a) === textOf(b);
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
  /** Every change up to these epochs is known to be settled, and complete; 0 as long as none is. */
  #settledEpoch = 0;
  #completeEpoch = 0;
  /** Ids that were removed up to the complete epoch, and those of them that nobody was told of yet. */
  #gone: ReadonlySet<NodeId> = new Set();
  #goneLately: NodeId[] = [];
  /** Nothing was reported, and no change was made, since completion was judged last. */
  #judged = "";
  #reportedCount = 0;
  /** What was worked out last, for the configurations from `first` to `last`. */
  #window: { first: Governing; last: Governing; quorums: QuorumSystem } | null = null;
  #audience: { first: Governing; last: Governing; unfinished: number; ids: readonly NodeId[] } | null = null;

  constructor(me: NodeId, history: ConfigurationHistory) {
    this.#me = me;
    this.history = history;
  }

  /** A peer, or this node, says how far its log and its disk reach. */
  reported(id: NodeId, report: Report): void {
    const known = this.#reports.get(id)?.durableUpTo ?? 0;
    const durableUpTo = Math.max(known, report.durableUpTo);
    if (durableUpTo > known) this.#reportedCount++;
    this.#reports.set(id, { chosenUpTo: report.chosenUpTo, durableUpTo });
  }

  /** The member is gone for good. */
  forget(id: NodeId): void {
    this.#reports.delete(id);
    this.asked.forget(id);
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
   * Whether the slots below the newest change are settled: a phase-2 quorum of the new configuration has everything below it on disk, and
   * the mark that it is chosen. From then on no vote of a removed member is needed, and the next change may start. One of the quorum has to be
   * a full member, or nobody of the new configuration might have a value at all. Where the same voters decide as before nothing has to move: it was
   * not proposed before the one that it changes was settled.
   */
  get settled(): boolean {
    const { last, previous } = this.history;
    if (this.#settledEpoch >= last.epoch) return true;
    if (!this.#isSettled(last, previous)) return false;
    this.#settledEpoch = last.epoch;
    return true;
  }

  #isSettled(made: Governing, before: Governing | null): boolean {
    const { slot, from, quorums, configuration } = made;
    if (slot === 0 || (before !== null && decideAlike(before, made))) return true;
    const durable = new Set<NodeId>();
    for (const [id, { durableUpTo }] of this.#reports) if (durableUpTo >= from - 1) durable.add(id);
    return quorums.phase2(durable) && fullVotersOf(configuration).some((id) => durable.has(id));
  }

  /**
   * Whether the newest change is complete: the disks of those that it removed, or made mere learners, may be thrown away. A witness may have
   * forgotten what they have, so it takes more than that the slots are settled: full members that are a quorum have the values.
   */
  get complete(): boolean {
    const { last } = this.history;
    if (last.slot === 0) return true;
    this.#judge();
    return this.#completeEpoch >= last.epoch;
  }

  /** The configurations before the newest, back to the last one whose change is known to be complete: somebody may still need their members. */
  get unfinished(): readonly Governing[] {
    if (this.complete) return [];
    return this.history.entries.slice(0, -1).filter(({ epoch }) => epoch >= this.#completeEpoch);
  }

  /** The same of other configurations than those of the own log, ascending, by the same reports. */
  unfinishedOf(entries: readonly Governing[]): readonly Governing[] {
    const complete = this.#lastComplete(entries)?.epoch ?? 0;
    return entries.slice(0, -1).filter(({ epoch }) => epoch >= complete);
  }

  /** Whether an id was removed, and nobody needs it any more. */
  isGone(id: NodeId): boolean {
    this.#judge();
    return this.#gone.has(id);
  }

  /** Members of which this became true since the last call, as far as they are remembered. */
  takeGone(): readonly NodeId[] {
    this.#judge();
    return this.#goneLately.splice(0);
  }

  /** Works out which change is the last complete one. */
  #judge(): void {
    const { entries, last } = this.history;
    if (this.#completeEpoch >= last.epoch) return;
    const judged = `${last.epoch} ${this.#reportedCount}`;
    if (judged === this.#judged) return;
    this.#judged = judged;
    const made = this.#lastComplete(entries);
    if (made === undefined || made.epoch <= this.#completeEpoch) return;
    this.#gone = new Set(made.retired);
    const before = entries.filter(({ epoch }) => epoch >= this.#completeEpoch && epoch < made.epoch);
    const members = before.flatMap(({ configuration }) => configuration.members.map(({ id }) => id));
    this.#goneLately.push(...[...new Set(members)].filter((id) => this.#gone.has(id)));
    this.#completeEpoch = made.epoch;
  }

  #lastComplete(entries: readonly Governing[]): Governing | undefined {
    const isComplete = (entry: Governing): boolean =>
      entry.epoch <= this.#completeEpoch || this.#isComplete(entry, entries);
    return [...entries].reverse().find(isComplete);
  }

  #isComplete(made: Governing, entries: readonly Governing[]): boolean {
    const last = entries.at(-1);
    if (made.slot === 0) return true;
    if (made === last && !this.#isSettled(last, entries.at(-2) ?? null)) return false;
    const full = fullVotersOf(made.configuration);
    // The next change was not proposed before this one was settled, and where no witness votes that is the same.
    if (made !== last && full.length === made.quorums.members.length) return true;
    const durable = new Set(full.filter((id) => this.durableUpTo(id) >= made.from - 1));
    if (durable.size === full.length || made.quorums.phase2(durable)) return true;
    // It governs: those whom it removes have been told of it, and nothing is sent to them any more.
    const governs = (this.chosenUpTo(this.#me) ?? 0) >= made.from - 1;
    return made === last && governs && this.#decideAsBefore(entries);
  }

  /** Whether the same voters with the same quorums decide ever since the last change that is complete: then nothing had to move. */
  #decideAsBefore(entries: readonly Governing[]): boolean {
    const [first, ...since] = entries.filter(({ epoch }) => epoch >= this.#completeEpoch);
    return first?.epoch === this.#completeEpoch && since.every((made) => decideAlike(first, made));
  }

  /** The quorums of every configuration that may own a slot above the chosen prefix, taken together. */
  inWindow(chosenUpTo: Slot): QuorumSystem {
    const { last } = this.history;
    const first = this.history.at(chosenUpTo + 1);
    if (this.#window?.first !== first || this.#window.last !== last) {
      this.#window = { first, last, quorums: jointly(this.history.from(chosenUpTo + 1)) };
    }
    return this.#window.quorums;
  }

  /**
   * Everybody who is to hear of the log, this node first: members and learners of every configuration in the window, and those
   * whom changes that are not complete remove.
   */
  audience(chosenUpTo: Slot): readonly NodeId[] {
    const { last } = this.history;
    const { unfinished } = this;
    const first = this.history.at(chosenUpTo + 1);
    const known = this.#audience;
    if (known?.first === first && known.last === last && known.unfinished === unfinished.length) return known.ids;
    const all = [...unfinished, ...this.history.from(chosenUpTo + 1)];
    const members = all.flatMap(({ configuration }) => configuration.members.map(({ id }) => id));
    const ids = [...new Set([this.#me, ...members])];
    this.#audience = { first, last, unfinished: unfinished.length, ids };
    return ids;
  }
}
