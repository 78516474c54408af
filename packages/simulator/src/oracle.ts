import type { Ballot, Configuration, NodeId, Recovered, Slot, StorageWrite, Versions, Vote } from "@synod/interface";
import { type Message, unpackNoops, VALUE_BATCH, VALUE_CONFIGURATION, VALUE_NOOP } from "@synod/multipaxos";
import { decodeBatch } from "@synod/rsm";
import { configurationNumber, type Epoch, Epochs } from "./core/epochs.js";
import type { Judge } from "./judge.js";
import { isQuorum } from "./quorums.js";
import { tagOf } from "./tags.js";
import { Witnesses } from "./witnesses.js";

/** Order of ballots; null is below all. */
function compareBallots(a: Ballot | null, b: Ballot | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return a.round - b.round || a.node - b.node;
}

export const ballotText = (ballot: Ballot | null): string =>
  ballot === null ? "none" : `${ballot.round}.${ballot.node}`;

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

interface Proposed {
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** Tags of the commands in a value, by their place in the batch; undefined for entries that are no command. */
export type ValueTags = readonly (number | undefined)[];

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
}

function raiseIn(value: Uint8Array): Versions | null {
  if (value[0] !== VALUE_BATCH) return null;
  for (const entry of decodeBatch(value).entries) if (entry.kind === "raise") return entry.versions;
  return null;
}

/**
 * Sees every disk and every message at once, and knows what is really chosen: a value with durable votes of a phase-2
 * quorum in one ballot.
 */
export class Oracle {
  readonly #judge: Judge;
  /** Which configuration really governs which slot. */
  readonly epochs: Epochs;
  readonly witnesses: Witnesses;
  /** Told of each configuration that takes effect. */
  onEpoch: ((epoch: Epoch) => void) | null = null;
  readonly #disks = new Map<NodeId, Held>();
  /** Every proposal ever sent or voted for. */
  readonly #proposals = new Map<Slot, Map<string, Proposed>>();
  readonly #voters = new Map<string, Set<NodeId>>();
  readonly #chosen = new Map<Slot, Proposed & { readonly tags: ValueTags }>();
  readonly #slotsOfTag = new Map<number, Slot>();
  readonly #knownTags: ReadonlySet<number>;
  /** Chosen values that raise versions. */
  readonly raises: Map<Slot, Versions> = new Map();
  /** Told of the first proposal of each such value, and when one is chosen. */
  onRaise: { proposed(versions: Versions, slot: Slot): void; chosen(versions: Versions): void } | null = null;
  #prefix: Slot = 0;

  constructor(options: { judge: Judge; configuration: Configuration; knownTags: ReadonlySet<number> }) {
    this.#judge = options.judge;
    this.epochs = new Epochs(options.configuration);
    this.witnesses = new Witnesses(options.configuration, options.judge, (id) => this.markedUpTo(id));
    this.#knownTags = options.knownTags;
  }

  /** Every slot up to here is chosen. */
  get prefix(): Slot {
    return this.#prefix;
  }

