import { SynodError } from "@synod/interface";

/** A snapshot of a `CowMap`: iterate it once, to the end, or give it up with `return()` (which `break` also calls). */
export type CowSnapshot<K, V> = IterableIterator<[K, V]> & {
  /** Gives the snapshot up and frees what it kept. */
  return(): IteratorResult<[K, V]>;
};

/**
 * A map in insertion order, as `Map`, that also gives snapshots. Keys and values that are stored must not be changed in
 * place, except through `update`.
 */
export interface CowMap<K, V> extends Iterable<[K, V]> {
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): this;
  delete(key: K): boolean;
  clear(): void;
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[K, V]>;
  /**
   * The value of a key, to be changed in place right away: where an open snapshot still refers to it, the map first
   * goes over to a copy. Needs the option `copy`.
   */
  update(key: K): V | undefined;
  /** Whether a snapshot is open. While none is, `update` gives what `get` does. */
  readonly shared: boolean;
  /**
   * The entries as of this call, in insertion order, while the map goes on changing. Takes constant time; afterwards
   * each first change of an entry that the snapshot has not yet given out costs one reference (with `update`: one copy).
   * All of that is freed when the snapshot is read to its end or given up. With `update` in use, a value that was given
   * out stays as it is until the next one is asked for.
   */
  snapshot(): CowSnapshot<K, V>;
}

export interface CowMapOptions<V> {
  /** Copies a value, as deep as it is changed in place. */
  readonly copy?: (value: V) => V;
}

/** Makes an empty map whose snapshots are cheap. For state machines that must be copied while they go on applying. */
export function cowMap<K, V>(options: CowMapOptions<V> = {}): CowMap<K, V> {
  return new LinkedCowMap(options.copy);
}

/**
 * Entries are linked in insertion order and numbered as they come; numbers never repeat. A deleted entry stays linked,
 * marked dead, while a snapshot keeps it, so that every snapshot sees the exact order of its time.
 */
interface Entry<K, V> {
  readonly key: K;
  readonly order: number;
  value: V;
  dead: boolean;
  linked: boolean;
  /** Open snapshots that still have to give this entry out although it is dead. */
  keepers: number;
  previous: Entry<K, V> | null;
  next: Entry<K, V> | null;
}

class LinkedCowMap<K, V> implements CowMap<K, V> {
  readonly #index = new Map<K, Entry<K, V>>();
  readonly #copy: ((value: V) => V) | undefined;
  readonly #open = new Set<Snapshot<K, V>>();
  #first: Entry<K, V> | null = null;
  #last: Entry<K, V> | null = null;
  #order = 0;

  constructor(copy: ((value: V) => V) | undefined) {
    this.#copy = copy;
  }

  get size(): number {
    return this.#index.size;
  }

  get(key: K): V | undefined {
    return this.#index.get(key)?.value;
  }

  has(key: K): boolean {
    return this.#index.has(key);
  }

