// What comes over sockets: frames, handshakes and messages of replicas, and the protocol of clients.
import { crc32 } from "node:zlib";
import {
  decodeAdminCall,
  decodeConfiguration,
  decodeGoodbye,
  decodeHello,
  decodeReply,
  decodeRequest,
  decodeSnapshotBytes,
  decodeStatus,
  decodeWelcome,
  encodeAdminCall,
  encodeAdminResult,
  encodeFrame,
  FrameInput,
  frameHeaderBytes,
  parseAddress,
} from "@synod/client/protocol";
import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import {
  decodeHello as decodePeerHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
} from "../../../../packages/transport-tcp/src/hello.js";
import { namesOf } from "../../../../packages/transport-tcp/src/tls.js";
import { joined } from "../mutate.js";
import { golden, textOf, utf8 } from "../samples.js";
import { outcomeOf, type Target } from "../target.js";

const FRAME_BYTES_MAX = 64 * 1024;
const messages = messageCodec();
const values = msgpackCodec<unknown>();

const peerHello = encodeHello({
  lane: "control",
  to: 2,
  from: {
    nodeId: 1,
    storeId: "aa".repeat(16),
    bootCount: 3,
    bootId: "00112233445566778899aabbccddeeff",
    clusterId: "shop",
  },
});

const nodeStatus = {
  id: 1,
  clusterId: "shop",
  state: "failed",
  failure: { code: "StoreFull", message: "full" },
  role: "leader",
  leader: 1,
  ballot: { round: 3, node: 1 },
  configuration: { epoch: 2, members: [{ id: 1, address: "a:1" }, { id: 2 }], alpha: 64, quorum: { kind: "majority" } },
  reason: "it leads",
  content: true,
  voting: true,
  chosenUpTo: 9,
  durableUpTo: 9,
  applied: 8,
  sessions: 2,
  peers: [{ id: 2, connected: true, heard: true, lagSlots: 7 }],
};

/** The stream in pieces, as sockets give them. */
function frames(stream: Uint8Array): unknown {
  const out: unknown[] = [];
  const input = new FrameInput(FRAME_BYTES_MAX, (kind, bytes, from, to) => {
    out.push({ kind, payload: bytes.slice(from, to) });
  });
  const step = 1 + (stream.length % 37);
  for (let at = 0; at < stream.length; at += step) {
    input.push(stream.subarray(at, at + step));
  }
  return out;
}

/** Checksums are made right again, so that what stands behind them is reached. */
function mended(stream: Uint8Array): Uint8Array {
  const bytes = stream.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + frameHeaderBytes <= bytes.length; ) {
    const length = view.getUint32(at);
    view.setUint32(at + 5, crc32(bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length)));
    view.setUint32(at + 9, crc32(bytes.subarray(at, at + 9)));
    at += frameHeaderBytes + length;
  }
  return bytes;
}

const clientFrames = golden("client");
const payloads = clientFrames.map((frame) => frame.slice(frameHeaderBytes));
/** The kind goes in front of the payload. */
const kinded = clientFrames.map((frame) => joined(frame.subarray(4, 5), frame.subarray(frameHeaderBytes)));
const streams = [
  ...clientFrames,
  joined(...clientFrames),
  joined(...encodeFrame(1, peerHello), ...encodeFrame(4, new Uint8Array(0))),
];
const snapshotPlace = { node: 2, index: 70_000, bytes: 300_000, offset: 262_144 };
const names = ['URI:synod://shop/node/1, DNS:example.com, URI:"a\\u002c b"'].map(utf8);
const addresses = ["10.0.0.1:7100", "[::1]:7100", "db-1.example.com:80"].map(utf8);

const simple = (name: string, samples: readonly Uint8Array[], read: (input: Uint8Array) => unknown): Target => ({
  name,
  samples,
  run: (input) => outcomeOf(() => read(input)),
});

export const wireTargets: readonly Target[] = [
  simple("frames", streams, frames),
  simple("frames, checksums mended", streams, (input) => frames(mended(input))),
  simple("hello of a peer", [peerHello], decodePeerHello),
  {
    name: "refusal of a peer",
    samples: [encodeRefusal({ reason: "cluster", text: "Another cluster." })],
    run: (input) => decodeRefusal(input).reason,
  },
  simple("message of a peer", golden("codec-msgpack"), (input) => {
    const message = messages.decode(input);
    // What was understood must be sayable, and mean the same.
    const again = messages.encode(message);
    messages.decode(again);
    return message;
  }),
  simple("msgpack", golden("codec-msgpack"), (input) => values.decode(input)),
  simple("request of a client", kinded, (input) => decodeRequest(input[0] ?? 0, input.subarray(1))),
  simple("reply of a server", kinded, (input) => decodeReply(input[0] ?? 0, input.subarray(1))),
  simple("hello of a client", payloads, decodeHello),
  simple("welcome of a server", payloads, decodeWelcome),
  simple("goodbye of a server", payloads, decodeGoodbye),
  simple(
    "call of an administrator",
    [
      ...payloads.map((payload) => payload.slice(8)),
      encodeAdminCall({ op: "readSnapshot", at: snapshotPlace, bytesMax: 100 }),
    ],
    decodeAdminCall,
  ),
  simple("part of a snapshot", [encodeAdminResult({ ...snapshotPlace, part: new Uint8Array(9) })], decodeSnapshotBytes),
  simple("status of a node", [encodeAdminResult(nodeStatus)], decodeStatus),
  simple("configuration for an administrator", [encodeAdminResult(nodeStatus.configuration)], decodeConfiguration),
  simple("address", addresses, (input) => parseAddress(textOf(input))),
  simple("names in a certificate", names, (input) => namesOf(textOf(input))),
];
