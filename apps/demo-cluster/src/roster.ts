import type { DataDirectory, StoredReplica } from "./data-directory.js";
import { usage } from "./failure.js";
import { freePorts } from "./ports.js";
import type { ReplicaConfig } from "./protocol.js";

/** Which replicas there are, were and may come, and where each listens. */
export class Roster {
  readonly #directory: DataDirectory;
  #replicas: readonly StoredReplica[];

  private constructor(directory: DataDirectory) {
    this.#directory = directory;
    this.#replicas = directory.replicas;
  }

  /** As the directory says, or with so many founders where it says nothing yet. */
  static async open(directory: DataDirectory, founders: number): Promise<Roster> {
    const roster = new Roster(directory);
    if (roster.#replicas.length > 0) return roster;
    const ports = await freePorts(founders);
    roster.#replicas = ports.map((port, index) => replica(index + 1, port, true));
    await roster.#save();
    return roster;
  }

  /** Of the replicas that are not removed, in order. */
  get ids(): number[] {
    return this.#replicas
      .filter(({ removed }) => !removed)
      .map(({ id }) => id)
      .sort((a, b) => a - b);
  }

  /** An id that no replica has had. */
  get freshId(): number {
    return Math.max(...this.#replicas.map(({ id }) => id)) + 1;
  }

  addressOf(id: number): string {
    return this.#find(id)?.address ?? "";
  }

  /** Gives a new replica its place; `keep` makes it last. @throws Failure if the id was used before */
  async draft(id: number): Promise<void> {
    if (id === 0) throw usage("ids count from 1");
    if (this.#find(id) !== undefined)
      throw usage(`replica ${id} was removed, and an id is never used again: try add ${this.freshId}`);
    let [port] = await freePorts(1);
    // That of a replica that is down, perhaps.
    while (port === undefined || this.#replicas.some(({ address }) => address.endsWith(`:${port}`)))
      [port] = await freePorts(1);
    this.#replicas = [...this.#replicas, replica(id, port, false)];
  }

  /** Forgets a draft. */
  drop(id: number): void {
    this.#replicas = this.#replicas.filter((each) => each.id !== id);
  }

  keep(): Promise<void> {
    return this.#save();
  }

  async remove(id: number): Promise<void> {
    this.#replicas = this.#replicas.map((each) => (each.id === id ? { ...each, removed: true } : each));
    await this.#save();
  }

  configOf(id: number): Omit<ReplicaConfig, "bootstrap" | "cut" | "slowMs"> {
    const members = (founder: boolean): { id: number; address: string }[] =>
      this.#replicas
        .filter((each) => each.founder === founder && (founder || !each.removed))
        .map((each) => ({ id: each.id, address: each.address }));
    return {
      id,
      clusterId: this.#directory.clusterId,
      founders: members(true),
      contacts: members(false).filter((each) => each.id !== id),
      address: this.addressOf(id),
      directory: this.#directory.storeOf(id),
    };
  }

  #find(id: number): StoredReplica | undefined {
    return this.#replicas.find((each) => each.id === id);
  }

  #save(): Promise<void> {
    return this.#directory.saveReplicas(this.#replicas);
  }
}

const replica = (id: number, port: number, founder: boolean): StoredReplica => ({
  id,
  address: `127.0.0.1:${port}`,
  founder,
  removed: false,
});
