import type { Logger, Metrics, NodeId, Storage } from "@synod/interface";
import type { Message, SnapshotStep } from "@synod/multipaxos";
import { checksumOf } from "@synod/rsm";

type Ask = Extract<SnapshotStep, { kind: "serve" }>;

/** Questions of one peer that wait. It has no more than eight open, and those that it asks again. */
const ASKS_MAX = 32;

interface Reader {
  readonly hash: string;
  offset: number;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Read and not yet sent. */
  rest: Uint8Array;
}

interface Client {
  asks: Ask[];
  busy: boolean;
  reader: Reader | null;
  sent: Ask | null;
}

export interface ServingOptions {
  readonly storage: Storage;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Sends in a turn of its own. */
  readonly send: (to: NodeId, message: Message) => void;
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
    if (client === undefined) this.#clients.set(ask.to, (client = { asks: [], busy: false, reader: null, sent: null }));
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
    if (!client.busy) this.#close(client);
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
        // Replaced by a newer one, or a bad sector: the peer asks again, and is offered what there is then.
        this.#o.logger.debug("a part of the snapshot was not served", { to: ask.to, index: ask.index, cause });
        this.#close(client);
      }
    }
    client.busy = false;
    if (this.#clients.get(client.sent?.to ?? 0) !== client) this.#close(client);
  }

  async #read(client: Client, { index, hash, offset, length }: Ask): Promise<Uint8Array> {
    let { reader } = client;
    if (reader === null || reader.hash !== hash || reader.offset !== offset) {
      this.#close(client);
      const chunks = this.#o.storage.readSnapshot({ index, offset })[Symbol.asyncIterator]();
      reader = { hash, offset, chunks, rest: new Uint8Array(0) };
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

  #close(client: Client): void {
    const { reader } = client;
    client.reader = null;
    // A reader that is given up has nothing to say.
    Promise.resolve(reader?.chunks.return?.()).catch(() => undefined);
  }
}
