import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Client, connect } from "@synod/client";
import {
  type CoordinationAnswer,
  type CoordinationCommand,
  type CoordinationQuery,
  type CoordinationResult,
  coordinationCodecs,
  coordinationMachine,
} from "@synod/coordination";
import { encodeBatch, replicatedMachine } from "@synod/rsm";
import { type EmbeddedCluster, embeddedCluster, freePorts, serverCluster } from "./cluster.js";
import { type LoadTarget, runLoad } from "./load/index.js";
import { type Replica, startReplica } from "./start-replica.js";

const load = { warmSeconds: 1, outstanding: 64, perSecond: null, keys: 1_000, valueBytes: 100, readShare: 0 };
const value = new Uint8Array(100).fill(0x76);

/** What each costs as there is more of it. Processor time is that of the leader's process, load generator included. */
export const growths: Readonly<Record<string, (most?: number) => Promise<void>>> = {
  async replicas() {
    for (const nodes of [3, 5, 7]) {
      await withEmbedded(nodes, async (target) => {
        const before = process.cpuUsage();
        const { operations } = await runLoad(target, { ...load, seconds: 3 });
        // Warming up is a quarter of the time.
        print(`${nodes} replicas`, `${((cpuUs(before) * 0.75) / operations).toFixed(1)} us a put`);
      });
    }
  },

  async entries(most = 100_000) {
    await withEmbedded(3, async (target) => {
      for (let done = 0, next = 10_000; next <= most; next *= 10) {
        await puts(target, next - done - 10_000);
        const [before, beganMs] = [process.cpuUsage(), performance.now()];
        await puts(target, 10_000);
        done = next;
        const perSecond = Math.round((10_000 * 1_000) / (performance.now() - beganMs));
        print(`${next} entries`, `${(cpuUs(before) / 10_000).toFixed(1)} us a put, ${perSecond} a second, ${memory()}`);
      }
    });
  },

  async keys(most = 100_000) {
    const machine = coordinationMachine({ stateBytesMax: 2 ** 40 });
    const before = usedBytes();
    const session = { slot: 1, index: 0 };
    for (let i = 0; i < most; i++) {
      const key = `k${String(i).padStart(15, "0")}`;
      const command = { kind: "put", key, value: value.slice(), lease: null, expected: null } as const;
      machine.apply(command, { slot: i + 2, index: 0, timeMs: 0, session, machineVersion: 1 });
    }
    print(`${most} keys`, `${Math.round((usedBytes() - before) / most)} bytes for a key of 16 and a value of 100`);
    machine.query({ kind: "status" });
    await Promise.resolve();
  },

  async sessions(most = 100_000) {
    const { commandCodec, resultCodec } = coordinationCodecs();
    const machine = replicatedMachine({ stateMachine: coordinationMachine(), commandCodec, resultCodec });
    const body = commandCodec.encode({ kind: "put", key: "k", value, lease: null, expected: null }).slice();
    const before = usedBytes();
    for (let i = 0; i < most; i++) {
      const nonce = i.toString(16).padStart(32, "0");
      const [opened] = machine.apply(2 * i + 1, encodeBatch(0, [{ kind: "open", nonce }]));
      if (opened?.kind !== "opened") throw new Error(`session ${i} was not opened: ${opened?.kind ?? "nothing came"}`);
      const ticket = { session: opened.session, sequence: 1, floor: 0 };
      machine.apply(2 * i + 2, encodeBatch(0, [{ kind: "command", ticket, body }]));
    }
    print(`${most} sessions`, `${Math.round((usedBytes() - before) / most)} bytes each, with one reply`);
    machine.digest();
    await Promise.resolve();
  },

  async connections(most = 10_000) {
    const cluster = await serverCluster(3, tmpdir());
    const clients: Client<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>[] = [];
    const { servers } = cluster;
    try {
      const before = cluster.residentBytes();
      while (clients.length < most) {
        const more = Array.from({ length: Math.min(100, most - clients.length) }, (_, i) =>
          connect({ cluster: "bench", servers: [servers[i % 3] ?? ""], ...coordinationCodecs() }),
        );
        clients.push(...(await Promise.all(more)));
      }
      const used = cluster.residentBytes() - before;
      print(`${most} connections`, `${Math.round(used / most / 1024)} KiB each at the servers`);
      let next = 0;
      const target: LoadTarget = {
        put: (key, bytes) => pick().propose({ kind: "put", key, value: bytes, lease: null, expected: null }),
        get: (key) => pick().read({ kind: "get", key, revision: null }),
      };
      const pick = (): (typeof clients)[number] => clients[next++ % clients.length] as (typeof clients)[number];
      const result = await runLoad(target, { ...load, seconds: 5, readShare: 0.5 });
      const { p50, p999 } = result.latencyMs;
      const errors = JSON.stringify(result.errors);
      print(
        "a put or get of each in turn",
        `${Math.round(result.perSecond)} a second, p50 ${p50} ms, p99.9 ${p999} ms, errors ${errors}`,
      );
    } finally {
      await Promise.all(clients.map((client) => client.close()));
      await cluster.stop();
    }
  },

  /** Starts of a node with so many MiB of log, and then of snapshot. */
  async start(most = 1_024) {
    const directory = mkdtempSync(join(tmpdir(), "synod-bench-"));
    try {
      await starts(directory, most);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },

  /** Full load for so many minutes: memory that grows, a leader that changes, or a tail that gets longer would show. */
  async minutes(most = 5) {
    await withEmbedded(3, async (target, cluster) => {
      const { ballot, elections } = cluster.leader.status();
      for (let minute = 1; minute <= most; minute++) {
        const { perSecond, latencyMs, errors } = await runLoad(target, { ...load, outstanding: 1_000, seconds: 59 });
        const others = Math.round(cluster.residentBytes() / 2 ** 20);
        const { p50, p999, max } = latencyMs;
        print(
          `minute ${minute}`,
          `${Math.round(perSecond)} puts a second, p50 ${p50}, p99.9 ${p999}, most ${max} ms, leader ${memory()}, followers ${others} MiB, errors ${JSON.stringify(errors)}`,
        );
      }
      const now = cluster.leader.status();
      const same = now.ballot?.round === ballot?.round && now.elections.won === elections.won;
      print("the leader", same ? "led all the time, in one ballot" : "changed");
      if (!same) process.exitCode = 1;
    });
  },
};

async function starts(directory: string, mebibytes: number): Promise<void> {
  const count = mebibytes * 256;
  const large = new Uint8Array(2 ** 12 - 64).fill(0x76);
  const ports = await freePorts(1);
  // The log grows until it is told.
  const limits = { snapshotLogBytes: 2 ** 50, readTimeoutMs: 60_000 };
  const start = async (bootstrap: boolean): Promise<[replica: Replica, tookMs: number]> => {
    const beganMs = performance.now();
    const replica = await startReplica({ id: 1, ports, directory, bootstrap, limits, stateBytesMax: 2 ** 40 });
    const last = { kind: "get", key: `k${count - 1}`, revision: null } as const;
    // Nothing is answered before all that is chosen was executed.
    await replica.read(last);
    return [replica, performance.now() - beganMs];
  };
  const [first] = await start(true);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (; next < count; ) {
      await first.propose({ kind: "put", key: `k${next++}`, value: large, lease: null, expected: null });
    }
  };
  await Promise.all(Array.from({ length: 256 }, lane));
  await first.close();
  const [fromLog, logMs] = await start(false);
  print(`log of ${mebibytes} MiB`, `answers ${(logMs / 1_000).toFixed(1)} s after its start, ${memory()}`);
  await fromLog.snapshot();
  await fromLog.close();
  const [fromSnapshot, snapshotMs] = await start(false);
  const { chosenUpTo } = fromSnapshot.status();
  print(
    `snapshot of ${mebibytes} MiB`,
    `answers ${(snapshotMs / 1_000).toFixed(1)} s after its start (slot ${chosenUpTo})`,
  );
  await fromSnapshot.close();
}

async function withEmbedded(
  nodes: number,
  work: (target: LoadTarget, cluster: EmbeddedCluster) => Promise<void>,
): Promise<void> {
  const cluster = await embeddedCluster(nodes, tmpdir());
  try {
    await work(cluster.target, cluster);
  } finally {
    await cluster.stop();
  }
}

/** So many puts, 64 at a time. */
async function puts(target: LoadTarget, count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    for (; left > 0; ) await target.put(`k${String(left-- % 1_000).padStart(15, "0")}`, value);
  };
  await Promise.all(Array.from({ length: 64 }, lane));
}

function cpuUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** After a collection of garbage. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const memory = (): string => `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB resident`;

const print = (name: string, text: string): void => console.log(`${name.padEnd(30)} ${text}`);
