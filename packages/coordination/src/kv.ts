import { type Codec, SynodError } from "@synod/interface";
import {
  CALL,
  checkCodec,
  checkCondition,
  checkFields,
  checkFlag,
  checkFunction,
  checkInteger,
  checkKey,
  checkLimit,
  checkList,
  checkOptions,
  checkRevision,
  checkSelector,
  checkStep,
  invalid,
  isBytes,
  kindOf,
  leaseId,
} from "./checks.js";
import { type CallOptions, compacted, type Core, Linked } from "./core.js";
import { boundsOf } from "./key-space.js";
import { aborted, endable } from "./endable.js";
import type { LeaseHandle } from "./leases-client.js";
import { LIST_MAX, RANGE_MAX } from "./limits.js";
import type {
  Condition,
  CoordinationQuery,
  KeyEntry,
  KeyEvent,
  KeySelector,
  Operation,
  OperationResult,
  Revision,
} from "./types.js";

export interface PutOptions extends CallOptions {
  /** The key ends with this lease. */
  readonly lease?: Pick<LeaseHandle, "id">;
}

/** What came of a write that had a condition. */
export interface Written {
  /** False: the key has another revision than was expected, and nothing was changed. */
  readonly done: boolean;
  /** Of the key from now on; 0 if it is not there. */
  readonly keyRevision: Revision;
}

export interface RangeOptions extends CallOptions {
  /** Entries at most, up to 10,000, the default. Fewer may come, by their size: `more` tells. */
  readonly limit?: number;
  /** As it was at this revision. @throws `Compacted` where that is forgotten */
  readonly revision?: Revision;
  /** From the last key down. */
  readonly reverse?: boolean;
}

export interface Page<T> {
  readonly entries: readonly KeyEntry<T>[];
  readonly more: boolean;
  /** At which the entries are. */
  readonly revision: Revision;
}

export interface Transaction<T> {
  /** All must hold for `do`; otherwise `else` is executed. */
  readonly if?: readonly Condition<T>[];
  readonly do?: readonly Step<T>[];
  readonly else?: readonly Step<T>[];
}

/** An operation of a transaction; a lease may be left out. */
export type Step<T> =
  | { readonly kind: "put"; readonly key: string; readonly value: T; readonly lease?: Pick<LeaseHandle, "id"> }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "range"; readonly keys: KeySelector; readonly limit?: number };

export interface TransactionResult<T> {
  readonly succeeded: boolean;
  readonly revision: Revision;
  /** One for each operation that was executed, in order. */
  readonly results: readonly OperationResult<T>[];
}

export interface WatchOptions extends CallOptions {
  /**
   * The first revision to be told of. By default all that this client changes after the call, and what others change from the moment on at which the
   * cluster is asked where it stands: to miss nothing of theirs, read, and give the revision of that read plus 1.
   */
  readonly from?: Revision;
  /** Answers without events, too: they tell how far the watch has come. Default false. */
  readonly progress?: boolean;
}

export interface Changes<T> {
  /** In order; those of one revision come together. */
  readonly events: readonly KeyEvent<T>[];
  /** Every change up to here has been told of: to go on later, watch from the next one. */
  readonly revision: Revision;
}

