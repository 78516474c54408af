import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Member } from "@synod/interface";
import getPort from "get-port";
import { OPEN, Proxy, type Rule } from "./proxy.js";
import { Replica, synod } from "./replica.js";

/** Everything else goes on meanwhile, on a machine that may be busy. */
const REJOIN_MS = 180_000;

const NAME = "faults";
/** Four election timeouts. */
const LEASE = ["--lease", "1s"];

/** Replicas, a proxy before each of their ports for peers and for clients. */
export class Cluster {
  readonly name: string = NAME;
  readonly replicas: readonly Replica[];
  /** Where clients are sent. */
  readonly servers: readonly string[];
  readonly #peers: readonly Proxy[];
  readonly #clients: readonly Proxy[];
  #lastId: number;

  private constructor(
    replicas: readonly Replica[],
    peers: readonly Proxy[],
    clients: readonly Proxy[],
    servers: string[],
  ) {
    this.replicas = replicas;
    this.#peers = peers;
    this.#clients = clients;
    this.servers = servers;
    this.#lastId = replicas.length;
  }

  static async make(place: string, count: number, leases: boolean): Promise<Cluster> {
    const ports = await freePorts(count * 5);
    const port = (i: number, which: number): number => ports[i * 5 + which] as number;
    const places = Array.from({ length: count }, (_, i) => i);
    const address = (i: number): string => `127.0.0.1:${port(i, 3)}`;
    const founders = places.map((i) => `${i + 1}=${address(i)}`).join(",");
    const replicas = places.map(
      (i) =>
        new Replica({
          place: i + 1,
          directory: join(place, `node-${i + 1}`),
          cluster: NAME,
          founders,
          lease: leases ? LEASE : [],
          address: address(i),
          ports: { peers: port(i, 0), clients: port(i, 1), http: port(i, 2) },
        }),
    );
    const peers = places.map((i) => Proxy.listen({ port: port(i, 3), target: () => port(i, 0), peers: true }));
    const clients = places.map((i) => Proxy.listen({ port: port(i, 4), target: () => port(i, 1), peers: false }));
    const servers = places.map((i) => `127.0.0.1:${port(i, 4)}`);
    const cluster = new Cluster(replicas, await Promise.all(peers), await Promise.all(clients), servers);
    await Promise.all(replicas.map((replica) => replica.init(replica.id)));
    return cluster;
  }

  get majority(): number {
    return Math.floor(this.replicas.length / 2) + 1;
  }

  /** Connections that pass through here. */
  get connections(): number {
    return [...this.#peers, ...this.#clients].reduce((sum, proxy) => sum + proxy.connections, 0);
  }

  others(of: Replica): Replica[] {
    return this.replicas.filter((replica) => replica !== of);
  }

  /** What goes from one to the other. */
  link(from: Replica, to: Replica, rule: Rule): void {
    this.#peers[to.options.place - 1]?.set(from.id, rule);
  }

  both(a: Replica, b: Replica, rule: Rule): void {
    this.link(a, b, rule);
    this.link(b, a, rule);
  }

  clientsOf(replica: Replica, rule: Rule): void {
    this.#clients[replica.options.place - 1]?.set(0, rule);
  }

  resetClients(): void {
    for (const proxy of this.#clients) proxy.reset();
  }

  resetPeers(): void {
    for (const proxy of this.#peers) proxy.reset();
  }

  healLinks(): void {
    for (const a of this.replicas) {
      this.clientsOf(a, OPEN);
      for (const b of this.replicas) if (a !== b) this.link(a, b, OPEN);
    }
  }

  /** Everything runs and is connected. */
  heal(): void {
    this.healLinks();
    for (const replica of this.replicas) {
      if (replica.paused) replica.resume();
      replica.start();
    }
  }

  /** Whoever says so of itself, the one that executed most; null: nobody. */
  async leader(): Promise<Replica | null> {
    const all = await Promise.all(this.replicas.map(async (replica) => ({ replica, status: await statusOf(replica) })));
    const leaders = all.filter(({ status }) => status?.role === "leader");
    leaders.sort((a, b) => (b.status?.applied ?? 0) - (a.status?.applied ?? 0));
    return leaders[0]?.replica ?? null;
  }

  /**
   * Settles when all of them are members and have the same state.
   * @throws Error with what is missing
   */
  async agree(limitMs: number): Promise<string> {
    let missing = "";
    for (const end = performance.now() + limitMs; performance.now() < end; await delay(200)) {
      try {
        const states = await Promise.all(this.replicas.map((replica) => stateOf(replica)));
        const [first] = states;
        if (first !== undefined && states.every((state) => state === first)) return first;
        missing = `states differ: ${states.join(", ")}`;
      } catch (error) {
        missing = (error as Error).message;
      }
    }
    throw new Error(`the nodes do not agree: ${missing}`);
  }

  /** A disk is lost: another member comes in the place of this one, as an operator would do it. */
  async rejoin(replica: Replica): Promise<void> {
    const old = replica.id;
    const id = ++this.#lastId;
    await replica.init(id);
    const end = performance.now() + REJOIN_MS;
    replica.contacts = "";
    while (replica.contacts === "") {
      if (performance.now() > end) throw new Error(`nobody says who the members are, so node ${id} cannot join`);
      const members = await this.#membersSeenBy(replica);
      replica.contacts = members.map((one) => `${one.id}=${one.address}`).join(",");
      if (members.length === 0) await delay(100);
    }
    replica.start();
    const where = ["--cluster", NAME, "--servers", this.servers.join(",")];
    let last = "";
    for (; performance.now() < end; await delay(300)) {
      const members = await this.#membersSeenBy(replica);
      if (members.some((member) => member.id === id && (member.role ?? "voter") === "voter")) return;
      const change = ["member", "replace", String(old), String(id), replica.options.address, "--timeout", "20s"];
      last = (await synod([...change, ...where])).err;
    }
    throw new Error(`node ${id} does not become a member: ${last}`);
  }

  /** By the others; empty while none of them is ready. */
  async #membersSeenBy(replica: Replica): Promise<readonly Member[]> {
    const known = (await Promise.all(this.others(replica).map(statusOf))).find((status) => status !== null);
    return known?.configuration.members ?? [];
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.end("SIGKILL")));
    await Promise.all([...this.#peers, ...this.#clients].map((proxy) => proxy.close()));
  }
}

const statusOf = (replica: Replica) => replica.status();

async function stateOf(replica: Replica): Promise<string> {
  const status = await replica.status();
  if (status === null) throw new Error(`node ${replica.id} is not ready`);
  if (!status.configuration.members.some(({ id, role }) => id === replica.id && (role ?? "voter") === "voter")) {
    throw new Error(`node ${replica.id} does not vote`);
  }
  const { applied, digest } = await replica.digest();
  return `${digest} at ${applied}`;
}

/** Ports that were free a moment ago, all different. */
const freePorts = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => getPort({ host: "127.0.0.1" })));
