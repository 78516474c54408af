import type { Ballot, Configuration, NodeId, Recovered, Slot, StorageWrite, Vote } from "@synod/interface";
import { type Message, unpackNoops } from "@synod/multipaxos";
import type { Epochs } from "./core/epochs.js";
import type { Judge } from "./judge.js";
import { ballotText, compareBallots, sameBytes, Truth } from "./truth.js";
import { Witnesses } from "./witnesses.js";

/** What counts towards some quorum, or asks for one. */
export const FOR_VOTERS: readonly Message["kind"][] = [
  "prepare",
  "promise",
  "accept",
  "accepted",
  "confirmReply",
  "beatReply",
  "quorumReadReply",
  "leaseAsk",
  "leaseGrant",
];

/** What one disk holds for certain, as acknowledged by its storage. */
interface Held {
  promised: Ballot | null;
  readonly votes: Map<Slot, Vote>;
  readonly chosen: Map<Slot, Uint8Array>;
  chosenUpTo: Slot;
  /** The process that runs on it found votes missing up to this slot; 0 if it found none. */
  forgotUpTo: Slot;
  /** Its snapshot has everything up to here. */
  covered: Slot;
  /** Asked for and not acknowledged when the process ended: may be found later. */
  readonly underWay: Set<StorageWrite>;
}

/**
 * Sees every disk and every message at once, and knows what is really chosen: a value with durable votes of a phase-2
 * quorum in one ballot.
 */
export class Oracle {
  readonly #judge: Judge;
  /** What is proposed and chosen. */
  readonly truth: Truth;
  readonly witnesses: Witnesses;
  readonly #disks = new Map<NodeId, Held>();

