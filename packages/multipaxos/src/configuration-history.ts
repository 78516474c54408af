import type { QuorumSystem } from "@synod/paxos";
import { type Configuration, type NodeId, type Slot, SynodError } from "@synod/interface";
import { malformed, Reader, Writer } from "./bytes.js";
import {
  checkConfiguration,
  checkVersion,
  type ConfigurationValue,
  decodeConfigurationValue,
  readConfiguration,
  versionOf,
  writeConfiguration,
} from "./configuration-value.js";
import { invariant } from "./invariant.js";
import { VALUE_CONFIGURATION } from "./values.js";

/** A configuration and the slots that it governs: from `from` up to where the next one takes over. */
export interface Governing {
  readonly epoch: number;
  /** Slot of the command that made it; 0 for the founders. */
  readonly slot: Slot;
  /** First slot whose votes are counted by it. */
  readonly from: Slot;
  readonly configuration: Configuration;
  /** Their members are the voters. */
  readonly quorums: QuorumSystem;
  /** Ids that were members once and are no more, as of this configuration: never to be used again. */
  readonly retired: readonly NodeId[];
  /** Who asked for it; empty for the founders. */
  readonly changeId: string;
}

/** Why a configuration command of the log has no effect. */
export type VoidReason =
  /** Its stamp is not the epoch of the last valid command below it. */
  | "epoch"
  /** Its slot is before the slot from which the last valid command below it governs. */
  | "window"
  /** It lists an id that was removed before. */
  | "retired id"
  /** No configuration: malformed, or its quorums do not meet. */
  | "invalid";

export type Applied =
  | { readonly kind: "valid"; readonly made: Governing }
  | { readonly kind: "void"; readonly reason: VoidReason };

/** Configurations that are kept in memory: more than can be under way, by far. */
const KEPT = 1024;
/**
 * In a snapshot: the last ones, however many of them are complete, so that all nodes write the same for the same slot. Nobody is given a change that
 * would make more of them whose members may still be needed.
 */
export const KEPT_IN_SNAPSHOT = 16;
/** Ids in such a list: nobody is given a change that would make it longer, since nobody could read the snapshot. */
export const RETIRED_MAX = 100_000;

/**
 * Which configuration governs which slot: a function of the contiguous chosen log alone, so that every replica that knows the
 * log up to a slot gives the same answer. A command at slot s governs from s + alpha of the configuration that governs s: by
 * then everybody who may propose there knows it (the window rule; Paxos Made Simple, section 3).
 */
export class ConfigurationHistory {
  /** Ascending; never empty. */
  #entries: Governing[];

