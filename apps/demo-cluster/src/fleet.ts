import { CALL_MS } from "./client.js";
import type { DataDirectory } from "./data-directory.js";
import { usage } from "./failure.js";
import type { Feed } from "./feed.js";
import { Links, type Pair } from "./links.js";
import type { Observer } from "./observer.js";
import type { ReplicaEvent } from "./protocol.js";
import { CallError, ReplicaProcess } from "./replica-process.js";
import type { Entry } from "./replica-view.js";
import type { Roster } from "./roster.js";
import { startFailure } from "./supervisor-texts.js";
import { Speed } from "./throughput.js";

/** How long a graceful end may take before it is forced. */
const STOP_MS = 1500;

export interface FleetOptions {
  readonly directory: DataDirectory;
  readonly roster: Roster;
  readonly feed: Feed;
  readonly observer: Observer;
  /** What is started as a replica; for tests. */
  readonly program: string | undefined;
  readonly event: (id: number, event: ReplicaEvent) => void;
  /** Anything that is shown may have changed. */
  readonly changed: () => void;
}

/** The replica processes and the links between them: starts them, ends them, cuts them off. */
export class Fleet {
  readonly links: Links = new Links();
  readonly #options: FleetOptions;
  readonly #entries: Map<number, Entry>;
  readonly #retiring = new Map<number, Promise<void>>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#entries = new Map(options.roster.ids.map((id) => [id, this.#entry(id)]));
  }

  get ids(): readonly number[] {
    return [...this.#entries.keys()].sort((a, b) => a - b);
  }

  get running(): ReplicaProcess[] {
    return this.#all.filter(({ state }) => state === "running");
  }

  /** @throws Failure if there is none */
  entryOf(id: number): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw usage(`there is no replica ${id}: there are ${this.ids.join(", ")}`);
    return entry;
  }

  /** @throws Failure if there is none */
  process(id: number): ReplicaProcess {
    return this.entryOf(id).process;
  }

  /** Starts a replica whose store may be blank, or half formatted by an earlier run. @throws Failure */
  async startFirst(id: number, founding: boolean): Promise<void> {
    try {
      try {
        await this.start(id, founding);
      } catch (cause) {
        // An earlier run got as far as formatting this store, but not to the end of the founding.
        if (!founding || !(cause instanceof CallError) || cause.code !== "AlreadyFormatted") throw cause;
        await this.start(id, false);
      }
    } catch (cause) {
      throw startFailure(id, this.#options.directory.path, cause);
    }
  }

  async start(id: number, bootstrap: boolean): Promise<void> {
    const entry = this.entryOf(id);
    entry.failed = false;
    await entry.process.stop(STOP_MS);
    await entry.process.start({
      ...this.#options.roster.configOf(id),
      bootstrap,
      cut: this.links.cutFrom(id),
      slowMs: entry.slowMs,
    });
  }

  /** Starts a replica that is not in the cluster yet, with a blank store. */
  async join(id: number): Promise<void> {
    const { roster, observer, changed } = this.#options;
    await roster.draft(id);
    this.#entries.set(id, this.#entry(id));
    try {
      // Unless an earlier run got as far as formatting it.
      await this.startFirst(id, true);
    } catch (cause) {
      this.#entries.delete(id);
      roster.drop(id);
      throw cause;
    }
    await roster.keep();
    const { pid } = this.process(id);
    observer.act(id, { kind: "joins" }, "good", `replica ${id} started with a blank store (process ${pid ?? "?"})`);
    changed();
  }

  /** A removed replica that nobody needs any more ends, and is shown no more. */
  retire(id: number): Promise<void> {
    const entry = this.#entries.get(id);
    // The replica itself says so, and whoever removed it.
    if (entry !== undefined) this.#retiring.set(id, this.#end(id, entry));
    return this.#retiring.get(id) ?? Promise.resolve();
  }

  /** Cuts these links and heals all others. */
  async cutTo(pairs: readonly Pair[]): Promise<void> {
    this.links.healAll();
    for (const [a, b] of pairs) this.links.cut(a, b);
    this.#options.observer.tell(0, pairs.length === 0 ? { kind: "healed" } : { kind: "cut", links: pairs });
    await this.tellCuts();
    this.#options.changed();
  }

  /** Settles when all replicas that run know which frames to drop. */
  async tellCuts(): Promise<void> {
    const told = this.#all.map(async (process) => {
      if (process.state === "down") return;
      const call = process.call({ kind: "cut", peers: this.links.cutFrom(process.id) }, CALL_MS);
      const done = call.catch((cause: unknown) => {
        // One that does not run is told at its next start, or reads this when it is resumed.
        if (process.state === "running") throw cause;
      });
      if (process.state === "running") await done;
    });
    await Promise.all(told);
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#all.map((process) => process.stop(STOP_MS)));
  }

  killAllNow(): void {
    for (const process of this.#all) process.killNow();
  }

  get #all(): ReplicaProcess[] {
    return [...this.#entries.values()].map(({ process }) => process);
  }

  async #end(id: number, entry: Entry): Promise<void> {
    const { roster, observer, changed } = this.#options;
    this.#entries.delete(id);
    await roster.remove(id);
    await entry.process.stop(STOP_MS);
    this.links.forget(id);
    await this.tellCuts();
    observer.forget(id);
    observer.act(id, { kind: "gone" }, "plain", `replica ${id} is out of the cluster: its process has ended`);
    changed();
  }

  #entry(id: number): Entry {
    const { feed, observer, event, changed, program } = this.#options;
    const listener = {
      event: (each: ReplicaEvent) => event(id, each),
      seen: (seen: Parameters<Observer["seen"]>[1]) => observer.seen(id, seen),
      died: (why: string) => {
        entry.failed = true;
        feed.add("bad", `replica ${id} died: ${why}`);
      },
      changed: () => {
        this.#look(id, entry);
        changed();
      },
    };
    const entry: Entry = {
      failed: false,
      slowMs: 0,
      speed: new Speed(),
      process: new ReplicaProcess(id, listener, program),
    };
    return entry;
  }

  #look(id: number, { process, speed }: Entry): void {
    const { feed, observer } = this.#options;
    if (process.state === "down") speed.clear();
    else if (process.status !== null) {
      speed.read(process.status.commandsApplied, performance.now());
      observer.status(id, process.status);
    }
    if (process.state === "running" && process.status?.removed === true)
      void this.retire(id).catch((cause: unknown) => feed.add("bad", String(cause)));
  }
}
