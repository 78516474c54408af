import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Seen } from "./moments.js";
import type {
  Call,
  CallResults,
  FromReplica,
  NumberedCall,
  ReplicaConfig,
  ReplicaEvent,
  ReplicaStatus,
  Reply,
  ToReplica,
} from "./protocol.js";

const PROGRAM = fileURLToPath(new URL("./replica.js", import.meta.url));
/** A replica ends a call by itself; this much later it must be dead, paused or stuck. */
const GRACE_MS = 500;
const STDERR_CHARS = 2000;

/** Why a call to a replica failed: `code` is that of the `SynodError` where the replica gave one. */
export class CallError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What Node.js says of an error that nobody caught: the line that names it, not the last one. */
function complaintIn(stderr: string): string | undefined {
  return /^\w*Error\b.*$/m.exec(stderr)?.[0];
}

export type ProcessState = "down" | "starting" | "running" | "paused" | "stopping";

export interface ReplicaListener {
  event(event: ReplicaEvent): void;
  seen(seen: Seen): void;
  /** The process ended without being asked to. */
  died(why: string): void;
  /** Anything that is shown may have changed. */
  changed(): void;
}

interface Pending {
  readonly call: Call;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CallError) => void;
  readonly timer: NodeJS.Timeout;
}

/** One replica's process as its supervisor sees it; lives on while processes come and go. */
export class ReplicaProcess {
  readonly id: number;
  readonly #listener: ReplicaListener;
  readonly #program: string;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #outbox: NumberedCall[] = [];
  #lastNumber = 0;
  #ending = false;
  #failure: string | null = null;
  state: ProcessState = "down";
  /** As last reported; of an earlier life while the process is down. */
  status: ReplicaStatus | null = null;

  constructor(id: number, listener: ReplicaListener, program: string = PROGRAM) {
    this.id = id;
    this.#program = program;
    this.#listener = listener;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Calls without an answer. */
  get open(): number {
    return this.#pending.size;
  }

  /**
   * Starts the process; settles when the replica runs.
   * @throws CallError with the code of what kept it from running
   */
  start(config: ReplicaConfig): Promise<void> {
    const child = fork(this.#program, [], { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
    this.#child = child;
    this.#ending = false;
    this.#failure = null;
    this.state = "starting";
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARS);
    });
    return new Promise((resolve, reject) => {
      const fail = (code: string, message: string): void => reject(new CallError(code, message));
      child.on("message", (message: FromReplica) => {
        if (message.kind === "ready") resolve();
        if (message.kind === "failed") fail(message.code, message.message);
        this.#onMessage(message);
      });
      this.#exited = new Promise((exited) => {
        const ended = (why: string): void => {
          this.#onExit(why);
          exited();
        };
        child.on("error", (cause) => {
          fail("Error", cause.message);
          // Of a process that the system did not start no end is told.
          if (child.pid === undefined) ended(cause.message);
        });
        child.once("exit", (code, signal) => {
          const why = this.#failure ?? complaintIn(stderr) ?? signal ?? `exit code ${code}`;
          fail("Error", `the process ended: ${why}`);
          ended(why);
        });
      });
      this.#send({ kind: "start", config });
    });
  }

  /**
   * Asks the replica.
   * @throws CallError
   */
  call<K extends Call["kind"]>(call: Extract<Call, { kind: K }>, timeoutMs: number): Promise<CallResults[K]> {
    return new Promise((resolve, reject) => {
      if (this.state === "down" || this.state === "stopping") {
        reject(new CallError("NotProposed", `replica ${this.id} is ${this.state}`));
        return;
      }
      const number = ++this.#lastNumber;
      const timer = setTimeout(() => this.#giveUp(number, "does not answer"), timeoutMs + GRACE_MS);
      this.#pending.set(number, { call, resolve: resolve as (value: unknown) => void, reject, timer });
      this.#outbox.push({ number, call, timeoutMs });
      if (this.#outbox.length === 1) setImmediate(() => this.#flush());
    });
  }

  /** SIGKILL; settles when the process is gone. */
  async kill(): Promise<void> {
    this.#ending = true;
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  /** SIGSTOP: the process stands still with all connections open. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
    this.state = "paused";
    this.#listener.changed();
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
    this.state = "running";
    this.#listener.changed();
  }

  /**
   * Asks the process to close its files and go; kills it if it takes too long.
   * @param inOrder - it answers what is under way first, and hands over if it leads
   */
  async stop(withinMs: number, { inOrder = false }: { readonly inOrder?: boolean } = {}): Promise<void> {
    if (this.#child === null) return;
    this.#ending = true;
    if (this.state === "paused") this.resume();
    this.#flush();
    this.state = "stopping";
    this.#send({ kind: "stop", inOrder });
    const timer = setTimeout(() => this.#child?.kill("SIGKILL"), withinMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** For the last moments of the supervisor, when nothing can be awaited. */
  killNow(): void {
    this.#child?.kill("SIGKILL");
  }

  #send(message: ToReplica): void {
    if (this.#child?.connected === true) this.#child.send(message, undefined, {}, () => undefined);
  }

  #flush(): void {
    if (this.#outbox.length > 0) this.#send({ kind: "calls", calls: this.#outbox });
    this.#outbox = [];
  }

  #onMessage(message: FromReplica): void {
    switch (message.kind) {
      case "ready":
        this.state = "running";
        break;
      case "failed":
        this.#failure = `${message.code}: ${message.message}`;
        break;
      case "status":
        this.status = message.status;
        break;
      case "event":
        this.#listener.event(message.event);
        break;
      case "seen":
        this.#listener.seen(message.seen);
        // Its status follows.
        return;
      case "replies":
        for (const reply of message.replies) this.#onReply(reply);
    }
    this.#listener.changed();
  }

  #onReply(reply: Reply): void {
    const pending = this.#take(reply.number);
    if (reply.ok) pending?.resolve(reply.value);
    else pending?.reject(new CallError(reply.code, reply.message));
  }

  #onExit(why: string): void {
    this.#child = null;
    this.#outbox = [];
    this.state = "down";
    for (const number of this.#pending.keys()) this.#giveUp(number, "has died");
    if (!this.#ending) this.#listener.died(why);
    this.#listener.changed();
  }

  #giveUp(number: number, why: string): void {
    const pending = this.#take(number);
    if (pending?.call.kind === "propose" || pending?.call.kind === "change") {
      pending.reject(new CallError("OutcomeUnknown", `replica ${this.id} ${why}; it may or may not take effect`));
    } else pending?.reject(new CallError("NoLeader", `replica ${this.id} ${why}`));
  }

  #take(number: number): Pending | undefined {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    clearTimeout(pending?.timer);
    return pending;
  }
}
