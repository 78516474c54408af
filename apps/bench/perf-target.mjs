// Synod as a target for a load generator: three processes, file storage with every write synced, TCP on loopback.
// `create({ nodes })` gives { meta, start({ dir }), put, get, getLocal, leaderPid, pids, avoid, stop }.
// Needs the packages built (`npm run build`).
import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const replica = fileURLToPath(new URL("replica.mjs", import.meta.url));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ports = servers.map((server) => server.address().port);
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** One connection with requests in flight. */
class Client {
  #socket;
  #pending = new Map();
  #last = 0;
  #rest = Buffer.alloc(0);
  #out = [];
  #scheduled = false;
  closed = false;

  static async open(port) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new Client(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.closed = true;
      for (const { reject } of this.#pending.values()) reject(new Error("connection lost"));
      this.#pending.clear();
    });
  }

  request(operation, key, value) {
    if (this.closed) return Promise.reject(new Error("not connected"));
    const request = (this.#last = (this.#last + 1) >>> 0);
    const keyLength = Buffer.byteLength(key, "latin1");
    const frame = Buffer.allocUnsafe(10 + keyLength + value.length);
    frame.writeUInt32LE(6 + keyLength + value.length, 0);
    frame.writeUInt32LE(request, 4);
    frame[8] = operation;
    frame[9] = keyLength;
    frame.write(key, 10, "latin1");
    frame.set(value, 10 + keyLength);
    this.#out.push(frame);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#socket.write(Buffer.concat(this.#out.splice(0)));
      });
    }
    return new Promise((resolve, reject) => this.#pending.set(request, { resolve, reject }));
  }

  close() {
    this.#socket.destroy();
  }

  #read(chunk) {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (data.length >= 4 && data.length >= 4 + data.readUInt32LE(0)) {
      const end = 4 + data.readUInt32LE(0);
      const request = data.readUInt32LE(4);
      const waiter = this.#pending.get(request);
      this.#pending.delete(request);
      const body = data.subarray(9, end);
      if (data[8] === 0) waiter?.resolve(body);
      else waiter?.reject(new Error(body.toString()));
      data = data.subarray(end);
    }
    this.#rest = Buffer.from(data);
  }
}

/** With PERF_FSYNC_DELAY_US every sync of a replica is held that long, by strace. */
function command(args) {
  const delay = Number(process.env.PERF_FSYNC_DELAY_US ?? 0);
  if (delay === 0) return [process.execPath, args];
  const inject = ["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"];
  return ["strace", [...inject, "-e", `inject=fsync,fdatasync:delay_exit=${delay}`, process.execPath, ...args]];
}

export function create({ nodes = 3 } = {}) {
  const replicas = [];
  let clientPorts = [];
  let client = null;
  let away = 0;
  const NOTHING = Buffer.alloc(0);

  /** The replica itself, where strace stands before it. */
  const pidOf = (child) => {
    if (process.env.PERF_FSYNC_DELAY_US === undefined) return child.pid;
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    return Number(children.split(" ")[0]) || child.pid;
  };
  const leader = async () => {
    for (const [i, port] of clientPorts.entries()) {
      if (replicas[i].exitCode !== null) continue;
      const probe = await Client.open(port).catch(() => null);
      const id = probe === null ? 0 : Number(await probe.request(4, "", NOTHING).catch(() => 0));
      probe?.close();
      if (id > 0) return id;
    }
    return 0;
  };
  let leaderId = 0;
  const reconnect = async () => {
    client?.close();
    leaderId = await leader();
    const target = away === 0 ? leaderId : replicas.findIndex((child) => pidOf(child) !== away) + 1;
    if (target > 0) client = await Client.open(clientPorts[target - 1]);
  };
  const call = (operation, key, value) =>
    client === null || client.closed
      ? reconnect().then(() => Promise.reject(new Error("reconnected")))
      : client.request(operation, key, value);

  return {
    meta: {
      name: "synod",
      durable: "data-sync on a quorum before the answer",
      read: "linearizable",
      local: "leader's state",
    },
    async start({ dir }) {
      mkdirSync(dir, { recursive: true });
      const ports = await freePorts(nodes * 2);
      const peerPorts = ports.slice(0, nodes).join(",");
      clientPorts = ports.slice(nodes);
      for (let i = 0; i < nodes; i++) {
        const log = openSync(join(dir, `node-${i + 1}.log`), "a");
        const [program, args] = command([
          replica,
          String(i + 1),
          peerPorts,
          String(clientPorts[i]),
          join(dir, `node-${i + 1}`),
        ]);
        replicas.push(spawn(program, args, { stdio: ["ignore", log, log] }));
      }
      for (let tries = 0; ; tries++) {
        const ready = await call(1, "ready", Buffer.from("1")).then(
          () => true,
          () => false,
        );
        if (ready) return;
        if (tries > 400) throw new Error(`the cluster did not start: see the logs in ${dir}`);
        await pause(50);
      }
    },
    put: (key, value) => call(1, key, value),
    get: (key) => call(2, key, NOTHING),
    getLocal: (key) => call(3, key, NOTHING),
    leaderPid: () => (leaderId > 0 ? pidOf(replicas[leaderId - 1]) : 0),
    pids: () => replicas.filter((child) => child.exitCode === null && child.signalCode === null).map(pidOf),
    avoid: async (pid) => {
      away = pid;
      await reconnect();
    },
    async stop() {
      client?.close();
      for (const child of replicas) {
        if (child.exitCode === null && child.signalCode === null) process.kill(pidOf(child), "SIGKILL");
      }
      await Promise.all(
        replicas.map(
          (child) => child.exitCode ?? child.signalCode ?? new Promise((resolve) => child.once("exit", resolve)),
        ),
      );
    },
  };
}
