import { type NodeId, type Slot, SynodError } from "@synod/interface";
import type { StateDigest } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";

/** What one node said, without the wrapping of a message. */
type Word = Pick<StateDigest, "chainHash" | "digest">;

/** What a comparison shows. */
export type DigestFinding =
  /** All that spoke of the slot agree with this node, and they are a majority. */
  | { readonly kind: "agree"; readonly slot: Slot }
  /** A majority agrees with this node, and these do not. */
  | { readonly kind: "othersDiffer"; readonly slot: Slot; readonly after: Slot; readonly peers: readonly NodeId[] }
  /** A majority agrees on something else. */
  | { readonly kind: "ownDiffers"; readonly slot: Slot; readonly after: Slot; readonly peers: readonly NodeId[] }
  /** There are differences, and no majority to say who is right. */
  | { readonly kind: "undecided"; readonly slot: Slot; readonly after: Slot; readonly peers: readonly NodeId[] };

export interface DigestsOptions {
  readonly self: NodeId;
  /** Those whose words count now. A learner holds its own state against theirs. */
  readonly voters: () => readonly NodeId[];
  readonly machine: Pick<ReplicatedMachine<never, unknown>, "chainHash" | "machineDigest" | "supports" | "versions">;
  /** Every so many slots a digest is due, as long as it is cheap. A power of two. */
  readonly everySlots: number;
  /** A difference without a majority is reported after this. */
  readonly patienceMs: number;
  readonly now: () => number;
}

/** Slots whose words are kept: a peer may be so many digests behind. */
const SLOTS_KEPT = 32;
/** A digest may take this part of the time at most. */
const TIME_SHARE = 100;
/** What the codec takes. */
const DIGEST_LENGTH_MAX = 255;
/** Of doublings of the interval. */
const LEVEL_MAX = 20;

/**
 * Holds the states of the replicas against each other at agreed slots. The chain hash, which every node has for nothing, shows logs
 * that differ; the digest of the state machine shows states that differ although the logs do not: memory that lost a bit, or
 * a machine that is not deterministic.
 *
 * A digest that takes long is taken at every second, fourth, eighth ... of the slots. Intervals are powers of two, so that every slot
 * at which the slowest node takes one is a slot at which the others do.
 */
export class Digests {
  readonly #o: DigestsOptions;
  /** By slot, then by node. */
  readonly #words = new Map<Slot, Map<NodeId, Word>>();
  readonly #reported = new Map<Slot, DigestFinding["kind"]>();
  /** Slots with a difference that no majority decides, and since when. */
  readonly #open = new Map<Slot, number>();
  #level = 0;
  #takenAtMs: number;
  #tookMs = 0;
  /** Last slot at which all that spoke agreed, and at which a majority agreed with this node. */
  #agreedSlot: Slot = 0;
  #majoritySlot: Slot = 0;

  constructor(options: DigestsOptions) {
    this.#o = options;
    this.#takenAtMs = options.now();
  }

