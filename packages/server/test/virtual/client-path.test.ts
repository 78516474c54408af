// What people use, end to end in virtual time: coordination over the client library, its protocol and servers, with retries, failovers, lost
// answers, connections that break, clocks that jump and processes that stand still. SYNOD_SEEDS=100 SYNOD_START=1 for more.
import { fencedResource, type Lock } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import { anyOutput, checkLinearizability, type Model, type Operation } from "@synod/linearizability";
import { expect, test, vi } from "vitest";
import { VirtualCluster, type Worker } from "./cluster.js";
import { MachineRoom, VirtualServer } from "./machine-room.js";

const SEEDS = Number(process.env["SYNOD_SEEDS"] ?? 2);
const START = Number(process.env["SYNOD_START"] ?? 1);
const FAULTS_MS = 4_000;
const CALM_MS = 2_500;

const now: { room: MachineRoom } = vi.hoisted(() => ({ room: null as never }));
vi.mock("node:net", async (original) => ({
  ...(await original<object>()),
  connect: ({ host, port }: { host: string; port: number }) => now.room.dial(host, port),
  createServer: () => new VirtualServer(now.room),
}));

type Input =
  | { readonly kind: "get" | "delete"; readonly key: string }
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  /** If the first key is there its value goes to the second one. */
  | { readonly kind: "swap"; readonly key: string; readonly from: string; readonly value: string }
  | { readonly kind: "add" };
type State = Readonly<Record<string, string>>;

const model: Model<State, Input, unknown> = {
  init: () => ({ sum: "0" }),
  step: (state, input, output) => {
    const { after, said } = meant(state, input);
    return output === anyOutput || output === said ? { ok: true, state: after } : { ok: false };
  },
  key: (state) => JSON.stringify(Object.entries(state).sort(([a], [b]) => (a < b ? -1 : 1))),
  readOnly: ({ kind }) => kind === "get",
};

