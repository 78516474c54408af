import { messageCodec } from "@synod/codec-msgpack";
import { type Logger, type Member, type Recovered, type Storage, SynodError } from "@synod/interface";
import { type PrometheusMetrics, prometheusMetrics } from "@synod/metrics-prometheus";
import { createNode, createWitness, type NodeStatus, type WitnessNode, type WitnessOptions } from "@synod/node";
import { type Server, serve } from "@synod/server";
import { fileStorage } from "@synod/storage-file";
import { type MutualTlsMaterial, tcpTransport } from "@synod/transport-tcp";
import { CliError } from "./exit-codes.js";
import type { HttpPages, Probe } from "./http-server.js";
import { httpServer } from "./http-server.js";
import { coordinationCodecs, coordinationMachine } from "@synod/coordination";
import type { Clients } from "./tokens.js";
import { explainedStore, isFormatted, missingStore } from "./store.js";
import { checkNodeCertificate } from "./tls.js";
import { VERSION } from "./version.js";

export interface DaemonOptions {
  readonly directory: string;
  /** Of the configuration, if they are given: the store knows better, and refuses what differs. */
  readonly cluster?: string | undefined;
  readonly id?: number | undefined;
  /** For a node that is no founder: where the others reach it. */
  readonly address?: string | undefined;
  /** Where members listen that are no founders, for a node that knows nobody else. */
  readonly contacts?: readonly Member[] | undefined;
  readonly listen?: string | undefined;
  /** It votes and keeps no keys. Clients have nothing to do with it. */
  readonly witness: boolean;
  /** Where clients are let in, or off. */
  readonly clientListen: string;
  /** Null: whoever reaches the port, or has a certificate where these are wanted, may do everything. */
  readonly known: Clients | null;
  /** For the other nodes and for clients alike: both prove who they are. */
  readonly tls?: (() => MutualTlsMaterial) | undefined;
  readonly httpListen: string;
  readonly electionTimeoutMs?: number | undefined;
  readonly priority?: number | undefined;
  readonly snapshotLogBytes?: number | undefined;
  readonly shutdownTimeoutMs: number;
  readonly logger: Logger;
}

export interface Daemon {
  readonly id: number;
  readonly cluster: string;
  /** Null if they are off. */
  readonly clients: string | null;
  readonly http: string | null;
  /** Settles when the node has stopped by itself; with why. */
  readonly stopped: Promise<SynodError | null>;
  /** Hands the leadership over, lets calls under way end, and closes everything. May be called twice. */
  close(): Promise<void>;
}

type FullNode = Awaited<ReturnType<typeof startNode>>;
type RunningNode = FullNode | WitnessNode;

/** What runs once the store is read, which may take minutes. */
interface Running {
  readonly node: RunningNode;
  readonly server: Server | null;
  readonly metrics: PrometheusMetrics;
}

