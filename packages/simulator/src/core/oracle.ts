import { compareBallots, formatBallot, type QuorumSystem } from "@synod/paxos";
import type { Ballot, NodeId, Slot, StorageWrite, Vote } from "@synod/interface";
import { NOOP, VALUE_BATCH, type Message, type ReplicaOptions } from "@synod/multipaxos";

/** A batch value whose body is the text. */
export function valueOf(text: string): Uint8Array {
  return Uint8Array.of(VALUE_BATCH, ...new TextEncoder().encode(text));
}

/** The text of a value; `noop` for a no-op. */
export function textOf(value: Uint8Array): string {
  return value[0] === NOOP[0] ? "noop" : new TextDecoder().decode(value.subarray(1));
}

/** What one node has on disk, as `Storage` would return it. */
export class Disk {
  promised: Ballot | null = null;
  readonly votes: Map<Slot, Vote> = new Map();
  readonly chosen: Map<Slot, Uint8Array> = new Map();
  chosenUpTo: Slot = 0;

  apply(write: StorageWrite): void {
    if (write.promised !== undefined) this.promised = write.promised;
    for (const vote of write.votes) this.votes.set(vote.slot, vote);
    for (const { slot, value } of write.chosen) this.chosen.set(slot, value);
    this.chosenUpTo = write.chosenUpTo ?? this.chosenUpTo;
  }

  recovered(): ReplicaOptions["recovered"] {
    return {
      promised: this.promised,
      votes: [...this.votes.values()].sort((a, b) => a.slot - b.slot),
      chosen: [...this.chosen].map(([slot, value]) => ({ slot, value })).sort((a, b) => a.slot - b.slot),
      chosenUpTo: this.chosenUpTo,
      snapshot: null,
    };
  }
}

const key = (slot: Slot, ballot: Ballot): string => `${slot}@${formatBallot(ballot)}`;

/**
 * Sees everything at once and knows what is really chosen: a value with durable votes of a phase-2 quorum in one ballot. Each
 * method throws where a rule is broken.
 */
export class Oracle {
  readonly #quorums: QuorumSystem;
  readonly #alpha: number;
  readonly #mayBeProposed = new Set<string>(["noop"]);
  /** Every proposal ever sent, per slot. */
  readonly #proposals = new Map<Slot, Map<string, { ballot: Ballot; text: string }>>();
  /** Every vote that was ever durable: who cast it. */
  readonly #voters = new Map<string, Set<NodeId>>();
  readonly #chosen = new Map<Slot, { ballot: Ballot; text: string }>();
  #prefix: Slot = 0;
  /** Highest slot that any replica handed out as chosen: what a client may have seen. */
  seenUpTo: Slot = 0;

  constructor(quorums: QuorumSystem, alpha: number) {
    this.#quorums = quorums;
    this.#alpha = alpha;
  }

  /** Every slot up to here is chosen. */
  get prefix(): Slot {
    return this.#prefix;
  }

  introduce(text: string): void {
    this.#mayBeProposed.add(text);
  }

  /** A write reached the disk of a node (`disk` is its state before). */
  onDurable(node: NodeId, disk: Disk, write: StorageWrite): void {
    const promised = write.promised ?? disk.promised;
    this.#check(compareBallots(promised, disk.promised) >= 0, `node ${node}: the promise fell`);
    for (const vote of write.votes) {
      const old = disk.votes.get(vote.slot)?.ballot ?? null;
      this.#check(compareBallots(vote.ballot, old) >= 0, `node ${node}: the vote of slot ${vote.slot} fell`);
      this.#check(compareBallots(vote.ballot, promised) <= 0, `node ${node}: vote above the promise`);
      this.#voted(node, vote);
    }
    for (const { slot, value } of write.chosen) this.#isChosen(node, slot, textOf(value));
  }

  /** The write has been applied: the mark must stand for values that are there. */
  onMark(node: NodeId, disk: Disk, from: Slot): void {
    this.#check(disk.chosenUpTo >= from, `node ${node}: the chosen mark fell`);
    for (let slot = from + 1; slot <= disk.chosenUpTo; slot++) {
      const value = disk.chosen.get(slot) ?? disk.votes.get(slot)?.value;
      this.#check(value !== undefined, `node ${node}: the mark covers slot ${slot}, whose value is not on disk`);
      if (value !== undefined) this.#isChosen(node, slot, textOf(value));
    }
  }

  /** A replica handed a value out. */
  onChosen(node: NodeId, slot: Slot, value: Uint8Array): void {
    this.#isChosen(node, slot, textOf(value));
    this.seenUpTo = Math.max(this.seenUpTo, slot);
  }

