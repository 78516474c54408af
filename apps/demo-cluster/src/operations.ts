import type { MembershipChange } from "@synod/node";
import type { Client } from "./client.js";
import { usage } from "./failure.js";
import type { Feed } from "./feed.js";
import { type Pair, pairsOf, topology } from "./links.js";
import { CallError, type ReplicaProcess } from "./replica-process.js";
import type { Roster } from "./roster.js";
import { grouped } from "./table.js";

/** A joining replica has to catch up within this. */
const CHANGE_MS = 60_000;
const TRANSFER_MS = 5000;
const SNAPSHOT_MS = 20_000;
const CATCH_UP_MS = 20_000;

/** What the operations need of the supervisor. */
export interface Host {
  readonly roster: Roster;
  readonly client: Client;
  readonly feed: Feed;
  readonly ids: () => readonly number[];
  readonly leader: () => number | null;
  /** @throws Failure if there is none */
  readonly process: (id: number) => ReplicaProcess;
  readonly running: () => readonly ReplicaProcess[];
  /** Starts a replica with a blank store. */
  readonly join: (id: number) => Promise<void>;
  /** Ends a removed replica. */
  readonly retire: (id: number) => Promise<void>;
  readonly restart: (id: number) => Promise<void>;
  /** Cuts these links and heals all others. */
  readonly cutTo: (pairs: readonly Pair[]) => Promise<void>;
  readonly waitFor: (condition: () => boolean, timeoutMs: number) => Promise<boolean>;
}

/** What an operator does to a cluster: changes its members, moves its leadership, compacts, restarts in turn. Texts are for people. */
export class Operations {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  get freshId(): number {
    return this.#host.roster.freshId;
  }

  /** Starts a replica with a blank store and makes it a voter; goes on with one that started, but is no member yet. */
  async add(id: number): Promise<string> {
    await this.#startNew(id);
    const epoch = await this.#change({ kind: "add", member: this.#newMember(id) });
    return `replica ${id} has caught up and votes: epoch ${epoch}`;
  }

  /** Takes a replica out of the cluster and ends its process once nobody needs it. */
  async remove(id: number): Promise<string> {
    this.#host.process(id);
    const epoch = await this.#change({ kind: "remove", id });
    await this.#host.retire(id);
    return `replica ${id} is no member any more: epoch ${epoch}`;
  }

  /** A new replica in place of another, whose disk may be lost. */
  async replace(id: number, by: number): Promise<string> {
    this.#host.process(id);
    await this.#startNew(by);
    const epoch = await this.#change({ kind: "replace", id, with: this.#newMember(by) });
    await this.#host.retire(id);
    return `replica ${by} votes in place of replica ${id}: epoch ${epoch}`;
  }

  async transfer(to: number): Promise<string> {
    const { leader, process } = this.#host;
    const target = process(to);
    const from = leader();
    if (from === null) throw usage("there is no leader now");
    if (from === target.id) throw usage(`replica ${to} leads already`);
    const next = await process(from).call({ kind: "transfer", to }, TRANSFER_MS);
    return `replica ${from} handed the leadership to replica ${next}`;
  }

  /** At one replica, or at all that run. */
  async snapshot(id: number | undefined): Promise<string[]> {
    const processes = id === undefined ? this.#host.running() : [this.#host.process(id)];
    return Promise.all(
      processes.map(async (process) => {
        const { index, bytes } = await process.call({ kind: "snapshot" }, SNAPSHOT_MS);
        return `replica ${process.id}: ${grouped(bytes)} bytes have everything up to slot ${grouped(index)}`;
      }),
    );
  }

  /** Cuts links so that only a star around a replica is left, or a chain in the order of the ids. */
  async shape(shape: { readonly center: number } | "chain"): Promise<void> {
    const { ids, feed, cutTo, process } = this.#host;
    if (shape !== "chain") process(shape.center);
    const kept = topology(ids(), shape);
    await cutTo(pairsOf(ids()).filter((pair) => !kept.some(([a, b]) => a === pair[0] && b === pair[1])));
    const name = shape === "chain" ? "a chain" : `a star around ${shape.center}`;
    feed.add("bad", `links cut to ${name}: ${kept.map(([a, b]) => `${a}–${b}`).join(", ") || "no link"} left`);
  }

  /** Stops and starts every replica in turn; the next one only when the last has caught up. */
  async roll(): Promise<string> {
    const { ids, process, restart, waitFor, running, leader } = this.#host;
    const all = [...ids()];
    for (const id of all) {
      const goal = Math.max(0, ...running().map(({ status }) => status?.applied ?? 0));
      await restart(id);
      const isBack = (): boolean => {
        const { status } = process(id);
        return status !== null && status.applied >= goal && status.content && leader() !== null;
      };
      if (!(await waitFor(isBack, CATCH_UP_MS)))
        throw usage(`replica ${id} did not catch up in time: the others were left as they are`);
    }
    return `replicas ${all.join(" ")} restarted one after the other`;
  }

  async #startNew(id: number): Promise<void> {
    const { ids, process, join } = this.#host;
    if (!ids().includes(id)) return join(id);
    const { state, status } = process(id);
    if (status?.part !== "none") throw usage(`replica ${id} is there already: try add ${this.freshId}`);
    if (state !== "running") throw usage(`replica ${id} does not run: restart ${id} first`);
  }

  #newMember(id: number): { id: number; address: string; storeId?: string } {
    const { roster, process } = this.#host;
    const storeId = process(id).status?.storeId;
    return { id, address: roster.addressOf(id), ...(storeId === undefined ? {} : { storeId }) };
  }

  async #change(change: MembershipChange): Promise<number> {
    const { client } = this.#host;
    try {
      return await client.change(change, CHANGE_MS);
    } catch (cause) {
      if (!(cause instanceof CallError) || change.kind !== "add") throw cause;
      const { id } = change.member;
      throw new CallError(cause.code, `${cause.message}; replica ${id} runs without a vote: add ${id} tries again`);
    }
  }
}