  /** Commands in a chosen value; undefined if none is chosen. */
  chosenTags(slot: Slot): ValueTags | undefined {
    return this.#chosen.get(slot)?.tags;
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
      this.#takenForChosen(node, slot, value);
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
      this.#takenForChosen(node, slot, value);
    }
    if (disk.forgotUpTo > 0) this.#onDamage(node, found);
    this.#mark(node, disk, Math.max(disk.chosenUpTo, found.chosenUpTo));
  }

  /** Where the last vote of a slot is lost an older one must not pass for what is chosen there. */
  #onDamage(node: NodeId, found: Recovered): void {
    const learned = new Set(found.chosen.map(({ slot }) => slot));
    for (const { slot, value } of found.votes) {
      if (slot <= found.chosenUpTo && !learned.has(slot)) this.#takenForChosen(node, slot, value);
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
      index <= this.#prefix,
      "agreement",
      () => `node ${node} saves a snapshot of slot ${index}; ${this.#prefix} are chosen`,
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
    this.#voted(node, vote);
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
      } else this.#takenForChosen(node, slot, value);
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
    if ("chosenUpTo" in message && message.chosenUpTo > this.#prefix) {
      this.#judge.fail("agreement", `node ${from} announces slot ${message.chosenUpTo}; ${this.#prefix} are chosen`);
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
          for (const vote of message.votes) durable(this.#isCast(from, vote.slot, vote.ballot), () => "a vote is not");
        }
        return;
      case "accepted":
        for (const [first, last] of message.slots) {
          for (let slot = first; slot <= last; slot++) {
            durable(this.#isCast(from, slot, message.ballot), () => `its vote of slot ${slot} is not on its disk`);
          }
        }
        return;
      case "accept":
        (unpackNoops(message.values) ?? []).forEach((value, i) =>
          this.#proposed({ ballot: message.ballot, value }, message.firstSlot + i),
        );
        return;
      case "snapshotOffer":
        durable(message.index <= disk.covered, () => `its snapshot has ${disk.covered}, not ${message.index}`);
        this.#judge.sometimes("snapshot offered");
        return;
      case "learn":
        message.values.forEach((value, i) => this.#takenForChosen(from, message.firstSlot + i, value));
        return;
      default:
    }
  }

  // ---- what is proposed and chosen

  #proposed(proposal: Proposed, slot: Slot): void {
    let ofSlot = this.#proposals.get(slot);
    if (ofSlot === undefined) this.#proposals.set(slot, (ofSlot = new Map()));
    const key = ballotText(proposal.ballot);
    const old = ofSlot.get(key);
    if (old !== undefined) {
      this.#judge.check(
        sameBytes(old.value, proposal.value),
        "one value per slot and ballot",
        () => `two values in slot ${slot}, ballot ${key}`,
      );
      return;
    }
    ofSlot.set(key, proposal);
    this.#onlyKnownCommands(proposal.value, slot);
    this.epochs.saw(proposal.value);
    const raise = raiseIn(proposal.value);
    if (raise !== null) this.onRaise?.proposed(raise, slot);
    if (proposal.value[0] === VALUE_NOOP) this.#judge.sometimes("gap filled by a no-op");
    this.#fitsChosen("P2b", slot, proposal);
    this.#followsPromises(slot, proposal);
  }

  #onlyKnownCommands(value: Uint8Array, slot: Slot): void {
    for (const tag of this.#tags(value)) {
      this.#judge.check(
        tag === undefined || this.#knownTags.has(tag),
        "only proposed values",
        () => `slot ${slot}: no client ever asked for command ${tag}`,
      );
    }
  }

  #tags(value: Uint8Array): ValueTags {
    if (value[0] !== VALUE_BATCH) return [];
    return decodeBatch(value).entries.map((entry) => (entry.kind === "command" ? tagOf(entry.body) : undefined));
  }

  /** Some quorum promised this ballot, and of what its members voted for below, the highest is this value. */
  #followsPromises(slot: Slot, proposal: Proposed): void {
    const { configuration, voters: members } = this.epochs.at(slot);
    const promised = members.filter((id) => compareBallots(this.#disk(id).promised, proposal.ballot) >= 0);
    const below = [...(this.#proposals.get(slot)?.values() ?? [])]
      .filter((other) => compareBallots(other.ballot, proposal.ballot) < 0)
      .sort((a, b) => compareBallots(b.ballot, a.ballot));
    const highest = new Map<NodeId, Proposed>();
    for (const other of below) {
      const voters = this.#voters.get(`${slot}@${ballotText(other.ballot)}`) ?? [];
      for (const id of voters) if (!highest.has(id)) highest.set(id, other);
    }
    const isQuorumOf = (bound: Ballot | null): boolean => {
      const fits = promised.filter((id) => compareBallots(highest.get(id)?.ballot ?? null, bound) <= 0);
      return isQuorum(configuration.quorum, members.length, "phase1", new Set(fits));
    };
    const bounds = below.filter((other) => sameBytes(other.value, proposal.value)).map((other) => other.ballot);
    this.#judge.check(
      isQuorumOf(null) || bounds.some(isQuorumOf),
      "P2c",
      () => `slot ${slot}, ballot ${ballotText(proposal.ballot)}: no quorum of promises allows this value`,
    );
  }

  /** `rule` for a proposal above the ballot in which a value is chosen: it has that value. */
  #fitsChosen(rule: "P2" | "P2a" | "P2b", slot: Slot, proposal: Proposed): void {
    const chosen = this.#chosen.get(slot);
    if (chosen === undefined || compareBallots(proposal.ballot, chosen.ballot) <= 0) return;
    const [before, after] = [ballotText(chosen.ballot), ballotText(proposal.ballot)];
    this.#judge.check(
      sameBytes(chosen.value, proposal.value),
      rule,
      () => `slot ${slot} is chosen in ${before}; ballot ${after} has another value`,
    );
  }

  #voted(node: NodeId, vote: Vote): void {
    const { slot, ballot, value } = vote;
    this.#fitsChosen("P2a", slot, vote);
    this.#proposed({ ballot, value }, slot);
    const key = `${slot}@${ballotText(ballot)}`;
    let voters = this.#voters.get(key);
    if (voters === undefined) this.#voters.set(key, (voters = new Set()));
    voters.add(node);
    const { configuration, voters: members } = this.epochs.at(slot);
    const counted = new Set(members.filter((id) => voters.has(id)));
    if (!isQuorum(configuration.quorum, members.length, "phase2", counted)) return;
    this.#fitsChosen("P2", slot, vote);
    const old = this.#chosen.get(slot);
    if (old !== undefined) {
      this.#judge.check(sameBytes(old.value, value), "agreement", () => `two values are chosen in slot ${slot}`);
      if (compareBallots(old.ballot, ballot) <= 0) return;
    }
    const chosen = { ballot, value, tags: this.#tags(value) };
    this.#chosen.set(slot, chosen);
    const raise = raiseIn(value);
    if (raise !== null && !this.raises.has(slot)) {
      this.raises.set(slot, raise);
      this.onRaise?.chosen(raise);
    }
    for (const proposal of this.#proposals.get(slot)?.values() ?? []) this.#fitsChosen("P2b", slot, proposal);
    for (let next = this.#chosen.get(this.#prefix + 1); next !== undefined; next = this.#chosen.get(this.#prefix + 1)) {
      this.#prefix++;
      this.#configurationChosen(next.value);
    }
    for (const tag of chosen.tags) {
      if (tag === undefined) continue;
      if ((this.#slotsOfTag.get(tag) ?? slot) !== slot) this.#judge.sometimes("duplicate suppressed by session");
      this.#slotsOfTag.set(tag, slot);
    }
  }

  /** The value of the last slot of the prefix. */
  #configurationChosen(value: Uint8Array): void {
    if (value[0] !== VALUE_CONFIGURATION) return;
    const { count } = this.epochs;
    this.epochs.chosen(this.#prefix, configurationNumber(value));
    if (this.epochs.count > count) this.onEpoch?.(this.epochs.last);
    else this.#judge.sometimes("void configuration chosen");
  }

  #takenForChosen(node: NodeId, slot: Slot, value: Uint8Array): void {
    const truth = this.#chosen.get(slot);
    this.#judge.check(
      truth !== undefined && sameBytes(truth.value, value),
      "agreement",
      () => `node ${node} takes a value for chosen in slot ${slot}, where ${truth ? "another" : "none"} is chosen`,
    );
  }

  #isCast(node: NodeId, slot: Slot, ballot: Ballot): boolean {
    return this.#voters.get(`${slot}@${ballotText(ballot)}`)?.has(node) === true;
  }
}