function meant(state: State, input: Input): { readonly after: State; readonly said: unknown } {
  switch (input.kind) {
    case "get":
      return { after: state, said: state[input.key] ?? null };
    case "put":
      return { after: { ...state, [input.key]: input.value }, said: "put" };
    case "delete": {
      const { [input.key]: before, ...after } = state;
      return { after, said: before !== undefined };
    }
    case "swap": {
      const fits = state[input.key] === input.from;
      return { after: fits ? { ...state, [input.key]: input.value } : state, said: fits };
    }
    case "add": {
      const sum = Number(state["sum"]) + 1;
      return { after: { ...state, sum: String(sum) }, said: sum };
    }
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function call({ coordination: { kv, counters } }: Worker, input: Input): Promise<unknown> {
  switch (input.kind) {
    case "get": {
      const entry = await kv.get(input.key);
      return entry === null ? null : new TextDecoder().decode(entry.value);
    }
    case "put":
      return kv.put(input.key, bytes(input.value)).then(() => "put");
    case "delete":
      return (await kv.delete(input.key)).done;
    case "swap": {
      const { key, from, value } = input;
      const { succeeded } = await kv.transaction({
        if: [{ key, field: "value", is: "=", to: bytes(from) }],
        do: [{ kind: "put", key, value: bytes(value) }],
        else: [],
      });
      return succeeded;
    }
    case "add":
      return counters.add("sum");
  }
}

/** What certainly had no effect: a call that says so is as good as none. */
const WITHOUT: ReadonlySet<string> = new Set(["NotProposed", "Busy", "NoLeader", "NoServer", "Closed"]);

class Play {
  readonly room: MachineRoom;
  readonly cluster: VirtualCluster;
  readonly workers: Worker[] = [];
  readonly history: Operation<Input, unknown>[] = [];
  readonly locks = new Map<Worker, Lock>();
  readonly grants: {
    readonly name: string;
    readonly token: number;
    readonly calledMs: number;
    readonly toldMs: number;
  }[] = [];
  readonly numbers: number[] = [];
  readonly told: number[] = [];
  readonly resource = fencedResource();
  readonly codes = new Map<string, number>();
  calmOperations = 0;
  refused = 0;
  over = false;
  #unique = 0;

  constructor(seed: number) {
    this.room = new MachineRoom(seed);
    now.room = this.room;
    this.cluster = new VirtualCluster(this.room);
  }

  int(most: number): number {
    return Math.floor(this.room.chance() * most);
  }

  /** In virtual time. */
  sleep(worker: Worker, forMs: number): Promise<void> {
    return new Promise((resolve) => worker.process.clock.timer(forMs, resolve));
  }

  /** What happens in virtual time until it settles. */
  async settle<T>(promise: Promise<T>, limitMs = 20_000): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    for (const endMs = this.room.nowMs + limitMs; !settled && this.room.nowMs < endMs; )
      await this.room.run(this.room.nowMs + 10);
    if (!settled) throw new Error("it does not settle");
    return promise;
  }

  async begin(): Promise<void> {
    await this.settle(Promise.all([1, 2, 3].map((id) => this.cluster.start(id, true))));
    const { ports } = this.cluster;
    for (const [i, name] of ["a", "b", "c"].entries()) {
      this.workers.push(
        await this.settle(this.cluster.connect(name, 0.97 + this.room.chance() * 0.06, 100 + i, ports)),
      );
    }
  }

  /** One operation after the other. */
  async keys(worker: Worker): Promise<void> {
    while (!this.over) {
      const input = this.#input();
      const calledMs = this.room.nowMs;
      const note = (operation: { return: number | null; output?: unknown }): void =>
        void this.history.push({ client: `${worker.name} keys`, call: calledMs, input, ...operation });
      try {
        const output = await call(worker, input);
        note({ return: this.room.nowMs, output });
        if (this.room.nowMs > FAULTS_MS + CALM_MS / 2) this.calmOperations++;
      } catch (error) {
        const code = this.#codeOf(error);
        if (!WITHOUT.has(code)) note({ return: null });
      }
      await this.sleep(worker, this.int(250));
    }
  }

  #input(): Input {
    const key = ["x", "y"][this.int(2)] ?? "";
    const value = String(this.#unique++);
    const kind = (["get", "get", "put", "delete", "swap", "add"] as const)[this.int(6)] ?? "get";
    if (kind === "swap") return { kind, key, from: String(Math.max(0, this.#unique - 1 - this.int(8))), value };
    if (kind === "put") return { kind, key, value };
    return kind === "add" ? { kind } : { kind, key };
  }

  #codeOf(error: unknown): string {
    if (!(error instanceof SynodError)) throw error;
    this.codes.set(error.code, (this.codes.get(error.code) ?? 0) + 1);
    return error.code;
  }

  /** Takes a lock, or leads; works under it at the guarded resource; gives it back. */
  async holds(worker: Worker): Promise<void> {
    const { locks, elections } = worker.coordination;
    while (!this.over) {
      const calledMs = this.room.nowMs;
      const leads = this.int(3) === 0;
      try {
        const held = leads
          ? await elections.campaign("e", { ttlMs: 400, waitMs: 2_000, value: worker.name })
          : await locks.acquire("x", { ttlMs: 400, waitMs: 2_000 });
        const name = leads ? "e" : "x";
        this.grants.push({ name, token: held.fencingToken, calledMs, toldMs: this.room.nowMs });
        await this.#work(worker, name, held);
      } catch (error) {
        this.#codeOf(error);
      }
      await this.sleep(worker, this.int(100));
    }
  }

  async #work(
    worker: Worker,
    name: string,
    held: Pick<Lock, "held" | "fencingToken" | "signal"> & AsyncDisposable,
  ): Promise<void> {
    const lock = held as Lock;
    if (name === "x") this.locks.set(worker, lock);
    for (let i = this.int(6); i > 0; i--) {
      await this.sleep(worker, this.int(60));
      // A write that is on its way while its process stands still: the token alone protects from it.
      if (name === "x") this.#write(held.fencingToken, held.held);
    }
    if (name === "x") this.locks.delete(worker);
    await held[Symbol.asyncDispose]();
  }

  #write(token: number, isHeld: boolean): void {
    try {
      this.resource.admit(token);
      this.told.push(token);
    } catch {
      this.refused++;
      // Whoever holds it must not be refused: nobody can have been there after it.
      expect(isHeld).toBe(false);
    }
  }

  async counts(worker: Worker): Promise<void> {
    while (!this.over) {
      try {
        this.numbers.push(await worker.coordination.sequences.next("n"));
      } catch (error) {
        this.#codeOf(error);
      }
      await this.sleep(worker, this.int(400));
    }
  }

  /** Of those that run, one at most believes that it holds the lock: its clock is within the bound. */
  look(): void {
    const believing = [...this.locks].filter(
      ([{ process }, lock]) => process.pausedUntilMs <= this.room.nowMs && lock.held,
    );
    expect(believing.length, `holders at ${this.room.nowMs} ms`).toBeLessThan(2);
  }

  async fault(): Promise<void> {
    const { cluster, room } = this;
    const lastMs = 200 + this.int(1_500);
    const worker = this.workers[this.int(3)] as Worker;
    const id = 1 + this.int(3);
    const leader = [...cluster.running].find(([, { node }]) => node.status().role === "leader")?.[0] ?? id;
    switch (this.int(7)) {
      case 0:
        worker.process.pausedUntilMs = room.nowMs + lastMs;
        return;
      case 1:
        worker.process.jumpedMs += this.int(600);
        return;
      case 2:
        for (const other of [1, 2, 3]) if (other !== leader) cluster.network.cut(leader, other);
        room.after(lastMs, () => cluster.network.heal());
        return;
      case 3:
        (cluster.processes[leader - 1] as Worker["process"]).pausedUntilMs = room.nowMs + lastMs;
        return;
      case 4:
        room.cutChance = 0.1;
        room.after(lastMs, () => (room.cutChance = 0));
        return;
      case 5: {
        const { port } = cluster.running.get(id) ?? { port: 0 };
        room.dark.add(port);
        for (const socket of room.sockets) if (this.int(2) === 0) socket.destroy();
        room.after(lastMs, () => room.dark.delete(port));
        return;
      }
      default:
        for (const socket of room.sockets) if (socket.process === worker.process) socket.destroy();
    }
  }

  async run(): Promise<void> {
    await this.begin();
    const work = this.workers.flatMap((worker) => [this.keys(worker), this.holds(worker), this.counts(worker)]);
    const all = Promise.all(work);
    const look = (): void => this.look();
    const beganMs = this.room.nowMs;
    while (this.room.nowMs < beganMs + FAULTS_MS) {
      await this.fault();
      await this.room.run(this.room.nowMs + this.int(400), look);
    }
    this.room.cutChance = 0;
    this.room.dark.clear();
    this.cluster.network.heal();
    await this.room.run(this.room.nowMs + CALM_MS, look);
    this.over = true;
    await this.settle(all);
    await this.settle(Promise.all(this.workers.map(({ coordination }) => coordination.close())));
    await this.settle(Promise.all(this.workers.map(({ client }) => client.close())));
  }

  /** All that must have been so. */
  judge(): void {
    expect(checkLinearizability(model, this.history)).toMatchObject({ ok: true });
    const answered = this.history.filter((operation) => operation.return !== null).length;
    expect(answered).toBeGreaterThan(30);
    expect(this.calmOperations).toBeGreaterThan(5);
    expect(this.grants.length).toBeGreaterThan(5);
    const tokens = this.grants.map(({ token }) => token);
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const one of this.grants) {
      const later = this.grants.filter(({ calledMs }) => calledMs > one.toldMs);
      for (const { token } of later) expect(token).toBeGreaterThan(one.token);
    }
    expect(new Set(this.numbers).size).toBe(this.numbers.length);
    expect([...this.told].sort((a, b) => a - b)).toEqual(this.told);
  }
}

async function play(seed: number): Promise<Play> {
  const one = new Play(seed);
  await one.run();
  return one;
}

test.each(Array.from({ length: SEEDS }, (_, i) => START + i))("seed %i", { timeout: 300_000 }, async (seed) => {
  (await play(seed)).judge();
});

test("the same seed gives the same run", { timeout: 300_000 }, async () => {
  const [one, two] = [await play(START), await play(START)];
  expect(JSON.stringify([two.history, two.grants, two.numbers])).toBe(
    JSON.stringify([one.history, one.grants, one.numbers]),
  );
});