/** Keys and values. Calls reject as `Service` has it: after `OutcomeUnknown` a write may or may not have happened. */
export interface KeyValue<T> {
  /** Linearizable, as all reads. */
  get(key: string, options?: CallOptions & { readonly revision?: Revision }): Promise<KeyEntry<T> | null>;
  put(key: string, value: T, options?: PutOptions): Promise<{ readonly revision: Revision }>;
  /** Puts if the key has this revision, 0 for a key that is not there. */
  compareAndSet(key: string, expectedRevision: Revision, value: T, options?: PutOptions): Promise<Written>;
  /** With `ifRevision`: only if the key has it. `done` is false if nothing was deleted. */
  delete(key: string, options?: CallOptions & { readonly ifRevision?: Revision }): Promise<Written>;
  /** Deletes all of these keys, 1,024 at a time. */
  deleteAll(keys: KeySelector, options?: CallOptions): Promise<{ readonly count: number }>;
  /**
   * Reads, computes, and writes if nobody was faster; else again, 100 times at most. `null` from `change` leaves the key as it is.
   * @throws SynodError `ConditionFailed`
   */
  update(key: string, change: (value: T | null) => T | null, options?: PutOptions): Promise<KeyEntry<T> | null>;
  range(keys: KeySelector, options?: RangeOptions): Promise<Page<T>>;
  /** Every entry, page by page, all as of one revision. */
  entries(keys: KeySelector, options?: RangeOptions): AsyncIterable<KeyEntry<T>>;
  /** Keys alone. */
  keys(
    keys: KeySelector,
    options?: RangeOptions,
  ): Promise<{ readonly keys: readonly string[]; readonly more: boolean }>;
  count(keys: KeySelector, options?: CallOptions): Promise<number>;
  transaction(transaction: Transaction<T>, options?: CallOptions): Promise<TransactionResult<T>>;
  /**
   * Changes as they happen, without gap or repetition; nothing is buffered. Goes on behind what it told last after a lost connection.
   * @throws SynodError `Compacted` out of the iteration where the reader was too slow: read the keys, and watch from the next revision.
   */
  watch(keys: KeySelector, options?: WatchOptions): AsyncIterable<Changes<T>>;
  /** The same keys with other values: `kv.as(jsonValues<Settings>())`. */
  as<U>(codec: Codec<U>): KeyValue<U>;
}

const UPDATES_MAX = 100;
const GET = [...CALL, "revision"];
const PUT = [...CALL, "lease"];
const PUT_HINT = " A key lives until it is deleted, or as long as a lease: { lease: await leases.grant({ ttlMs }) }.";
const DELETE = [...CALL, "ifRevision"];
const RANGE = [...CALL, "limit", "revision", "reverse"];
const WATCH = [...CALL, "from", "progress"];

export class KeyValueClient<T> implements KeyValue<T> {
  readonly #core: Core;
  readonly #codec: Codec<T>;

  constructor(core: Core, codec: Codec<T>) {
    this.#core = core;
    this.#codec = codec;
  }

  as<U>(codec: Codec<U>): KeyValue<U> {
    return new KeyValueClient(this.#core, checkCodec(codec));
  }

  async get(key: string, options: CallOptions & { readonly revision?: Revision } = {}): Promise<KeyEntry<T> | null> {
    checkOptions("get", options, GET);
    return this.#get(checkKey(key), checkRevision("revision", options.revision), options);
  }

  async #get(key: string, revision: Revision | null, options: CallOptions): Promise<KeyEntry<T> | null> {
    const answer = await this.#core.read(["get"], { kind: "get", key, revision }, options);
    checkPast(revision, answer.revision);
    return answer.entry === null ? null : this.#entry(answer.entry);
  }

  async put(key: string, value: T, options: PutOptions = {}): Promise<{ readonly revision: Revision }> {
    checkOptions("put", options, PUT, PUT_HINT);
    const { revision } = await this.#write(key, value, null, options);
    return { revision };
  }

  async compareAndSet(key: string, expectedRevision: Revision, value: T, options: PutOptions = {}): Promise<Written> {
    checkOptions("compareAndSet", options, PUT, PUT_HINT);
    const expected = checkInteger("expectedRevision (0 for a key that is not there)", expectedRevision, 0);
    const { done, keyRevision } = await this.#write(key, value, expected, options);
    return { done, keyRevision };
  }

  async delete(key: string, options: CallOptions & { readonly ifRevision?: Revision } = {}): Promise<Written> {
    checkOptions("delete", options, DELETE);
    const expected = checkRevision("ifRevision", options.ifRevision);
    const written = await this.#core.propose("written", { kind: "delete", key: checkKey(key), expected }, options);
    return { done: written.done, keyRevision: written.keyRevision };
  }

  async deleteAll(keys: KeySelector, options: CallOptions = {}): Promise<{ readonly count: number }> {
    checkOptions("deleteAll", options, CALL);
    checkSelector(keys);
    for (let count = 0; ; ) {
      const deleted = await this.#core.propose("deleted", { kind: "deleteRange", keys, limit: LIST_MAX }, options);
      count += deleted.count;
      if (!deleted.more) return { count };
    }
  }

