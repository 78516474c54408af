import type { QuorumSystem } from "@synod/paxos";
import type { ChosenValue, NodeId, Slot } from "@synod/interface";
import type { Governing } from "./configuration-history.js";
import { fullVotersOf } from "./configuration-value.js";
import type { SlotRange } from "./messages.js";
import { thriftyQuorum } from "./thrift.js";
import { VoteTimes } from "./vote-times.js";

/** A value to be sent in an Accept: new, or again to the members that have not voted. */
export interface Proposal {
  readonly slot: Slot;
  readonly value: Uint8Array;
}

export interface Resend {
  readonly to: readonly NodeId[];
  readonly proposals: readonly Proposal[];
  /** The first that was left out so far, if any was. */
  readonly widened: Slot | null;
}

interface Open {
  readonly value: Uint8Array;
  /** Of the configuration that governs the slot. */
  readonly quorums: QuorumSystem;
  readonly voters: Set<NodeId>;
  readonly sentAtMs: number;
  /** Voters that are to vote; the others were not sent the value. Null: everybody was. */
  first: ReadonlySet<NodeId> | null;
}

export interface OpenSlotsOptions {
  readonly me: NodeId;
  /** To whom values are sent, this node included: members that count, and others that only follow the log. */
  readonly audience: () => readonly NodeId[];
  /** Where the leader is thrifty: whether a member is there and has room for so many bytes. */
  readonly thrifty?: ((id: NodeId, bytes: number) => boolean) | null;
  /** Least wait before an unanswered Accept is sent again. */
  readonly resendMs: number;
}

/** Phase 2 of one ballot: the slots that are proposed and not known as chosen, who was asked, and who voted. */
export class OpenSlots {
  readonly #options: OpenSlotsOptions;
  /** By slot, ascending. */
  readonly #open = new Map<Slot, Open>();
  readonly #times: VoteTimes;
  /** The slot after the last that was opened. */
  #end: Slot = 0;
  #bytes = 0;
  /** Slots up to here went to everybody after all: a member of the quorum was silent. */
  #widenedUpTo: Slot = 0;

  constructor(options: OpenSlotsOptions) {
    this.#options = options;
    this.#times = new VoteTimes(options.resendMs);
  }

