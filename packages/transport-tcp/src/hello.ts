import type { Incarnation, Lane, NodeId } from "@synod/interface";
import { SynodError } from "@synod/interface";

/** Version of framing and handshake. Both sides of a connection speak the same one. */
export const protocolVersion = 2;

/** Longest frame before the handshake is done, and on the way back after it. */
export const handshakeFrameBytesMax = 1024;

/** Kinds of frames on a connection between two replicas. */
export const frameKinds = { hello: 1, refusal: 2, data: 3, ping: 4, ack: 5 } as const;

/** What both sides say first: the dialer at once, the listener in answer to it. */
export interface Hello {
  readonly lane: Lane;
  readonly from: Incarnation;
  /** Whom the sender believes to be talking to. */
  readonly to: NodeId;
}

/** A hello of another version: nothing else of it can be read. */
export interface ForeignHello {
  readonly version: number;
}

const magic = 0x53594e44; // "SYND"
const fixedBytes = 64;
const lanes: readonly Lane[] = ["control", "bulk"];

const refusalReasons = [
  "version",
  "cluster",
  "self",
  "misdirected",
  "unknown",
  "stale",
  "certificate",
  "store",
] as const;

/** Why a handshake is refused. */
export type RefusalReason = (typeof refusalReasons)[number];

export interface Refusal {
  readonly reason: RefusalReason;
  /** For people, on both sides. */
  readonly text: string;
}

/** How a node words what a peer said as it refused it. */
export const refusedBy = (text: string): string => `it refuses this node: ${text}`;

const utf8 = new TextEncoder();
const malformed = (text: string): SynodError => new SynodError("Malformed", text);

/**
 * Layout, big-endian: magic (u32), version (u16), lane (u8), from (u64), to (u64), boot count (u64), boot id (16 bytes),
 * store id (16 bytes), length of the cluster id (u8), cluster id (UTF-8). Magic and version stay in place in all versions.
 */
export function encodeHello({ lane, from, to }: Hello): Uint8Array {
  const cluster = utf8.encode(from.clusterId);
  const bytes = new Uint8Array(fixedBytes + cluster.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint16(4, protocolVersion);
  bytes[6] = lanes.indexOf(lane);
  view.setBigUint64(7, BigInt(from.nodeId));
  view.setBigUint64(15, BigInt(to));
  view.setBigUint64(23, BigInt(from.bootCount));
  bytes.set(Buffer.from(from.bootId, "hex"), 31);
  bytes.set(Buffer.from(from.storeId, "hex"), 47);
  bytes[63] = cluster.length;
  bytes.set(cluster, fixedBytes);
  return bytes;
}

/** @throws SynodError `Malformed`. */
export function decodeHello(bytes: Uint8Array): Hello | ForeignHello {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint32(0) !== magic) throw malformed("The other side does not speak Synod.");
  const version = view.getUint16(4);
  if (version !== protocolVersion) return { version };
  const lane = lanes[bytes[6] ?? -1];
  if (bytes.length < fixedBytes || bytes.length !== fixedBytes + (bytes[63] ?? 0) || lane === undefined) {
    throw malformed("A handshake with a wrong length or an unknown lane.");
  }
  return {
    lane,
    to: positive(view.getBigUint64(15)),
    from: {
      nodeId: positive(view.getBigUint64(7)),
      bootCount: positive(view.getBigUint64(23)),
      bootId: Buffer.from(bytes.subarray(31, 47)).toString("hex"),
      storeId: Buffer.from(bytes.subarray(47, 63)).toString("hex"),
      clusterId: decodeText(bytes.subarray(fixedBytes)),
    },
  };
}

function positive(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw malformed("A handshake with a number out of range.");
  return number;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SynodError("Malformed", "A handshake with a text that is not UTF-8.", { cause });
  }
}

/** Reason (u8, from 1), text (UTF-8, cut to fit). */
export function encodeRefusal({ reason, text }: Refusal): Uint8Array {
  return new Uint8Array([refusalReasons.indexOf(reason) + 1, ...utf8.encode(text).subarray(0, 900)]);
}

/** A refusal only ends in the log, so whatever it holds is taken, cleaned of control characters. */
export function decodeRefusal(bytes: Uint8Array): { reason: RefusalReason | "other"; text: string } {
  const reason = refusalReasons[(bytes[0] ?? 0) - 1] ?? "other";
  return { reason, text: new TextDecoder().decode(bytes.subarray(1)).replaceAll(/\p{Cc}/gu, " ") };
}

/** @throws SynodError `InvalidArgument` if the handshake cannot carry it. */
export function checkIncarnation({ clusterId, nodeId, storeId, bootCount, bootId }: Incarnation): void {
  const clusterBytes = utf8.encode(clusterId).length;
  const wrong = [
    clusterBytes >= 1 && clusterBytes <= 255 ? null : `a cluster id of ${clusterBytes} bytes (1 to 255)`,
    Number.isSafeInteger(nodeId) && nodeId >= 1 ? null : `the node id ${nodeId} (a positive integer)`,
    Number.isSafeInteger(bootCount) && bootCount >= 1 ? null : `the boot count ${bootCount} (a positive integer)`,
    isHex(bootId) ? null : `the boot id ${JSON.stringify(bootId)} (32 lower-case hexadecimal digits)`,
    isHex(storeId) ? null : `the store id ${JSON.stringify(storeId)} (32 lower-case hexadecimal digits)`,
  ].filter((text) => text !== null);
  if (wrong.length > 0) throw new SynodError("InvalidArgument", `The transport cannot start with ${wrong.join(", ")}.`);
}

const isHex = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);
