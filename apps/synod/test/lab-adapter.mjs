// The daemon as a target of a fault lab: a program that starts replicas in network namespaces, makes faults of network, disk, clock and
// processes, and judges the history of what its clients saw. The default export has: `command`, which starts a replica, with the `env` that
// this takes; `op`, one operation that ends as "ok", "fail" (surely without effect) or "info" (nobody knows); `digest` of the state that one
// replica has; `isLeader`; `wal`, the files of the log; `survives`, which damage of disks the target claims to live through; `rejoin`, what an
// operator does when a disk is lost.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect } from "@synod/client";
import { coordination, coordinationCodecs, jsonValues } from "@synod/coordination";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const env = (name, otherwise) => process.env[`SYNOD_LAB_${name}`] ?? otherwise;

const MAIN = env("MAIN", here("../dist/main.js"));
/** Small, so that snapshots are taken, sent and restored all the time. */
const FLAGS = env("FLAGS", "--snapshot-log-bytes 65536");
/** `one`: each operation goes to the server that the lab names. `all`: clients know all servers and choose, as real ones do. */
const CLIENTS = env("CLIENTS", "one");
const SURVIVES = env("SURVIVES", "wal-torn,wal-truncate,wal-bitflip,wipe,corrupt");

const servers = new Set();
const formatted = new Set();
const contactsOf = new Map();
/** Ids are never used twice. */
let lastId = 99;

// ---- clients ------------------------------------------------------------------------------------------------------------------

const clients = new Map();

/** One for each client of the lab and server, connected once and for all: it finds its way back by itself. */
function clientOf({ ip, who = "" }, timeoutMs) {
  const addresses = CLIENTS === "all" ? [...servers] : [`${ip}:7101`];
  const name = `${who} ${addresses.join(",")}`;
  let client = clients.get(name);
  if (client === undefined) {
    client = connect({
      cluster: "lab",
      servers: addresses,
      ...coordinationCodecs(),
      name: who,
      limits: { timeoutMs, reconnectMaxMs: 250, handshakeTimeoutMs: 1000, idleTimeoutMs: 3000 },
    }).then((service) => {
      const all = coordination(service);
      return { service, kv: all.kv.as(jsonValues()), counters: all.counters };
    });
    clients.set(name, client);
    client.catch(() => clients.delete(name));
  }
  return client;
}

/** What the documentation of the client calls certainly without effect. Everything else may have happened. */
const NEVER = new Set(["NotProposed", "Busy", "TooLarge", "Closed", "NoServer", "NoLeader", "ConditionFailed"]);

async function work({ kv, counters }, { f, key, value }, signal) {
  switch (f) {
    case "read": {
      // Counters are kept apart from keys, and begin with 0.
      if (key.startsWith("c")) return { type: "ok", value: (await counters.get(key, { signal })) || null };
      return { type: "ok", value: (await kv.get(key, { signal }))?.value ?? null };
    }
    case "write":
      await kv.put(key, value, { signal });
      return { type: "ok" };
    case "cas": {
      const [before, after] = value;
      const is =
        before === null ? { key, field: "revision", is: "=", to: 0 } : { key, field: "value", is: "=", to: before };
      const { succeeded } = await kv.transaction({ if: [is], do: [{ kind: "put", key, value: after }] }, { signal });
      return { type: succeeded ? "ok" : "fail" };
    }
    case "append":
      await kv.update(key, (list) => [...(list ?? []), value], { signal });
      return { type: "ok" };
    case "incr":
      return { type: "ok", result: await counters.add(key, value, { signal }) };
    default:
      throw new Error(`there is no operation ${f}`);
  }
}

// ---- replicas -----------------------------------------------------------------------------------------------------------------

async function get({ ip, timeoutMs }, path) {
  const answer = await fetch(`http://${ip}:7102${path}`, { signal: AbortSignal.timeout(timeoutMs) });
  if (answer.status !== 200) throw new Error(`${path}: ${(await answer.text()).trim()}`);
  return answer.json();
}

/** The program, as an operator calls it. */
function synod(...args) {
  const child = spawn(process.execPath, [MAIN, ...args, "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, SYNOD_CLUSTER: "lab", SYNOD_SERVERS: [...servers].join(",") },
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].setEncoding("utf8").on("data", (text) => (texts[name] += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(texts.stdout));
      else reject(new Error(`synod ${args.join(" ")} ended with ${code}: ${texts.stderr.trim()}`));
    });
  });
}

