/** Connections at a time that have not said who they are. */
const strangersMax = 256;
/** A host with so many has no more than one with a single one: a peer opens two at once, and several may be behind one address. */
const fewOfHost = 4;

/**
 * Those who have not said yet who they are. Where there are too many, one has to go: the one that has waited longest, of the host that has most, or of
 * the one that came first where all have few. So who holds many connections open, or comes from many hosts, keeps nobody else out.
 */
export class Strangers<T> {
  readonly #hosts = new Map<string, Set<T>>();
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** @returns who has to go for it, and is forgotten */
  add(one: T, host: string): T | null {
    const gone = this.#count >= strangersMax ? this.#oldest() : null;
    let of = this.#hosts.get(host);
    if (of === undefined) this.#hosts.set(host, (of = new Set()));
    of.add(one);
    this.#count++;
    return gone;
  }

  delete(one: T, host: string): void {
    const of = this.#hosts.get(host);
    if (of?.delete(one) !== true) return;
    this.#count--;
    if (of.size === 0) this.#hosts.delete(host);
  }

  #oldest(): T | null {
    let most: [host: string, of: Set<T>] | null = null;
    for (const entry of this.#hosts)
      if (most === null || entry[1].size > Math.max(fewOfHost, most[1].size)) most = entry;
    if (most === null) return null;
    const [host, of] = most;
    const [oldest] = of;
    if (oldest === undefined) return null;
    this.delete(oldest, host);
    return oldest;
  }
}
