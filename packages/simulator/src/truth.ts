import type { Ballot, Configuration, NodeId, Slot, Versions, Vote } from "@synod/interface";
import { VALUE_BATCH, VALUE_CONFIGURATION, VALUE_NOOP } from "@synod/multipaxos";
import { decodeBatch } from "@synod/rsm";
import { configurationNumber, type Epoch, Epochs } from "./core/epochs.js";
import type { Judge } from "./judge.js";
import { isQuorum } from "./quorums.js";
import { tagOf } from "./tags.js";

/** Order of ballots; null is below all. */
export function compareBallots(a: Ballot | null, b: Ballot | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return a.round - b.round || a.node - b.node;
}

export const ballotText = (ballot: Ballot | null): string =>
  ballot === null ? "none" : `${ballot.round}.${ballot.node}`;

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
}

interface Proposed {
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** Tags of the commands in a value, by their place in the batch; undefined for entries that are no command. */
export type ValueTags = readonly (number | undefined)[];

function raiseIn(value: Uint8Array): Versions | null {
  if (value[0] !== VALUE_BATCH) return null;
  for (const entry of decodeBatch(value).entries) if (entry.kind === "raise") return entry.versions;
  return null;
}

export interface TruthOptions {
  readonly judge: Judge;
  readonly configuration: Configuration;
  readonly knownTags: ReadonlySet<number>;
  /** What each disk has promised. */
  readonly promisedBy: (id: NodeId) => Ballot | null;
}

/** What is proposed, voted for and really chosen: a value with durable votes of a phase-2 quorum in one ballot. */
export class Truth {
  readonly #judge: Judge;
  /** Which configuration really governs which slot. */
  readonly epochs: Epochs;
  /** Told of each configuration that takes effect. */
  onEpoch: ((epoch: Epoch) => void) | null = null;
  /** Every proposal ever sent or voted for. */
  readonly #proposals = new Map<Slot, Map<string, Proposed>>();
  readonly #voters = new Map<string, Set<NodeId>>();
  readonly #chosen = new Map<Slot, Proposed & { readonly tags: ValueTags }>();
  readonly #slotsOfTag = new Map<number, Slot>();
  readonly #knownTags: ReadonlySet<number>;
  readonly #promisedBy: TruthOptions["promisedBy"];
  /** Chosen values that raise versions. */
  readonly raises: Map<Slot, Versions> = new Map();
  /** Told of the first proposal of each such value, and when one is chosen. */
  onRaise: { proposed(versions: Versions, slot: Slot): void; chosen(versions: Versions): void } | null = null;
  #prefix: Slot = 0;

  constructor({ judge, configuration, knownTags, promisedBy }: TruthOptions) {
    this.#judge = judge;
    this.epochs = new Epochs(configuration);
    this.#knownTags = knownTags;
    this.#promisedBy = promisedBy;
  }

  /** Every slot up to here is chosen. */
  get prefix(): Slot {
    return this.#prefix;
  }

  /** Commands in a chosen value; undefined if none is chosen. */
  chosenTags(slot: Slot): ValueTags | undefined {
    return this.#chosen.get(slot)?.tags;
  }

  /** Somebody proposes a value, or votes for it. */
  proposed(proposal: Proposed, slot: Slot): void {
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
    const promised = members.filter((id) => compareBallots(this.#promisedBy(id), proposal.ballot) >= 0);
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

  /** A vote is durable. */
  voted(node: NodeId, vote: Vote): void {
    const { slot, ballot, value } = vote;
    this.#fitsChosen("P2a", slot, vote);
    this.proposed({ ballot, value }, slot);
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

  takenForChosen(node: NodeId, slot: Slot, value: Uint8Array): void {
    const truth = this.#chosen.get(slot);
    this.#judge.check(
      truth !== undefined && sameBytes(truth.value, value),
      "agreement",
      () => `node ${node} takes a value for chosen in slot ${slot}, where ${truth ? "another" : "none"} is chosen`,
    );
  }

  /** Whether a vote was durable once. */
  isCast(node: NodeId, slot: Slot, ballot: Ballot): boolean {
    return this.#voters.get(`${slot}@${ballotText(ballot)}`)?.has(node) === true;
  }
}
