// The client protocol, byte by byte. A change of a golden file is a change of the protocol: raise the version. SYNOD_UPDATE_GOLDEN=1
// writes them anew.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SynodError } from "@synod/interface";
import { describe, expect, test } from "vitest";
import {
  type AdminCall,
  decodeAdminCall,
  decodeConfiguration,
  decodeGoodbye,
  decodeHello,
  decodeLeader,
  decodeReply,
  decodeRequest,
  decodeSnapshotBytes,
  decodeSnapshotInfo,
  decodeStatus,
  decodeWelcome,
  encodeAdminCall,
  encodeAdminResult,
  encodeFrame,
  encodeGoodbye,
  encodeHello,
  encodeReply,
  encodeRequest,
  encodeWelcome,
  type Goodbye,
  type Hello,
  type Reply,
  type Request,
  replyKinds,
  requestKinds,
  type Welcome,
} from "../src/protocol.js";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const session = { slot: 2 ** 40 + 7, index: 3 };
const hello: Hello = { cluster: "orders", token: "secret", name: "shop-1", frameBytesMax: 16_777_216 };
const welcome: Welcome = {
  nodeId: 2,
  role: "write",
  leader: 3,
  round: 12,
  limits: {
    requestsMax: 1024,
    requestBytesMax: 2 ** 24,
    watchesMax: 4096,
    frameBytesMax: 2 ** 22,
    idleTimeoutMs: 30_000,
  },
};
const status = {
  id: 1,
  clusterId: "orders",
  state: "running",
  failure: null,
  role: "leader",
  leader: 1,
  ballot: { round: 3, node: 1 },
  configuration: { epoch: 2, members: [{ id: 1 }, { id: 2, address: "b:1" }], alpha: 64, quorum: { kind: "majority" } },
  reason: "it leads",
  content: true,
  voting: true,
  chosenUpTo: 9,
  durableUpTo: 9,
  applied: 8,
  sessions: 2,
  peers: [{ id: 2, connected: true, heard: true }],
};
const required = Object.keys(status).filter((name) => !["failure", "leader", "ballot"].includes(name));
const goodbye: Goodbye = { code: "Busy", message: "too many", retryAfterMs: 1_000 };
const requests: readonly Request[] = [
  {
    kind: "propose",
    id: 1,
    deadlineMs: 9_750,
    ticket: { session, sequence: 9, floor: 7 },
    body: bytes(1, 2, 3),
  },
  { kind: "read", id: 2, deadlineMs: 5_000, via: "quorum", query: bytes(4, 5) },
  { kind: "watch", id: 2 ** 32 - 1, query: bytes(6) },
  { kind: "openSession", id: 4, deadlineMs: 10_000 },
  { kind: "closeSession", id: 5, deadlineMs: 1_000, session },
  { kind: "admin", id: 6, deadlineMs: 60_000, call: bytes(7, 8) },
  { kind: "cancel", id: 1 },
  { kind: "ping" },
];
const replies: readonly Reply[] = [
  { kind: "result", id: 1, body: bytes(1, 2, 3) },
  { kind: "failure", id: 2, code: "Busy", message: "later — später", retryAfterMs: 125 },
  { kind: "opened", id: 4, session, limit: 4_096 },
  { kind: "watched", id: 3, answer: bytes(1, 2), next: bytes(3) },
  { kind: "watched", id: 3, answer: bytes(), next: null },
  { kind: "leader", leader: null, round: 4 },
  { kind: "leader", leader: 3, round: 5 },
  { kind: "pong" },
];

const samples: Record<string, readonly [kind: number, payload: Uint8Array]> = {
  hello: [requestKinds.hello, encodeHello(hello)],
  welcome: [replyKinds.welcome, encodeWelcome(welcome)],
  goodbye: [replyKinds.goodbye, encodeGoodbye(goodbye)],
};
for (const request of requests) samples[request.kind] = encodeRequest(request);
for (const [i, reply] of replies.entries()) samples[`${reply.kind}-${i}`] = encodeReply(reply);

const folder = join(import.meta.dirname, "golden");
const lines = (frame: readonly Uint8Array[]): string =>
  Buffer.concat(frame)
    .toString("hex")
    .replaceAll(/.{1,64}/g, "$&\n");

if (process.env["SYNOD_UPDATE_GOLDEN"] === "1") {
  mkdirSync(folder, { recursive: true });
  for (const [name, [kind, payload]] of Object.entries(samples)) {
    writeFileSync(join(folder, `${name}.hex`), lines(encodeFrame(kind, payload)));
  }
}