  constructor(options: { judge: Judge; configuration: Configuration; knownTags: ReadonlySet<number> }) {
    this.#judge = options.judge;
    this.truth = new Truth({ ...options, promisedBy: (id) => this.#disk(id).promised });
    this.witnesses = new Witnesses({ ...options, epochs: this.epochs, markedUpTo: (id) => this.markedUpTo(id) });
  }

  /** Every slot up to here is chosen. */
  get prefix(): Slot {
    return this.truth.prefix;
  }

  /** Which configuration really governs which slot. */
  get epochs(): Epochs {
    return this.truth.epochs;
  }

  /** Every slot up to here is marked as chosen on the disk of a node. */
  markedUpTo(node: NodeId): Slot {
    return this.#disk(node).chosenUpTo;
  }

  #disk(node: NodeId): Held {
    let disk = this.#disks.get(node);
    if (disk === undefined) {
      const blank = { promised: null, votes: new Map(), chosen: new Map(), underWay: new Set<StorageWrite>() };
      disk = { ...blank, chosenUpTo: 0, forgotUpTo: 0, covered: 0 };
      this.#disks.set(node, disk);
    }
    return disk;
  }

  // ---- disks

  onWriteBegun(node: NodeId, write: StorageWrite): void {
    this.#disk(node).underWay.add(write);
  }

  /** Storage said that it is durable. */
  onWriteDone(node: NodeId, write: StorageWrite): void {
    const disk = this.#disk(node);
    disk.underWay.delete(write);
    if (write.promised !== undefined || write.votes.length > 0) this.#mayVote(node, disk, "writes a promise or a vote");
    const promised = write.promised ?? disk.promised;
    this.#judge.check(
      compareBallots(promised, disk.promised) >= 0,
      "promise never falls",
      () => `node ${node}: from ${ballotText(disk.promised)} to ${ballotText(promised)}`,
    );
    for (const { slot, ballot } of write.votes) {
      this.#judge.check(
        compareBallots(ballot, disk.promised) >= 0,
        "P1a",
        () =>
          `node ${node} votes in slot ${slot}, ballot ${ballotText(ballot)}; it promised ${ballotText(disk.promised)}`,
      );
    }
    disk.promised = promised;
    for (const vote of write.votes) this.#hold(node, disk, vote);
    for (const { slot, value } of write.chosen) {
      disk.chosen.set(slot, value);
      this.truth.takenForChosen(node, slot, value);
    }
    // A snapshot may have been saved since the write was made.
    this.#mark(node, disk, Math.max(write.chosenUpTo ?? disk.chosenUpTo, disk.covered));
  }

  /** A store was opened again: everything that was acknowledged is in it, and nothing that was never written. */
  onRecovered(node: NodeId, found: Recovered): void {
    const disk = this.#disk(node);
    disk.forgotUpTo = found.damage?.upTo ?? 0;
    const covered = found.snapshot?.index ?? 0;
    // What may be missing. The promise never is.
    const excused = Math.max(covered, disk.forgotUpTo);
    const lost = (what: string): void => this.#judge.fail("acknowledged writes survive", `node ${node} lost ${what}`);
    if (compareBallots(found.promised, disk.promised) < 0) {
      lost(`promise ${ballotText(disk.promised)}; it found ${ballotText(found.promised)}`);
    }
    const votes = new Map(found.votes.map((vote) => [vote.slot, vote]));
    for (const vote of disk.votes.values()) {
      if (vote.slot <= excused) continue;
      const ballot = votes.get(vote.slot)?.ballot ?? null;
      if (compareBallots(ballot, vote.ballot) < 0) lost(`its vote of slot ${vote.slot} in ${ballotText(vote.ballot)}`);
    }
    const values = new Set(found.chosen.map(({ slot }) => slot));
    for (const slot of disk.chosen.keys()) if (slot > excused && !values.has(slot)) lost(`the value of slot ${slot}`);
    if (found.chosenUpTo < disk.forgotUpTo) disk.chosenUpTo = Math.min(disk.chosenUpTo, found.chosenUpTo);
    if (found.chosenUpTo < disk.chosenUpTo) lost(`the mark ${disk.chosenUpTo}; it found ${found.chosenUpTo}`);
    if (covered < disk.covered) lost(`its snapshot of slot ${disk.covered}; it found ${covered}`);
    if (covered > disk.covered) this.onSnapshotSaved(node, covered);
    this.#refuseInvented(node, disk, found);
    disk.underWay.clear();
    disk.promised = found.promised;
    for (const vote of found.votes) {
      const before = disk.votes.get(vote.slot)?.ballot ?? null;
      if (vote.slot > disk.forgotUpTo || compareBallots(vote.ballot, before) >= 0) this.#hold(node, disk, vote);
    }
    for (const { slot, value } of found.chosen) {
      // From a damaged log come votes as well, those of which the mark may speak.
      const vote = found.damage === undefined ? undefined : votes.get(slot);
      if (vote === undefined || !sameBytes(vote.value, value)) disk.chosen.set(slot, value);
      this.truth.takenForChosen(node, slot, value);
    }
    if (disk.forgotUpTo > 0) this.#onDamage(node, found);
    this.#mark(node, disk, Math.max(disk.chosenUpTo, found.chosenUpTo));
  }

  /** Where the last vote of a slot is lost an older one must not pass for what is chosen there. */
  #onDamage(node: NodeId, found: Recovered): void {
    const learned = new Set(found.chosen.map(({ slot }) => slot));
    for (const { slot, value } of found.votes) {
      if (slot <= found.chosenUpTo && !learned.has(slot)) this.truth.takenForChosen(node, slot, value);
    }
    const repaired = found.chosenUpTo >= (found.damage?.upTo ?? 0);
    this.#judge.sometimes(repaired ? "damaged log, repaired before" : "damaged log met");
  }

  #mayVote(node: NodeId, disk: Held, what: string): void {
    this.#judge.check(
      disk.chosenUpTo >= disk.forgotUpTo,
      "a damaged node only learns",
      () =>
        `node ${node} ${what}; it may have forgotten votes up to slot ${disk.forgotUpTo}, and knows ${disk.chosenUpTo}`,
    );
  }

  /** A snapshot of everything up to `index` is on disk. */
  onSnapshotSaved(node: NodeId, index: Slot): void {
    const disk = this.#disk(node);
    this.#judge.check(
      index <= this.prefix,
      "agreement",
      () => `node ${node} saves a snapshot of slot ${index}; ${this.prefix} are chosen`,
    );
    this.witnesses.onSnapshotSaved(node, index);
    disk.covered = Math.max(disk.covered, index);
    disk.chosenUpTo = Math.max(disk.chosenUpTo, index);
  }

  onDrop(node: NodeId, upTo: Slot): void {
    const { covered } = this.#disk(node);
    this.#judge.check(
      upTo <= covered,
      "dropped log <= flushed snapshot",
      () => `node ${node} drops its log up to ${upTo}; its snapshot has ${covered}`,
    );
    this.#judge.sometimes("log dropped");
  }

  #refuseInvented(node: NodeId, disk: Held, found: Recovered): void {
    const written = (vote: Vote): boolean => {
      const isIt = (one: Vote | undefined): boolean =>
        one !== undefined && compareBallots(one.ballot, vote.ballot) === 0 && sameBytes(one.value, vote.value);
      const held = disk.votes.get(vote.slot);
      if (isIt(held)) return true;
      // The vote that took its place may be in what was lost.
      if (vote.slot <= disk.forgotUpTo && held !== undefined && compareBallots(vote.ballot, held.ballot) < 0)
        return true;
      return [...disk.underWay].some((write) => write.votes.some((one) => one.slot === vote.slot && isIt(one)));
    };
    for (const vote of found.votes) {
      this.#judge.check(
        written(vote),
        "acknowledged writes survive",
        () => `node ${node} found a vote of slot ${vote.slot} in ${ballotText(vote.ballot)} that was never written`,
      );
    }
  }

  #hold(node: NodeId, disk: Held, vote: Vote): void {
    const before = disk.votes.get(vote.slot)?.ballot ?? null;
    this.#judge.check(
      compareBallots(vote.ballot, before) >= 0,
      "vote never falls",
      () => `node ${node}, slot ${vote.slot}: from ${ballotText(before)} to ${ballotText(vote.ballot)}`,
    );
    this.#judge.check(
      compareBallots(vote.ballot, disk.promised) <= 0,
      "vote never falls",
      () => `node ${node} votes in ${ballotText(vote.ballot)} above its promise ${ballotText(disk.promised)}`,
    );
    disk.votes.set(vote.slot, vote);
    this.truth.voted(node, vote);
  }

  /** The mark stands for values that are there. */
  #mark(node: NodeId, disk: Held, mark: Slot): void {
    this.#judge.check(
      mark >= disk.chosenUpTo,
      "acknowledged writes survive",
      () => `node ${node}: the mark fell from ${disk.chosenUpTo} to ${mark}`,
    );
    for (let slot = Math.max(disk.chosenUpTo, disk.covered) + 1; slot <= mark; slot++) {
      const value = disk.chosen.get(slot) ?? disk.votes.get(slot)?.value;
      if (value === undefined) {
        this.#judge.fail("durable before sent", `node ${node} marks slot ${slot}, whose value is not on disk`);
      } else this.truth.takenForChosen(node, slot, value);
    }
    disk.chosenUpTo = Math.max(disk.chosenUpTo, mark);
  }

  // ---- messages

  /** A message leaves. */
  onSend(from: NodeId, message: Message): void {
    this.witnesses.onSend(from, message);
    const disk = this.#disk(from);
    const durable = (holds: boolean, what: () => string): void =>
      this.#judge.check(holds, "durable before sent", () => `node ${from} sends ${message.kind}: ${what()}`);
    if ("chosenUpTo" in message && message.chosenUpTo > this.prefix) {
      this.#judge.fail("agreement", `node ${from} announces slot ${message.chosenUpTo}; ${this.prefix} are chosen`);
    }
    if ("durableUpTo" in message) {
      durable(message.durableUpTo <= disk.chosenUpTo, () => `${message.durableUpTo} is not marked on its disk`);
    }
    if (FOR_VOTERS.includes(message.kind)) this.#mayVote(from, disk, `sends ${message.kind}`);
    switch (message.kind) {
      case "prepare":
      case "promise":
        durable(compareBallots(disk.promised, message.ballot) >= 0, () => "its promise is not on its disk");
        if (message.kind === "promise") {
          for (const vote of message.votes)
            durable(this.truth.isCast(from, vote.slot, vote.ballot), () => "a vote is not");
        }
        return;
      case "accepted":
        for (const [first, last] of message.slots) {
          for (let slot = first; slot <= last; slot++) {
            durable(this.truth.isCast(from, slot, message.ballot), () => `its vote of slot ${slot} is not on its disk`);
          }
        }
        return;
      case "accept":
        (unpackNoops(message.values) ?? []).forEach((value, i) =>
          this.truth.proposed({ ballot: message.ballot, value }, message.firstSlot + i),
        );
        return;
      case "snapshotOffer":
        durable(message.index <= disk.covered, () => `its snapshot has ${disk.covered}, not ${message.index}`);
        this.#judge.sometimes("snapshot offered");
        return;
      case "learn":
        message.values.forEach((value, i) => this.truth.takenForChosen(from, message.firstSlot + i, value));
        return;
      default:
    }
  }
}
