// One replica, in a process of its own. The supervisor forks this file and talks to it over the IPC channel.
import { msgpackCodec, messageCodec } from "@synod/codec-msgpack";
import { SynodError } from "@synod/interface";
import { createNode, type SynodNode } from "@synod/node";
import { fileStorage } from "@synod/storage-file";
import { tcpTransport } from "@synod/transport-tcp";
import { cuttable } from "./cuttable.js";
import { type KvAnswer, type KvCommand, kvCodec, kvMachine, type KvQuery, type KvResult } from "./kv.js";
import type { Call, FromReplica, NumberedCall, ReplicaConfig, ReplicaStatus, Reply, ToReplica } from "./protocol.js";

type KvNode = SynodNode<KvCommand, KvQuery, KvResult, KvAnswer>;

interface Running {
  readonly node: KvNode;
  readonly cut: (peers: readonly number[]) => void;
}

const STATUS_MS = 200;

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
  const node: KvNode = await createNode({
    id: config.id,
    cluster: { id: config.clusterId, members: config.members },
    stateMachine: kvMachine(),
    transport,
    storage: fileStorage({ directory: config.directory }),
    codec: messageCodec(),
    commandCodec: kvCodec(msgpackCodec()),
    resultCodec: msgpackCodec<KvResult>(),
    bootstrap: config.bootstrap,
  });
  return { node, cut };
}

function statusOf(node: KvNode): ReplicaStatus {
  const { role, leader, ballot, chosenUpTo, applied, commandsApplied, chainHash, content, peers } = node.status();
  const heard = peers.filter((peer) => peer.heard).map((peer) => peer.id);
  return { role, leader, ballot, chosenUpTo, applied, commandsApplied, chainHash, content, heard };
}

async function reportEvents(node: KvNode): Promise<void> {
  for await (const event of node.events()) {
    if (event.kind === "failed") return fail(event.error);
    send({ kind: "event", event });
    send({ kind: "status", status: statusOf(node) });
  }
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

async function answer({ node, cut }: Running, call: Call, timeoutMs: number): Promise<unknown> {
  switch (call.kind) {
    case "propose":
      return node.propose(call.command, { signal: AbortSignal.timeout(timeoutMs) });
    case "read":
      return node.read(call.query, { signal: AbortSignal.timeout(timeoutMs) });
    case "digest":
      return node.digest();
    case "cut":
      cut(call.peers);
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
    const { node } = running;
    setInterval(() => send({ kind: "status", status: statusOf(node) }), STATUS_MS);
    send({ kind: "status", status: statusOf(node) });
    send({ kind: "ready" });
    await reportEvents(node);
  };

  process.on("message", (message: ToReplica) => {
    switch (message.kind) {
      case "start":
        begin(message.config).catch(fail);
        return;
      case "calls":
        for (const call of message.calls) void handle(call);
        return;
      case "stop":
        Promise.resolve(running?.node.close()).then(() => process.exit(0), fail);
    }
  });
}

main().catch(fail);