  set(key: K, value: V): this {
    const entry = this.#index.get(key);
    if (entry) {
      for (const snapshot of this.#open) snapshot.keep(entry);
      entry.value = value;
      return this;
    }
    this.#order += 1;
    const previous = this.#last;
    const added = { key, value, order: this.#order, dead: false, linked: true, keepers: 0, previous, next: null };
    this.#index.set(key, added);
    if (previous) previous.next = added;
    else this.#first = added;
    this.#last = added;
    return this;
  }

  get shared(): boolean {
    return this.#open.size > 0;
  }

  update(key: K): V | undefined {
    const copy = this.#copy;
    if (!copy) throw new SynodError("InvalidArgument", "update needs the option copy of cowMap.");
    const entry = this.#index.get(key);
    if (!entry) return undefined;
    if (this.#open.size === 0) return entry.value;
    let shared = false;
    for (const snapshot of this.#open) {
      if (!snapshot.refersTo(entry)) continue;
      shared = true;
      snapshot.keep(entry);
    }
    if (shared) entry.value = copy(entry.value);
    return entry.value;
  }

  delete(key: K): boolean {
    const entry = this.#index.get(key);
    if (!entry) return false;
    this.#index.delete(key);
    entry.dead = true;
    for (const snapshot of this.#open) {
      if (snapshot.keep(entry)) entry.keepers += 1;
    }
    if (entry.keepers === 0) this.#unlink(entry);
    return true;
  }

  clear(): void {
    for (const key of this.#index.keys()) this.delete(key);
  }

  *entries(): IterableIterator<[K, V]> {
    for (let entry = this.#after(null); entry; entry = this.#after(entry)) {
      if (!entry.dead) yield [entry.key, entry.value];
    }
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  snapshot(): CowSnapshot<K, V> {
    const snapshot = new Snapshot<K, V>(this.#order, {
      after: (entry) => this.#after(entry),
      release: (entry) => {
        entry.keepers -= 1;
        if (entry.keepers === 0) this.#unlink(entry);
      },
      closed: (self) => {
        this.#open.delete(self);
      },
    });
    this.#open.add(snapshot);
    return snapshot;
  }

  /** The entry that follows, dead ones included. An unlinked entry still knows what stood before it. */
  #after(entry: Entry<K, V> | null): Entry<K, V> | null {
    let from = entry;
    while (from && !from.linked) from = from.previous;
    return from ? from.next : this.#first;
  }

  #unlink(entry: Entry<K, V>): void {
    const { previous, next } = entry;
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    entry.linked = false;
    entry.next = null;
  }
}

interface Owner<K, V> {
  after(entry: Entry<K, V> | null): Entry<K, V> | null;
  release(entry: Entry<K, V>): void;
  closed(snapshot: Snapshot<K, V>): void;
}

class Snapshot<K, V> implements IterableIterator<[K, V]> {
  /** Values as of the snapshot of entries that changed since and are still to be given out. */
  readonly #saved = new Map<Entry<K, V>, V>();
  readonly #end: number;
  #owner: Owner<K, V> | null;
  #cursor: Entry<K, V> | null = null;
  #given: V | undefined;

  constructor(end: number, owner: Owner<K, V>) {
    this.#end = end;
    this.#owner = owner;
  }

  /** Saves the value of an entry that is about to change, if it is still to be given out. */
  keep(entry: Entry<K, V>): boolean {
    if (!this.#awaits(entry)) return false;
    if (!this.#saved.has(entry)) this.#saved.set(entry, entry.value);
    return true;
  }

  /** Whether the present value of the entry is still to be given out, or is in the hands of the reader right now. */
  refersTo(entry: Entry<K, V>): boolean {
    if (entry === this.#cursor) return entry.value === this.#given;
    return this.#awaits(entry) && !this.#saved.has(entry);
  }

  #awaits(entry: Entry<K, V>): boolean {
    return entry.order <= this.#end && entry.order > (this.#cursor?.order ?? 0);
  }

  next(): IteratorResult<[K, V]> {
    const owner = this.#owner;
    if (!owner) return { done: true, value: undefined };
    for (;;) {
      const entry = owner.after(this.#cursor);
      if (!entry || entry.order > this.#end) return this.return();
      this.#cursor = entry;
      const saved = this.#saved.has(entry);
      // Dead and not saved: deleted before this snapshot was taken, kept for an older one.
      if (entry.dead && !saved) continue;
      const value = saved ? (this.#saved.get(entry) as V) : entry.value;
      this.#given = value;
      this.#saved.delete(entry);
      if (entry.dead) owner.release(entry);
      return { done: false, value: [entry.key, value] };
    }
  }

  return(): IteratorResult<[K, V]> {
    const owner = this.#owner;
    if (owner) {
      this.#owner = null;
      owner.closed(this);
      for (const entry of this.#saved.keys()) {
        if (entry.dead) owner.release(entry);
      }
      this.#saved.clear();
      this.#cursor = null;
      this.#given = undefined;
    }
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
