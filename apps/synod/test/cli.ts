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
  /** However late. Whoever waits for it gives that a limit: `inTime`. */
  readonly ended: Promise<Ended>;
  /** All that it has printed so far. */
  readonly printed: () => string;
  /** Settles when either stream has the text, with all output so far; rejects if the program ends without it, or at the limit. */
  readonly saw: (text: string | RegExp) => Promise<string>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** How long anybody waits for this program; `LIMIT_MS` by default. */
  readonly limitMs?: number;
}

/**
 * So long a test waits for a program: nothing goes by it but what hangs. Much less than a test has, which would end without a word of what it
 * waited for, and more than a command takes that waits for a new member.
 */
const LIMIT_MS = 100_000;

/** The promise; rejects at the limit with what was waited for, and what was seen instead. */
export async function inTime<T>(
  promise: Promise<T>,
  waitedFor: string,
  seen: () => string,
  limitMs = LIMIT_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${waitedFor}: not within ${limitMs} ms. Seen until then:\n${seen()}`));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
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
    child.on("error", (cause) => {
      // It never ran, so it never ends either.
      running.delete(child);
      reject(cause);
    });
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal, out, err });
    });
  });
  const printed = (): string => out + err;
  const seen = (text: string | RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const all = printed();
        if (typeof text === "string" ? all.includes(text) : text.test(all)) resolve(all);
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.on("close", () => {
        look();
        reject(new Error(`it ended without ${String(text)}:\n${printed()}`));
      });
      look();
    });
  const saw = (text: string | RegExp): Promise<string> =>
    inTime(seen(text), `${nameOf(args, child)} prints ${String(text)}`, printed, options.limitMs);
  return { child, ended, printed, saw };
}

const nameOf = (args: readonly string[], { pid }: ChildProcess): string => `synod ${args.join(" ")} (process ${pid})`;

/** A command that ends by itself. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return endOf(start(args, options), options.limitMs);
}

/** The end of a program that is about to end. */
export function endOf({ child, ended, printed }: Run, limitMs?: number): Promise<Ended> {
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const seen = (): string => `${printed()}\n(${isOver() ? "it has ended, and its output is held open" : "it runs on"})`;
  return inTime(ended, `${nameOf(child.spawnargs.slice(2), child)} ends`, seen, limitMs);
}

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
