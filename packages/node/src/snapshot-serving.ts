import { type Logger, type Metrics, type NodeId, type Slot, type Storage, SynodError } from "@synod/interface";
import type { Message, SnapshotStep } from "@synod/multipaxos";
import { checksumOf } from "@synod/rsm";

type Ask = Extract<SnapshotStep, { kind: "serve" }>;

/** Questions of one peer that wait. It has no more than eight open, and those that it asks again. */
const ASKS_MAX = 32;

/** Of the operating system: this process may open no file at the moment. That says nothing of the one it wanted, and a new one could not be made, either. */
const PASSING: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

interface Reader {
  readonly hash: string;
  offset: number;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Read and not yet sent. */
  rest: Uint8Array;
  /** It is read no further, and closed as soon as nobody is in it. */
  givenUp: boolean;
}

interface Client {
  asks: Ask[];
  busy: boolean;
  reader: Reader | null;
  sent: Ask | null;
  /** When it asked last. */
  askedMs: number;
}

export interface ServingOptions {
  readonly storage: Storage;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Sends in a turn of its own. */
  readonly send: (to: NodeId, message: Message) => void;
  /** The snapshot of this index cannot be read back. */
  readonly damaged: (index: Slot) => void;
}

/** Reads parts of the own snapshot for peers. A peer asks for one part after the other, so its reader stays open in between. */
export class SnapshotServing {
  readonly #o: ServingOptions;
  readonly #clients = new Map<NodeId, Client>();
  #stopped = false;
  /** When a part was asked for last. */
  lastMs: number = Number.NEGATIVE_INFINITY;

  constructor(options: ServingOptions) {
    this.#o = options;
  }

  /** Peers that are being served, and how far. */
  get progress(): { readonly to: NodeId; readonly index: number; readonly offset: number }[] {
    const found = [];
    for (const [to, { sent }] of this.#clients) {
      if (sent !== null) found.push({ to, index: sent.index, offset: sent.offset + sent.length });
    }
    return found;
  }

  serve(ask: Ask): void {
    this.lastMs = this.#o.now();
    let client = this.#clients.get(ask.to);
    if (client === undefined) {
      client = { asks: [], busy: false, reader: null, sent: null, askedMs: this.lastMs };
      this.#clients.set(ask.to, client);
    }
    client.askedMs = this.lastMs;
    if (client.asks.some(({ offset, hash }) => offset === ask.offset && hash === ask.hash)) return;
    client.asks.push(ask);
    if (client.asks.length > ASKS_MAX) client.asks.shift();
    if (!client.busy) void this.#work(client);
  }

  /** The connection to a peer broke: what it asked for would be lost. */
  lost(peer: NodeId): void {
    const client = this.#clients.get(peer);
    if (client === undefined) return;
    client.asks = [];
    this.#clients.delete(peer);
    this.#giveUp(client);
  }

  /** A newer snapshot took the place of the one that is being read: an open reader would keep the room of a file that is gone. */
  superseded(): void {
    for (const client of this.#clients.values()) this.#giveUp(client);
  }

  /** Whoever asked for nothing in so long has what it wants, or will begin anew. */
  expire(patienceMs: number): void {
    for (const [peer, { askedMs, busy }] of this.#clients) {
      if (!busy && this.#o.now() - askedMs >= patienceMs) this.lost(peer);
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const peer of this.#clients.keys()) this.lost(peer);
  }

  async #work(client: Client): Promise<void> {
    client.busy = true;
    for (let ask = client.asks.shift(); ask !== undefined && !this.#stopped; ask = client.asks.shift()) {
      try {
        const bytes = await this.#read(client, ask);
        if (this.#stopped || this.#clients.get(ask.to) !== client) break;
        const { index, hash, offset } = ask;
        if (bytes.length === 0) continue;
        client.sent = ask;
        this.#o.metrics.count("synod_snapshot_sent_bytes_total", bytes.length);
        this.#o.send(ask.to, { kind: "snapshotChunk", index, hash, offset, checksum: checksumOf(bytes), bytes });
      } catch (cause) {
        this.#notServed(client, ask, cause);
      }
      if (client.reader?.givenUp === true) this.#close(client);
    }
    client.busy = false;
    if (client.reader?.givenUp === true) this.#close(client);
  }

  #notServed(client: Client, { to, index }: Ask, cause: unknown): void {
    const { logger, damaged } = this.#o;
    this.#close(client);
    if (this.#stopped) return;
    if (cause instanceof SynodError && (cause.code === "InvalidArgument" || PASSING.has(cause.details["code"]))) {
      // Replaced by a newer one, or not to be opened just now: the peer asks again, and is offered what there is then.
      logger.debug("a part of the snapshot was not served", { to, index, cause });
      return;
    }
    // By its checksum, or by the disk: either way the next start would not get it.
    logger.warn("the own snapshot cannot be read back: a new one takes its place", { to, index, cause });
    damaged(index);
  }

  async #read(client: Client, { index, hash, offset, length }: Ask): Promise<Uint8Array> {
    let { reader } = client;
    if (reader === null || reader.givenUp || reader.hash !== hash || reader.offset !== offset) {
      this.#close(client);
      const chunks = this.#o.storage.readSnapshot({ index, offset })[Symbol.asyncIterator]();
      reader = { hash, offset, chunks, rest: new Uint8Array(0), givenUp: false };
      client.reader = reader;
    }
    const bytes = new Uint8Array(length);
    let filled = 0;
    for (;;) {
      const part = reader.rest.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      reader.rest = reader.rest.subarray(part.length);
      if (filled === length) break;
      const next = await reader.chunks.next();
      if (next.done === true) break;
      reader.rest = next.value;
    }
    reader.offset += filled;
    return filled === length ? bytes : bytes.slice(0, filled);
  }

  /** What is being read is read to the end of the part: a reader in use cannot be closed. */
  #giveUp(client: Client): void {
    if (client.reader !== null) client.reader.givenUp = true;
    if (!client.busy) this.#close(client);
  }

  #close(client: Client): void {
    const { reader } = client;
    client.reader = null;
    // A reader that is given up has nothing to say.
    Promise.resolve(reader?.chunks.return?.()).catch(() => undefined);
  }
}
