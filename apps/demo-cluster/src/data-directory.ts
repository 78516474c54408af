import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf, usage } from "./failure.js";

/** A replica that the cluster has, or had. */
export interface StoredReplica {
  readonly id: number;
  /** Where it listens, for good: the log of the cluster says so too. */
  readonly address: string;
  readonly founder: boolean;
  /** Its id is never used again. */
  readonly removed: boolean;
}

/** What a data directory says of its cluster. */
interface ClusterFile {
  readonly format: 2;
  readonly clusterId: string;
  readonly nodes: number;
  /** All stores were formatted. From then on a store that is missing is an error, never formatted again. */
  readonly founded: boolean;
  readonly replicas: readonly StoredReplica[];
}

const FILE = "cluster.json";

/** Where a cluster keeps its stores, and what is known of it from earlier runs. */
export class DataDirectory {
  readonly path: string;
  readonly temporary: boolean;
  #cluster: ClusterFile;

  private constructor(path: string, temporary: boolean, cluster: ClusterFile) {
    this.path = path;
    this.temporary = temporary;
    this.#cluster = cluster;
  }

  /**
   * @param path - absolute; null for a new temporary directory
   * @throws Failure if it cannot be used or belongs to a cluster of another size
   */
  static async open(path: string | null, nodes: number): Promise<DataDirectory> {
    const blank: ClusterFile = {
      format: 2,
      clusterId: `demo-${randomBytes(8).toString("hex")}`,
      nodes,
      founded: false,
      replicas: [],
    };
    if (path === null) {
      const made = await usable(tmpdir(), () => mkdtemp(join(tmpdir(), "synod-demo-")));
      const directory = new DataDirectory(made, true, blank);
      await directory.#save();
      return directory;
    }
    await usable(path, () => mkdir(path, { recursive: true }));
    const stored = await readCluster(path);
    if (stored !== null && stored.nodes !== nodes) {
      throw usage(`${path} holds a cluster of ${stored.nodes}: start it with --nodes ${stored.nodes}, not ${nodes}`);
    }
    const directory = new DataDirectory(path, false, stored ?? blank);
    await usable(path, () => directory.#save());
    return directory;
  }

  get clusterId(): string {
    return this.#cluster.clusterId;
  }

  get founded(): boolean {
    return this.#cluster.founded;
  }

  /** Empty in a new directory. */
  get replicas(): readonly StoredReplica[] {
    return this.#cluster.replicas;
  }

  storeOf(id: number): string {
    return join(this.path, `replica-${id}`);
  }

  async markFounded(): Promise<void> {
    if (this.founded) return;
    this.#cluster = { ...this.#cluster, founded: true };
    await this.#save();
  }

  async saveReplicas(replicas: readonly StoredReplica[]): Promise<void> {
    this.#cluster = { ...this.#cluster, replicas };
    await this.#save();
  }

  /** Removes a temporary directory. At once, since it is also called while the process exits. */
  remove(): void {
    if (this.temporary) rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  async #save(): Promise<void> {
    const file = join(this.path, FILE);
    await writeFile(`${file}.new`, `${JSON.stringify(this.#cluster, null, 2)}\n`);
    await rename(`${file}.new`, file);
  }
}

async function readCluster(path: string): Promise<ClusterFile | null> {
  const file = join(path, FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    throw usage(`${file} cannot be read (${codeOf(cause)})`);
  }
  const parsed = parseCluster(text);
  if (parsed === null) throw usage(`${file} is not a description of a demo cluster: choose another directory`);
  return parsed;
}

function parseCluster(text: string): ClusterFile | null {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof ClusterFile, unknown>> | null;
    if (value?.format !== 2) return null;
    const { clusterId, nodes, founded, replicas } = value;
    if (typeof clusterId !== "string" || typeof nodes !== "number" || typeof founded !== "boolean") return null;
    if (!Array.isArray(replicas) || !replicas.every(isReplica)) return null;
    return { format: 2, clusterId, nodes, founded, replicas };
  } catch {
    return null;
  }
}

function isReplica(value: unknown): value is StoredReplica {
  if (typeof value !== "object" || value === null) return false;
  const { id, address, founder, removed } = value as Partial<Record<keyof StoredReplica, unknown>>;
  return (
    typeof id === "number" &&
    typeof address === "string" &&
    typeof founder === "boolean" &&
    typeof removed === "boolean"
  );
}

async function usable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw usage(`the directory ${path} cannot be used (${codeOf(cause) || String(cause)})`);
  }
}
