/** No key. */
const FREE = -1;
const ROOM_MIN = 8;

/**
 * A `Map` for whole numbers from 0 whose entries come and go by the thousand, in no order. A Map of V8 leaves its table behind whenever that is
 * used up, linked to the next one; once the garbage collector has moved one of them to where it looks rarely, it keeps all that
 * followed, with whatever was ever in them, so that nothing dies young. Here entries lie in two columns, each as near
 * behind the place of its key as there was room (linear probing).
 */
export class NumberMap<V extends object> {
  #keys: number[] = filled(ROOM_MIN, FREE);
  #values: (V | undefined)[] = filled(ROOM_MIN, undefined);
  #size = 0;
  /** Of the 32 bits of a hash so many are dropped. */
  #shift = Math.clz32(ROOM_MIN - 1);

  get size(): number {
    return this.#size;
  }

  get(key: number): V | undefined {
    return this.#values[this.#find(key)];
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  set(key: number, value: V): void {
    const at = this.#find(key);
    if (this.#keys[at] === key) {
      this.#values[at] = value;
      return;
    }
    if (2 * this.#size >= this.#keys.length) this.#resize(2 * this.#keys.length);
    this.#put(key, value);
    this.#size++;
  }

  delete(key: number): void {
    const at = this.#find(key);
    if (this.#keys[at] !== key) return;
    this.#size--;
    this.#close(at);
    if (this.#keys.length > ROOM_MIN && this.#keys.length >= 8 * this.#size) this.#resize(this.#keys.length / 4);
  }

  clear(): void {
    this.#size = 0;
    this.#resize(ROOM_MIN);
  }

  /** As of now, in no order. */
  values(): V[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** Where it is, or where it would be put. */
  #find(key: number): number {
    const keys = this.#keys;
    const last = keys.length - 1;
    let at = this.#placeOf(key);
    while (keys[at] !== key && keys[at] !== FREE) at = (at + 1) & last;
    return at;
  }

  /** Keys that follow each other are spread over the table (Fibonacci hashing). */
  #placeOf(key: number): number {
    return Math.imul(key, 0x9e3779b1) >>> this.#shift;
  }

  #put(key: number, value: V): void {
    const at = this.#find(key);
    this.#keys[at] = key;
    this.#values[at] = value;
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
      gap = next;
    }
    this.#keys[gap] = FREE;
    this.#values[gap] = undefined;
  }

  /** @param room - a power of two */
  #resize(room: number): void {
    const [keys, values, isCleared] = [this.#keys, this.#values, this.#size === 0];
    this.#keys = filled(Math.max(room, ROOM_MIN), FREE);
    this.#values = filled(Math.max(room, ROOM_MIN), undefined);
    this.#shift = Math.clz32(this.#keys.length - 1);
    if (isCleared) return;
    for (let at = 0; at < keys.length; at++) {
      const value = values[at];
      if (value !== undefined) this.#put(keys[at] as number, value);
    }
  }
}

function filled<T>(room: number, value: T): T[] {
  return Array.from({ length: room }, () => value);
}
