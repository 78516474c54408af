import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageCodec } from "@synod/codec-msgpack";
import type { Codec, FileHandle, FileSystem, Transport } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { fileStorage } from "@synod/storage-file";
import { expect, test } from "vitest";
import { createNode, type SynodNode } from "../src/index.js";
import { Counter, type CounterCommand, json, Net, seeded, VirtualClock } from "./world.js";

/** The numbers per command. `SYNOD_REWRITE=1 npx vitest run --project node counted-work` writes them anew: read the difference. */
const golden = join(import.meta.dirname, "golden", "counted-work.json");

/** What all nodes together did. */
class Work {
  readonly counts = new Map<string, number>();

  add(what: string, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  perCommand(commands: number): Record<string, number> {
    const rounded = (count: number): number => Number((count / commands).toPrecision(3));
    return Object.fromEntries([...this.counts].sort().map(([what, count]) => [what, rounded(count)]));
  }
}

/** Files in memory, whose flushes take a millisecond. */
function countingFileSystem(clock: VirtualClock, work: Work): FileSystem {
  const files = new Map<string, Uint8Array>();
  const later = (): Promise<void> => new Promise((resolve) => void clock.timer(1, resolve));
  const handle = (path: string): FileHandle => ({
    write: async (chunks, position) => {
      let at = position;
      for (const chunk of chunks) {
        const before = files.get(path) ?? new Uint8Array();
        const file = at + chunk.length > before.length ? new Uint8Array(at + chunk.length) : before;
        if (file !== before) file.set(before);
        file.set(chunk, at);
        files.set(path, file);
        at += chunk.length;
      }
      work.add("disk: bytes", at - position);
    },
    read: async (position, length) => (files.get(path) ?? new Uint8Array()).slice(position, position + length),
    size: async () => files.get(path)?.length ?? 0,
    truncate: async (length) => void files.set(path, (files.get(path) ?? new Uint8Array()).slice(0, length)),
    datasync: async () => {
      work.add("disk: syncs");
      await later();
    },
    sync: later,
    close: async () => undefined,
  });
  return {
    open: async (path, mode) => {
      if (mode === "create") files.set(path, new Uint8Array());
      if (!files.has(path)) throw Object.assign(new Error(path), { code: "ENOENT" });
      return handle(path);
    },
    list: async (path) =>
      [...files.keys()].filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1)),
    makeDirectory: async () => undefined,
    rename: async (from, to) => {
      files.set(to, files.get(from) ?? new Uint8Array());
      files.delete(from);
    },
    remove: async (path) => void files.delete(path),
    syncDirectory: async () => undefined,
    lock: async () => async () => undefined,
  };
}

/** What goes by the clock says nothing of the cost of a command. */
const byTheClock: ReadonlySet<string> = new Set(["beat", "beatReply"]);

class Cluster {
  readonly clock = new VirtualClock();
  readonly work = new Work();
  readonly nodes: SynodNode<CounterCommand, "total" | "throw", number>[] = [];
  readonly #net = new Net(this.clock);
  readonly #kinds = new WeakMap<Uint8Array, string>();

  async start(): Promise<void> {
    const members = [1, 2, 3].map((id) => ({ id }));
    for (const { id } of members) {
      const started = createNode({
        id,
        cluster: { id: "counted", members },
        stateMachine: new Counter(),
        transport: this.#counted(this.#net.transport(id)),
        storage: fileStorage({
          directory: `/store${id}`,
          fileSystem: countingFileSystem(this.clock, this.work),
          random: seeded(id),
          segmentBytes: 2 ** 21,
        }),
        codec: this.#codec(),
        commandCodec: json<CounterCommand>(),
        resultCodec: json<number>(),
        bootstrap: true,
        clock: this.clock,
        random: seeded(100 + id),
      });
      this.nodes.push(await this.#settled(started));
    }
    await this.clock.until(() => this.nodes.some((node) => node.status().role === "leader"), 60_000);
  }

  /** Lets time pass until the promise settles. */
  async #settled<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    promise.then(end, end);
    // A timer that comes again and again, lest the time stands still while nobody waits for a moment.
    const tick = (): void => void (over || this.clock.timer(1, tick));
    tick();
    await this.clock.until(() => over);
    return promise;
  }

  get leader(): SynodNode<CounterCommand, "total" | "throw", number> {
    const leader = this.nodes.find((node) => node.status().role === "leader");
    if (leader === undefined) throw new Error("no leader");
    return leader;
  }

  #codec(): Codec<Envelope> {
    const codec = messageCodec();
    return {
      encode: (envelope) => {
        const frame = codec.encode(envelope);
        const { kind } = envelope.message;
        this.#kinds.set(frame, kind);
        if (!byTheClock.has(kind)) this.work.add(`encoded: ${kind}`);
        return frame;
      },
      decode: (frame) => codec.decode(frame),
    };
  }

  #counted(transport: Transport): Transport {
    return {
      ...transport,
      send: (to, frame, lane) => {
        const kind = this.#kinds.get(frame) ?? "unknown";
        if (!byTheClock.has(kind)) {
          const copies = typeof to === "number" ? 1 : to.length;
          this.work.add(`frames: ${kind}`, copies);
          this.work.add("frames: bytes", copies * frame.length);
        }
        return transport.send(to, frame, lane);
      },
    };
  }

  /** So many callers, each of whom does one thing after the other. */
  async load(callers: number, commands: number, call: () => Promise<unknown>): Promise<Record<string, number>> {
    // What came before is over.
    await this.clock.run(200);
    this.work.counts.clear();
    let left = commands;
    let ended = 0;
    const caller = async (): Promise<void> => {
      while (left-- > 0) await call();
      ended++;
    };
    const all = Promise.all(Array.from({ length: callers }, caller));
    await this.clock.until(() => ended === callers, 600_000);
    await all;
    await this.clock.run(200);
    return this.work.perCommand(commands);
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await this.#settled(node.close({ transferTimeoutMs: 0 }));
  }
}

test("a command costs as much work as it did", async () => {
  const cluster = new Cluster();
  await cluster.start();
  const { leader } = cluster;
  const follower = cluster.nodes.find((node) => node !== leader) ?? leader;
  const add = (node: typeof leader) => () => node.propose({ add: 1 });
  // The own session of each is open from here on.
  for (const node of [leader, follower]) await cluster.load(1, 1, add(node));
  const counted = {
    "put at the leader, 1 at a time": await cluster.load(1, 200, add(leader)),
    "put at the leader, 64 at a time": await cluster.load(64, 3200, add(leader)),
    "put at the leader, 1000 at a time": await cluster.load(1000, 5000, add(leader)),
    "put at a follower, 64 at a time": await cluster.load(64, 3200, add(follower)),
    "get at the leader, 1 at a time": await cluster.load(1, 200, () => leader.read("total")),
    "get at the leader, 64 at a time": await cluster.load(64, 3200, () => leader.read("total")),
    "get at a follower, 64 at a time": await cluster.load(64, 3200, () => follower.read("total")),
  };
  await cluster.close();
  if (process.env["SYNOD_REWRITE"] === "1") writeFileSync(golden, `${JSON.stringify(counted, null, 2)}\n`);
  expect(counted).toEqual(JSON.parse(readFileSync(golden, "utf8")));
}, 60_000);