  get size(): number {
    return this.#open.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The first of them; Infinity if there is none. */
  lowest(): number {
    for (const slot of this.#open.keys()) return slot;
    return Infinity;
  }

  valueAt(slot: Slot): Uint8Array | undefined {
    return this.#open.get(slot)?.value;
  }

  /** The slot is above all that were opened before. */
  add({ slot, value }: Proposal, governing: Governing, nowMs: number): void {
    const { quorums } = governing;
    const first = this.#firstVoters(governing, value.length);
    this.#open.set(slot, { value, quorums, voters: new Set(), sentAtMs: nowMs, first });
    for (const id of this.#options.audience()) if (!leavesOut(first, quorums, id)) this.#times.sent(id, slot, nowMs);
    this.#end = slot + 1;
    this.#bytes += value.length;
  }

  /** Whom a thrifty leader asks for votes; null: everybody. While a slot waits for those that were left out, all are asked for the next. */
  #firstVoters({ quorums, configuration }: Governing, bytes: number): ReadonlySet<NodeId> | null {
    const { thrifty, me } = this.#options;
    if (!thrifty || this.lowest() <= this.#widenedUpTo) return null;
    const able = quorums.members.filter((id) => id !== me && thrifty(id, bytes));
    // Witnesses are for the case that a full member is missing.
    const full = fullVotersOf(configuration);
    const fastest = this.#times.fastestFirst(able);
    const candidates = [...fastest.filter((id) => full.includes(id)), ...fastest.filter((id) => !full.includes(id))];
    return thriftyQuorum(quorums, me, candidates);
  }

  /** Whether a voter is not to be sent the value of an open slot, as others are enough. */
  leavesOut(slot: Slot, id: NodeId): boolean {
    const open = this.#open.get(slot);
    return open !== undefined && leavesOut(open.first, open.quorums, id);
  }

  /** These slots go to everybody after all. */
  widen(proposals: readonly Proposal[]): void {
    for (const { slot } of proposals) {
      const open = this.#open.get(slot);
      if (open !== undefined) open.first = null;
    }
  }

  /** Votes of one member in the present ballot. Returns what became chosen, by slot. */
  voted(from: NodeId, ranges: readonly SlotRange[], nowMs: number): ChosenValue[] {
    if (!this.#options.audience().includes(from)) return [];
    const chosen: ChosenValue[] = [];
    // Ranges come in ascending order, so that all of them together walk over the open slots once, whatever they name.
    let slot = this.lowest();
    this.#times.voted(from, ranges, nowMs);
    for (const [first, last] of ranges) {
      for (slot = Math.max(slot, first); slot <= last && slot < this.#end; slot++) {
        const open = this.#open.get(slot);
        if (open === undefined || open.voters.has(from)) continue;
        open.voters.add(from);
        // Voters that the configuration of the slot does not list never count.
        if (!open.quorums.phase2(open.voters)) continue;
        this.settled(slot);
        chosen.push({ slot, value: open.value });
      }
    }
    return chosen;
  }

  /** The slot is known as chosen: it is no longer resent. */
  settled(slot: Slot): void {
    const open = this.#open.get(slot);
    if (open === undefined) return;
    this.#open.delete(slot);
    this.#bytes -= open.value.length;
  }

  /** The connection to a member broke: what was on the way is lost, and may be sent again at once. */
  lost(member: NodeId): void {
    this.#times.forget(member);
  }

  /**
   * Open slots whose votes are overdue, per member that has not voted; about `bytesMax` at a time for each, in ascending
   * order. The wait follows what the votes of that member take: over a busy link the first copy still waits to be sent, and
   * each one more would make it worse.
   */
  overdue(nowMs: number, bytesMax: number, may: (id: NodeId) => boolean = () => true): Resend[] {
    const resends: Resend[] = [];
    for (const id of this.#options.audience()) {
      const waitMs = this.#times.dueAfterMs(id, nowMs);
      if (waitMs === null || !may(id)) continue;
      const proposals = this.#unvoted(id, nowMs, waitMs, bytesMax);
      const last = proposals.at(-1);
      if (last === undefined) continue;
      const widened = proposals.find(({ slot }) => this.leavesOut(slot, id))?.slot ?? null;
      if (widened !== null) {
        this.#times.sent(id, widened, nowMs);
        this.#widenedUpTo = Math.max(this.#widenedUpTo, last.slot);
      }
      this.#times.sentAgain(id, last.slot, nowMs);
      resends.push({ to: [id], proposals, widened });
    }
    for (const { proposals, widened } of resends) if (widened !== null) this.widen(proposals);
    return resends;
  }

  /** One that was left out is asked when those that were not had as long as they take. */
  #patienceMs(id: NodeId, { first, quorums }: Open): number {
    if (!leavesOut(first, quorums, id)) return 0;
    return Math.max(0, ...[...(first ?? [])].map((other) => this.#times.patienceMs(other)));
  }

  #unvoted(id: NodeId, nowMs: number, waitMs: number, bytesMax: number): Proposal[] {
    const proposals: Proposal[] = [];
    let bytes = 0;
    for (const [slot, open] of this.#open) {
      const { value, voters, sentAtMs } = open;
      const sinceMs = nowMs - sentAtMs;
      if (sinceMs < waitMs || sinceMs < this.#patienceMs(id, open)) break;
      if (bytes > 0 && bytes + value.length > bytesMax) break;
      if (voters.has(id)) continue;
      bytes += value.length;
      proposals.push({ slot, value });
    }
    return proposals;
  }
}

function leavesOut(first: ReadonlySet<NodeId> | null, quorums: QuorumSystem, id: NodeId): boolean {
  // Who has no vote follows the log by what it is sent.
  return first !== null && !first.has(id) && quorums.members.includes(id);
}