  async update(
    key: string,
    change: (value: T | null) => T | null,
    options: PutOptions = {},
  ): Promise<KeyEntry<T> | null> {
    checkOptions("update", options, PUT, PUT_HINT);
    checkKey(key);
    checkFunction("change", change, 'kv.update("a", (value) => ...)');
    const lease = leaseId(options.lease);
    for (let tries = 0; tries < UPDATES_MAX; tries++) {
      const before = await this.#get(key, null, options);
      const value = change(before?.value ?? null);
      if (value === null) return before;
      if (value === undefined)
        throw invalid("change returned undefined: return a value, or null to leave the key as it is.");
      const { done, keyRevision: revision } = await this.#write(key, value, before?.revision ?? 0, options);
      if (!done) continue;
      const { createRevision = revision, version = 0 } = before ?? {};
      return { key, value, revision, createRevision, version: version + 1, lease };
    }
    throw new SynodError("ConditionFailed", `Others changed ${JSON.stringify(key)} ${UPDATES_MAX} times meanwhile.`);
  }

  async range(keys: KeySelector, options: RangeOptions = {}): Promise<Page<T>> {
    checkOptions("range", options, RANGE);
    const { entries, more, revision } = await this.#range(keys, options, false);
    return { entries: entries.map((entry) => this.#entry(entry)), more, revision };
  }

  async keys(
    keys: KeySelector,
    options: RangeOptions = {},
  ): Promise<{ readonly keys: readonly string[]; readonly more: boolean }> {
    checkOptions("keys", options, RANGE);
    const { entries, more } = await this.#range(keys, options, true);
    return { keys: entries.map(({ key }) => key), more };
  }

  entries(keys: KeySelector, options: RangeOptions = {}): AsyncGenerator<KeyEntry<T>, void> {
    checkOptions("entries", options, RANGE);
    if (options.limit !== undefined) checkInteger("limit", options.limit, 1);
    return this.#entries(checkSelector(keys), options);
  }

  async *#entries(keys: KeySelector, options: RangeOptions): AsyncGenerator<KeyEntry<T>, void> {
    let left = options.limit ?? Infinity;
    let rest: KeySelector | null = keys;
    let at = options;
    while (rest !== null && left > 0) {
      const page: Page<T> = await this.range(rest, { ...at, limit: Math.min(left, RANGE_MAX) });
      yield* page.entries;
      left -= page.entries.length;
      at = { ...at, revision: page.revision };
      const last = page.entries.at(-1)?.key;
      rest = page.more && last !== undefined ? behind(rest, last, options.reverse === true) : null;
    }
  }

  async count(keys: KeySelector, options: CallOptions = {}): Promise<number> {
    checkOptions("count", options, CALL);
    return (await this.#core.read(["count"], { kind: "count", keys: checkSelector(keys) }, options)).count;
  }

  async transaction(given: Transaction<T>, options: CallOptions = {}): Promise<TransactionResult<T>> {
    checkOptions("transaction", options, CALL);
    checkFields("The fields of a transaction", given, ["if", "do", "else"]);
    const { succeeded, revision, results } = await this.#core.propose(
      "transaction",
      {
        kind: "transaction",
        if: checkList("if", given.if).map((condition) => this.#condition(condition)),
        do: checkList("do", given.do).map((step) => this.#operation(step)),
        else: checkList("else", given.else).map((step) => this.#operation(step)),
      },
      options,
    );
    return {
      succeeded,
      revision,
      results: results.map((result) =>
        result.kind === "range" ? { ...result, entries: result.entries.map((entry) => this.#entry(entry)) } : result,
      ),
    };
  }

  watch(keys: KeySelector, options: WatchOptions = {}): AsyncIterableIterator<Changes<T>> {
    checkOptions("watch", options, WATCH);
    checkSelector(keys);
    checkFlag("progress", options.progress);
    // Asked at the call: what happens before the first `next` belongs to the watch, and so does all that this client changes from now on.
    const beginning = checkRevision("from", options.from) ?? this.#core.begins(this.#nextRevision(options));
    if (typeof beginning !== "number") beginning.catch(() => {});
    return endable((left) => this.#changes(keys, options, beginning, left));
  }

  async #nextRevision(options: CallOptions): Promise<Revision> {
    return (await this.#core.read(["status"], { kind: "status" }, options)).revision + 1;
  }

  async *#changes(
    keys: KeySelector,
    options: WatchOptions,
    beginning: Revision | Promise<Revision>,
    left: AbortSignal,
  ): AsyncGenerator<Changes<T>, void> {
    const until = new Linked(options.signal, this.#core.closed, left);
    try {
      // Once the signal has aborted nothing is asked any more.
      const from = (await Promise.race([beginning, aborted(until.signal)])) ?? 0;
      const query: CoordinationQuery = { kind: "events", keys, from };
      for await (const { answer } of this.#core.watch(query, until.signal)) {
        if (answer.kind === "compacted") throw compacted(answer.compacted);
        if (answer.kind !== "events" || (answer.events.length === 0 && options.progress !== true)) continue;
        yield { events: answer.events.map((event) => this.#event(event)), revision: answer.revision };
      }
      if (this.#core.closed.aborted) throw this.#core.closed.reason;
    } catch (cause) {
      // As a watch of a service: its signal ends it, without an error.
      if (options.signal?.aborted !== true && !left.aborted) throw cause;
    } finally {
      until.dispose();
    }
  }

  #write(key: string, value: T, expected: Revision | null, options: PutOptions) {
    const lease = leaseId(options.lease);
    const bytes = this.#bytes(value);
    return this.#core.propose("written", { kind: "put", key: checkKey(key), value: bytes, lease, expected }, options);
  }

  #bytes(value: T): Uint8Array {
    const bytes = this.#codec.encode(value);
    if (isBytes(bytes)) return bytes;
    throw invalid(`encode of the codec gives bytes (a Uint8Array), not ${kindOf(bytes)}: correct the codec.`);
  }

  async #range(keys: KeySelector, options: RangeOptions, keysOnly: boolean) {
    const query = {
      kind: "range",
      keys: checkSelector(keys),
      limit: checkLimit(options.limit),
      revision: checkRevision("revision", options.revision),
      reverse: checkFlag("reverse", options.reverse),
      keysOnly,
    } as const;
    const page = await this.#core.read(["range"], query, options);
    checkPast(query.revision, page.revision);
    return page;
  }

  #entry(entry: KeyEntry): KeyEntry<T> {
    return { ...entry, value: this.#decoded(entry.value) };
  }

  #event(event: KeyEvent): KeyEvent<T> {
    return event.kind === "put" ? { ...event, value: this.#decoded(event.value) } : event;
  }

  /** Of a copy: memory of the state may be shared between values, and is nobody's to change. */
  #decoded(value: Uint8Array): T {
    return this.#codec.decode(new Uint8Array(value));
  }

  #condition(condition: Condition<T>): Condition {
    checkCondition(condition);
    return "field" in condition && condition.field === "value"
      ? { ...condition, to: this.#bytes(condition.to) }
      : condition;
  }

  #operation(step: Step<T>): Operation {
    checkStep(step);
    switch (step.kind) {
      case "put":
        return { kind: "put", key: checkKey(step.key), value: this.#bytes(step.value), lease: leaseId(step.lease) };
      case "delete":
        return { kind: "delete", key: checkKey(step.key) };
      case "range":
        return { kind: "range", keys: checkSelector(step.keys), limit: checkLimit(step.limit) };
    }
  }
}

/** What is left of the keys behind one of them. */
function behind(keys: KeySelector, last: string, reverse: boolean): KeySelector | null {
  if ("key" in keys) return null;
  if (reverse) return { from: boundsOf(keys).from, to: last };
  if ("prefix" in keys) return { prefix: keys.prefix, after: last };
  // The least text above it.
  const from = `${last}\0`;
  return keys.to === undefined ? { from } : { from, to: keys.to };
}

function checkPast(asked: Revision | null, now: Revision): void {
  if (asked === null || asked <= now) return;
  throw invalid(`Revision ${asked} is in the future: the newest one is ${now}.`);
}
