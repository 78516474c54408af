import { msgpackCodec } from "@synod/codec-msgpack";
import { type NodeId, SynodError, type SynodErrorCode } from "@synod/interface";
import { malformed, Reader, Writer } from "./bytes.js";
import { clientProtocolVersion, handshakeFrameBytesMax } from "./kinds.js";
import { cut, decodeCode, type LeaderHint, printable } from "./replies.js";

/** What a client may do: read and watch; also propose; also everything of an operator. */
export type Role = "read" | "write" | "admin";

/** What a client says first. */
export interface Hello {
  readonly cluster: string;
  readonly token: string | null;
  /** For the log of the server. */
  readonly name: string | null;
  /** Longest frame that the client takes. */
  readonly frameBytesMax: number;
}

/** Limits of one connection: what goes beyond is answered with `Busy` or `TooLarge`. */
export interface ConnectionLimits {
  /** Open requests without watches, and their bytes. */
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  readonly watchesMax: number;
  /** Longest frame that the server takes. */
  readonly frameBytesMax: number;
  /** The server ends a connection on which no frame came for this long. */
  readonly idleTimeoutMs: number;
}

/** What the server answers to a hello that it accepts. */
export interface Welcome extends LeaderHint {
  readonly nodeId: NodeId;
  readonly role: Role;
  readonly limits: ConnectionLimits;
}

/** Why a connection ends. */
export interface Goodbye {
  readonly code: SynodErrorCode;
  readonly message: string;
  /** 0: not said. */
  readonly retryAfterMs: number;
}

const magic = 0x53594e43; // "SYNC"
const headBytes = 6;
const roles: readonly Role[] = ["read", "write", "admin"];
const textMax = 4_096;

type Fields = Readonly<Record<string, unknown>>;

const codec = msgpackCodec<Fields>({
  bytesMax: handshakeFrameBytesMax,
  validate: (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) {
      throw malformed("not an object");
    }
    return value as Fields;
  },
});

function whole(fields: Fields, name: string, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw malformed(`The field ${name} of a handshake is missing or out of range.`);
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && value.length <= textMax) return value;
  throw malformed(`The field ${name} of a handshake is missing or too long.`);
}

const textOrNull = (fields: Fields, name: string): string | null => (fields[name] === null ? null : text(fields, name));

/** Magic (u32) and version (u16) stay in place in all versions; MessagePack behind them. */
export function encodeHello({ cluster, token, name, frameBytesMax }: Hello): Uint8Array {
  const body = codec.encode({ cluster, token, name, frameBytesMax });
  const bytes = new Uint8Array(headBytes + body.length);
  new Writer(bytes)
    .u32(magic)
    .u8(clientProtocolVersion >> 8)
    .u8(clientProtocolVersion & 255)
    .raw(body);
  return bytes;
}

/** @throws SynodError `Malformed`; `VersionUnsupported` for a client of another protocol version. */
export function decodeHello(payload: Uint8Array): Hello {
  const reader = new Reader(payload);
  if (reader.u32() !== magic) throw malformed("The other side is no Synod client.");
  const version = reader.u8() * 256 + reader.u8();
  if (version !== clientProtocolVersion) {
    throw new SynodError(
      "VersionUnsupported",
      `The client speaks version ${version} of the client protocol, the server version ${clientProtocolVersion}: use one release of @synod/client and @synod/server.`,
      { details: { client: version, server: clientProtocolVersion } },
    );
  }
  const fields = codec.decode(reader.rest());
  return {
    cluster: text(fields, "cluster"),
    token: textOrNull(fields, "token"),
    name: textOrNull(fields, "name"),
    frameBytesMax: whole(fields, "frameBytesMax", 1_024),
  };
}

export function encodeWelcome({ nodeId, role, leader, round, limits }: Welcome): Uint8Array {
  return codec.encode({ nodeId, role, leader, round, ...limits });
}

/** @throws SynodError `Malformed`. */
export function decodeWelcome(payload: Uint8Array): Welcome {
  const fields = codec.decode(payload);
  const role = roles.find((known) => known === fields["role"]);
  if (role === undefined) throw malformed("A handshake with an unknown role.");
  return {
    nodeId: whole(fields, "nodeId", 1),
    role,
    leader: fields["leader"] === null ? null : whole(fields, "leader", 1),
    round: whole(fields, "round", 0),
    limits: {
      requestsMax: whole(fields, "requestsMax", 1),
      requestBytesMax: whole(fields, "requestBytesMax", 1),
      watchesMax: whole(fields, "watchesMax", 1),
      frameBytesMax: whole(fields, "frameBytesMax", 1_024),
      idleTimeoutMs: whole(fields, "idleTimeoutMs", 1),
    },
  };
}

export function encodeGoodbye({ code, message, retryAfterMs }: Goodbye): Uint8Array {
  return codec.encode({ code, message: cut(message), retryAfterMs: Math.ceil(retryAfterMs) });
}

/** @throws SynodError `Malformed`. */
export function decodeGoodbye(payload: Uint8Array): Goodbye {
  const fields = codec.decode(payload);
  return {
    code: decodeCode(text(fields, "code")),
    message: printable(text(fields, "message")),
    retryAfterMs: whole(fields, "retryAfterMs", 0, 2 ** 32 - 1),
  };
}
