import type { Configuration, NodeId, Slot, StorageWrite, Vote } from "@synod/interface";
import { type Accept, type Message, type ReplicaSettings, type Send, unpackNoops } from "@synod/multipaxos";
import { FOR_VOTERS } from "../oracle.js";
import { check } from "./broken.js";
import type { Disk } from "./disk.js";
import { ChangeRules } from "./change-rules.js";
import { bitOf, type Epoch, Epochs, isQuorumOf } from "./epochs.js";
import { chosenText, find, type Proposal, type SlotTruth } from "./slot-truth.js";
import { idOf, idText, nodeOf, NOOP_ID, rankOf, rankText } from "./values.js";

/**
 * Knows what is really chosen: a value with votes on the disks of a phase-2 quorum in one ballot. It is an oracle of its own,
 * beside the one for whole nodes, for two reasons: values, ballots and quorums are plain integers here, which makes it many
 * times faster; and it sees the issuing of each proposal together with all disks, which P1 and P2c need.
 */
export class CoreOracle {
  /** Highest slot that any replica handed out: what a client may have seen. */
  seenUpTo: Slot = 0;
  /** Who decides on which slot. */
  readonly epochs: Epochs;
  /** Called when the value of a slot is chosen for the first time, with who proposed it. */
  onChoice: (slot: Slot, proposer: NodeId) => void = () => {};
  readonly changes: ChangeRules;
  readonly #limits: Pick<ReplicaSettings, "frameValueBytesMax" | "writeBytesMax">;
  readonly #slots: SlotTruth[] = [];
  readonly #promised: number[] = [];
  /** By node: what the snapshot on its disk holds, and what it has forgotten. */
  readonly #covered: Slot[] = [];
  readonly #compacted: Slot[] = [];
  /** By slot: the head of the snapshots that end there. */
  readonly #heads = new Map<Slot, string>();
  /** Whether an acceptor may refuse for a lease. */
  readonly #leases: boolean;
  #lastId = 0;
  #prefix: Slot = 0;
  noops = 0;

  constructor(
    configuration: Configuration,
    limits: Pick<ReplicaSettings, "frameValueBytesMax" | "writeBytesMax"> = {
      frameValueBytesMax: Infinity,
      writeBytesMax: Infinity,
    },
  ) {
    this.epochs = new Epochs(configuration);
    this.changes = new ChangeRules(this.epochs);
    this.#leases = configuration.lease !== undefined;
    this.#limits = limits;
  }

  /** Every slot up to here is chosen. */
  get prefix(): Slot {
    return this.#prefix;
  }

  /** Values up to this number were given to replicas. */
  introduce(id: number): void {
    this.#lastId = id;
  }

  #slot(slot: Slot): SlotTruth {
    let truth = this.#slots[slot];
    if (truth === undefined) {
      while (this.#slots.length < slot) this.#slots.push({ proposals: [], chosen: null, bytes: 0 });
      truth = { proposals: [], chosen: null, bytes: 0 };
      this.#slots[slot] = truth;
    }
    return truth;
  }

  // ---- disks

  /** A write reaches the disk of a node; `disk` is its state before. */
  onDurable(node: NodeId, disk: Disk, write: StorageWrite): void {
    const before = this.#promised[node] ?? 0;
    const promised = write.promised === undefined ? before : rankOf(write.promised);
    check(
      promised >= before,
      "promise never falls",
      () => `node ${node}: from ${rankText(before)} to ${rankText(promised)} on disk`,
    );
    let bytes = 0;
    this.#promised[node] = promised;
    for (const vote of write.votes) {
      bytes += vote.value.length;
      this.#voted(node, vote, disk, { before, promised });
    }
    for (const { slot, value } of write.chosen) {
      bytes += value.length;
      this.#isChosen(node, slot, value);
    }
    check(
      bytes <= this.#limits.writeBytesMax || write.votes.length + write.chosen.length === 1,
      "memory bounds",
      () => `node ${node} writes ${bytes} bytes at once`,
    );
  }

