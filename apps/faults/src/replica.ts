import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Member } from "@synod/interface";

const MAIN: string = fileURLToPath(new URL("dist/main.js", import.meta.resolve("@synod/cli/package.json")));

/** Exit code 7 of the program. */
const UNUSABLE = ", as its data cannot be used";

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Variables of whoever runs this say nothing here. */
function cleanEnv(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("SYNOD_"));
  return { ...Object.fromEntries(own), NO_COLOR: "1" };
}

/** A command of the program, as an operator gives it. */
export function synod(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"], env: cleanEnv() });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (part: string) => (out += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (err += part));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

export interface ReplicaOptions {
  readonly place: number;
  readonly directory: string;
  readonly cluster: string;
  /** `1=host:port,...`: the same for all. */
  readonly founders: string;
  /** Arguments of `synod init` about leases: the same for all. */
  readonly lease: readonly string[];
  /** Where the others reach it: a proxy. */
  readonly address: string;
  readonly ports: { readonly peers: number; readonly clients: number; readonly http: number };
}

interface NodeStatus {
  readonly id: number;
  readonly role: string;
  readonly applied: number;
  readonly chosenUpTo: number;
  readonly configuration: { readonly members: readonly Member[] };
}

/** What a process holds. */
export interface Holdings {
  readonly pid: number;
  readonly ageMs: number;
  readonly residentBytes: number;
  readonly handles: number;
  readonly files: number;
  readonly diskBytes: number;
}

/** One daemon: a directory, and a process now and then. */
export class Replica {
  readonly options: ReplicaOptions;
  /** Changes when its disk is lost. */
  id: number;
  paused = false;
  /** Members of today, if it joined: the founders that it knows may all be gone. */
  contacts = "";
  /** Ends that nobody asked for. */
  readonly exits: string[] = [];
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #startedMs = 0;
  #isAsked = false;

  constructor(options: ReplicaOptions) {
    this.options = options;
    this.id = options.place;
  }

  get up(): boolean {
    return this.#child !== null;
  }

  get log(): string {
    return `${this.options.directory}.log`;
  }

  async init(id: number): Promise<void> {
    const { directory, cluster, founders, lease } = this.options;
    const where = ["--data-dir", directory, "--cluster", cluster, "--members", founders];
    const { code, err } = await synod(["init", "--id", String(id), ...where, ...lease, "--json"]);
    if (code !== 0) throw new Error(`node ${id} cannot be formatted: ${err}`);
    this.id = id;
  }

  start(): void {
    if (this.up) return;
    const { directory, address, ports } = this.options;
    const output = openSync(this.log, "a");
    const at = (port: number): string => `127.0.0.1:${port}`;
    const listen = ["--listen", at(ports.peers), "--client-listen", at(ports.clients), "--http-listen", at(ports.http)];
    const args = [MAIN, "start", "--data-dir", directory, "--address", address, ...listen];
    if (this.contacts !== "") args.push("--contacts", this.contacts);
    // Small, so that snapshots are taken, sent and restored all the time.
    args.push("--snapshot-log-bytes", "65536", "--log-format", "json");
    const child = spawn(process.execPath, args, { stdio: ["ignore", output, output], env: cleanEnv() });
    closeSync(output);
    this.#child = child;
    this.paused = false;
    this.#isAsked = false;
    this.#startedMs = performance.now();
    // Whatever becomes of this process: no other is left behind.
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => this.exits.push(error.message));
      child.once("close", (code, signal) => {
        if (!this.#isAsked)
          this.exits.push(
            `node ${this.id} ended by itself${code === 7 ? UNUSABLE : ` with ${signal ?? code}`}: see ${this.log}`,
          );
        process.off("exit", kill);
        this.#child = null;
        this.paused = false;
        resolve();
      });
    });
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (this.#child === null) return;
    this.#isAsked = true;
    this.#child.kill(signal);
    if (this.paused) this.#child.kill("SIGCONT");
    await this.#ended;
  }

  pause(): void {
    if (this.#child?.kill("SIGSTOP") === true) this.paused = true;
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
    this.paused = false;
  }

  async status(): Promise<NodeStatus | null> {
    const page = (await this.#get("/status").catch(() => null)) as { node: NodeStatus | null; ready: boolean } | null;
    return page?.ready === true ? page.node : null;
  }

  async digest(): Promise<{ readonly applied: number; readonly digest: string }> {
    return (await this.#get("/digest")) as { applied: number; digest: string };
  }

  /** True where the node has found its store damaged and does not use it: then that is no end by itself. */
  refusedItsStore(): boolean {
    if (this.up || !/^error: StoreDamaged/m.test(readFileSync(this.log, "utf8").slice(-4096))) return false;
    const others = this.exits.filter((text) => !text.includes(UNUSABLE));
    this.exits.splice(0, this.exits.length, ...others);
    return true;
  }

  /** Only while it is down. */
  wipe(): void {
    rmSync(this.options.directory, { recursive: true, force: true });
  }

  /** Only while it is down: loses the last bytes that were written, or gets some that nobody wrote. */
  spoilLog(lost: number, garbage: Uint8Array): void {
    const names = readdirSync(this.options.directory).filter((name) => /^wal-\d+\.log$/.test(name));
    const newest = names.sort().at(-1);
    if (newest === undefined) return;
    const file = join(this.options.directory, newest);
    const bytes = readFileSync(file);
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    if (lost > 0) truncateSync(file, Math.max(0, end - lost));
    if (garbage.length === 0) return;
    const open = openSync(file, "r+");
    writeSync(open, garbage, 0, garbage.length, end);
    closeSync(open);
  }

  /** Null where it does not run, or this system does not say. */
  holdings(): Holdings | null {
    const pid = this.#child?.pid;
    if (pid === undefined || process.platform !== "linux") return null;
    try {
      const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
      const names = readdirSync(this.options.directory);
      const sizes = names.map((name) => statSync(join(this.options.directory, name)).size);
      return {
        pid,
        ageMs: performance.now() - this.#startedMs,
        residentBytes: Number(resident) * 1024,
        handles: readdirSync(`/proc/${pid}/fd`).length,
        files: names.length,
        diskBytes: sizes.reduce((sum, size) => sum + size, 0),
      };
    } catch {
      // A file went between two looks, or the process did.
      return null;
    }
  }

  async #get(path: string): Promise<unknown> {
    const url = `http://127.0.0.1:${this.options.ports.http}${path}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
    if (answer.status !== 200) throw new Error(await answer.text());
    return answer.json();
  }
}
