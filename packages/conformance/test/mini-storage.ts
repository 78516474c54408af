import {
  type Ballot,
  type ChosenValue,
  type Configuration,
  type Recovered,
  type SnapshotInfo,
  type SnapshotPart,
  type Storage,
  type StorageOpen,
  type StorageWrite,
  type StoreFormat,
  type StoreIdentity,
  SynodError,
  type SynodErrorCode,
  type Vote,
} from "@synod/interface";

export type StorageBug =
  | "formats at any open"
  | "formats again"
  | "formats before it looks at expect"
  | "formats an unused store anew"
  | "takes any identity"
  | "counts boots late"
  | "counts refused opens"
  | "gives one boot id twice"
  | "opens twice"
  | "opens twice at once"
  | "gives short ids"
  | "ignores expect"
  | "lets the promise fall"
  | "compares rounds alone"
  | "keeps the highest vote"
  | "gives votes unsorted"
  | "keeps numbers in 32 bits"
  | "keeps the caller's objects"
  | "gives out its own objects"
  | "checks while it writes"
  | "writes the last call first"
  | "settles an empty write at once"
  | "settles before it is durable"
  | "writes in two steps"
  | "forgets a failure"
  | "keeps chunks"
  | "asks for two chunks"
  | "goes back to older snapshots"
  | "saves half a snapshot"
  | "makes writes wait for snapshots"
  | "gives an empty snapshot for none"
  | "mixes two snapshots"
  | "forgets the mark of a snapshot"
  | "has one reader"
  | "serves parts of any snapshot"
  | "recovers what a snapshot covers"
  | "drops the promise"
  | "drops what is not covered"
  | "cuts long values"
  | "writes before open"
  | "writes after close"
  | "leaves calls open at close"
  | "does not wait at close"
  | "closes once"
  | "closes what is open alone"
  | "waits for chunks at close";

interface State {
  identity: StoreIdentity | null;
  promised: Ballot | null;
  votes: Map<number, Vote>;
  chosen: Map<number, ChosenValue>;
  chosenUpTo: number;
  leaseMs: number;
  snapshot: { index: number; chunks: Uint8Array[] } | null;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const refuse = (code: SynodErrorCode): SynodError => new SynodError(code, `mini storage: ${code}`);
const never = <T>(): Promise<T> => new Promise<T>(() => {});
let ids = 0;
const nextId = (): string => (++ids).toString(16).padStart(32, "0");

export class MiniDisk {
  durable: State = {
    identity: null,
    promised: null,
    votes: new Map(),
    chosen: new Map(),
    chosenUpTo: 0,
    leaseMs: 0,
    snapshot: null,
  };
  seen: State = structuredClone(this.durable);
  life = 0;
  failing = false;
  readonly bug: StorageBug | undefined;

  constructor(bug?: StorageBug) {
    this.bug = bug;
  }

  storage(): Storage {
    return new MiniStorage(this, this.bug);
  }

  crash(): void {
    this.life++;
    this.seen = structuredClone(this.durable);
  }
}

class MiniStorage implements Storage {
  readonly #disk: MiniDisk;
  readonly #bug: StorageBug | undefined;
  readonly #life: number;
  #phase: "new" | "open" | "closed" = "new";
  #failed = false;
  #tail: Promise<unknown> = Promise.resolve();
  #saving: Promise<unknown> = Promise.resolve();
  readonly #closed: Promise<void>;
  #end = (): void => {};
  #reading = false;
  readonly #stack: StorageWrite[] = [];

  constructor(disk: MiniDisk, bug: StorageBug | undefined) {
    this.#disk = disk;
    this.#bug = bug;
    this.#life = disk.life;
    this.#closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  #has(bug: StorageBug): boolean {
    return this.#bug === bug;
  }

  get #state(): State {
    return this.#disk.seen;
  }