/**
 * Opens the store and starts the node that it belongs to, with all that stands around it. Probes are answered from the beginning.
 * @throws SynodError of storage, transport and node; CliError
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { logger, httpListen, shutdownTimeoutMs, clientListen } = options;
  checkAddresses({ "--listen": options.listen, "--client-listen": clientListen, "--http-listen": httpListen });
  // Before a port that is taken: in the wrong directory that is the least.
  if (!(await isFormatted(options.directory))) throw missingStore(options.directory);
  let running: Running | null = null;
  let draining = false;
  const pages = pagesOf(
    () => running,
    () => draining,
  );
  const http = httpListen === "off" ? null : await httpServer(httpListen, pages);
  let started: Running;
  try {
    started = await open(options);
  } catch (cause) {
    await http?.close();
    throw cause;
  }
  running = started;
  const { node, server } = started;
  const cluster = node.status().clusterId;
  const [clients, probes] = [server?.address ?? null, http?.address ?? null];
  logger.info("the node runs", { cluster, node: node.id, version: VERSION, clients, http: probes });
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    draining = true;
    // Whoever leads hands over here, once, and not again while closing.
    if ("transferLeadership" in node) await handOver(node, logger);
    await server?.close({ drainTimeoutMs: shutdownTimeoutMs });
    await ("transferLeadership" in node ? node.close({ transferTimeoutMs: 0 }) : node.close());
    await http?.close();
  };
  const stopped = follow(node, logger);
  return { id: node.id, cluster, clients, http: probes, stopped, close: () => (closing ??= close()) };
}

function pagesOf(running: () => Running | null, draining: () => boolean): HttpPages {
  const isReady = (): Probe => {
    const now = running();
    if (draining()) return { ok: false, reason: "it is shutting down" };
    return now === null ? { ok: false, reason: "the store is being read" } : ready(now.node.status());
  };
  return {
    live: () => {
      const now = running();
      return now === null ? { ok: true, reason: "the store is being read" } : live(now.node.status());
    },
    ready: isReady,
    status: () => {
      const now = running();
      const parts = { node: now?.node.status() ?? null, server: now?.server?.status() ?? null };
      return { version: VERSION, ready: isReady().ok, draining: draining(), ...parts };
    },
    digest: () => {
      const node = running()?.node;
      // A witness has no state.
      return node !== undefined && "digest" in node ? node.digest() : null;
    },
    metrics: async () => {
      const metrics = running()?.metrics;
      if (metrics === undefined) return { contentType: "text/plain", text: "" };
      return { contentType: metrics.contentType, text: await metrics.text() };
    },
  };
}

async function open(options: DaemonOptions): Promise<Running> {
  const { directory } = options;
  const storage = fileStorage({ directory });
  const expect = {
    ...(options.cluster === undefined ? {} : { clusterId: options.cluster }),
    ...(options.id === undefined ? {} : { nodeId: options.id }),
  };
  const recovered = await storage.open({ expect }).catch((cause: unknown) => {
    throw explainedStore(cause, directory);
  });
  const { clusterId, nodeId } = recovered.identity;
  const metrics = prometheusMetrics({ labels: { cluster: clusterId, node: String(nodeId) } });
  try {
    if (options.tls !== undefined) checkNodeCertificate(options.tls(), clusterId, nodeId);
    const common = commonOf(options, recovered, storage, metrics);
    const own = options.listen ?? ownAddress(common);
    const place = options.listen === undefined ? "the node's own address" : "--listen";
    checkAddresses({ [place]: own, "--client-listen": options.clientListen, "--http-listen": options.httpListen });
    const refuse = taken("--listen", own ?? "its address");
    if (options.witness) return { node: await createWitness(common).catch(refuse), metrics, server: null };
    const node = await startNode(options, common).catch(refuse);
    return { node, metrics, server: await serveOrClose(node, common, metrics, options) };
  } catch (cause) {
    // A second time does nothing.
    await storage.close();
    throw cause;
  }
}

async function serveOrClose(
  node: FullNode,
  common: WitnessOptions,
  metrics: PrometheusMetrics,
  options: DaemonOptions,
): Promise<Server | null> {
  try {
    return await serveClients(node, common, metrics, options);
  } catch (cause) {
    await node.close({ transferTimeoutMs: 0 });
    throw cause;
  }
}

/** What a node and a witness are given alike. */
function commonOf(
  options: DaemonOptions,
  recovered: Recovered,
  storage: Storage,
  metrics: PrometheusMetrics,
): WitnessOptions {
  const { clusterId, nodeId, founders } = recovered.identity;
  const isFounder = founders.members.some(({ id }) => id === nodeId);
  if (!isFounder && options.address === undefined) {
    throw new CliError(
      "usage",
      `node ${nodeId} is no founder: give --address (SYNOD_ADDRESS), where the others reach it`,
    );
  }
  const { address, contacts, electionTimeoutMs, snapshotLogBytes } = options;
  // The store keeps the addresses of its first day.
  const members = founders.members.map((member) =>
    member.id === nodeId && address !== undefined ? { ...member, address } : member,
  );
  const limits = {
    ...(electionTimeoutMs === undefined ? {} : { electionTimeoutMs }),
    // What is kept for peers that are a little behind shrinks along, in the proportion that the node has by default.
    ...(snapshotLogBytes === undefined
      ? {}
      : { snapshotLogBytes, snapshotTailBytesMax: Math.ceil(snapshotLogBytes / 4) }),
  };
  return {
    id: nodeId,
    cluster: { id: clusterId, members, ...(contacts === undefined ? {} : { contacts }) },
    ...(isFounder ? {} : { join: { address: address ?? "" } }),
    codec: messageCodec(),
    transport: tcpTransport({
      ...(options.listen === undefined ? {} : { listen: options.listen }),
      ...(options.tls === undefined ? {} : { tls: options.tls }),
    }),
    // It is open already: what it holds says which node this is.
    storage: opened(storage, recovered),
    limits,
    logger: options.logger,
    metrics,
  };
}

const ownAddress = ({ id, cluster, join }: WitnessOptions): string | undefined =>
  join?.address ?? cluster.members.find((member) => member.id === id)?.address;

