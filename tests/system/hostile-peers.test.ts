// Whoever means harm at the port for peers: each ends in a refusal that is counted and logged, with memory bounded and the cluster serving.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import type { Logger, Member, Metrics, Storage } from "@synod/interface";
import { createNode, type SynodNode } from "@synod/node";
import { memoryStorage } from "@synod/storage-memory";
import { type TcpTransportOptions, tcpTransport } from "@synod/transport-tcp";
import { encodeFrame } from "@synod/transport-tcp/framing";
import { afterEach, expect, test } from "vitest";
import { usedBytes } from "../../packages/node/test/memory.js";
import { Authority } from "../../packages/transport-tcp/test/certificates.js";
import { type Command, type Query, type Result, TextMachine } from "./key-value.js";

type TextNode = SynodNode<Command, Query, Result>;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Refusals and broken connections by their reason, and what was logged of them. */
class Watcher implements Metrics {
  readonly counts = new Map<string, number>();
  readonly lines: string[] = [];
  readonly logger: Logger = { debug() {}, info() {}, warn: (text) => void this.lines.push(text), error() {} };

  count(name: string, delta = 1, labels: Readonly<Record<string, string>> = {}): void {
    const by = labels["reason"] ?? labels["code"];
    if (by === undefined || labels["by"] === "peer" || !/refusals|broken/.test(name)) return;
    this.counts.set(by, (this.counts.get(by) ?? 0) + delta);
  }

  gauge(): void {}

  observe(): void {}
}

const settled = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