  /** To be called after each slot was executed. The own word if one is due, to be sent to all. */
  applied(slot: Slot): StateDigest | null {
    const { everySlots, machine, now } = this.#o;
    if (slot % everySlots !== 0) return null;
    const startedMs = now();
    // Slots come more slowly by now, as after catching up.
    if (this.#level > 0 && this.#tookMs * TIME_SHARE * 4 < startedMs - this.#takenAtMs) this.#level--;
    if (slot % (everySlots * 2 ** this.#level) !== 0) return null;
    const digest = this.#stateDigest();
    const endedMs = now();
    this.#tookMs = endedMs - startedMs;
    this.#backOff(startedMs - this.#takenAtMs);
    this.#takenAtMs = endedMs;
    const word: StateDigest = { kind: "stateDigest", slot, chainHash: machine.chainHash, digest: digest || null };
    this.#put(this.#o.self, word);
    return word;
  }

  /** Null while a release that not all nodes run yet may write it in another way than they do. */
  #stateDigest(): string | null {
    const { machine } = this.#o;
    const { versions, supports } = machine;
    return versions.machine < supports.machine ? null : (machine.machineDigest()?.slice(0, DIGEST_LENGTH_MAX) ?? null);
  }

  /** At once as far as it has to be: a digest of a big state stops everything else for as long as it takes. */
  #backOff(sinceMs: number): void {
    const times = (this.#tookMs * TIME_SHARE) / Math.max(sinceMs, 1);
    if (times > 1) this.#level = Math.min(this.#level + Math.ceil(Math.log2(times)), LEVEL_MAX);
  }

  received(from: NodeId, message: StateDigest): void {
    if (!this.#o.voters().includes(from) || from === this.#o.self) return;
    if (message.slot % this.#o.everySlots === 0) this.#put(from, message);
  }

  #put(from: NodeId, { slot, chainHash, digest }: StateDigest): void {
    let ofSlot = this.#words.get(slot);
    if (ofSlot === undefined) this.#words.set(slot, (ofSlot = new Map()));
    ofSlot.set(from, { chainHash, digest });
    while (this.#words.size > SLOTS_KEPT) {
      const oldest = Math.min(...this.#words.keys());
      this.#words.delete(oldest);
      this.#reported.delete(oldest);
      this.#open.delete(oldest);
    }
  }

  /** What can be said of a slot now, if it is news. */
  compare(slot: Slot): DigestFinding | null {
    const finding = this.#judge(slot);
    if (finding === null) return null;
    if (finding.kind === "undecided") {
      if (!this.#open.has(slot) && !this.#reported.has(slot)) this.#open.set(slot, this.#o.now());
      return null;
    }
    this.#open.delete(slot);
    if (finding.kind === "agree") this.#agreedSlot = Math.max(this.#agreedSlot, slot);
    if (finding.kind !== "ownDiffers") this.#majoritySlot = Math.max(this.#majoritySlot, slot);
    return this.#news(finding);
  }

  /** Differences that no majority decided in time. */
  overdue(): DigestFinding[] {
    const findings: DigestFinding[] = [];
    for (const [slot, sinceMs] of this.#open) {
      if (this.#o.now() - sinceMs < this.#o.patienceMs) continue;
      this.#open.delete(slot);
      const finding = this.#judge(slot);
      const news = finding === null ? null : this.#news(finding);
      if (news !== null) findings.push(news);
    }
    return findings;
  }

  #news(finding: DigestFinding): DigestFinding | null {
    if (this.#reported.get(finding.slot) === finding.kind) return null;
    this.#reported.set(finding.slot, finding.kind);
    return finding;
  }

  #judge(slot: Slot): DigestFinding | null {
    const { self } = this.#o;
    const words = this.#words.get(slot);
    const own = words?.get(self);
    if (words === undefined || own === undefined) return null;
    const voters = this.#o.voters();
    // Who has spoken may be out by now.
    const spoke = [...words].filter(([id]) => voters.includes(id));
    const differs = spoke.filter(([, word]) => !isSame(word, own)).map(([id]) => id);
    const agrees = spoke.length - differs.length;
    const majority = (count: number): boolean => 2 * count > voters.length;
    const range = { slot, after: this.#agreedSlot };
    if (majority(agrees)) {
      return differs.length === 0 ? { kind: "agree", slot } : { kind: "othersDiffer", ...range, peers: differs };
    }
    if (differs.length === 0) return null;
    const others = differs.map((id) => words.get(id)).filter((word) => word !== undefined);
    const isCommon = others.some((word) => majority(others.filter((other) => isSame(other, word)).length));
    if (isCommon) return { kind: "ownDiffers", slot, after: this.#majoritySlot, peers: differs };
    return { kind: "undecided", ...range, peers: differs };
  }
}

/** Who says nothing of its state agrees with any. */
function isSame(a: Word, b: Word): boolean {
  return a.chainHash === b.chainHash && (a.digest === null || b.digest === null || a.digest === b.digest);
}

/** The state of this node is wrong, or that of all others: it must not answer anybody any more. */
export function divergedError({ slot, after, peers }: Extract<DigestFinding, { peers: unknown }>): SynodError {
  return new SynodError(
    "StateDiverged",
    `after slot ${slot} the state of this node differs from that of a majority of the members (nodes ${peers.join(", ")}); ` +
      `up to slot ${after} it was seen to agree. Start the node again: its state is made anew from log and snapshot. If it ` +
      "differs again, the state machine is not deterministic, or this machine has bad memory.",
    { details: { firstSlot: after + 1, lastSlot: slot, peers } },
  );
}