  constructor(founders: Configuration) {
    this.#entries = [
      {
        epoch: founders.epoch,
        slot: 0,
        from: 1,
        configuration: founders,
        quorums: checkConfiguration(founders),
        retired: [],
        changeId: "",
      },
    ];
  }

  /** The newest valid configuration, whether or not it governs yet. */
  get last(): Governing {
    return this.#entries.at(-1) as Governing;
  }

  /** All that are kept, ascending. */
  get entries(): readonly Governing[] {
    return this.#entries;
  }

  /** The one before the newest, if there is one. */
  get previous(): Governing | null {
    return this.#entries.at(-2) ?? null;
  }

  /** The chosen value of the next slot. Null for what is no configuration command. */
  apply(slot: Slot, value: Uint8Array): Applied | null {
    if (value[0] !== VALUE_CONFIGURATION) return null;
    let read: ConfigurationValue;
    try {
      read = decodeConfigurationValue(value);
    } catch (error) {
      // A layout that this release does not know may be valid for others: to guess would be to part from them.
      if (error instanceof SynodError && error.code === "VersionUnsupported") throw error;
      return { kind: "void", reason: "invalid" };
    }
    return this.change(slot, read);
  }

  /** The same for a command that is decoded. */
  change(slot: Slot, { stamp, changeId, configuration }: ConfigurationValue): Applied {
    const { last } = this;
    invariant(slot > last.slot, "the history follows the log", () => ({ slot, last: last.slot }));
    const reason = this.#refusal(slot, stamp, configuration);
    if (reason !== null) return { kind: "void", reason };
    const ids = new Set(configuration.members.map(({ id }) => id));
    const gone = last.configuration.members.map(({ id }) => id).filter((id) => !ids.has(id));
    const made: Governing = {
      epoch: stamp + 1,
      slot,
      // The last one governs this slot: it would be void otherwise.
      from: slot + last.configuration.alpha,
      configuration,
      quorums: checkConfiguration(configuration),
      retired: [...last.retired, ...gone].sort((a, b) => a - b),
      changeId,
    };
    invariant(made.epoch === last.epoch + 1, "an epoch follows the one before it", () => ({ epoch: made.epoch }));
    this.#entries.push(made);
    if (this.#entries.length > KEPT) this.#entries.shift();
    return { kind: "valid", made };
  }

  #refusal(slot: Slot, stamp: number, configuration: Configuration): VoidReason | null {
    const { last } = this;
    if (stamp !== last.epoch) return "epoch";
    if (slot < last.from || !Number.isSafeInteger(slot + last.configuration.alpha)) return "window";
    if (configuration.members.some(({ id }) => last.retired.includes(id))) return "retired id";
    try {
      checkConfiguration(configuration);
    } catch {
      return "invalid";
    }
    return null;
  }

  /**
   * The configuration that governs a slot, as far as the log is known. Final for slots up to `knownUpTo`; above, a command
   * that is not known yet may change it.
   */
  at(slot: Slot): Governing {
    for (let i = this.#entries.length - 1; i > 0; i--) {
      const entry = this.#entries[i] as Governing;
      if (entry.from <= slot) return entry;
    }
    return this.#entries[0] as Governing;
  }

  /** Last slot whose configuration no command above the chosen prefix can change. */
  knownUpTo(chosenUpTo: Slot): Slot {
    const { from, configuration } = this.last;
    return Math.max(chosenUpTo + 1, from) + configuration.alpha - 1;
  }

  /** Whether a leader that knows the log up to `chosenUpTo` may propose at the slot, as far as the window goes. */
  inWindow(slot: Slot, chosenUpTo: Slot): boolean {
    return slot <= this.knownUpTo(chosenUpTo) && slot <= chosenUpTo + this.at(slot).configuration.alpha;
  }

  /** Those that govern a slot from `first` on, ascending. */
  from(first: Slot): readonly Governing[] {
    const governing = this.at(first);
    return this.#entries.slice(this.#entries.indexOf(governing));
  }

  /** For the head of a snapshot of everything up to `index`. */
  encode(index: Slot): Uint8Array {
    const known = this.#entries.filter((entry) => entry.slot <= index).slice(-KEPT_IN_SNAPSHOT);
    invariant(known.length > 0, "the history reaches back to where the state is", () => ({ index }));
    const writer = new Writer();
    const version = Math.max(...known.map(({ configuration }) => versionOf(configuration)));
    writer.byte(version);
    writer.varint(known.length);
    for (const { epoch, slot, from, configuration, retired, changeId } of known) {
      writer.varint(epoch);
      writer.varint(slot);
      writer.varint(from);
      writer.text(changeId);
      writer.varint(retired.length);
      for (const id of retired) writer.varint(id);
      writeConfiguration(writer, configuration, version);
    }
    return writer.done();
  }

  /**
   * Continues from the head of a snapshot.
   * @throws SynodError `Malformed`, `VersionUnsupported`, `InvalidConfiguration`
   */
  restore(head: Uint8Array): void {
    const entries = decodeHistory(head);
    const { last } = this;
    const newest = entries.at(-1) as Governing;
    if (newest.epoch < last.epoch) throw malformed(`a snapshot goes back from epoch ${last.epoch} to ${newest.epoch}`);
    this.#entries = this.#with(entries);
  }

  /**
   * All that would be known with the head of a snapshot, ascending; null if that is malformed.
   * @throws SynodError `VersionUnsupported`: this release must not go on as if there was nothing
   */
  offered(head: Uint8Array): readonly Governing[] | null {
    try {
      const entries = decodeHistory(head);
      return (entries.at(-1) as Governing).epoch <= this.last.epoch ? this.#entries : this.#with(entries);
    } catch (error) {
      if (error instanceof SynodError && error.code !== "VersionUnsupported") return null;
      throw error;
    }
  }

  #with(entries: readonly Governing[]): Governing[] {
    const older = this.#entries.filter((entry) => entry.epoch < (entries[0] as Governing).epoch);
    return [...older, ...entries].slice(-KEPT);
  }
}

function decodeHistory(head: Uint8Array): Governing[] {
  const reader = new Reader(head, "a configuration history");
  const version = reader.byte();
  checkVersion(version);
  const entries: Governing[] = [];
  for (let left = reader.count(KEPT_IN_SNAPSHOT); left > 0; left--) {
    const epoch = reader.varint();
    const slot = reader.varint();
    const from = reader.varint();
    const changeId = reader.text();
    const retired = Array.from({ length: reader.count(RETIRED_MAX) }, () => reader.varint());
    const configuration = readConfiguration(reader, epoch, version);
    const before = entries.at(-1);
    const follows = before === undefined || (epoch === before.epoch + 1 && slot >= before.from && from > slot);
    if (epoch < 1 || !follows) throw malformed("a configuration history is out of order");
    const quorums = checkConfiguration(configuration);
    entries.push({ epoch, slot, from, configuration, quorums, retired, changeId });
  }
  reader.end();
  if (entries.length === 0) throw malformed("a configuration history is empty");
  return entries;
}