  /** A snapshot of everything up to `index` is on disk. Whoever took it, its head tells the same. */
  onSnapshot(node: NodeId, index: Slot, head: Uint8Array): void {
    const text = head.join();
    const known = this.#heads.get(index) ?? text;
    this.#heads.set(index, known);
    check(known === text, "configuration continuity", () => `node ${node}: another head for a snapshot of ${index}`);
    check(index <= this.#prefix, "agreement", () => `node ${node}: a snapshot of ${index}; ${this.#prefix} are chosen`);
    this.#covered[node] = index;
  }

  /** Votes and values up to here are forgotten. */
  onCompacted(node: NodeId, upTo: Slot): void {
    this.#compacted[node] = upTo;
  }

  /** A node starts anew with what its disk holds. */
  onBoot(node: NodeId): void {
    this.#compacted[node] = this.#covered[node] ?? 0;
  }

  /** The write has been applied: the mark stands for values that are there. */
  onMark(node: NodeId, disk: Disk, from: Slot): void {
    check(disk.chosenUpTo >= from, "promise never falls", () => `node ${node}: the chosen mark falls from ${from}`);
    for (let slot = Math.max(from, this.#covered[node] ?? 0) + 1; slot <= disk.chosenUpTo; slot++) {
      const value = disk.chosen.get(slot) ?? disk.votes.get(slot)?.value;
      if (value !== undefined) this.#isChosen(node, slot, value);
      else check(false, "durable before sent", () => `node ${node} marks slot ${slot}, whose value is not on disk`);
    }
  }

  #voted(
    node: NodeId,
    vote: Vote,
    disk: Disk,
    { before, promised }: { readonly before: number; readonly promised: number },
  ): void {
    const { slot, value } = vote;
    const rank = rankOf(vote.ballot);
    const old = disk.votes.get(slot);
    const where = (): string => `node ${node}, slot ${slot}, ballot ${rankText(rank)}`;
    check(rank >= before, "P1a", () => `${where()}: a vote below the promise ${rankText(before)}`);
    check(rank <= promised, "vote never falls", () => `${where()}: above the promise`);
    check(
      old === undefined || rankOf(old.ballot) <= rank,
      "vote never falls",
      () => `${where()}: the vote was in ${rankText(rankOf(old?.ballot ?? null))}`,
    );
    const truth = this.#slot(slot);
    const id = idOf(value);
    this.epochs.saw(value);
    let proposal = find(truth, rank);
    if (proposal === undefined) {
      // The proposer itself votes as it proposes, also where nobody gets to hear of it.
      check(vote.ballot.node === node, "only proposed values", () => `${where()}: a vote for what was never sent`);
      proposal = this.#issue(truth, slot, rank, id);
    }
    check(proposal.id === id, "one value per slot and ballot", () => `${where()}: ${idText(id)} and another`);
    const { chosen } = truth;
    check(
      chosen === null || rank <= chosen.rank || chosen.id === id,
      "P2a",
      () => `${where()}: a vote for ${idText(id)} above ${chosenText(chosen)}`,
    );
    proposal.voters |= bitOf(node);
    if (!proposal.chosen && isQuorumOf(this.epochs.at(slot), "phase2", proposal.voters)) {
      this.#choose(truth, slot, proposal);
    }
  }

  #choose(truth: SlotTruth, slot: Slot, proposal: Proposal): void {
    proposal.chosen = true;
    const { chosen } = truth;
    if (chosen === null) this.onChoice(slot, nodeOf(proposal.rank));
    for (const other of truth.proposals) {
      if (other.id === proposal.id) continue;
      const text = (): string =>
        `slot ${slot}: ${chosenText(proposal)}, and ${idText(other.id)} in ${rankText(other.rank)}`;
      check(!other.chosen, "P2", text);
      if (other.rank < proposal.rank) continue;
      check(other.voters === 0, "P2a", text);
      check(false, "P2b", text);
    }
    if (chosen === null || chosen.rank > proposal.rank) truth.chosen = proposal;
    for (let next = this.#slots[this.#prefix + 1]; next?.chosen; next = this.#slots[this.#prefix + 1]) {
      this.#prefix++;
      const { last } = this.epochs;
      this.epochs.chosen(this.#prefix, next.chosen.id);
      if (this.epochs.last !== last) this.changes.isSettled(last, `the change of slot ${this.#prefix} comes too early`);
    }
  }

  // ---- proposals

  /** A proposal is made: seen for the first time, in a message or in the vote of its proposer. */
  #issue(truth: SlotTruth, slot: Slot, rank: number, id: number): Proposal {
    const where = (): string => `slot ${slot}, ballot ${rankText(rank)}, ${idText(id)}`;
    check(
      (id >= 0 && id <= this.#lastId) || id > 2 ** 32,
      "only proposed values",
      () => `${where()} was given to no replica`,
    );
    const { chosen } = truth;
    check(
      chosen === null || rank < chosen.rank || chosen.id === id,
      "P2b",
      () => `${where()} is proposed above ${chosenText(chosen)}`,
    );
    // A leader may propose again what it knows as chosen in a later ballot; its own phase 1 need not have found it.
    check(
      chosen?.id === id || this.#isSafe(truth, rank, id, this.epochs.at(slot)),
      "P2c",
      () => `${where()}: no quorum allows it`,
    );
    if (id === NOOP_ID) this.noops++;
    const proposal: Proposal = { rank, id, voters: 0, chosen: false };
    let i = truth.proposals.length;
    while (i > 0 && (truth.proposals[i - 1] as Proposal).rank > rank) i--;
    truth.proposals.splice(i, 0, proposal);
    return proposal;
  }

  /** P2c. From the largest set of promises downwards: the more acceptors a set has, the likelier it is a quorum. */
  #isSafe(truth: SlotTruth, rank: number, id: number, epoch: Epoch): boolean {
    let set = 0;
    for (const node of epoch.voters) if ((this.#promised[node] ?? 0) >= rank) set |= bitOf(node);
    for (let i = truth.proposals.length - 1; i >= 0; i--) {
      const other = truth.proposals[i] as Proposal;
      if (other.rank >= rank) continue;
      if (other.id === id && (set & other.voters) !== 0 && isQuorumOf(epoch, "phase1", set)) return true;
      set &= ~other.voters;
    }
    return isQuorumOf(epoch, "phase1", set);
  }

  // ---- messages

  /** A message leaves `from`, whose disk holds `disk`. */
  onSend(from: NodeId, message: Message, disk: Disk): void {
    const { kind } = message;
    const sends = (what: string): string => `node ${from} sends ${kind}: ${what}`;
    if (disk.forgot && FOR_VOTERS.includes(kind)) {
      check(false, "a damaged node only learns", () =>
        sends(`votes up to slot ${disk.forgotUpTo} may be missing; ${disk.chosenUpTo} is chosen on its disk`),
      );
    }
    if ("chosenUpTo" in message && message.chosenUpTo > this.#prefix) {
      check(false, "agreement", () => sends(`${message.chosenUpTo} is chosen; it is ${this.#prefix}`));
    }
    if ("durableUpTo" in message && message.durableUpTo > disk.chosenUpTo) {
      check(false, "durable before sent", () => sends(`mark ${message.durableUpTo}`));
    }
    if (kind === "snapshotOffer") {
      const covered = this.#covered[from] ?? 0;
      check(message.index <= covered, "durable before sent", () => sends(`of ${message.index}; ${covered} is saved`));
    }
    if (kind === "prepare" || kind === "promise") {
      const rank = rankOf(message.ballot);
      check((this.#promised[from] ?? 0) >= rank, "durable before sent", () => sends(`promise ${rankText(rank)}`));
    }
    if (kind === "promise") {
      for (const { slot, ballot } of message.votes) this.#isCast(from, slot, rankOf(ballot));
      this.#isSmall(from, kind, message.votes);
    } else if (kind === "accepted") {
      const rank = rankOf(message.ballot);
      for (const [first, last] of message.slots) for (let s = first; s <= last; s++) this.#isCast(from, s, rank);
    } else if (kind === "accept") this.#onAccept(from, message);
    else if (kind === "learn") {
      for (const [i, value] of message.values.entries()) this.#isChosen(from, message.firstSlot + i, value);
      this.#isSmall(from, kind, message.values);
    }
  }

  #onAccept(from: NodeId, { ballot, firstSlot, values: packed, chosenUpTo, leaderVoted }: Accept): void {
    const values = unpackNoops(packed) ?? [];
    const rank = rankOf(ballot);
    const last = firstSlot + values.length - 1;
    check(ballot.node === from, "one value per slot and ballot", () => `node ${from} proposes in ${rankText(rank)}`);
    check(
      last <= chosenUpTo + this.epochs.at(last).alpha,
      "window",
      () => `node ${from} proposes slot ${last}; ${chosenUpTo} are chosen`,
    );
    this.#isSmall(from, "accept", values);
    if (leaderVoted === true) for (let slot = firstSlot; slot <= last; slot++) this.#isCast(from, slot, rank);
    for (let i = 0; i < values.length; i++) {
      const truth = this.#slot(firstSlot + i);
      this.epochs.saw(values[i] as Uint8Array);
      const id = idOf(values[i] as Uint8Array);
      const proposal = find(truth, rank) ?? this.#issue(truth, firstSlot + i, rank, id);
      check(
        proposal.id === id,
        "one value per slot and ballot",
        () => `slot ${firstSlot + i}, ballot ${rankText(rank)}: ${idText(proposal.id)} and ${idText(id)}`,
      );
    }
  }

  /**
   * A Prepare or an Accept was handled, with these effects.
   * @param promised the promise before
   * @param held what it said before and what waits for the disk: that it need not say again
   */
  onAnswer(
    node: NodeId,
    from: NodeId,
    message: Message,
    promised: number,
    sends: readonly Send[],
    held: readonly Send[],
  ): void {
    if (message.kind !== "accept" && message.kind !== "prepare") return;
    const rank = rankOf(message.ballot);
    const kind = message.kind === "accept" ? "accepted" : "promise";
    const votes: Message[] = [];
    for (const { message: sent, to } of sends) {
      if (sent.kind !== kind || to[0] !== from) continue;
      // What says no more than how much credit there is may leave in the same turn, whatever the answer.
      if (sent.kind !== "accepted" || sent.slots.length > 0) votes.push(sent);
    }
    const text = (): string =>
      `node ${node}, which promised ${rankText(promised)}, and ${message.kind} ${rankText(rank)}`;
    if (rank < promised) {
      check(votes.length === 0, kind === "accepted" ? "P1a" : "promise never falls", text);
      return;
    }
    if (rank > promised && sends.some((send) => send.message.kind === "reject" && send.message.leaseLeftMs > 0)) {
      check(this.#leases && votes.length === 0, "P1", () => `${text()}: refused for a lease, and voted all the same`);
      return;
    }
    if (message.kind === "prepare") return;
    for (const { message: said, to } of held) {
      if (said.kind === "accepted" && to[0] === from && rankOf(said.ballot) === rank) votes.push(said);
    }
    const values = unpackNoops(message.values) ?? [];
    for (let i = 0; i < values.length; i++) {
      const slot = message.firstSlot + i;
      const chosen = this.#slots[slot]?.chosen ?? null;
      if (chosen !== null && chosen.id !== idOf(values[i] as Uint8Array)) continue;
      // A vote would be forgotten at once; the answer says that the slot is chosen.
      if (slot <= (this.#compacted[node] ?? 0)) continue;
      const voted = votes.some(
        (vote) => vote.kind === "accepted" && vote.slots.some(([first, last]) => first <= slot && slot <= last),
      );
      check(voted, "P1", () => `${text()}: no vote for slot ${slot}`);
    }
  }

  #isSmall(from: NodeId, kind: string, items: readonly (Uint8Array | Vote)[]): void {
    if (items.length < 2) return;
    let bytes = 0;
    for (const item of items) bytes += "value" in item ? item.value.length : item.length;
    const most = this.#limits.frameValueBytesMax;
    check(bytes <= most, "memory bounds", () => `node ${from} sends ${kind} of ${bytes} bytes; ${most} is the limit`);
  }

  // ---- what is chosen

  /** A replica handed a value out. */
  onHandedOut(node: NodeId, slot: Slot, value: Uint8Array): void {
    this.#isChosen(node, slot, value);
    this.#slot(slot).bytes = value.length;
    if (slot > this.seenUpTo) this.seenUpTo = slot;
  }

  /** Length of a value that was handed out. */
  bytesOf(slot: Slot): number {
    return this.#slots[slot]?.bytes ?? 0;
  }

  #isChosen(node: NodeId, slot: Slot, value: Uint8Array): void {
    const chosen = this.#slots[slot]?.chosen ?? null;
    check(
      chosen !== null && chosen.id === idOf(value),
      "agreement",
      () => `node ${node} takes ${idText(idOf(value))} for chosen in slot ${slot}: ${chosenText(chosen)}`,
    );
  }

  #isCast(node: NodeId, slot: Slot, rank: number): void {
    const truth = this.#slots[slot];
    const proposal = truth === undefined ? undefined : find(truth, rank);
    check(
      proposal !== undefined && (proposal.voters & bitOf(node)) !== 0,
      "durable before sent",
      () => `node ${node} speaks of its vote in slot ${slot}, ballot ${rankText(rank)}, which is not on disk`,
    );
  }
}