describe("golden files", () => {
  test("there is one for each kind of frame", () => {
    const kinds = Object.values(samples).map(([kind]) => kind);
    expect(new Set(kinds)).toEqual(new Set([...Object.values(requestKinds), ...Object.values(replyKinds)]));
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(samples)
        .map((name) => `${name}.hex`)
        .sort(),
    );
  });

  test.each(Object.entries(samples))("%s has these bytes", (name, [kind, payload]) => {
    expect(lines(encodeFrame(kind, payload))).toBe(readFileSync(join(folder, `${name}.hex`), "utf8"));
  });
});

describe("what is encoded comes back", () => {
  test.each(requests)("$kind", (request) => expect(decodeRequest(...encodeRequest(request))).toEqual(request));
  test.each(replies)("$kind", (reply) => expect(decodeReply(...encodeReply(reply))).toEqual(reply));

  test("the handshake", () => {
    expect(decodeHello(encodeHello(hello))).toEqual(hello);
    expect(decodeHello(encodeHello({ ...hello, token: null, name: null }))).toEqual({
      ...hello,
      token: null,
      name: null,
    });
    expect(decodeWelcome(encodeWelcome(welcome))).toEqual(welcome);
    expect(decodeGoodbye(encodeGoodbye(goodbye))).toEqual(goodbye);
  });

  test("admin calls", () => {
    const calls: AdminCall[] = [
      { op: "status" },
      { op: "snapshot" },
      { op: "readSnapshot", at: null, bytesMax: 1 },
      { op: "readSnapshot", at: { node: 1, index: 9, bytes: 800, offset: 300 }, bytesMax: 1_000 },
      { op: "transferLeadership", to: 3 },
      { op: "transferLeadership", to: null },
      { op: "changeMembership", expectedEpoch: null, change: { kind: "remove", id: 3 } },
      {
        op: "changeMembership",
        expectedEpoch: 4,
        change: {
          kind: "add",
          member: { id: 4, address: "10.0.0.4:7000", name: "d", storeId: "0".repeat(32) },
          as: "learner",
          quorum: { kind: "weights", weights: [[1, 2]], phase1: 2, phase2: 1 },
        },
      },
      { op: "changeMembership", expectedEpoch: 1, change: { kind: "replace", id: 1, with: { id: 5 } } },
      { op: "changeMembership", expectedEpoch: 1, change: { kind: "setAddress", id: 1, address: "a:1" } },
      {
        op: "changeMembership",
        expectedEpoch: 1,
        change: { kind: "setQuorum", quorum: { kind: "grid", rows: [[1, 2]] }, alpha: 64 },
      },
    ];
    for (const call of calls) expect(decodeAdminCall(encodeAdminCall(call))).toEqual(call);
  });

  test("a part of a snapshot", () => {
    const given = { node: 1, index: 9, bytes: 800, offset: 300, part: bytes(1, 2, 3) };
    expect(decodeSnapshotBytes(encodeAdminResult(given))).toEqual(given);
    for (const name of Object.keys(given)) {
      expect(() => decodeSnapshotBytes(encodeAdminResult({ ...given, [name]: null }))).toThrow(
        expect.objectContaining({ code: "Malformed" }),
      );
    }
  });

  test("an admin result as far as it is plain data", () => {
    const result = { ...status, at: Infinity, none: undefined, failure: new SynodError("StoreFull", "full") };
    const sent = decodeStatus(encodeAdminResult(result));
    expect(sent).toEqual({ ...status, at: null, failure: { code: "StoreFull", message: "full" } });
  });

  test("a status: what a later server says besides is kept, what an earlier one does not know is missing", () => {
    expect(decodeStatus(encodeAdminResult(status))).toEqual(status);
    const without = { ...status, failure: undefined, leader: undefined, ballot: undefined };
    expect(decodeStatus(encodeAdminResult(without))).toEqual({ ...status, failure: null, leader: null, ballot: null });
    const [peer] = status.peers;
    const later = {
      ...status,
      role: "observer",
      mood: "good",
      peers: [{ ...peer, lagSlots: 7, mood: "bad" }],
      configuration: { ...status.configuration, members: [{ id: 1, address: "a:1", role: "referee", replaces: 9 }] },
    };
    expect(decodeStatus(encodeAdminResult(later))).toEqual(later);
  });

  test.each<[string, object]>([
    ...required.map((name): [string, object] => [`without ${name}`, { ...status, [name]: undefined }]),
    ["a number as a text", { ...status, applied: "9" }],
    ["a leader that is no id", { ...status, leader: "one" }],
    ["a failure without a code", { ...status, failure: { message: "full" } }],
    ["a ballot without a node", { ...status, ballot: { round: 3 } }],
    ["a peer that may be heard", { ...status, peers: [{ id: 2, connected: true }] }],
    ["a lag that is no number", { ...status, peers: [{ id: 2, connected: true, heard: true, lagSlots: "7" }] }],
    ["a member without an id", { ...status, configuration: { ...status.configuration, members: [{}] } }],
    [
      "an address that is no text",
      { ...status, configuration: { ...status.configuration, members: [{ id: 1, address: 7 }] } },
    ],
    ["no list of members", { ...status, configuration: { ...status.configuration, members: { id: 1 } } }],
  ])("a status that is none: %s", (_what, given) => {
    expect(() => decodeStatus(encodeAdminResult(given))).toThrow(expect.objectContaining({ code: "Malformed" }));
  });

  test("a configuration, a leader and a place of a snapshot", () => {
    const { configuration } = status;
    expect(decodeConfiguration(encodeAdminResult(configuration))).toEqual(configuration);
    expect(decodeLeader(encodeAdminResult({ leader: 3 }))).toBe(3);
    expect(decodeSnapshotInfo(encodeAdminResult({ index: 8, bytes: 100 }))).toEqual({ index: 8, bytes: 100 });
    for (const decode of [decodeConfiguration, decodeLeader, decodeSnapshotInfo]) {
      expect(() => decode(encodeAdminResult({ epoch: 1, index: 1 }))).toThrow(
        expect.objectContaining({ code: "Malformed" }),
      );
    }
  });
});

