import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@synod/client";
import { coordinationCodecs } from "@synod/coordination";
import getPort from "get-port";
import type { LoadTarget } from "./load/index.js";
import { type Replica, startReplica } from "./start-replica.js";

export interface MeasuredCluster {
  readonly target: LoadTarget;
  stop(): Promise<void>;
}

export interface EmbeddedCluster extends MeasuredCluster {
  /** The replica in this process. */
  readonly leader: Replica;
  /** Of the other replicas. */
  residentBytes(): number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const freePorts = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => getPort({ host: "127.0.0.1" })));

/** Replicas in processes of their own. */
class Children {
  readonly directory: string;
  readonly #children: ChildProcess[] = [];
  readonly #onExit = (): void => this.#kill();

  constructor(parent: string) {
    this.directory = mkdtempSync(join(parent, "synod-bench-"));
    process.on("exit", this.#onExit);
  }

  start(id: number, ports: readonly number[], listen: string): void {
    const script = fileURLToPath(new URL("replica.js", import.meta.url));
    const args = [script, String(id), ports.join(","), listen, this.folder(id)];
    this.#children.push(spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] }));
  }

  folder(id: number): string {
    return join(this.directory, `node-${id}`);
  }

  /** Of all of them; Linux alone. */
  residentBytes(): number {
    const kibibytes = this.#children.map(({ pid }) =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]),
    );
    return kibibytes.reduce((sum, each) => sum + each * 1024, 0);
  }

  async stop(): Promise<void> {
    process.off("exit", this.#onExit);
    const gone = this.#children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    this.#kill();
    await Promise.all(gone);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #kill(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

/** Servers in processes of their own, which have answered once. */
export async function serverCluster(
  nodes: number,
  parent: string,
): Promise<{ readonly servers: readonly string[]; residentBytes(): number; stop(): Promise<void> }> {
  const ports = await freePorts(2 * nodes);
  const servers = ports.slice(nodes).map((port) => `127.0.0.1:${port}`);
  const children = new Children(parent);
  for (const [i, server] of servers.entries()) children.start(i + 1, ports.slice(0, nodes), server);
  for (let tries = 0; ; tries++) {
    const client = await connect({ cluster: "bench", servers, ...coordinationCodecs() }).catch(() => null);
    if (client === null) {
      if (tries > 100) throw new Error("the replicas did not start");
      await pause(100);
      continue;
    }
    // Once something is decided all of them are up, or will be soon.
    await client.propose({ kind: "put", key: "ready", value: new Uint8Array(0), lease: null, expected: null });
    while (client.status().servers.some(({ connected }) => !connected)) await pause(20);
    await client.close();
    return { servers, residentBytes: () => children.residentBytes(), stop: () => children.stop() };
  }
}

/** Servers in processes of their own, and a client here. */
export async function remoteCluster(nodes: number, parent: string): Promise<MeasuredCluster> {
  const cluster = await serverCluster(nodes, parent);
  const client = await connect({ cluster: "bench", servers: cluster.servers, ...coordinationCodecs() });
  return {
    target: {
      put: (key, value) => client.propose({ kind: "put", key, value, lease: null, expected: null }),
      get: (key) => client.read({ kind: "get", key, revision: null }),
    },
    async stop() {
      await client.close();
      await cluster.stop();
    },
  };
}

/** The leader in this process, as an application that embeds it; the others in processes of their own. */
export async function embeddedCluster(nodes: number, parent: string): Promise<EmbeddedCluster> {
  const ports = await freePorts(nodes);
  const children = new Children(parent);
  for (let id = 2; id <= nodes; id++) children.start(id, ports, "-");
  const node: Replica = await startReplica({ id: 1, ports, directory: children.folder(1), priority: 10 });
  while (node.status().role !== "leader") await pause(50);
  return {
    leader: node,
    residentBytes: () => children.residentBytes(),
    target: {
      put: (key, value) => node.propose({ kind: "put", key, value, lease: null, expected: null }),
      get: (key) => node.read({ kind: "get", key, revision: null }),
    },
    async stop() {
      await node.close({ transferTimeoutMs: 0 });
      await children.stop();
    },
  };
}
