import type { SeededRandom } from "./random.js";

/** What disks write as a whole: sectors, or cache lines of persistent memory. */
const SECTORS = [512, 64] as const;

type FileChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly length: number };

/** Bytes that can grow. */
class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  read(position: number, length: number): Uint8Array {
    return this.#bytes.slice(position, Math.max(position, Math.min(position + length, this.size)));
  }

  apply(change: FileChange): void {
    if (change.kind === "truncate") this.#resize(change.length);
    else this.write(change.position, change.bytes);
  }

  /** Changes one bit. */
  flip(position: number, bit: number): void {
    this.#bytes[position] = (this.#bytes[position] ?? 0) ^ (1 << bit);
  }

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (end > this.size) this.#resize(end);
    this.#bytes.set(bytes, position);
  }

  #resize(size: number): void {
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.size = size;
  }
}

/** A file: what readers see, what the disk holds, and the changes between the two, in order. */
export class FileNode {
  readonly seen: Content = new Content();
  readonly #held = new Content();
  #pending: FileChange[] = [];
  #flushed = 0;
  /** How often it was flushed: files that are made at once are flushed once, and logs again and again. */
  flushes = 0;
  /** Place of its last change among all changes of the disk. */
  changedAt = 0;

  /** How many changes there were so far. */
  get changes(): number {
    return this.#flushed + this.#pending.length;
  }

  change(change: FileChange): void {
    this.seen.apply(change);
    this.#pending.push(change);
  }

