// One replica, in a process of its own. The supervisor forks this file and talks to it over the IPC channel.
import { setImmediate as immediately, setTimeout as delay } from "node:timers/promises";
import { msgpackCodec, messageCodec } from "@synod/codec-msgpack";
import { SynodError } from "@synod/interface";
import { createNode, type SynodNode } from "@synod/node";
import { fileStorage } from "@synod/storage-file";
import { tcpTransport } from "@synod/transport-tcp";
import { cuttable } from "./cuttable.js";
import { commandText, type KvAnswer, type KvCommand, kvCodec, kvMachine, type KvQuery, type KvResult } from "./kv.js";
import { Tap } from "./tap.js";
import { watchedStorage, type WatchedStorage } from "./watched-storage.js";
import type { Call, FromReplica, NumberedCall, ReplicaConfig, ReplicaStatus, Reply, ToReplica } from "./protocol.js";

type KvNode = SynodNode<KvCommand, KvQuery, KvResult, KvAnswer>;

interface Running {
  readonly node: KvNode;
  readonly cut: (peers: readonly number[]) => void;
  readonly watched: WatchedStorage;
  readonly tap: Tap;
}

const STATUS_MS = 200;
/** How long calls under way may take before a stop in order ends them. */
const DRAIN_MS = 1000;

function send(message: FromReplica): void {
  // A supervisor that is gone hears nothing; `disconnect` ends this process then.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

function fail(cause: unknown): void {
  const { code, message } =
    cause instanceof SynodError
      ? cause
      : { code: "Error", message: cause instanceof Error ? cause.message : String(cause) };
  if (process.connected)
    process.send?.({ kind: "failed", code, message } satisfies FromReplica, undefined, {}, () => process.exit(1));
  else process.exit(1);
}

async function start(config: ReplicaConfig): Promise<Running> {
  const { transport, cut } = cuttable(tcpTransport());
  cut(config.cut);
  const tap = new Tap(config.id);
  tap.wire.cut(config.cut);
  const commandCodec = kvCodec(msgpackCodec());
  const watched = watchedStorage(fileStorage({ directory: config.directory }), (body) =>
    commandText(commandCodec.decode(body)),
  );
  watched.slow(config.slowMs);
  const node: KvNode = await createNode({
    id: config.id,
    cluster: { id: config.clusterId, members: config.founders, contacts: config.contacts },
    ...(config.founders.some(({ id }) => id === config.id) ? {} : { join: { address: config.address } }),
    stateMachine: kvMachine(),
    transport: tap.transport(transport),
    storage: watched.storage,
    codec: tap.codec(messageCodec()),
    commandCodec,
    resultCodec: msgpackCodec<KvResult>(),
    bootstrap: config.bootstrap,
  });
  return { node, cut, watched, tap };
}

function statusOf(node: KvNode): ReplicaStatus {
  const { role, leader, ballot, promised, chosenUpTo, applied, commandsApplied, chainHash, content, ...rest } =
    node.status();
  const { reason, impaired, peers, configuration, state, snapshot, storeId } = rest;
  const member = configuration.members.find(({ id }) => id === node.id);
  const more = {
    heard: peers.filter((peer) => peer.heard).map((peer) => peer.id),
    epoch: configuration.epoch,
    part: member === undefined ? ("none" as const) : (member.role ?? "voter"),
    removed: state === "removed",
    snapshot: snapshot.index,
    storeId,
  };
  const own = { role, leader, ballot, promised, chosenUpTo, applied, commandsApplied, chainHash, content };
  return { ...own, reason, impaired, ...more };
}

async function reportEvents(node: KvNode): Promise<void> {
  for await (const event of node.events()) {
    if (event.kind === "failed") return fail(event.error);
    send({ kind: "event", event });
    send({ kind: "status", status: statusOf(node) });
  }
  // The node has stopped by itself: it was removed.
  send({ kind: "status", status: statusOf(node) });
}

/** Replies of one turn leave as one message: thousands of small ones would cost more than the commands themselves. */
function replyGroup(): (reply: Reply) => void {
  let waiting: Reply[] = [];
  return (reply) => {
    waiting.push(reply);
    if (waiting.length > 1) return;
    setImmediate(() => {
      send({ kind: "replies", replies: waiting });
      waiting = [];
    });
  };
}

async function answer({ node, cut, watched, tap }: Running, call: Call, timeoutMs: number): Promise<unknown> {
  switch (call.kind) {
    case "propose":
      return node.propose(call.command, { signal: AbortSignal.timeout(timeoutMs) });
    case "read": {
      const signal = AbortSignal.timeout(timeoutMs);
      return node.read(call.query, call.via === "quorum" ? { signal, via: "quorum" } : { signal });
    }
    case "readStale":
      return node.readStale(call.query, { signal: AbortSignal.timeout(timeoutMs) });
    case "change":
      return (await node.changeMembership(call.change, { timeoutMs })).epoch;
    case "transfer":
      return node.transferLeadership({ to: call.to, timeoutMs });
    case "snapshot":
      return node.snapshot();
    case "digest":
      return node.digest();
    case "recent":
      return tap.wire.recent();
    case "cut":
      cut(call.peers);
      tap.wire.cut(call.peers);
      return null;
    case "slow":
      watched.slow(call.ms);
      return null;
  }
}

async function main(): Promise<void> {
  // Ctrl-C reaches the whole process group; it is the supervisor that ends the replicas, in order.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  process.on("disconnect", () => process.exit(0));
  process.on("uncaughtException", fail);

  const reply = replyGroup();
  let running: Running | null = null;
  const open = new Set<Promise<void>>();

  const handle = async ({ number, call, timeoutMs }: NumberedCall): Promise<void> => {
    try {
      if (running === null) throw new SynodError("NotProposed", "the replica is not running yet");
      reply({ number, ok: true, value: await answer(running, call, timeoutMs) });
    } catch (cause) {
      const code = cause instanceof SynodError ? cause.code : "Error";
      reply({ number, ok: false, code, message: cause instanceof Error ? cause.message : String(cause) });
    }
  };

  const begin = async (config: ReplicaConfig): Promise<void> => {
    running = await start(config);
    const { node, tap, watched } = running;
    setInterval(() => {
      send({ kind: "seen", seen: { ...tap.take(), links: tap.wire.take(), log: watched.log() } });
      send({ kind: "status", status: statusOf(node) });
    }, STATUS_MS);
    send({ kind: "status", status: statusOf(node) });
    send({ kind: "ready" });
    await reportEvents(node);
  };

  const stop = async (inOrder: boolean): Promise<void> => {
    if (inOrder) await Promise.race([Promise.allSettled(open), delay(DRAIN_MS)]);
    await running?.node.close(inOrder ? {} : { transferTimeoutMs: 0 });
    // Replies leave at the end of the turn, and nothing must be left in the pipe.
    await immediately();
    if (process.connected)
      process.send?.({ kind: "replies", replies: [] } satisfies FromReplica, undefined, {}, () => process.exit(0));
    else process.exit(0);
  };

  process.on("message", (message: ToReplica) => {
    switch (message.kind) {
      case "start":
        begin(message.config).catch(fail);
        return;
      case "calls":
        for (const call of message.calls) {
          const handled = handle(call).finally(() => open.delete(handled));
          open.add(handled);
        }
        return;
      case "stop":
        stop(message.inOrder).catch(fail);
    }
  });
}

main().catch(fail);