function startNode({ priority }: DaemonOptions, common: WitnessOptions) {
  return createNode({
    ...common,
    stateMachine: coordinationMachine(),
    ...coordinationCodecs(),
    ...(priority === undefined ? {} : { priority }),
  });
}

/** Whose address is taken is known here, by its flag. */
const taken = (flag: string, address: string) => (cause: unknown) => {
  if (!(cause instanceof SynodError) || cause.code !== "AddressInUse") throw cause;
  const text = `another process listens at ${address} already: stop it or choose another ${flag}`;
  throw new SynodError("AddressInUse", text, { cause, details: cause.details });
};

/** The own address stands for --listen, where that is not given. @throws CliError */
function checkAddresses(places: Readonly<Record<string, string | undefined>>): void {
  const all = Object.entries(places).filter(([, address]) => address !== undefined && !/^off$|:0$/.test(address));
  const flagOf = new Map<string | undefined, string>();
  for (const [flag, address] of all) {
    const other = flagOf.get(address);
    if (other !== undefined) {
      throw new CliError("usage", `${other} and ${flag} are both ${address}: give each a port of its own`);
    }
    flagOf.set(address, flag);
  }
}

async function serveClients(
  node: FullNode,
  { cluster, storage }: WitnessOptions,
  metrics: PrometheusMetrics,
  { clientListen, known, tls, logger }: DaemonOptions,
): Promise<Server | null> {
  if (clientListen === "off") return null;
  const { queryCodec, answerCodec } = coordinationCodecs();
  const server = await serve(node, {
    cluster: cluster.id,
    storage,
    listen: clientListen,
    queryCodec,
    answerCodec,
    ...(known ?? { anonymousRole: "admin" }),
    logger,
    metrics,
    ...(tls === undefined ? {} : { tls }),
  }).catch(taken("--client-listen", clientListen));
  if (known === null && tls !== undefined) {
    logger.warn("whoever has a certificate of this authority may do everything: give --tokens-file with roles", {
      clients: server.address,
    });
  } else if (known === null && !/^(127\.|\[::1\]|localhost:)/.test(server.address)) {
    logger.warn("whoever reaches the port for clients may do everything: give --tokens-file, or certificates", {
      clients: server.address,
    });
  }
  return server;
}

/** A store whose `open` was called before. It keeps nothing of what was found: that may be gigabytes. */
function opened(storage: Storage, recovered: Recovered): Storage {
  let found: Recovered | null = recovered;
  return {
    open: async (options) => {
      const given = found ?? (await storage.open(options));
      found = null;
      return given;
    },
    write: (write) => storage.write(write),
    saveSnapshot: (index, chunks) => storage.saveSnapshot(index, chunks),
    readSnapshot: (part) => storage.readSnapshot(part),
    drop: (upTo) => storage.drop(upTo),
    close: () => storage.close(),
  };
}

/** Why the node stopped by itself; null if it was closed. */
async function follow(
  node: { readonly status: () => NodeStatus; events(): AsyncIterable<{ readonly kind: string }> },
  logger: Logger,
): Promise<SynodError | null> {
  for await (const event of node.events()) void event;
  const { state, failure } = node.status();
  if (state === "failed") {
    logger.error("the node has stopped rather than go on", { code: failure?.code, reason: failure?.message });
    return failure;
  }
  if (state === "removed")
    return new SynodError(
      "Removed",
      "this node was removed from the cluster and is not needed any more: its data directory may be deleted",
    );
  return null;
}

export function live(status: Pick<NodeStatus, "state" | "failure">): Probe {
  if (status.state === "failed") return { ok: false, reason: status.failure?.message ?? "the node has failed" };
  return { ok: true, reason: `the node is ${status.state}` };
}

export function ready(status: Pick<NodeStatus, "state" | "content" | "leader" | "snapshot">): Probe {
  if (status.state !== "running") return { ok: false, reason: `the node is ${status.state}` };
  if (status.snapshot.installing) return { ok: false, reason: "a snapshot is being installed" };
  if (!status.content || status.leader === null) return { ok: false, reason: "no working leader is seen" };
  return { ok: true, reason: `node ${status.leader} leads` };
}

/** First of all, so that writers wait for one round only. A leader that finds nobody goes on closing. */
async function handOver(
  node: { readonly status: () => NodeStatus; transferLeadership(): Promise<number> },
  logger: Logger,
): Promise<void> {
  if (node.status().role !== "leader") return;
  try {
    logger.info("the leadership was handed over", { to: await node.transferLeadership() });
  } catch (cause) {
    logger.warn("the leadership was not handed over", {
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
}
