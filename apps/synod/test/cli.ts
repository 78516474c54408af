// The program as people start it: the built bin, as a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import getPort from "get-port";

export const MAIN: string = fileURLToPath(new URL("../dist/main.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Settles when either stream has the text, with all output so far; rejects if the program ends without it. */
  readonly saw: (text: string | RegExp) => Promise<string>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Variables of whoever runs the tests say nothing here. */
export function cleanEnv(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("SYNOD_") && name !== "FORCE_COLOR");
  return { ...Object.fromEntries(own), NO_COLOR: "1", ...more };
}

const running = new Set<ChildProcess>();

export function start(args: readonly string[], options: RunOptions = {}): Run {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnv(options.env),
  });
  running.add(child);
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (part: string) => (out += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (err += part));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal, out, err });
    });
  });
  const saw = (text: string | RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const all = out + err;
        if (typeof text === "string" ? all.includes(text) : text.test(all)) resolve(all);
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.on("close", () => {
        look();
        reject(new Error(`it ended without ${String(text)}:\n${out}${err}`));
      });
      look();
    });
  return { child, ended, saw };
}

export const run = (args: readonly string[], options?: RunOptions): Promise<Ended> => start(args, options).ended;

/** The one JSON text that a command printed. */
export async function json<T>(args: readonly string[], options?: RunOptions): Promise<T> {
  const ended = await run([...args, "--json"], options);
  if (ended.code !== 0) throw new Error(`${args.join(" ")} ended with ${ended.code}: ${ended.out}${ended.err}`);
  return JSON.parse(ended.out) as T;
}

/** Ends whatever a test has left running. */
export async function endAll(): Promise<void> {
  const ends = [...running].map((child) => new Promise((resolve) => child.once("close", resolve)));
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(ends);
}

/** A directory that is removed by `remove`. */
export function temporary(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "synod-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Fewer than the ports of one worker, so that none is given out twice while somebody may still be about to use it. */
const PORTS = 500;
/**
 * Below those that the system gives to whoever asks for any, and others for each worker of the test runner: between the choice and the use,
 * which may be minutes later, nobody else takes one. A node whose port for probes had been taken looked ready, as another answered there.
 */
const FIRST_PORT = 10_000 + PORTS * ((Number(process.env["VITEST_POOL_ID"]) || process.pid) % 40);
let given = 0;

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST_PORT + (given++ % PORTS);
    if ((await getPort({ host: "127.0.0.1", port })) === port) ports.push(port);
  }
  return ports;
}
