import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { CliError } from "./exit-codes.js";

export interface ChildOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when what the command works under is lost: it is ended then. */
  readonly lost: AbortSignal;
  /** Between SIGTERM and SIGKILL. */
  readonly killAfterMs: number;
}

/**
 * Runs a command with the streams of this process. SIGINT and SIGTERM are passed on to it.
 * @returns its exit code as a shell has it: 128 and the number of the signal that ended it
 * @throws CliError `cannotRun`, `notFound`
 */
export async function runChild({ command, env, lost, killAfterMs }: ChildOptions): Promise<number> {
  const [file = "", ...args] = command;
  // Of a terminal only its foreground group may read; without one the command gets a group, so that its own children end with it.
  const detached = process.stdin.isTTY !== true && process.platform !== "win32";
  const child = spawn(file, args, { stdio: "inherit", env: { ...process.env, ...env }, detached });
  const end = (signal: NodeJS.Signals): void => kill(child, signal, detached);
  let killTimer: NodeJS.Timeout | undefined;
  const onLost = (): void => {
    end("SIGTERM");
    killTimer = setTimeout(() => end("SIGKILL"), killAfterMs);
  };
  const passed = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  // A terminal has told its whole foreground group of Ctrl-C already.
  const told = (name: NodeJS.Signals): boolean => name === "SIGINT" && !detached;
  const pass = Object.fromEntries(passed.map((name) => [name, () => (told(name) ? undefined : end(name))])) as Record<
    (typeof passed)[number],
    () => void
  >;
  for (const name of passed) process.on(name, pass[name]);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (cause: NodeJS.ErrnoException) => {
        const missing = cause.code === "ENOENT";
        reject(
          new CliError(
            missing ? "notFound" : "cannotRun",
            missing ? `there is no command ${file}` : `cannot run ${file}: ${cause.message}`,
            { cause },
          ),
        );
      });
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
      if (lost.aborted) onLost();
      else lost.addEventListener("abort", onLost, { once: true });
    });
  } finally {
    lost.removeEventListener("abort", onLost);
    clearTimeout(killTimer);
    // What it left running would go on without the lock.
    if (lost.aborted) end("SIGKILL");
    for (const name of passed) process.off(name, pass[name]);
  }
}

function kill(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  if (child.pid === undefined) return;
  try {
    if (group) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // It has ended.
  }
}