  /** The changes up to that count are on the disk. */
  flush(upTo: number): void {
    this.flushes++;
    for (const change of this.#take(upTo)) this.#held.apply(change);
  }

  /** A flush failed: the disk holds some of it, readers go on to see all, and no later flush will write it again. */
  failFlush(upTo: number, random: SeededRandom): void {
    for (const change of this.#take(upTo)) if (random.chance(0.5)) this.#held.apply(change);
  }

  #take(upTo: number): FileChange[] {
    // Another flush may have been faster.
    const taken = this.#pending.splice(0, Math.max(0, upTo - this.#flushed));
    this.#flushed += taken.length;
    return taken;
  }

  /** What is left of the file when the power comes back. Tells whether a write was torn. */
  afterPowerCut(random: SeededRandom): { file: FileNode; torn: boolean } {
    let torn = false;
    const style = random.pick(["none", "all", "some", "sectors", "sectors"] as const);
    for (const change of this.#pending) {
      if (style === "all" || (style !== "none" && random.chance(0.5))) this.#held.apply(change);
      else if (style === "sectors" && change.kind === "write") torn = this.#tear(change, random) || torn;
    }
    const file = new FileNode();
    file.change({ kind: "write", position: 0, bytes: this.#held.read(0, this.#held.size) });
    file.flush(1);
    file.changedAt = this.changedAt;
    file.flushes = this.flushes;
    return { file, torn };
  }

  /** One bit of what was flushed changes by itself. */
  rot(random: SeededRandom): boolean {
    if (this.#pending.length > 0 || this.#held.size === 0) return false;
    const [position, bit] = [random.int(0, this.#held.size - 1), random.int(0, 7)];
    this.#held.flip(position, bit);
    this.seen.flip(position, bit);
    return true;
  }

  #tear({ position, bytes }: FileChange & { kind: "write" }, random: SeededRandom): boolean {
    const sectorBytes = random.pick(SECTORS);
    let kept = 0;
    let lost = 0;
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + sectorBytes - ((position + from) % sectorBytes));
      if (random.chance(0.5)) {
        this.#held.write(position + from, bytes.subarray(from, to));
        kept++;
      } else lost++;
      from = to;
    }
    return kept > 0 && lost > 0;
  }
}

/** A change of names that happens as a whole or not at all. */
interface NameChange {
  readonly remove?: string;
  readonly set?: { readonly name: string; readonly node: FileNode | DirectoryNode };
}

export class DirectoryNode {
  readonly seen: Map<string, FileNode | DirectoryNode>;
  readonly #held: Map<string, FileNode | DirectoryNode>;
  #pending: NameChange[] = [];

  constructor(names: ReadonlyMap<string, FileNode | DirectoryNode> = new Map()) {
    this.seen = new Map(names);
    this.#held = new Map(names);
  }

  change(change: NameChange): void {
    DirectoryNode.#apply(this.seen, change);
    this.#pending.push(change);
  }

  flush(): void {
    for (const change of this.#pending.splice(0)) DirectoryNode.#apply(this.#held, change);
  }

  /** What is left when the power comes back: any subset of the names that were not flushed. */
  afterPowerCut(random: SeededRandom, note: (what: "torn write" | "lost name") => void): DirectoryNode {
    const keep = random.pick([0, 0.5, 0.5, 1]);
    for (const change of this.#pending) {
      if (random.chance(keep)) DirectoryNode.#apply(this.#held, change);
      else note("lost name");
    }
    const names = new Map<string, FileNode | DirectoryNode>();
    for (const [name, node] of this.#held) {
      if (node instanceof DirectoryNode) names.set(name, node.afterPowerCut(random, note));
      else {
        const { file, torn } = node.afterPowerCut(random);
        if (torn) note("torn write");
        names.set(name, file);
      }
    }
    return new DirectoryNode(names);
  }

  /** All files below. */
  *files(): Generator<FileNode> {
    for (const node of this.seen.values()) {
      if (node instanceof DirectoryNode) yield* node.files();
      else yield node;
    }
  }

  static #apply(names: Map<string, FileNode | DirectoryNode>, { remove, set }: NameChange): void {
    if (remove !== undefined) names.delete(remove);
    if (set !== undefined) names.set(set.name, set.node);
  }
}

/** How an operation on a file ends when a fault was set for it. */
export type DiskFault = "EIO" | "ENOSPC" | "kill" | "power cut";

/** An operation that the process waits for. */
interface InFlight {
  readonly effect: () => unknown;
}

/** One machine's disk. It outlives the processes that use it. */
export class Disk {
  readonly #random: SeededRandom;
  root: DirectoryNode = new DirectoryNode();
  /** Latency of a flush, `[min, max]`, and of any other operation that is not answered from memory. */
  flushMs: readonly [number, number] = [0, 1];
  otherMs: readonly [number, number] = [0, 0];
  /** Files cannot grow. */
  full = false;
  /** A fault for the operation after so many others. */
  armed: { operations: number; readonly fault: DiskFault } | null = null;
  /** Whether a fault was injected since the present process began. */
  faulty = false;
  /** `rotten`: a bit of what was flushed has changed, until a node votes on it again. `lost`: it was replaced by a blank one, for good. */
  state: "whole" | "rotten" | "lost" = "whole";
  /** So many of the next reads return a wrong bit. */
  misreads = 0;
  /** Whether the present process was given a wrong bit. */
  misread = false;
  #changes = 0;
  /** Everything that was asked for is done by then. */
  busyUntilMs = 0;
  /** Holder of each lock. */
  readonly locks: Map<string, object> = new Map();
  readonly #inFlight = new Set<InFlight>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Whether a process waits for it. */
  get busy(): boolean {
    return this.#inFlight.size > 0;
  }

  get random(): SeededRandom {
    return this.#random;
  }

  /** Counts one operation; the fault that is due, if any. */
  takeFault(): DiskFault | null {
    const { armed } = this;
    if (armed === null || armed.operations-- > 0) return null;
    this.armed = null;
    if (armed.fault === "EIO" || armed.fault === "ENOSPC") this.faulty = true;
    return armed.fault;
  }

  /** Every change of a file goes through here. */
  change(file: FileNode, change: FileChange): void {
    file.changedAt = ++this.#changes;
    file.change(change);
  }

  /**
   * What the process reads. A wrong bit never hits the file with the log's end: no log can tell damage in its last flushed record
   * from a torn write, so there it would destroy the last good copy of something.
   */
  read(file: FileNode, position: number, length: number): Uint8Array {
    const bytes = file.seen.read(position, length);
    if (this.misreads === 0 || bytes.length === 0 || this.#newest().includes(file)) return bytes;
    this.misreads--;
    this.misread = true;
    const at = this.#random.int(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.int(0, 7));
    return bytes;
  }

  /** One bit of a file that is not among the newest changes for good. Tells whether there was one. */
  rot(): boolean {
    const newest = this.#newest();
    const old = [...this.root.files()].filter((file) => !newest.includes(file));
    if (old.length === 0 || !this.#random.pick(old).rot(this.#random)) return false;
    this.state = "rotten";
    return true;
  }

  /** A blank disk is in its place. The process that used it must have ended. */
  lose(): void {
    this.root = new DirectoryNode();
    this.state = "lost";
  }

  /**
   * The two files that were changed last: the end of a log, and perhaps a file that was made ready to follow it. And the last one that was
   * flushed more than once: that end, where a snapshot and the identity were written after it.
   */
  #newest(): FileNode[] {
    const files = [...this.root.files()].sort((a, b) => b.changedAt - a.changedAt);
    const log = files.find(({ flushes }) => flushes > 1);
    return [...files.slice(0, 2), ...(log === undefined ? [] : [log])];
  }

  begin(effect: () => unknown): InFlight {
    const operation = { effect };
    this.#inFlight.add(operation);
    return operation;
  }

  end(operation: InFlight): boolean {
    return this.#inFlight.delete(operation);
  }

  /** The process is gone. What it had asked for still happens, or not. */
  processEnded(): void {
    for (const { effect } of this.#inFlight) {
      if (!this.#random.chance(0.5)) continue;
      try {
        effect();
      } catch {
        // Nobody is left to hear of it.
      }
    }
    this.#inFlight.clear();
    this.locks.clear();
    this.faulty = false;
    this.misread = false;
  }

  /** The power is gone: whatever was not flushed is kept, lost or torn. */
  powerCut(note: (what: "torn write" | "lost name") => void): void {
    this.processEnded();
    this.root = this.root.afterPowerCut(this.#random, note);
  }
}