const listOf = async () => (await synod("member", "list", "--timeout", "4s")).members;

/** Again and again, as faults may come between: the replica is a member when this settles. */
async function replace(old, id, address) {
  for (const end = Date.now() + 120_000; Date.now() < end; await delay(500)) {
    try {
      const members = await listOf();
      if (members.some((one) => one.id === id && one.role === "voter")) return;
      // Another wipe came meanwhile.
      if (lastId !== id && !members.some((one) => one.id === id)) return;
      await synod("member", "replace", String(old), String(id), address, "--timeout", "20s");
    } catch (error) {
      console.log(`  replace ${old} by ${id}: ${error.message}`);
    }
  }
}

/** @type {object} */
const adapter = {
  name: `synod (clients: ${CLIENTS})`,
  ops: ["read", "write", "cas", "append", "incr"],
  command: `sh ${here("lab-replica.sh")} {ip} {dir} {peers}`,
  vars: { newId: "", contacts: "" },
  peer: ({ id, ip }) => `${id}=${ip}:7100`,

  env({ id, ip, newId, contacts }) {
    servers.add(`${ip}:7101`);
    const format = newId === "" ? (formatted.has(id) ? "" : id) : newId;
    formatted.add(id);
    if (contacts !== "") contactsOf.set(id, contacts.replaceAll("+", ","));
    return {
      // Node.js 20 reads all of these certificates at each start, and no replica needs one.
      NODE_EXTRA_CA_CERTS: "",
      SYNOD_LAB_NODE: process.execPath,
      SYNOD_LAB_MAIN: MAIN,
      SYNOD_LAB_FLAGS: FLAGS,
      SYNOD_LAB_FORMAT: String(format),
      ...(contactsOf.has(id) ? { SYNOD_CONTACTS: contactsOf.get(id) } : {}),
    };
  },

  async op(target, operation) {
    const timeoutMs = Math.max(100, target.timeoutMs - 100);
    try {
      return await work(await clientOf(target, timeoutMs), operation, AbortSignal.timeout(timeoutMs));
    } catch (error) {
      const never = operation.f === "read" || NEVER.has(error.code);
      return { type: never ? "fail" : "info", error: `${error.code ?? error.name}: ${error.message}` };
    }
  },

  /** Behind a linearizable read at this replica, so that it is of a state that has everything that was acknowledged. */
  async digest(target) {
    const { service } = await clientOf({ ...target, who: "digest" }, 2000);
    if (CLIENTS !== "all") await service.read({ kind: "status" }, { timeoutMs: target.timeoutMs });
    const { node, ready } = await get(target, "/status");
    if (!ready) throw new Error("not ready");
    if (!node.configuration.members.some(({ id }) => id === node.id)) throw new Error("no member yet");
    return (await get(target, "/digest")).digest;
  },

  isLeader: async (target) => (await get(target, "/status")).node?.role === "leader",

  wal(directory) {
    const store = join(directory, "store");
    if (!existsSync(store)) return [];
    const names = readdirSync(store).filter((name) => /^wal-\d+\.log$/.test(name));
    return names.sort().map((name) => join(store, name));
  },

  survives: SURVIVES.split(","),

  /** Its disk is gone, and its votes with it: it comes back as another member, in the place of the old one. */
  async rejoin(_, { ip }) {
    const address = `${ip}:7100`;
    const members = await listOf();
    const there = members.filter((one) => one.address === address);
    const [old] = there.filter(({ role }) => role === "voter");
    if (old === undefined) throw new Error(`nobody votes at ${address}`);
    // What was under way when the disk was lost once more.
    for (const { id } of there.filter(({ role }) => role !== "voter")) await synod("member", "remove", String(id));
    const newId = ++lastId;
    void replace(old.id, newId, address);
    // Those that it was founded with may all be gone by now.
    return { newId, contacts: members.map((one) => `${one.id}=${one.address}`).join("+") };
  },
};

// oxlint-disable-next-line import/no-default-export -- it is what the lab reads
export default adapter;
