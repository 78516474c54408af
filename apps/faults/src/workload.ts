import { setTimeout as delay } from "node:timers/promises";
import { jsonValues, type KeyValue } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import type { Operation } from "@synod/linearizability";
import type { Cluster } from "./cluster.js";
import { type Connected, connected } from "./connect.js";
import { History } from "./history.js";
import { Seeded } from "./random.js";

const CLIENTS = 5;
/** Keys of a generation are checked by themselves when it is over, and forgotten. */
const GENERATION_MS = 8_000;
/** How long the last reads of a generation are tried. */
const LAST_READ_MS = 180_000;
const REGISTERS = 3;
const LISTS = 2;
const COUNTERS = 2;

interface Worker {
  /** Reads only, at one server: whoever writes as well soon waits where nothing is chosen any more, and sees nothing stale. */
  readonly reader: boolean;
  readonly name: string;
  readonly connection: Connected;
  readonly registers: KeyValue<number>;
  readonly lists: KeyValue<number[]>;
  readonly random: Seeded;
}

/** What a call came to: an output, nothing that anybody knows, or surely nothing. */
type Outcome<T> =
  | { readonly kind: "ok"; readonly output: T }
  | { readonly kind: "unknown" }
  | { readonly kind: "never" };

export interface WorkloadReport {
  readonly operations: number;
  readonly succeeded: number;
  readonly unknown: number;
  readonly never: number;
  readonly longestGapMs: number;
  readonly faults: readonly string[];
}

/** Codes that the documentation of the client calls certainly without effect. */
const NEVER: readonly string[] = [
  "NotProposed",
  "Busy",
  "NoServer",
  "NoLeader",
  "Closed",
  "TooLarge",
  "ConditionFailed",
];

/** Clients that read and write, and write down what they saw. */
export class Workload {
  readonly #cluster: Cluster;
  readonly #seed: number;
  #stop = false;
  #value = 0;
  #operations = 0;
  readonly #counts = { ok: 0, unknown: 0, never: 0 };
  #lastSuccessMs = performance.now();
  #longestGapMs = 0;
  readonly #faults: string[] = [];

  constructor(cluster: Cluster, seed: number) {
    this.#cluster = cluster;
    this.#seed = seed;
  }

  stop(): void {
    this.#stop = true;
  }