/** At once, and again and again until the test is over, since the other side may not be ready for it yet. */
function repeated(attack: () => readonly Socket[]): void {
  let sockets = attack();
  const timer = setInterval(() => {
    for (const socket of sockets) socket.destroy();
    sockets = attack();
  }, 500);
  ends.push(() => clearInterval(timer));
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** In front of a port: hands everything on, and keeps what each connection said first. */
class Recorder {
  readonly recorded: Uint8Array[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  targetPort = 0;

  constructor() {
    this.#server = createServer((socket) => {
      const onward = connect({ host: "127.0.0.1", port: this.targetPort });
      let isFirst = true;
      socket.on("data", (chunk) => {
        if (isFirst) this.recorded.push(new Uint8Array(chunk));
        isFirst = false;
      });
      for (const [from, to] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(from);
        from.on("error", () => {});
        from.on("close", () => to.destroy());
        from.pipe(to);
      }
    });
  }

  listen(): Promise<number> {
    return listening(this.#server);
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }
}

interface Place {
  readonly id: number;
  readonly clusterId?: string;
  readonly members: readonly Member[];
  readonly storage: Storage;
  readonly bootstrap: boolean;
  readonly transport: TcpTransportOptions;
  readonly watcher?: Watcher;
}

async function start({
  id,
  clusterId = "orders",
  members,
  storage,
  bootstrap,
  transport,
  watcher,
}: Place): Promise<TextNode> {
  const node: TextNode = await createNode<Command, Query, Result>({
    id,
    cluster: { id: clusterId, members },
    stateMachine: new TextMachine(),
    transport: tcpTransport({ reconnectMinMs: 5, reconnectMaxMs: 50, ...transport }),
    storage,
    codec: messageCodec(),
    commandCodec: msgpackCodec<Command>(),
    resultCodec: msgpackCodec<Result>(),
    bootstrap,
    // Slow enough for a machine with much else to do.
    limits: { electionTimeoutMs: 1_000, proposeTimeoutMs: 60_000 },
    ...(watcher && { metrics: watcher, logger: watcher.logger }),
  });
  ends.push(() => node.close());
  return node;
}

/** Three nodes; node 1 is watched, and found by the others behind a recorder. */
class Cluster {
  readonly watcher = new Watcher();
  readonly recorder = new Recorder();
  readonly storages = new Map<number, Storage>();
  readonly nodes = new Map<number, TextNode>();
  readonly intruders: TextNode[] = [];
  members: readonly Member[] = [];
  #ports: readonly number[] = [];
  #tlsOf: (id: number) => Promise<TcpTransportOptions> = () => Promise.resolve({});
  #expected = "";

  async start(tlsOf: (id: number) => Promise<TcpTransportOptions>): Promise<void> {
    this.#tlsOf = tlsOf;
    const servers = [1, 2, 3].map(() => createServer());
    this.#ports = await Promise.all(servers.map((server) => listening(server)));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    this.recorder.targetPort = this.#ports[0] ?? 0;
    const front = await this.recorder.listen();
    ends.push(() => this.recorder.close());
    this.members = this.#ports.map((port, i) => ({ id: i + 1, address: `127.0.0.1:${i === 0 ? front : port}` }));
    await Promise.all([1, 2, 3].map((id) => this.boot(id, true)));
    await this.serves();
  }

  async boot(id: number, bootstrap: boolean): Promise<void> {
    const storage = this.storages.get(id) ?? memoryStorage();
    this.storages.set(id, storage);
    const listen = { listen: `127.0.0.1:${this.#ports[id - 1] ?? 0}`, handshakeTimeoutMs: 400 };
    const watched = id === 1 ? { watcher: this.watcher } : {};
    const transport = { ...listen, ...(await this.#tlsOf(id)) };
    this.nodes.set(id, await start({ id, members: this.members, storage, bootstrap, transport, ...watched }));
  }

  /** Each node takes a command, and sees all of before. */
  async serves(): Promise<void> {
    for (const [id, node] of this.nodes) {
      this.#expected += id;
      expect(await node.propose({ type: "append", key: "served", value: String(id) })).toBe(this.#expected);
    }
  }

  /** An attack, by a node or by hand, that node 1 counts, and tells of in a line with this text; everybody is served meanwhile. */
  async survives(reason: string, line: string, attack: () => unknown): Promise<void> {
    const { counts, lines } = this.watcher;
    const before = counts.get(reason) ?? 0;
    await attack();
    await settled(() => (counts.get(reason) ?? 0) > before);
    expect(lines, reason).toContainEqual(expect.stringContaining(line));
    await this.serves();
    for (const node of this.intruders.splice(0)) await node.close();
  }

  /** A connection to node 1. */
  dial(...bytes: readonly Uint8Array[]): Socket {
    const socket = connect({ host: "127.0.0.1", port: this.#ports[0] ?? 0 });
    ends.push(() => socket.destroy());
    socket.on("error", () => {});
    for (const each of bytes) socket.write(each);
    return socket;
  }
}

test("garbage, slow and silent strangers, floods, replays, foreign clusters, old incarnations: counted, logged, and served beside", {
  timeout: 240_000,
}, async () => {
  const cluster = new Cluster();
  await cluster.start(() => Promise.resolve({}));
  const { recorder, members, watcher } = cluster;
  const heldBefore = await usedBytes();

  await cluster.survives("Malformed", "is dropped", () =>
    cluster.dial(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
  );
  const [hello = new Uint8Array(0)] = recorder.recorded;
  await cluster.survives("Malformed", "is dropped", () => {
    // Half-open, and one that sends a byte now and then: neither ever says hello.
    cluster.dial();
    const slow = cluster.dial();
    const timer = setInterval(() => slow.write(hello.subarray(0, 1)), 20);
    ends.push(() => clearInterval(timer));
    return new Promise((resolve) => slow.once("close", resolve));
  });
  await cluster.survives("cluster", "refused: cluster", async () => {
    const address = "127.0.0.1:0";
    const foreign = { clusterId: "invoices", members: [members[0] as Member, { id: 2, address }, { id: 3 }] };
    cluster.intruders.push(
      await start({ id: 2, ...foreign, storage: memoryStorage(), bootstrap: true, transport: { listen: address } }),
    );
  });
  await cluster.survives("self", "refused: self", async () => {
    // A second process that believes to be node 1, on a disk of its own.
    const address = "127.0.0.1:0";
    cluster.intruders.push(
      await start({
        id: 1,
        members: [{ id: 1, address }, { ...(members[0] as Member), id: 2 }, { id: 3 }],
        storage: memoryStorage(),
        bootstrap: true,
        transport: { listen: address },
      }),
    );
  });
  await cluster.survives("flood", "have not said who they are", () => {
    const idle = Array.from({ length: 300 }, () => cluster.dial());
    ends.push(() => idle.forEach((socket) => socket.destroy()));
  });
  // What node 2 once said, said again after it was started anew: as soon as node 1 has met it.
  const said = recorder.recorded.splice(0);
  await cluster.nodes.get(2)?.close();
  await cluster.boot(2, false);
  await cluster.serves();
  await cluster.survives("stale", "refused: stale", () => repeated(() => said.map((bytes) => cluster.dial(bytes))));
  // In the name of who is trusted: the header of a frame above the limit, and a part of it.
  const [header, payload] = encodeFrame(3, new Uint8Array(2 ** 24 + 1));
  await cluster.survives("TooLarge", "is dropped", () =>
    repeated(() => recorder.recorded.map((bytes) => cluster.dial(bytes, header, payload.subarray(0, 2 ** 20)))),
  );
  expect([...watcher.counts.keys()].sort()).toEqual(["Malformed", "TooLarge", "cluster", "flood", "self", "stale"]);
  expect(((await usedBytes()) - heldBefore) / 2 ** 20).toBeLessThan(32);
});

test("with TLS a valid certificate of another node, of another cluster, or none: counted, logged, and served beside", {
  timeout: 240_000,
}, async () => {
  const [authority, stranger] = await Promise.all([Authority.named("ours"), Authority.named("others")]);
  const cluster = new Cluster();
  await cluster.start(async (id) => ({ tls: await authority.node("orders", id) }));
  const { members } = cluster;
  const impostor = async (tls: TcpTransportOptions["tls"]): Promise<void> => {
    const address = "127.0.0.1:0";
    const transport = { listen: address, ...(tls && { tls }) };
    const others = members.slice(0, 1);
    const place = { id: 3, members: [...others, { id: 2 }, { id: 3, address }], bootstrap: true };
    cluster.intruders.push(await start({ ...place, storage: memoryStorage(), transport }));
  };
  await cluster.survives("certificate", "node 3 is refused: certificate", async () =>
    impostor(await authority.node("orders", 2)),
  );
  await cluster.survives("certificate", "certificate", async () => impostor(await authority.node("invoices", 3)));
  await cluster.survives("certificate", "certificate", async () => impostor(await stranger.node("orders", 3)));
  await cluster.survives("certificate", "certificate", () => impostor(undefined));
  await cluster.survives("certificate", "certificate", () => {
    // A recorded handshake is worth nothing: its keys are gone.
    for (const bytes of cluster.recorder.recorded.slice(0, 2)) cluster.dial(bytes);
  });
});