  /** One after the other, each durable when it settles. */
  #queued<T>(change: () => T): Promise<T> {
    const run = async (): Promise<T> => {
      if (this.#failed) throw refuse("StoreFailed");
      await turn();
      if (this.#life !== this.#disk.life) return never();
      if (this.#disk.failing) {
        if (!this.#has("forgets a failure")) this.#failed = true;
        throw refuse("StoreFailed");
      }
      const result = change();
      if (!this.#has("settles before it is durable")) this.#flush();
      return result;
    };
    const done = this.#tail.then(run, run);
    this.#tail = done.catch(() => {});
    return done;
  }

  #flush(): void {
    if (this.#life === this.#disk.life) this.#disk.durable = structuredClone(this.#disk.seen);
  }

  async open({ create, expect = {} }: StorageOpen = {}): Promise<Recovered> {
    if (this.#phase === "open" && !this.#has("opens twice")) throw refuse("InvalidArgument");
    const state = this.#state;
    const boot = (identity: StoreIdentity): void => {
      const bootId = this.#has("gives one boot id twice") && identity.bootId !== "" ? identity.bootId : nextId();
      state.identity = { ...identity, bootCount: identity.bootCount + 1, bootId };
    };
    if (this.#has("counts refused opens") && state.identity) boot(state.identity);
    const made =
      create ?? (this.#has("formats at any open") ? { clusterId: "x", nodeId: 1, founders: null } : undefined);
    let { identity } = state;
    if (this.#has("opens twice at once")) await turn();
    const again = create !== undefined && identity !== null && this.#isUnusedBy(create, identity);
    if (create !== undefined && identity !== null && !again && !this.#has("formats again")) {
      throw refuse("AlreadyFormatted");
    }
    const anew = this.#has("formats again") || (again && this.#has("formats an unused store anew"));
    if (made !== undefined && (identity === null || anew)) {
      const isIdentity = made.clusterId !== "" && Number.isSafeInteger(made.nodeId) && made.nodeId > 0;
      if (!isIdentity && !this.#has("takes any identity")) throw refuse("InvalidArgument");
      const founders = this.#has("keeps the caller's objects") ? made.founders : structuredClone(made.founders);
      identity = {
        ...made,
        founders,
        storeId: this.#has("gives short ids") ? "1" : nextId(),
        bootCount: 0,
        bootId: "",
      } as StoreIdentity;
      if (this.#has("formats before it looks at expect")) state.identity = identity;
    }
    if (identity === null) throw refuse("NotFormatted");
    const { clusterId = identity.clusterId, nodeId = identity.nodeId } = expect;
    const isOurs = clusterId === identity.clusterId && nodeId === identity.nodeId;
    if (!isOurs && !this.#has("ignores expect")) throw refuse("StoreForeign");
    boot(identity);
    this.#phase = "open";
    if (!this.#has("counts boots late")) this.#flush();
    return this.#recovered();
  }

  #isUnusedBy({ clusterId, nodeId, founders }: StoreFormat, identity: StoreIdentity): boolean {
    const { promised, votes, chosen, chosenUpTo, leaseMs, snapshot } = this.#state;
    const blank = promised === null && votes.size === 0 && chosen.size === 0 && snapshot === null;
    const same = clusterId === identity.clusterId && nodeId === identity.nodeId;
    const ids = (of: Configuration): string => of.members.map(({ id }) => id).join();
    const isSame = same && ids(founders) === ids(identity.founders);
    return isSame && blank && chosenUpTo === 0 && leaseMs === 0;
  }

  #recovered(): Recovered {
    const { identity, promised, votes, chosen, chosenUpTo, leaseMs, snapshot } = this.#state;
    if (identity === null) throw refuse("NotFormatted");
    const index = snapshot?.index ?? 0;
    const from = this.#has("recovers what a snapshot covers") ? 0 : index;
    const above = <T extends { slot: number }>(map: Map<number, T>): T[] => {
      const found = [...map.values()].filter(({ slot }) => slot > from);
      return this.#has("gives votes unsorted") ? found : found.sort((a, b) => a.slot - b.slot);
    };
    const mark = this.#has("forgets the mark of a snapshot") ? 0 : index;
    const recovered: Recovered = {
      identity,
      promised,
      votes: above(votes),
      chosen: above(chosen),
      chosenUpTo: Math.max(chosenUpTo, mark),
      leaseMs,
      snapshot: snapshot && { index, bytes: snapshot.chunks.reduce((sum, { length }) => sum + length, 0) },
    };
    return this.#has("gives out its own objects") ? recovered : structuredClone(recovered);
  }

  #check(): void {
    if (this.#phase === "new" && !this.#has("writes before open")) throw refuse("InvalidArgument");
    if (this.#phase === "closed" && !this.#has("writes after close")) throw refuse("Closed");
    if (this.#failed) throw refuse("StoreFailed");
  }

  async write(write: StorageWrite): Promise<void> {
    this.#check();
    if (this.#has("checks while it writes")) this.#apply({ ...write, votes: write.votes.slice(0, 1), chosen: [] });
    checkWrite(write);
    const copy = this.#has("keeps the caller's objects") ? write : structuredClone(write);
    const isEmpty = write.votes.length + write.chosen.length === 0 && write.promised === undefined;
    if (this.#has("settles an empty write at once") && isEmpty) return;
    if (this.#has("makes writes wait for snapshots")) await this.#saving;
    if (this.#has("writes the last call first")) {
      this.#stack.push(copy);
      return this.#queued(() => this.#apply(this.#stack.pop() ?? copy));
    }
    if (this.#has("writes in two steps")) {
      this.#apply({ ...copy, votes: copy.votes.slice(0, 5) });
      this.#flush();
    }
    if (this.#has("leaves calls open at close")) {
      await turn();
      if (this.#phase === "closed") return never();
    }
    return this.#queued(() => this.#apply(copy));
  }

  #apply({ promised, votes, chosen, chosenUpTo = 0, leaseMs = 0 }: StorageWrite): void {
    const state = this.#state;
    const before = state.promised;
    const rises =
      promised !== undefined &&
      (before === null ||
        this.#has("lets the promise fall") ||
        promised.round > before.round ||
        (promised.round === before.round && promised.node > before.node && !this.#has("compares rounds alone")));
    if (rises) state.promised = promised;
    for (const vote of votes) {
      const slot = this.#has("keeps numbers in 32 bits") ? vote.slot >>> 0 : vote.slot;
      const old = state.votes.get(slot);
      if (this.#has("keeps the highest vote") && old && old.ballot.round > vote.ballot.round) continue;
      const value = this.#has("cuts long values") ? vote.value.slice(0, 65_535) : vote.value;
      state.votes.set(slot, { ...vote, slot, value });
    }
    for (const one of chosen) state.chosen.set(one.slot, one);
    state.chosenUpTo = Math.max(state.chosenUpTo, chosenUpTo);
    state.leaseMs = Math.max(state.leaseMs, leaseMs);
  }

  async saveSnapshot(index: number, source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<SnapshotInfo> {
    this.#checkNewer(index);
    const collected = this.#collect(source);
    this.#saving = collected.catch(() => {});
    const chunks = await collected;
    this.#checkNewer(index);
    return this.#queued(() => {
      this.#checkNewest(index);
      this.#state.snapshot = { index, chunks };
      return { index, bytes: chunks.reduce((sum, { length }) => sum + length, 0) };
    });
  }

  #checkNewer(index: number): void {
    this.#check();
    this.#checkNewest(index);
  }

  #checkNewest(index: number): void {
    const newest = this.#has("goes back to older snapshots") ? 0 : (this.#state.snapshot?.index ?? 0);
    if (!Number.isSafeInteger(index) || index <= newest) throw refuse("InvalidArgument");
  }

  async #collect(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
    const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const chunks: Uint8Array[] = [];
    try {
      for (;;) {
        const asked = [Promise.resolve(iterator.next())];
        if (this.#has("asks for two chunks")) asked.push(Promise.resolve(iterator.next()));
        const got = await Promise.race([
          Promise.all(asked),
          this.#has("waits for chunks at close") ? never<"closed">() : this.#closed.then(() => "closed" as const),
        ]);
        if (got === "closed") throw refuse("Closed");
        for (const next of got) {
          if (next.done === true) return chunks;
          chunks.push(this.#has("keeps chunks") ? next.value : next.value.slice());
        }
      }
    } catch (error) {
      if (this.#has("saves half a snapshot") && !(error instanceof SynodError)) return chunks;
      throw error;
    }
  }

  async *readSnapshot(part?: SnapshotPart): AsyncGenerator<Uint8Array> {
    let skip = part?.offset ?? 0;
    const index = this.#has("serves parts of any snapshot") ? undefined : part?.index;
    for await (const chunk of this.#readSnapshot(index)) {
      if (skip < chunk.length) yield chunk.slice(skip);
      skip = Math.max(0, skip - chunk.length);
    }
    if (skip > 0) throw refuse("InvalidArgument");
  }

  async *#readSnapshot(index: number | undefined): AsyncGenerator<Uint8Array> {
    this.#check();
    const found = this.#state.snapshot;
    if (index !== undefined && found !== null && found.index !== index) throw refuse("InvalidArgument");
    if (found === null) {
      if (this.#has("gives an empty snapshot for none")) return;
      throw refuse("InvalidArgument");
    }
    if (this.#has("has one reader") && this.#reading) throw refuse("Busy");
    this.#reading = true;
    try {
      for (let i = 0; i < found.chunks.length; i++) {
        const chunk = found.chunks[i] ?? new Uint8Array(0);
        const half = Math.floor(chunk.length / 2);
        yield chunk.slice(0, half);
        for (let t = 0; t < 5; t++) await turn();
        const now = this.#has("mixes two snapshots") ? (this.#state.snapshot ?? found) : found;
        yield (now.chunks[i] ?? chunk).slice(half);
        this.#check();
      }
    } finally {
      this.#reading = false;
    }
  }

  async drop(upTo: number): Promise<void> {
    this.#check();
    const covered = this.#has("drops what is not covered") ? upTo : (this.#state.snapshot?.index ?? 0);
    if (!Number.isSafeInteger(upTo) || upTo < 0 || upTo > covered) throw refuse("InvalidArgument");
    return this.#queued(() => {
      const { votes, chosen } = this.#state;
      for (const map of [votes, chosen]) for (const slot of map.keys()) if (slot <= upTo) map.delete(slot);
      if (this.#has("drops the promise")) this.#state.promised = null;
    });
  }

  async close(): Promise<void> {
    if (this.#phase === "closed" && this.#has("closes once")) throw refuse("Closed");
    if (this.#phase === "new" && this.#has("closes what is open alone")) throw refuse("InvalidArgument");
    this.#phase = "closed";
    this.#end();
    // A process that is gone has nothing left to wait for.
    if (this.#life !== this.#disk.life || this.#has("does not wait at close")) return;
    if (this.#has("waits for chunks at close")) await this.#saving;
    await this.#tail;
  }
}

function checkWrite({ promised, votes, chosen, chosenUpTo = 0, leaseMs = 0 }: StorageWrite): void {
  const ballots = [...votes.map(({ ballot }) => ballot), ...(promised === undefined ? [] : [promised])];
  const numbers = [chosenUpTo, leaseMs, ...ballots.flatMap(({ round, node }) => [round, node])];
  const slots = [...votes, ...chosen].map(({ slot }) => slot);
  const isRight = [...numbers, ...slots].every((n) => Number.isSafeInteger(n) && n >= 0) && !slots.includes(0);
  if (!isRight) throw refuse("InvalidArgument");
}