describe("anything else", () => {
  const decoders: Record<string, (kind: number, payload: Uint8Array) => unknown> = {
    request: decodeRequest,
    reply: decodeReply,
    hello: (_, payload) => decodeHello(payload),
    welcome: (_, payload) => decodeWelcome(payload),
    goodbye: (_, payload) => decodeGoodbye(payload),
    admin: (_, payload) => decodeAdminCall(payload),
    status: (_, payload) => decodeStatus(payload),
    configuration: (_, payload) => decodeConfiguration(payload),
    snapshot: (_, payload) => decodeSnapshotBytes(payload),
  };
  const codes = new Set(["Malformed", "VersionUnsupported", "TooLarge"]);
  const check = (decode: (kind: number, payload: Uint8Array) => unknown, kind: number, payload: Uint8Array): void => {
    try {
      decode(kind, payload);
    } catch (error) {
      if (!(error instanceof SynodError) || !codes.has(error.code)) throw error;
    }
  };

  test.each(Object.entries(decoders))("arbitrary bytes as a %s: a clear error, or a value", (_, decode) => {
    fc.assert(
      fc.property(fc.integer({ min: 0x1f, max: 0x50 }), fc.uint8Array({ maxLength: 80 }), (kind, payload) =>
        check(decode, kind, payload),
      ),
      { numRuns: 2_000 },
    );
  });

  test("frames with a byte changed, cut off or added", () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.nat(), more: fc.uint8Array({ maxLength: 3 }) });
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(samples)), change, ([kind, payload], { at, to, cut, more }) => {
        const damaged = Uint8Array.from(payload);
        if (damaged.length > 0) damaged[at % damaged.length] = to;
        const short = damaged.subarray(0, cut % (damaged.length + 1));
        for (const decode of Object.values(decoders)) {
          for (const bad of [damaged, short, Uint8Array.from([...damaged, ...more])]) check(decode, kind, bad);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["a request without a number", requestKinds.openSession, bytes(0, 0, 0, 0, 0, 0, 0, 1)],
    ["a deadline of 0", requestKinds.openSession, bytes(0, 0, 0, 1, 0, 0, 0, 0)],
    ["a deadline that no timer holds", requestKinds.openSession, bytes(0, 0, 0, 1, 255, 0, 0, 0)],
    ["a byte too many", requestKinds.cancel, bytes(0, 0, 0, 1, 0)],
    ["an unknown kind", 0x2f, bytes()],
    [
      "a slot above the safe integers",
      requestKinds.closeSession,
      bytes(0, 0, 0, 1, 0, 0, 0, 1, 255, ...new Uint8Array(15)),
    ],
  ])("%s is refused", (_, kind, payload) => {
    expect(() => decodeRequest(kind, payload)).toThrow(expect.objectContaining({ code: "Malformed" }));
  });

  test("another version of the protocol is told apart from nonsense", () => {
    const other = encodeHello(hello);
    other[5] = 2;
    expect(() => decodeHello(other)).toThrow(expect.objectContaining({ code: "VersionUnsupported" }));
    other[0] = 0;
    expect(() => decodeHello(other)).toThrow(expect.objectContaining({ code: "Malformed" }));
  });

  test("texts for logs hold no control characters, and no half of a pair", () => {
    const reply = encodeReply({
      kind: "failure",
      id: 1,
      code: "Busy",
      message: `a\n\u001b[31m${"😀".repeat(999)}`,
      retryAfterMs: 0,
    });
    const back = decodeReply(...reply);
    expect(back.kind === "failure" && /[\p{Cc}]/u.test(back.message)).toBe(false);
    expect(decodeGoodbye(encodeGoodbye({ ...goodbye, message: "x".repeat(999) + "😀" })).code).toBe("Busy");
  });
});
