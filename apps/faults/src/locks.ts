import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fencedResource, jsonValues } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import type { Cluster } from "./cluster.js";
import { connected } from "./connect.js";
import { type FromHolder, KEY, type ToHolder } from "./messages.js";
import { Seeded } from "./random.js";

const HOLDERS = 4;
const HOLDER: string = fileURLToPath(new URL("holder.js", import.meta.url));

export interface LockReport {
  readonly grants: number;
  readonly admitted: number;
  /** Writes of holders that stood still for too long. */
  readonly refused: number;
  readonly stored: number;
  readonly notStored: number;
  readonly pauses: number;
  readonly kills: number;
  readonly faults: readonly string[];
}

interface Grant {
  readonly token: number;
  readonly askedMs: number;
  readonly grantedMs: number;
}

/** Remembers what was granted and written, and says what must not have been. It does not trust the helper that it tests. */
export class LockJudge {
  readonly #resource = fencedResource();
  readonly #grants: Grant[] = [];
  readonly #held: { readonly token: number; readonly heldMs: number }[] = [];
  readonly faults: string[] = [];
  #highest = 0;
  admitted = 0;
  refused = 0;

  get grants(): number {
    return this.#grants.length;
  }

  granted(grant: Grant): void {
    this.#grants.push(grant);
  }

  /** @returns whether the resource took it */
  write(token: number, heldMs: number): boolean {
    this.#held.push({ token, heldMs });
    try {
      this.#resource.admit(token);
    } catch (error) {
      if (!(error instanceof SynodError) || error.code !== "LeaseLost") throw error;
      if (token >= this.#highest)
        this.faults.push(`token ${token} was refused although ${this.#highest} was the newest`);
      this.refused++;
      return false;
    }
    if (token < this.#highest) this.faults.push(`token ${token} was let in after ${this.#highest}`);
    this.#highest = Math.max(this.#highest, token);
    this.admitted++;
    return true;
  }

  /** When all is over. */
  close(): void {
    const grants = [...this.#grants].sort((a, b) => b.token - a.token);
    // From the newest down: the moment from which on somebody had a newer token.
    let newerMs = Infinity;
    let before: Grant | null = null;
    const newerFrom = new Map<number, number>();
    for (const grant of grants) {
      if (before?.token === grant.token) this.faults.push(`token ${grant.token} was granted twice`);
      if (newerMs < grant.askedMs)
        this.faults.push(`token ${grant.token} was asked for after a greater one was granted`);
      newerFrom.set(grant.token, newerMs);
      newerMs = Math.min(newerMs, grant.grantedMs);
      before = grant;
    }
    for (const { token, heldMs } of this.#held) {
      const from = newerFrom.get(token);
      if (from === undefined) this.faults.push(`token ${token} was never granted`);
      else if (heldMs > from)
        this.faults.push(`token ${token} believed to be held ${heldMs - from} ms after somebody else was let in`);
    }
  }
}

interface Counts {
  stored: number;
  notStored: number;
  pauses: number;
  kills: number;
}

/** Holders that stand still, die and come back, and the resource that they write to. */
export class LockWorkload {
  readonly #cluster: Cluster;
  readonly #random: Seeded;
  readonly #judge = new LockJudge();
  readonly #counts: Counts = { stored: 0, notStored: 0, pauses: 0, kills: 0 };
  readonly #holders = new Set<ChildProcess>();
  readonly #faults: string[] = [];
  #started = 0;
  #stop = false;

  constructor(cluster: Cluster, seed: number) {
    this.#cluster = cluster;
    this.#random = new Seeded(seed);
  }

  stop(): void {
    this.#stop = true;
  }

  /** Settles after `stop`. */
  async run(): Promise<LockReport> {
    const watching = new AbortController();
    const watch = this.#watch(watching.signal);
    for (let i = 0; i < HOLDERS; i++) this.#fork();
    while (!this.#stop) {
      await delay(this.#random.between(300, 1500));
      const holder = this.#random.pick([...this.#holders]);
      if (this.#random.chance(0.25)) this.#kill(holder);
      else this.#pause(holder, this.#random.between(100, 2500));
    }
    await Promise.all([...this.#holders].map((holder) => end(holder)));
    watching.abort();
    await watch;
    const judge = this.#judge;
    judge.close();
    const { grants, admitted, refused } = judge;
    return { grants, admitted, refused, ...this.#counts, faults: [...this.#faults, ...judge.faults] };
  }

  #fork(): void {
    const { name, servers } = this.#cluster;
    const seed = this.#random.below(2 ** 31) + this.#started++;
    const holder = fork(HOLDER, [name, servers.join(","), String(seed)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let errors = "";
    holder.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
    this.#holders.add(holder);
    holder.on("message", (message: FromHolder) => this.#received(holder, message));
    holder.on("error", () => {});
    holder.on("close", (code) => {
      this.#holders.delete(holder);
      // One that found no server in time is no fault of anybody.
      if (code === 1 && !/NoServer|Closed/.test(errors)) this.#faults.push(`a holder failed: ${errors}`);
      if (!this.#stop) this.#fork();
    });
  }

  #received(holder: ChildProcess, message: FromHolder): void {
    switch (message.kind) {
      case "granted":
        return this.#judge.granted(message);
      case "armed":
        // The worst moment: it has just looked whether it holds the lock.
        if (this.#random.chance(0.08)) this.#pause(holder, this.#random.between(1200, 2500));
        return;
      case "write": {
        const answer: ToHolder = { kind: "answer", admitted: this.#judge.write(message.token, message.heldMs) };
        if (holder.connected) holder.send(answer, () => {});
        return;
      }
      case "stored":
        if (message.done) this.#counts.stored++;
        else this.#counts.notStored++;
    }
  }

  #pause(holder: ChildProcess, forMs: number): void {
    if (!holder.kill("SIGSTOP")) return;
    this.#counts.pauses++;
    setTimeout(() => holder.kill("SIGCONT"), forMs);
  }

  #kill(holder: ChildProcess): void {
    this.#counts.kills++;
    holder.kill("SIGKILL");
  }

  /** What the cluster itself guards: the tokens that were stored only grow. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { all, close } = await connected(this.#cluster.name, this.#cluster.servers, "watch");
    let [highest, revision] = [0, 0];
    try {
      for await (const changes of all.kv.as(jsonValues<number>()).watch({ key: KEY }, { from: 1, signal })) {
        for (const event of changes.events) {
          if (event.revision <= revision) this.#faults.push(`revision ${event.revision} was told after ${revision}`);
          revision = event.revision;
          if (event.kind !== "put") continue;
          if (event.value < highest) this.#faults.push(`token ${event.value} was stored after ${highest}`);
          highest = Math.max(highest, event.value);
        }
      }
    } catch (error) {
      this.#faults.push(`the watch ended: ${String(error)}`);
    } finally {
      await close();
    }
  }
}

async function end(holder: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => holder.once("close", resolve));
  holder.kill("SIGCONT");
  if (holder.connected) holder.send({ kind: "end" } satisfies ToHolder, () => {});
  const timer = setTimeout(() => holder.kill("SIGKILL"), 15_000);
  await closed;
  clearTimeout(timer);
}