  /** A message leaves `from`, whose disk holds `disk`. */
  onSend(from: NodeId, message: Message, disk: Disk): void {
    if ("chosenUpTo" in message) {
      this.#check(message.chosenUpTo <= this.#prefix, `node ${from} reports ${message.chosenUpTo} as chosen`);
    }
    if ("durableUpTo" in message) {
      this.#check(message.durableUpTo <= disk.chosenUpTo, `node ${from} reports ${message.durableUpTo} as durable`);
    }
    if (message.kind === "prepare" || message.kind === "promise") {
      this.#check(
        compareBallots(disk.promised, message.ballot) >= 0,
        `${message.kind} left before its promise was durable`,
      );
    }
    if (message.kind === "promise") {
      for (const vote of message.votes) this.#isCast(from, vote.slot, vote.ballot);
    }
    if (message.kind === "accepted") {
      for (const [first, last] of message.slots) {
        for (let slot = first; slot <= last; slot++) this.#isCast(from, slot, message.ballot);
      }
    }
    if (message.kind === "accept") {
      const last = message.firstSlot + message.values.length - 1;
      this.#check(last <= message.chosenUpTo + this.#alpha, `node ${from} proposes slot ${last} outside of its window`);
      for (const [i, value] of message.values.entries()) {
        this.#proposed(message.ballot, message.firstSlot + i, textOf(value));
      }
    }
    if (message.kind === "learn") {
      for (const [i, value] of message.values.entries()) this.#isChosen(from, message.firstSlot + i, textOf(value));
    }
  }

  #proposed(ballot: Ballot, slot: Slot, text: string): void {
    this.#check(this.#mayBeProposed.has(text), `"${text}" was never given to a replica`);
    let ofSlot = this.#proposals.get(slot);
    if (ofSlot === undefined) this.#proposals.set(slot, (ofSlot = new Map()));
    const id = formatBallot(ballot);
    const old = ofSlot.get(id);
    if (old !== undefined) {
      this.#check(old.text === text, `two values at ${key(slot, ballot)}: "${old.text}" and "${text}"`);
      return;
    }
    ofSlot.set(id, { ballot, text });
    const chosen = this.#chosen.get(slot);
    if (chosen !== undefined) this.#fitsChosen(slot, chosen, { ballot, text });
  }

  /** P2c of Paxos Made Simple: what is proposed above the ballot in which a value was chosen is that value. */
  #fitsChosen(slot: Slot, chosen: { ballot: Ballot; text: string }, proposal: { ballot: Ballot; text: string }): void {
    if (compareBallots(proposal.ballot, chosen.ballot) < 0) return;
    this.#check(
      chosen.text === proposal.text,
      `slot ${slot}: "${chosen.text}" chosen in ${formatBallot(chosen.ballot)}, "${proposal.text}" proposed in ${formatBallot(proposal.ballot)}`,
    );
  }

  #voted(node: NodeId, vote: Vote): void {
    const id = key(vote.slot, vote.ballot);
    const text = textOf(vote.value);
    this.#proposed(vote.ballot, vote.slot, text);
    let voters = this.#voters.get(id);
    if (voters === undefined) this.#voters.set(id, (voters = new Set()));
    voters.add(node);
    if (!this.#quorums.phase2(voters)) return;
    const old = this.#chosen.get(vote.slot);
    if (old !== undefined) {
      this.#check(old.text === text, `slot ${vote.slot}: "${old.text}" and "${text}" are both chosen`);
      if (compareBallots(old.ballot, vote.ballot) <= 0) return;
    }
    const chosen = { ballot: vote.ballot, text };
    this.#chosen.set(vote.slot, chosen);
    for (const proposal of this.#proposals.get(vote.slot)?.values() ?? [])
      this.#fitsChosen(vote.slot, chosen, proposal);
    while (this.#chosen.has(this.#prefix + 1)) this.#prefix++;
  }

  #isChosen(node: NodeId, slot: Slot, text: string): void {
    const truth = this.#chosen.get(slot)?.text;
    this.#check(truth === text, `node ${node} takes "${text}" for chosen at slot ${slot}, where it is "${truth}"`);
  }

  #isCast(node: NodeId, slot: Slot, ballot: Ballot): void {
    const cast = this.#voters.get(key(slot, ballot))?.has(node) === true;
    this.#check(cast, `node ${node} speaks of a vote at ${key(slot, ballot)} that is not durable`);
  }

  #check(holds: boolean, rule: string): void {
    if (!holds) throw new Error(rule);
  }
}