  /** Settles after `stop`, when all that was seen is checked. */
  async run(): Promise<WorkloadReport> {
    const { servers } = this.#cluster;
    const workers = await Promise.all([
      ...Array.from({ length: CLIENTS }, (_, i) => this.#worker(`client ${i}`, servers, i)),
      ...servers.map((server, i) => this.#worker(`reader ${i}`, [server], CLIENTS + i)),
    ]);
    try {
      for (let generation = 0; !this.#stop; generation++) await this.#generation(workers, `g${generation}`);
    } finally {
      await Promise.all(workers.map(({ connection }) => connection.close()));
    }
    const { ok: succeeded, unknown, never } = this.#counts;
    const [operations, longestGapMs, faults] = [this.#operations, Math.round(this.#longestGapMs), this.#faults];
    return { operations, succeeded, unknown, never, longestGapMs, faults };
  }

  async #worker(name: string, servers: readonly string[], i: number): Promise<Worker> {
    const connection = await connected(this.#cluster.name, servers, name);
    const { kv } = connection.all;
    const random = new Seeded(this.#seed * 100 + i);
    const [registers, lists] = [kv.as(jsonValues<number>()), kv.as(jsonValues<number[]>())];
    return { name, reader: i >= CLIENTS, connection, registers, lists, random };
  }

  async #generation(workers: readonly Worker[], prefix: string): Promise<void> {
    const history = new History();
    const end = performance.now() + GENERATION_MS;
    await Promise.all(
      workers.map(async (worker) => {
        while (!this.#stop && performance.now() < end) {
          await this.#one(worker, prefix, history);
          await delay(worker.random.between(0, worker.reader ? 40 : 15));
        }
      }),
    );
    const [first] = workers;
    if (first === undefined) return;
    await this.#last(first, history);
    const { operations, faults } = history.check();
    this.#operations += operations;
    this.#faults.push(...faults);
    // What is over must not fill the state.
    await first.connection.all.kv.deleteAll({ prefix: `${prefix}/` }).catch(() => {});
  }

  async #one(worker: Worker, prefix: string, history: History): Promise<boolean> {
    const { random } = worker;
    const roll = worker.reader ? 0 : random.next();
    if (roll < 0.5) return this.#register(worker, `${prefix}/register ${random.below(REGISTERS)}`, history, roll / 0.5);
    const reads = random.chance(0.5);
    if (roll < 0.75) return this.#list(worker, `${prefix}/list ${random.below(LISTS)}`, history, reads);
    return this.#counter(worker, `${prefix}/counter ${random.below(COUNTERS)}`, history, reads);
  }

  /** What was acknowledged must be there at the end, however long it takes until somebody says so. */
  async #last(worker: Worker, history: History): Promise<void> {
    for (const key of history.registers.keys()) await this.#until(() => this.#register(worker, key, history, 0));
    for (const key of history.lists.keys()) await this.#until(() => this.#list(worker, key, history, true));
    for (const key of history.counters.keys()) await this.#until(() => this.#counter(worker, key, history, true));
  }

  async #until(read: () => Promise<boolean>): Promise<void> {
    for (const end = performance.now() + LAST_READ_MS; !(await read()); await delay(50)) {
      if (performance.now() <= end) continue;
      this.#faults.push(`a last read found nobody for ${LAST_READ_MS / 1000} s`);
      return;
    }
  }

  async #register(worker: Worker, key: string, history: History, roll: number): Promise<boolean> {
    const { registers } = worker;
    const into = listOf(history.registers, key);
    if (roll < 0.4)
      return this.#record(worker, into, { type: "read" }, async () => (await registers.get(key))?.value ?? null);
    const value = ++this.#value;
    if (roll < 0.7) {
      return this.#record(worker, into, { type: "write", value }, async () => {
        await registers.put(key, value);
        return undefined;
      });
    }
    // Somebody wrote it a moment ago: now and then it still stands there.
    const seen = into.at(-1)?.input;
    const expected = seen !== undefined && seen.type !== "read" ? seen.value : null;
    return this.#record(worker, into, { type: "cas", expected, value }, async () => {
      const { succeeded } = await registers.transaction({
        if: [
          expected === null
            ? { key, field: "revision", is: "=", to: 0 }
            : { key, field: "value", is: "=", to: expected },
        ],
        do: [{ kind: "put", key, value }],
      });
      return succeeded;
    });
  }

  async #list(worker: Worker, key: string, history: History, reads: boolean): Promise<boolean> {
    const into = listOf(history.lists, key);
    const { lists } = worker;
    if (reads) return this.#record(worker, into, { type: "read" }, async () => (await lists.get(key))?.value ?? []);
    const element = ++this.#value;
    return this.#record(
      worker,
      into,
      { type: "append", element },
      async () => (await lists.update(key, (list) => [...(list ?? []), element]))?.value,
    );
  }

  async #counter(worker: Worker, key: string, history: History, reads: boolean): Promise<boolean> {
    const into = listOf(history.counters, key);
    const { counters } = worker.connection.all;
    if (reads) return this.#record(worker, into, { type: "get" }, () => counters.get(key));
    return this.#record(worker, into, { type: "incr" }, () => counters.add(key));
  }

  /** @returns whether it succeeded */
  async #record<Input extends { readonly type: string }, Output>(
    { name }: Worker,
    into: Operation<Input, Output>[],
    input: NoInfer<Input>,
    work: () => Promise<NoInfer<Output>>,
  ): Promise<boolean> {
    const call = performance.now();
    const outcome = await outcomeOf(work);
    const now = performance.now();
    this.#counts[outcome.kind]++;
    if (outcome.kind === "ok") {
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastSuccessMs);
      this.#lastSuccessMs = now;
      into.push({ client: name, call, return: now, input, output: outcome.output });
    }
    // A read that nobody answered says nothing.
    else if (outcome.kind === "unknown" && input.type !== "read" && input.type !== "get") {
      into.push({ client: name, call, return: null, input });
    }
    return outcome.kind === "ok";
  }
}

async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "ok", output: await work() };
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    return NEVER.includes(error.code) ? { kind: "never" } : { kind: "unknown" };
  }
}

function listOf<T>(map: Map<string, T[]>, key: string): T[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}
