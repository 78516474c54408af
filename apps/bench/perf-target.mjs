// Synod as a target for a load generator: three processes, file storage with every write synced, TCP on loopback, @synod/client.
// `create({ nodes })` gives { meta, start({ dir }), put, get, leaderPid, pids, avoid, stop }. Needs the packages built (`npm run build`).
import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@synod/client";
import { coordinationCodecs } from "@synod/coordination";
import getPort from "get-port";

const replica = fileURLToPath(new URL("dist/replica.js", import.meta.url));
const syncDelay = Number(process.env.PERF_FSYNC_DELAY_US ?? 0);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** With PERF_FSYNC_DELAY_US every sync of a replica is held that long, by strace. */
function command(args) {
  if (syncDelay === 0) return [process.execPath, args];
  const inject = ["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"];
  return ["strace", [...inject, "-e", `inject=fsync,fdatasync:delay_exit=${syncDelay}`, process.execPath, ...args]];
}

/** The replica itself, where strace stands before it. */
function pidOf(child) {
  if (syncDelay === 0) return child.pid;
  try {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    return Number(children.split(" ")[0]) || child.pid;
  } catch {
    return child.pid;
  }
}

const running = (child) => child.exitCode === null && child.signalCode === null;

export function create({ nodes = 3 } = {}) {
  const replicas = [];
  let client = null;
  const end = () => replicas.filter(running).forEach((child) => process.kill(pidOf(child), "SIGKILL"));
  process.on("exit", end);

  return {
    meta: {
      name: "synod",
      durable: "data-sync on a quorum before the answer",
      read: "linearizable (read index)",
      local: "none",
    },
    async start({ dir }) {
      mkdirSync(dir, { recursive: true });
      const ports = await Promise.all(Array.from({ length: 2 * nodes }, () => getPort({ host: "127.0.0.1" })));
      const peerPorts = ports.slice(0, nodes).join(",");
      const servers = ports.slice(nodes).map((port) => `127.0.0.1:${port}`);
      for (const [i, server] of servers.entries()) {
        const log = openSync(join(dir, `node-${i + 1}.log`), "a");
        const [program, args] = command([replica, String(i + 1), peerPorts, server, join(dir, `node-${i + 1}`)]);
        const env = {
          ...process.env,
          ...(process.env.PERF_NODE_OPTIONS && { NODE_OPTIONS: process.env.PERF_NODE_OPTIONS }),
        };
        replicas.push(spawn(program, args, { stdio: ["ignore", log, log], env }));
      }
      for (let tries = 0; client === null; tries++) {
        client = await connect({ cluster: "bench", servers, ...coordinationCodecs() }).catch(() => null);
        if (tries > 100) throw new Error(`the cluster did not start: see the logs in ${dir}`);
        if (client === null) await pause(50);
      }
      await this.put("ready", Buffer.from("1"));
      while (client.status().leader === null) await pause(20);
    },
    put: (key, value) => client.propose({ kind: "put", key, value, lease: null, expected: null }),
    get: (key) => client.read({ kind: "get", key, revision: null }),
    leaderPid: () => {
      const { leader } = client.status();
      return leader === null ? 0 : pidOf(replicas[leader - 1]);
    },
    pids: () => replicas.filter(running).map(pidOf),
    // The client speaks to every server and finds a new leader by itself.
    avoid: () => {},
    async stop() {
      await client?.close();
      end();
      process.off("exit", end);
      const gone = (child) => new Promise((resolve) => child.once("exit", resolve));
      await Promise.all(replicas.filter(running).map(gone));
    },
  };
}
