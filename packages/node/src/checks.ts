import { type NodeId, type SessionId, type SessionTicket, SynodError, type Versions } from "@synod/interface";
import { entrySize } from "@synod/rsm";
import type { NodeLimits, NodeOptions } from "./types.js";
import { wireVersions } from "./versions.js";

function invalid(text: string): SynodError {
  return new SynodError("InvalidArgument", text);
}

/** Users of plain JavaScript forget to call a factory, or an option altogether. */
function checkPort(name: string, port: unknown, methods: readonly string[]): void {
  if (typeof port === "function")
    throw invalid(`${name} is a function: call it, as in ${name}: ${port.name || "factory"}()`);
  if (typeof port !== "object" || port === null) throw invalid(`${name} is missing`);
  for (const method of methods) {
    if (typeof (port as Record<string, unknown>)[method] !== "function")
      throw invalid(`${name} has no method ${method}`);
  }
}

/** Refuses settings that could only fail later and less clearly. What the founders agree on is left to `checkConfiguration`. */
export function checkOptions(
  options: Pick<NodeOptions<unknown, unknown, unknown>, "id" | "cluster" | "join" | "upgrade"> & {
    readonly [port in "codec" | "commandCodec" | "transport" | "storage" | "stateMachine"]: unknown;
  } & {
    readonly resultCodec?: unknown;
  },
): void {
  const { id, cluster, upgrade } = options;
  checkPort("codec", options.codec, ["encode", "decode"]);
  checkPort("commandCodec", options.commandCodec, ["encode", "decode"]);
  if (options.resultCodec !== undefined) checkPort("resultCodec", options.resultCodec, ["encode", "decode"]);
  checkPort("transport", options.transport, ["start", "send", "close"]);
  checkPort("storage", options.storage, ["open", "write", "close"]);
  checkPort("stateMachine", options.stateMachine, ["apply", "query", "snapshot", "restore"]);
  if (upgrade !== undefined && upgrade !== "automatic" && upgrade !== "manual")
    throw invalid(`upgrade must be "automatic" or "manual", not ${String(upgrade)}`);
  if (!Number.isSafeInteger(id) || id < 1) throw invalid(`id must be a positive integer, not ${String(id)}`);
  if (typeof cluster !== "object" || cluster === null || !Array.isArray(cluster.members))
    throw invalid("cluster needs an id and a list of members");
  const idBytes = new TextEncoder().encode(cluster.id).length;
  if (idBytes < 1 || idBytes > 200) throw invalid("cluster.id must have 1 to 200 bytes");
  for (const name of ["quorum", "lease"] as const) {
    const given: unknown = cluster[name];
    if (given !== undefined && (typeof given !== "object" || given === null))
      throw invalid(`cluster.${name} must be an object`);
  }
  const { origin } = cluster;
  if (origin !== undefined && (typeof origin !== "string" || origin === "")) {
    throw invalid("cluster.origin must be the text that the restore printed");
  }
  for (const member of cluster.members as readonly unknown[]) {
    if (typeof member !== "object" || member === null)
      throw invalid(`a member is an object with an id, not ${String(member)}`);
  }
  for (const member of [...cluster.members, ...(cluster.contacts ?? [])]) checkStoreId(member);
  const ids = cluster.members.map((member) => member.id);
  checkJoin(options, ids);
}

/** It is compared with what a disk says of itself: with a wrong one none would ever be let in under this id. */
export function checkStoreId({ id, storeId }: { readonly id: NodeId; readonly storeId?: unknown }): void {
  if (storeId === undefined || (typeof storeId === "string" && /^[0-9a-f]{32}$/.test(storeId))) return;
  throw invalid(
    `storeId of member ${id} is 32 hexadecimal digits in lower case, as its status() says, not ${JSON.stringify(storeId)}`,
  );
}

/** A founder and a node that joins must not be taken for each other: one of them would format a store that votes at once. */
function checkJoin({ id, join }: { readonly id: NodeId; readonly join?: unknown }, founders: readonly NodeId[]): void {
  if (join !== undefined && (typeof join !== "object" || join === null))
    throw invalid("join must be an object: join: {}");
  const isFounder = founders.includes(id);
  if (join === undefined && !isFounder) {
    throw invalid(`node ${id} is not among cluster.members, the founders: give join: { address } if it joins later`);
  }
  if (join !== undefined && isFounder) throw invalid(`node ${id} is a founder in cluster.members: leave join out`);
}

/** Refuses a codec that could not carry what this node may propose. */
export function checkCodec(
  options: Pick<NodeOptions<unknown, unknown, unknown>, "codec" | "id">,
  limits: NodeLimits,
  supports: Versions,
): void {
  const value = new Uint8Array(Math.max(limits.commandBytesMax, limits.batchBytesMax) + 1024);
  const ballot = { round: 1, node: options.id };
  const message = { kind: "accept", ballot, firstSlot: 1, values: [value], chosenUpTo: 0 } as const;
  try {
    const { codec, id } = options;
    const sender = { clusterId: "check", from: id, bootId: "check", epoch: 1, supports };
    for (const version of wireVersions(supports)) codec.decode(codec.encode({ version, ...sender, message }));
  } catch (cause) {
    if (cause instanceof SynodError && cause.code === "VersionUnsupported") {
      throw new SynodError("InvalidArgument", "the codec is of another release than @synod/node: install both alike", {
        cause,
      });
    }
    throw new SynodError(
      "InvalidArgument",
      "the codec cannot carry limits.commandBytesMax: raise its limit or lower this one",
      { cause },
    );
  }
}

/** NaN would never come, and be waited for. */
export function checkTimeoutMs(timeoutMs: number): void {
  if (Number.isFinite(timeoutMs) && timeoutMs > 0) return;
  throw wrongTimeout(timeoutMs);
}

/** The same of a call that may do without one: it is Infinity then. */
export function checkTimeLimit(timeoutMs: unknown): void {
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0)) throw wrongTimeout(timeoutMs);
}

const wrongTimeout = (given: unknown): SynodError =>
  invalid(`timeoutMs must be a positive number, not ${String(given)}`);

/** A ticket comes from outside: a bad one is its caller's error, never the node's. */
export function checkTicket(ticket: SessionTicket, body: Uint8Array): void {
  try {
    entrySize({ kind: "command", ticket, body });
  } catch (cause) {
    throw new SynodError("InvalidArgument", "the session ticket is malformed: use one from session.ticket()", {
      cause,
    });
  }
}

export function checkSession(session: SessionId): void {
  try {
    entrySize({ kind: "close", session });
  } catch (cause) {
    throw new SynodError("InvalidArgument", "the session id is malformed: use the id of a session that was opened", {
      cause,
    });
  }
}
