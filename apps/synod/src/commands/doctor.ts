import { createPrivateKey, X509Certificate } from "node:crypto";
import { access, constants, mkdtemp, open, readFile, rm, stat, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import pc from "picocolors";
import { CliError, endWith } from "../exit-codes.js";
import { Given } from "../given.js";
import { makeOutput, table } from "../output.js";
import { withSettings } from "../settings.js";
import { holderOf, isFormatted, readStore } from "../store.js";
import { certificatesIn, foreignNames, namesText } from "../tls.js";
import { splitAddress } from "../values.js";

/** What a check found. */
interface Finding {
  readonly check: string;
  readonly verdict: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do about it; empty if it is well. */
  readonly advice: string;
}

/** Whose the certificate has to be. */
interface Owner {
  readonly clusterId: string | undefined;
  readonly nodeId: number | undefined;
}

const SYNCS = 40;
const SYNC_BYTES = 4096;
const FREE_BYTES_WANTED = 2 ** 30;
const CERTIFICATE_DAYS_WANTED = 14;
const DAY_MS = 86_400_000;

export function addDoctor(program: Command): void {
  const command = program
    .command("doctor")
    .summary("check disk, clock, ports, certificates and data directory of this machine")
    .description(
      "Looks at what a node on this machine stands on. Each finding says what to do. Ends with 3 if a check fails.",
    );
  withSettings(command, [
    ...(["dataDir", "cluster", "id", "listen", "clientListen", "httpListen"] as const),
    ...(["tlsCa", "tlsCert", "tlsKey"] as const),
  ]).action(async (flags: { json?: boolean }) => {
    const given = new Given(flags, process.env);
    const output = makeOutput(flags);
    const findings = await examine(given);
    output.result({ ok: findings.every(({ verdict }) => verdict !== "fail"), findings }, () => text(findings));
    if (findings.some(({ verdict }) => verdict === "fail")) endWith("no");
  });
}

function text(findings: readonly Finding[]): string {
  const paint = { ok: pc.green("ok"), warn: pc.yellow("warn"), fail: pc.red("FAIL") };
  const rows = findings.map(({ check, verdict, found }) => [paint[verdict], check, found]);
  const advice = findings
    .filter((one) => one.advice !== "")
    .map((one) => `${paint[one.verdict]} ${one.check}: ${one.advice}`);
  return [table(["", "check", "found"], rows), ...(advice.length > 0 ? ["", "To do:", ...advice] : [])].join("\n");
}

async function examine(given: Given): Promise<Finding[]> {
  const directory = given.get("dataDir");
  const findings = [runtime()];
  // The store knows it; before `init` it may be given.
  let owner: Partial<Owner> = { clusterId: given.get("cluster"), nodeId: given.get("id") };
  if (directory === undefined) {
    findings.push(warn("data directory", "not given", "give --data-dir to have the disk and the store checked"));
  } else {
    const { finding, identity } = await store(directory);
    owner = identity ?? owner;
    findings.push(await writable(directory), await free(directory), await syncSpeed(directory), finding);
  }
  findings.push(await clock());
  const open = directory !== undefined && (await holderOf(directory)) !== null;
  for (const name of ["listen", "clientListen", "httpListen"] as const) {
    const address = given.get(name);
    if (address !== undefined && address !== "off") findings.push(await port(name, address, open));
  }
  const [ca, cert, key] = [given.get("tlsCa"), given.get("tlsCert"), given.get("tlsKey")];
  if (cert !== undefined) findings.push(await certificate({ cert, key, ca }, owner));
  else if (ca !== undefined || key !== undefined)
    findings.push(fail("certificate", "there is none beside --tls-ca or --tls-key", "give --tls-cert"));
  return findings;
}

const ok = (check: string, found: string): Finding => ({ check, verdict: "ok", found, advice: "" });
const warn = (check: string, found: string, advice: string): Finding => ({ check, verdict: "warn", found, advice });
const fail = (check: string, found: string, advice: string): Finding => ({ check, verdict: "fail", found, advice });

function runtime(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const found = `Node.js ${process.versions.node} on ${process.platform}`;
  if (major < 20 || (major === 20 && minor < 19)) return fail("Node.js", found, "install Node.js 20.19 or newer");
  return ok("Node.js", found);
}

/** The directory, or the first one above it that is there: before `init` it need not exist. */
async function existing(directory: string): Promise<string> {
  for (let path = resolve(directory); ; path = dirname(path)) {
    if ((await stat(path).catch(() => null)) !== null || path === dirname(path)) return path;
  }
}

async function writable(directory: string): Promise<Finding> {
  const path = await existing(directory);
  try {
    if (!(await stat(path)).isDirectory())
      return fail("directory", `${path} is no directory`, "choose another --data-dir");
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok("directory", `${path} can be written`);
  } catch (cause) {
    return fail("directory", (cause as Error).message, `let the user of the node read and write ${path}`);
  }
}

async function free(directory: string): Promise<Finding> {
  const path = await existing(directory);
  const { bavail, bsize } = await statfs(path);
  const bytes = bavail * bsize;
  const found = `${(bytes / 2 ** 30).toFixed(1)} GiB free`;
  if (bytes >= FREE_BYTES_WANTED) return ok("free space", found);
  return warn(
    "free space",
    found,
    "a node that runs out of disk stops (StoreFull): free some space or give it a larger disk",
  );
}

/** Appends and syncs as the log does; the median is what every command pays. */
async function syncSpeed(directory: string): Promise<Finding> {
  let folder: string;
  try {
    folder = await mkdtemp(join(await existing(directory), ".synod-doctor-"));
  } catch (cause) {
    return fail("disk sync", (cause as Error).message, "see the check of the directory");
  }
  try {
    const file = await open(join(folder, "sync"), "w");
    const times: number[] = [];
    const block = Buffer.alloc(SYNC_BYTES, 1);
    try {
      await file.write(Buffer.alloc(SYNC_BYTES * SYNCS));
      await file.sync();
      for (let i = 0; i < SYNCS; i++) {
        const started = performance.now();
        await file.write(block, 0, SYNC_BYTES, i * SYNC_BYTES);
        await file.datasync();
        times.push(performance.now() - started);
      }
    } finally {
      await file.close();
    }
    return judgeSyncs(times);
  } catch (cause) {
    return fail("disk sync", (cause as Error).message, "nothing can be written there: see the check of the free space");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** From the times of single syncs in milliseconds. */
export function judgeSyncs(times: readonly number[]): Finding {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const [median, slow] = [at(0.5), at(0.99)];
  const found = `median ${median.toFixed(2)} ms, slowest ${slow.toFixed(2)} ms`;
  if (median < 0.02) {
    const advice =
      "syncs this fast do not reach a disk: on tmpfs, or with a write cache that ignores flushes, acknowledged commands are lost in a power cut";
    return warn("disk sync", found, advice);
  }
  if (median > 50) return fail("disk sync", found, "too slow to lead: use a local SSD instead of a network disk");
  if (slow > 100)
    return warn(
      "disk sync",
      found,
      "stalls like this cost leaderships: give the node a disk of its own, or raise --election-timeout",
    );
  return ok("disk sync", found);
}

interface Examined {
  readonly finding: Finding;
  /** Null where none can be read. */
  readonly identity: Owner | null;
}

async function store(directory: string): Promise<Examined> {
  const unread = (finding: Finding): Examined => ({ finding, identity: null });
  try {
    if (!(await isFormatted(directory))) {
      const advice = "the very first start of a node? `synod init` formats it. Otherwise find the right directory";
      return unread(warn("store", `${directory} is not formatted`, advice));
    }
    const { storage, recovered } = await readStore(directory);
    await storage.close();
    const { identity } = recovered;
    const { clusterId, nodeId } = identity;
    const found = `node ${nodeId} of cluster ${clusterId}, chosen up to slot ${recovered.chosenUpTo}`;
    if (recovered.damage === undefined) return { finding: ok("store", found), identity };
    const advice =
      "the node starts, but votes only once it has fetched what was lost. Look after the disk; `synod dump` shows the places";
    const damaged = `${found}; the log is damaged up to slot ${recovered.damage.upTo}`;
    return { finding: warn("store", damaged, advice), identity };
  } catch (cause) {
    const holder = await holderOf(directory);
    const message = cause instanceof Error ? cause.message : String(cause);
    if (holder !== null) {
      const found = `process ${holder} writes to it: ${message}`;
      return unread(warn("store", found, "check it again while the node is stopped"));
    }
    const advice = "never delete files to make it start: replace the node (`synod member replace`)";
    return unread(fail("store", message, advice));
  }
}

/** Whether the wall clock and the monotonic clock agree, and timers fire when they should. */
async function clock(): Promise<Finding> {
  const [wall, monotonic] = [Date.now(), performance.now()];
  await delay(200);
  const passed = performance.now() - monotonic;
  const drift = Math.abs(Date.now() - wall - passed);
  const found = `a timer of 200 ms took ${passed.toFixed(0)} ms; the wall clock differs by ${drift.toFixed(0)} ms`;
  if (drift > 50)
    return warn(
      "clock",
      found,
      "the wall clock is being set in steps: let NTP slew it. Safety does not hang on it, log times do",
    );
  if (passed > 400)
    return warn("clock", found, "the machine has too little CPU for its processes: elections will be lost");
  return ok("clock", found);
}

async function port(name: string, address: string, running: boolean): Promise<Finding> {
  const { host, port: number } = splitAddress(address) ?? { host: "", port: 0 };
  const error = await new Promise<NodeJS.ErrnoException | null>((done) => {
    const server = createServer();
    server.once("error", done);
    server.listen(number, host, () => server.close(() => done(null)));
  });
  if (error === null)
    return running
      ? warn(name, `${address} is free`, "yet a node is running: it listens elsewhere")
      : ok(name, `${address} is free`);
  if (error.code === "EADDRINUSE" && running) return ok(name, `${address} is in use; a node is running`);
  if (error.code === "EADDRINUSE")
    return fail(name, `${address} is in use`, "stop the other process, or choose another port");
  return fail(
    name,
    `${address}: ${error.message}`,
    "choose an address that this machine has, such as 0.0.0.0 and the port",
  );
}

interface CertificateFiles {
  readonly cert: string;
  readonly key: string | undefined;
  readonly ca: string | undefined;
}

async function certificate(paths: CertificateFiles, owner: Partial<Owner>): Promise<Finding> {
  const check = "certificate";
  try {
    const made = new X509Certificate(await readFile(paths.cert));
    const days = Math.floor((Date.parse(made.validTo) - Date.now()) / DAY_MS);
    const found = `${made.subject.replaceAll("\n", ", ")}, for ${namesText(made)}, ${days} days left`;
    if (days < 0)
      return fail(check, `${found}: it has expired`, "make a new one: a running node takes it without a restart");
    if (Date.parse(made.validFrom) > Date.now())
      return fail(check, `${found}: not valid yet`, "check the clock of this machine");
    if (paths.key === undefined) return fail(check, found, "give --tls-key");
    if (!made.checkPrivateKey(createPrivateKey(await readFile(paths.key)))) {
      return fail(
        check,
        `${paths.key} is not the key of ${paths.cert}`,
        "give the key that belongs to the certificate",
      );
    }
    if (paths.ca === undefined) return fail(check, found, "give --tls-ca");
    const authorities = certificatesIn(await readFile(paths.ca, "utf8"));
    if (!authorities.some(({ publicKey }) => made.verify(publicKey)))
      return fail(check, `${paths.cert} is not signed by ${paths.ca}`, "give the authority that signed it");
    const { clusterId, nodeId } = owner;
    const foreign = clusterId === undefined || nodeId === undefined ? null : foreignNames(made, clusterId, nodeId);
    if (foreign !== null) return fail(check, `${paths.cert} ${foreign}`, "give the certificate of this node");
    if (days < CERTIFICATE_DAYS_WANTED)
      return warn(check, found, "renew it soon: a running node takes a new one without a restart");
    return ok(check, found);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    return fail(check, (cause as Error).message, "give PEM files that this user can read");
  }
}
