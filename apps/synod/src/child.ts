import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { CliError } from "./exit-codes.js";
import { ownGroup } from "./process-group.js";

export interface ChildOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when what the command works under is lost: it is ended then. */
  readonly lost: AbortSignal;
  /** Whether it is still held, by the clock: asked before what stood still goes on. */
  readonly held: () => boolean;
  /** Between SIGTERM and SIGKILL. */
  readonly killAfterMs: number;
  /** Whether a terminal is at the other end; as it is with this process by default. */
  readonly terminal?: boolean;
}

/** What a program that is run by this one must not get: with these it could do what is none of its business. */
const SECRETS: readonly string[] = ["SYNOD_TOKEN"];
const PASSED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a command with the streams of this process. Signals are passed on to it; where this process is stopped, so is the command, and it goes on only
 * if what it works under is still held.
 * @returns its exit code as a shell has it: 128 and the number of the signal that ended it
 * @throws CliError `cannotRun`, `notFound`
 */
export async function runChild(options: ChildOptions): Promise<number> {
  const { lost } = options;
  const running = new Running(options);
  const undo = running.passSignals();
  const onLost = (): void => running.end();
  try {
    return await new Promise<number>((resolve, reject) => {
      running.child.once("error", (cause: NodeJS.ErrnoException) => reject(notRun(options.command[0] ?? "", cause)));
      running.child.once("exit", (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
      if (lost.aborted) onLost();
      else lost.addEventListener("abort", onLost, { once: true });
    });
  } finally {
    lost.removeEventListener("abort", onLost);
    running.stopTimer();
    // What it left running would go on without the lock.
    if (lost.aborted) running.kill("SIGKILL");
    undo();
  }
}

class Running {
  readonly child: ChildProcess;
  readonly #options: ChildOptions;
  readonly #terminal: boolean;
  readonly #group: ReturnType<typeof ownGroup> | null;
  #killTimer: NodeJS.Timeout | undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#terminal = options.terminal ?? process.stdin.isTTY === true;
    // Of a terminal only its foreground group may read, so there the command stays in that of this process.
    const detached = !this.#terminal && process.platform !== "win32";
    this.#group = detached ? null : ownGroup();
    const [file = "", ...args] = options.command;
    const env = { ...process.env, ...options.env };
    for (const name of SECRETS) delete env[name];
    this.child = spawn(file, args, { stdio: "inherit", env, detached });
  }

  /** The command, with all that it has started. */
  kill(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    const others = this.#group?.members() ?? [];
    for (const one of this.#group === null ? [-pid] : new Set([pid, ...others])) {
      try {
        process.kill(one, signal);
      } catch {
        // It has ended.
      }
    }
  }

  /** With SIGTERM, and some time later without asking. One that is stopped has to go on to end. */
  end(): void {
    if (this.#killTimer !== undefined) return;
    this.kill("SIGTERM");
    this.kill("SIGCONT");
    this.#killTimer = setTimeout(() => this.kill("SIGKILL"), this.#options.killAfterMs);
  }

  stopTimer(): void {
    clearTimeout(this.#killTimer);
  }

  /** @returns what ends it */
  passSignals(): () => void {
    const handlers = new Map<NodeJS.Signals, () => void>();
    for (const name of PASSED) {
      // A terminal has told its whole foreground group of Ctrl-C already, as it has of SIGQUIT.
      handlers.set(name, () => (this.#terminal && name === "SIGINT" ? undefined : this.kill(name)));
    }
    if (process.platform !== "win32") {
      handlers.set("SIGQUIT", () => (this.#terminal ? undefined : this.kill("SIGQUIT")));
      handlers.set("SIGTSTP", () => this.#stop());
      handlers.set("SIGCONT", () => this.#goOn());
    }
    for (const [name, handler] of handlers) process.on(name, handler);
    return () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    };
  }

  /** Nothing keeps the lock alive while this process is stopped, so the command must not go on. */
  #stop(): void {
    this.kill("SIGSTOP");
    process.kill(process.pid, "SIGSTOP");
  }

  #goOn(): void {
    if (this.#options.held()) this.kill("SIGCONT");
    else this.end();
  }
}

function notRun(file: string, cause: NodeJS.ErrnoException): CliError {
  const missing = cause.code === "ENOENT";
  const text = missing ? `there is no command ${file}` : `cannot run ${file}: ${cause.message}`;
  return new CliError(missing ? "notFound" : "cannotRun", text, { cause });
}
