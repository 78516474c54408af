import type { Cluster } from "./cluster.js";
import type { Holdings, Replica } from "./replica.js";

/** A process is watched from when it is so old, and judged when it was watched for so long. */
const WARM_MS = 60_000;
const WATCHED_MS = 120_000;
/** What a process may hold more than when it was warm. Its heap breathes: garbage is collected when there is some. */
const RESIDENT_GROWTH_MAX = 96 * 1024 * 1024;
const HANDLES_GROWTH_MAX = 16;
/** What a store of this workload may have at any time: a few segments of the log, a snapshot or two. */
const FILES_MAX = 16;
const DISK_BYTES_MAX = 96 * 1024 * 1024;

export interface GrowthReport {
  /** Processes that lived long enough to be judged. */
  readonly judged: number;
  readonly residentBytesMax: number;
  readonly handlesMax: number;
  readonly filesMax: number;
  readonly diskBytesMax: number;
  readonly faults: readonly string[];
}

/** Watches what the processes hold, so that what grows without end is seen. */
export class Growth {
  readonly #cluster: Cluster;
  readonly #warm = new Map<number, Holdings>();
  readonly #judged = new Set<number>();
  readonly #faults = new Map<string, string>();
  #max = { residentBytes: 0, handles: 0, files: 0, diskBytes: 0 };

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** While no fault is on: connections that break and come are no growth. */
  look(): void {
    for (const replica of this.#cluster.replicas) {
      const now = replica.holdings();
      if (now !== null) this.#see(replica, now);
    }
  }

  report(): GrowthReport {
    const { residentBytes, handles, files, diskBytes } = this.#max;
    return {
      judged: this.#judged.size,
      residentBytesMax: residentBytes,
      handlesMax: handles,
      filesMax: files,
      diskBytesMax: diskBytes,
      faults: [...this.#faults.values()],
    };
  }

  #see({ id }: Replica, now: Holdings): void {
    const { residentBytes, handles, files, diskBytes } = now;
    this.#max = {
      residentBytes: Math.max(this.#max.residentBytes, residentBytes),
      handles: Math.max(this.#max.handles, handles),
      files: Math.max(this.#max.files, files),
      diskBytes: Math.max(this.#max.diskBytes, diskBytes),
    };
    if (files > FILES_MAX) this.#fault(id, "files", `${files} files`);
    if (diskBytes > DISK_BYTES_MAX) this.#fault(id, "disk", `${diskBytes} bytes on disk`);
    if (now.ageMs < WARM_MS) return;
    const warm = this.#warm.get(now.pid);
    if (warm === undefined) return void this.#warm.set(now.pid, now);
    if (now.ageMs - warm.ageMs < WATCHED_MS) return;
    this.#judged.add(now.pid);
    const [bytes, more] = [residentBytes - warm.residentBytes, handles - warm.handles];
    if (bytes > RESIDENT_GROWTH_MAX) this.#fault(id, "memory", `${bytes} bytes of memory more than when it was warm`);
    if (more > HANDLES_GROWTH_MAX) this.#fault(id, "handles", `${more} open handles more than when it was warm`);
  }

  #fault(id: number, what: string, text: string): void {
    this.#faults.set(`${id} ${what}`, `node ${id} grew: ${text}`);
  }
}
