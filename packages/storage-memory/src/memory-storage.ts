import {
  type Ballot,
  checkNames,
  type ChosenValue,
  type Configuration,
  optionNames,
  type Random,
  type Recovered,
  type Slot,
  type SnapshotInfo,
  type SnapshotPart,
  type Storage,
  type StorageOpen,
  type StoreFormat,
  type StorageWrite,
  type StoreIdentity,
  SynodError,
  type Vote,
} from "@synod/interface";
import { randomHex, systemRandom } from "@synod/interface/host";

export interface MemoryStorageOptions {
  /** For store and boot ids. Default: that of the host. */
  readonly random?: Random;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof MemoryStorageOptions, true>> = { random: true };

/**
 * Storage that lasts as long as the object. After `close` the same object may be opened again, which stands for a restart of
 * the node on its disk; a restart of the process is a lost disk, and the node's id must not be used again.
 * @throws SynodError `InvalidArgument` for an option that is unknown.
 */
export function memoryStorage(options: MemoryStorageOptions = {}): Storage & AsyncDisposable {
  checkNames((name) => `memoryStorage has no option ${name}`, options, optionNames(OPTIONS));
  return new MemoryStorage(options.random ?? systemRandom());
}

interface Snapshot {
  readonly info: SnapshotInfo;
  readonly chunks: readonly Uint8Array[];
}

class MemoryStorage implements Storage, AsyncDisposable {
  readonly #random: Random;
  #phase: "new" | "open" | "closed" = "new";
  #identity: StoreIdentity | undefined;
  #promised: Ballot | null = null;
  readonly #votes = new Map<Slot, Vote>();
  readonly #chosen = new Map<Slot, ChosenValue>();
  #chosenUpTo: Slot = 0;
  #leaseMs = 0;
  #snapshot: Snapshot | null = null;
  /** Ends the snapshots that are being taken. */
  readonly #closers = new Set<() => void>();

  constructor(random: Random) {
    this.#random = random;
  }

  async open(options: StorageOpen = {}): Promise<Recovered> {
    if (this.#phase === "open") {
      throw new SynodError("InvalidArgument", "open() was called before. Close the storage to open it again.");
    }
    const found = this.#identify(options);
    this.#identity = { ...found, bootCount: found.bootCount + 1, bootId: randomHex(this.#random) };
    this.#phase = "open";
    return this.#recover(this.#identity);
  }

  #identify({ create, expect = {} }: StorageOpen): StoreIdentity {
    let found = this.#identity;
    if (create !== undefined) {
      if (found !== undefined && isFormattedAs(found, create) && this.#isUnused) return found;
      if (found !== undefined) {
        throw new SynodError(
          "AlreadyFormatted",
          "This storage holds a store. Leave bootstrap (create) out to open it, or make another.",
        );
      }
      found = format(create, this.#random);
    } else if (found === undefined) {
      throw new SynodError(
        "NotFormatted",
        "Memory storage begins blank: format it at the very first start of a founder (bootstrap: true). A node that was restarted as a process has " +
          "lost its memory storage; remove its id from the configuration and add a new one.",
      );
    }
    const { clusterId = found.clusterId, nodeId = found.nodeId } = expect;
    if (found.clusterId !== clusterId || found.nodeId !== nodeId) {
      throw new SynodError(
        "StoreForeign",
        `This storage belongs to node ${found.nodeId} of cluster "${found.clusterId}", not to node ${nodeId} of cluster "${clusterId}". ` +
          "Give each node its own.",
      );
    }
    return found;
  }

  /** Formatted, and nothing but opened since. */
  get #isUnused(): boolean {
    const marks = this.#promised === null && this.#chosenUpTo === 0 && this.#leaseMs === 0;
    return marks && this.#votes.size === 0 && this.#chosen.size === 0 && this.#snapshot === null;
  }

