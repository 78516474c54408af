/** No key. */
const FREE = -1;
const ROOM_MIN = 4;
/**
 * A `Map` for whole numbers from 0 whose entries come and go by the thousand. Not a Map: one of V8 leaves its table behind whenever that is used
 * up, linked to the next one; once the garbage collector has moved one of them to where it looks rarely, it keeps all that
 * followed, with whatever was ever in them, and nothing dies young any more.
 * Here entries lie in columns, each as near behind the place of its key as there was room (linear probing).
 */
export class NumberMap<V extends object | string | null> {
  #keys: number[] = filled(ROOM_MIN, FREE);
  #values: (V | undefined)[] = filled(ROOM_MIN, undefined);
  /** How many had come before. */
  #arrivals: number[] = filled(ROOM_MIN, 0);
  #arrived = 0;
  #size = 0;
  /** Of the 32 bits of a hash so many are dropped. */
  #shift = Math.clz32(ROOM_MIN - 1);

  get size(): number {
    return this.#size;
  }

  get(key: number): V | undefined {
    return this.#size === 0 ? undefined : this.#values[this.#find(key)];
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  /** One that is there keeps its place in the order. */
  set(key: number, value: V): void {
    const at = this.#find(key);
    if (this.#keys[at] === key) {
      this.#values[at] = value;
      return;
    }
    if (2 * this.#size >= this.#keys.length) this.#resize(2 * this.#keys.length);
    this.#put(key, value, this.#arrived++);
    this.#size++;
  }

  /** @returns what is there no more */
  delete(key: number): V | undefined {
    if (this.#size === 0) return undefined;
    const at = this.#find(key);
    const value = this.#values[at];
    if (value === undefined) return undefined;
    this.#size--;
    this.#close(at);
    if (this.#keys.length > 8 * this.#size + ROOM_MIN) this.#resize(Math.max(ROOM_MIN, this.#keys.length / 4));
    return value;
  }

  clear(): void {
    this.#keys = [];
    this.#values = [];
    this.#size = 0;
    this.#resize(ROOM_MIN);
  }

  copy(): NumberMap<V> {
    const copy = new NumberMap<V>();
    copy.#keys = this.#keys.slice();
    copy.#values = this.#values.slice();
    copy.#arrivals = this.#arrivals.slice();
    copy.#arrived = this.#arrived;
    copy.#size = this.#size;
    copy.#shift = this.#shift;
    return copy;
  }

  /** In the order in which they came, as of now. */
  entries(): [number, V][] {
    const entries: { readonly arrival: number; readonly entry: [number, V] }[] = [];
    for (const [at, value] of this.#values.entries()) {
      if (value === undefined) continue;
      entries.push({ arrival: this.#arrivals[at] as number, entry: [this.#keys[at] as number, value] });
    }
    return entries.sort((a, b) => a.arrival - b.arrival).map(({ entry }) => entry);
  }

  /** In the order in which they came, as of now. */
  values(): V[] {
    return this.entries().map(([, value]) => value);
  }

  /** Where it is, or where it would be put. */
  #find(key: number): number {
    const keys = this.#keys;
    const last = keys.length - 1;
    let at = this.#placeOf(key);
    while (keys[at] !== key && keys[at] !== FREE) at = (at + 1) & last;
    return at;
  }

  /** All bits of a key count, as clients choose some of them, and keys that follow each other are spread over the table. */
  #placeOf(key: number): number {
    const low = Math.imul(key | 0, 0x9e3779b1);
    const mixed = low ^ Math.imul((key / 2 ** 32) | 0, 0x85ebca6b);
    return Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) >>> this.#shift;
  }

  #put(key: number, value: V, arrival: number): void {
    const at = this.#find(key);
    this.#keys[at] = key;
    this.#values[at] = value;
    this.#arrivals[at] = arrival;
  }

  /** Those behind that had to make way move up, as a search ends at the first gap. */
  #close(at: number): void {
    const last = this.#keys.length - 1;
    let gap = at;
    for (let next = (gap + 1) & last; this.#keys[next] !== FREE; next = (next + 1) & last) {
      const key = this.#keys[next] as number;
      const pushed = (next - this.#placeOf(key)) & last;
      if (pushed < ((next - gap) & last)) continue;
      this.#keys[gap] = key;
      this.#values[gap] = this.#values[next];
      this.#arrivals[gap] = this.#arrivals[next] as number;
      gap = next;
    }
    this.#keys[gap] = FREE;
    this.#values[gap] = undefined;
  }

  /** @param room - a power of two */
  #resize(room: number): void {
    const [keys, values, arrivals] = [this.#keys, this.#values, this.#arrivals];
    this.#keys = filled(room, FREE);
    this.#values = filled(room, undefined);
    this.#arrivals = filled(room, 0);
    this.#shift = Math.clz32(room - 1);
    for (let at = 0; at < values.length; at++) {
      const value = values[at];
      if (value !== undefined) this.#put(keys[at] as number, value, arrivals[at] as number);
    }
  }
}

/** Not `Array.from`, which takes a tenth of a microsecond for each place; an array that grows has room for half as many again. */
function filled<T>(room: number, value: T): T[] {
  const list: T[] = [];
  list.length = room;
  return list.fill(value);
}
