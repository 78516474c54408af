// One node in a process of its own: `large-state-node.ts DIRECTORY ID PORT,PORT,PORT`. Told what to do by its parent.
import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import { createNode } from "@synod/node";
import { fileStorage } from "@synod/storage-file";
import { tcpTransport } from "@synod/transport-tcp";
import { Pages, type PagesCommand } from "./pages.js";

export type Order =
  | { readonly kind: "propose"; readonly command: PagesCommand }
  | { readonly kind: "snapshot" }
  /** Proposes one command after the other until `stop`. */
  | { readonly kind: "serve" }
  | { readonly kind: "stop" }
  | { readonly kind: "caughtUp"; readonly applied: number }
  | { readonly kind: "status" }
  | { readonly kind: "close" };

export interface NodeReport {
  readonly applied: number;
  readonly snapshotIndex: number;
  readonly snapshotBytes: number;
  readonly compacted: boolean;
  readonly pages: number;
  readonly wrongPages: number;
  /** Now, and the most since the last report. */
  readonly rssBytes: number;
  readonly rssBytesMax: number;
  /** Longest time that a timer of 5 ms came late. */
  readonly lateMsMax: number;
  /** Commands proposed by `serve` since the last report, and the longest of them. */
  readonly served: number;
  readonly slowestMs: number;
  readonly digest: string;
}

const [directory = "", idText = "", ports = ""] = process.argv.slice(2);
const id = Number(idText);
const members = ports.split(",").map((port, i) => ({ id: i + 1, address: `127.0.0.1:${port}` }));
const machine = new Pages();
let rssBytesMax = 0;
let lateMsMax = 0;
let served = 0;
let slowestMs = 0;
let serving = false;
let loop: Promise<void> = Promise.resolve();

let lastMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  lateMsMax = Math.max(lateMsMax, nowMs - lastMs - 5);
  lastMs = nowMs;
}, 5);
setInterval(() => {
  rssBytesMax = Math.max(rssBytesMax, process.memoryUsage.rss());
}, 20);

async function main(): Promise<void> {
  const node = await createNode<PagesCommand, null, number>({
    id,
    cluster: { id: "large", members },
    stateMachine: machine,
    transport: tcpTransport(),
    storage: fileStorage({ directory }),
    codec: messageCodec(),
    commandCodec: msgpackCodec<PagesCommand>(),
    resultCodec: msgpackCodec<number>(),
    bootstrap: true,
    // Loaded machines stall for longer than a default timeout allows; the tail is small so that a snapshot is needed.
    limits: { electionTimeoutMs: 2_000, snapshotTailBytesMax: 1, proposeTimeoutMs: 60_000 },
  });

  async function serve(): Promise<void> {
    serving = true;
    while (serving) {
      const startMs = performance.now();
      await node.propose({ add: 1 });
      served++;
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  function report(): NodeReport {
    const { applied, snapshot, chainHash } = node.status();
    const rssBytes = process.memoryUsage.rss();
    const found = {
      applied,
      snapshotIndex: snapshot.index,
      snapshotBytes: snapshot.bytes,
      compacted: snapshot.index > 0,
      pages: machine.count,
      wrongPages: machine.wrong,
      rssBytes,
      rssBytesMax: Math.max(rssBytesMax, rssBytes),
      lateMsMax,
      served,
      slowestMs,
      digest: chainHash,
    };
    [rssBytesMax, lateMsMax, served, slowestMs] = [0, 0, 0, 0];
    return found;
  }

  async function obey(order: Order): Promise<NodeReport> {
    if (order.kind === "propose") await node.propose(order.command);
    if (order.kind === "snapshot") await node.snapshot();
    if (order.kind === "serve") loop = serve();
    if (order.kind === "stop") {
      serving = false;
      await loop;
    }
    if (order.kind === "caughtUp") {
      while (node.status().applied < order.applied) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const found = report();
    if (order.kind === "close") {
      await node.close();
      setImmediate(() => process.exit(0));
    }
    return found;
  }

  process.on("message", (order: Order) => {
    obey(order).then(
      (found) => process.send?.({ report: found }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.send?.({ report: report() });
}

main().catch((error: unknown) => process.send?.({ error: String(error) }));