  #recover(identity: StoreIdentity): Recovered {
    const index = this.#snapshot?.info.index ?? 0;
    return {
      identity: { ...identity, founders: copyJson(identity.founders) },
      promised: this.#promised === null ? null : { ...this.#promised },
      votes: above(this.#votes, index).map((vote) => ({ ...vote, ballot: { ...vote.ballot } })),
      chosen: above(this.#chosen, index).map((chosen) => ({ ...chosen })),
      chosenUpTo: Math.max(this.#chosenUpTo, index),
      leaseMs: this.#leaseMs,
      snapshot: this.#snapshot === null ? null : { ...this.#snapshot.info },
    };
  }

  async write(write: StorageWrite): Promise<void> {
    this.#check();
    const { promised, votes, chosen, chosenUpTo, leaseMs } = write;
    if (promised !== undefined) checkBallot(promised);
    if (chosenUpTo !== undefined) checkInteger(chosenUpTo, 0);
    if (leaseMs !== undefined) checkInteger(leaseMs, 0);
    for (const vote of votes) {
      checkInteger(vote.slot, 1);
      checkBallot(vote.ballot);
    }
    for (const { slot } of chosen) checkInteger(slot, 1);
    // Nothing above has changed anything: a refused write leaves no half of itself.
    if (promised !== undefined && (this.#promised === null || isHigher(promised, this.#promised))) {
      this.#promised = { round: promised.round, node: promised.node };
    }
    for (const { slot, ballot, value } of votes) {
      this.#votes.set(slot, { slot, ballot: { round: ballot.round, node: ballot.node }, value });
    }
    for (const { slot, value } of chosen) this.#chosen.set(slot, { slot, value });
    this.#chosenUpTo = Math.max(this.#chosenUpTo, chosenUpTo ?? 0);
    this.#leaseMs = Math.max(this.#leaseMs, leaseMs ?? 0);
  }

  async saveSnapshot(index: Slot, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<SnapshotInfo> {
    this.#checkNewer(index);
    const { copies, bytes } = await this.#collect(chunks);
    // Another one may have been saved, or the storage closed, while the chunks came.
    this.#checkNewer(index);
    this.#snapshot = { info: { index, bytes }, chunks: copies };
    return { index, bytes };
  }

  async #collect(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<{ copies: Uint8Array[]; bytes: number }> {
    const copies: Uint8Array[] = [];
    let bytes = 0;
    let end = (): void => {};
    const closed = new Promise<"closed">((resolve) => {
      end = () => resolve("closed");
    });
    this.#closers.add(end);
    const iterator = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
    try {
      for (;;) {
        // A source whose next chunk never comes must not outlive the storage.
        const next = await Promise.race([iterator.next(), closed]);
        if (next === "closed") {
          // It may still be busy with that chunk, so nobody waits for it.
          Promise.resolve(iterator.return?.()).catch(() => {});
          throw new SynodError("Closed", "This storage was closed.");
        }
        if (next.done === true) return { copies, bytes };
        copies.push(next.value.slice());
        bytes += next.value.length;
      }
    } finally {
      this.#closers.delete(end);
    }
  }

  async *readSnapshot(part?: SnapshotPart): AsyncGenerator<Uint8Array> {
    this.#check();
    if (this.#snapshot === null) throw new SynodError("InvalidArgument", "No snapshot has been saved.");
    const { info, chunks } = this.#snapshot;
    checkPart(part, info);
    let skip = part?.offset ?? 0;
    for (const chunk of chunks) {
      if (skip < chunk.length) {
        yield chunk.slice(skip);
        this.#check();
      }
      skip = Math.max(0, skip - chunk.length);
    }
  }

  async drop(upTo: Slot): Promise<void> {
    this.#check();
    const covered = this.#snapshot?.info.index ?? 0;
    if (!Number.isSafeInteger(upTo) || upTo < 0 || upTo > covered) {
      throw new SynodError(
        "InvalidArgument",
        `Only what the saved snapshot covers may go, slots up to ${covered}; got ${upTo}.`,
      );
    }
    for (const map of [this.#votes, this.#chosen]) {
      for (const slot of map.keys()) if (slot <= upTo) map.delete(slot);
    }
  }

  async close(): Promise<void> {
    this.#phase = "closed";
    for (const end of this.#closers) end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #check(): void {
    if (this.#phase === "new") throw new SynodError("InvalidArgument", "Wait for open() before any other call.");
    if (this.#phase === "closed") throw new SynodError("Closed", "This storage was closed.");
  }

  #checkNewer(index: Slot): void {
    this.#check();
    const before = this.#snapshot?.info.index ?? 0;
    if (!Number.isSafeInteger(index) || index <= before) {
      throw new SynodError(
        "InvalidArgument",
        `A snapshot must reach a slot above ${before}, that of the saved one; got ${index}.`,
      );
    }
  }
}

function checkPart(part: SnapshotPart | undefined, { index, bytes }: SnapshotInfo): void {
  if (part === undefined || (part.index === index && part.offset >= 0 && part.offset <= bytes)) return;
  throw new SynodError(
    "InvalidArgument",
    `The saved snapshot is of slot ${index} and has ${bytes} bytes; asked for slot ${part.index} from byte ${part.offset}.`,
  );
}

function format(create: NonNullable<StorageOpen["create"]>, random: Random): StoreIdentity {
  const { clusterId, nodeId, founders } = create;
  if (typeof clusterId !== "string" || clusterId === "") {
    throw new SynodError("InvalidArgument", "A store is formatted with the cluster's id, a text that is not empty.");
  }
  if (!Number.isSafeInteger(nodeId) || nodeId < 1) {
    throw new SynodError("InvalidArgument", `A node id is a whole number from 1; got ${nodeId}.`);
  }
  return { clusterId, nodeId, storeId: randomHex(random), founders: copyJson(founders), bootCount: 0, bootId: "" };
}

function isFormattedAs(found: StoreIdentity, { clusterId, nodeId, founders }: StoreFormat): boolean {
  const same = found.clusterId === clusterId && found.nodeId === nodeId;
  return same && agreed(found.founders) === agreed(founders);
}

/** Addresses and names are of one day: a port that was taken may be another one now. */
function agreed(founders: Configuration): string {
  const members = founders.members.map(({ address: _address, name: _name, ...rest }) => rest);
  return JSON.stringify({ ...founders, members });
}

function above<T extends { readonly slot: Slot }>(map: ReadonlyMap<Slot, T>, index: Slot): T[] {
  return [...map.values()].filter(({ slot }) => slot > index).sort((a, b) => a.slot - b.slot);
}

function checkBallot({ round, node }: Ballot): void {
  checkInteger(round, 0);
  checkInteger(node, 0);
}

function checkInteger(value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw new SynodError("InvalidArgument", `Slots, ballots and times are safe integers from ${min}; got ${value}.`);
}

function isHigher(a: Ballot, b: Ballot): boolean {
  return a.round > b.round || (a.round === b.round && a.node > b.node);
}

function copyJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
