import { once } from "node:events";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { RemoteNodeStatus } from "@synod/client";
import { SynodError } from "@synod/interface";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bestInformed, stateText, troubles } from "../src/all-servers.js";
import { readBackup, writeBackup } from "../src/backup.js";
import { judgeSyncs } from "../src/commands/doctor.js";
import { valueText } from "../src/commands/dump.js";
import { beginOf } from "../src/commands/snapshot.js";
import { parseTransaction } from "../src/commands/txn.js";
import { live, ready } from "../src/daemon.js";
import { Given } from "../src/given.js";
import { httpServer } from "../src/http-server.js";
import { CliError, exitOf } from "../src/exit-codes.js";
import { noteWaiting } from "../src/holders.js";
import type { Output } from "../src/output.js";
import { readOnlyFileSystem } from "../src/read-only.js";
import { explained, type Remote } from "../src/remote.js";
import { addresses, duration, durationFlag, members } from "../src/values.js";
import { lineOf, shownEntry } from "../src/values-shown.js";
import { noteSilence } from "../src/waiting.js";

describe("probes", () => {
  const status = { state: "running", content: true, leader: 2, failure: null, snapshot: { installing: false } };
  const probe = (change: object): [boolean, boolean] => {
    const changed = { ...status, ...change } as unknown as Parameters<typeof ready>[0] & Parameters<typeof live>[0];
    return [live(changed).ok, ready(changed).ok];
  };

  it("say alive unless the node has stopped by itself, and ready only with a leader in sight", () => {
    expect(probe({})).toEqual([true, true]);
    expect(probe({ content: false })).toEqual([true, false]);
    expect(probe({ leader: null })).toEqual([true, false]);
    expect(probe({ state: "starting" })).toEqual([true, false]);
    expect(probe({ snapshot: { installing: true } })).toEqual([true, false]);
    expect(probe({ state: "failed", failure: new SynodError("StoreFull", "the disk is full") })).toEqual([
      false,
      false,
    ]);
  });
});

it("probes are answered while others hold all the connections that there may be", async () => {
  const fine = { ok: true, reason: "fine" };
  const http = await httpServer("127.0.0.1:0", {
    live: () => fine,
    ready: () => fine,
    status: () => ({}),
    metrics: async () => ({ contentType: "text/plain", text: "" }),
    digest: () => null,
  });
  const port = Number(http.address.split(":")[1]);
  const slow = Array.from({ length: 300 }, () => connect(port, "127.0.0.1"));
  for (const socket of slow) socket.on("error", () => {});
  await Promise.all(slow.map((socket) => once(socket, "connect")));
  for (const socket of slow) socket.write("GET /livez HTTP/1.1\r\n");
  expect((await fetch(`http://${http.address}/livez`, { signal: AbortSignal.timeout(15_000) })).status).toBe(200);
  for (const socket of slow) socket.destroy();
  await http.close();
});

it("whoever asks for thousands of pages at once gets few, and holds up nobody", async () => {
  let made = 0;
  const fine = { ok: true, reason: "fine" };
  const http = await httpServer("127.0.0.1:0", {
    live: () => fine,
    ready: () => fine,
    status: () => ({}),
    metrics: async () => ({ contentType: "text/plain", text: "x".repeat(10_000 + made++) }),
    digest: () => null,
  });
  const socket = connect(Number(http.address.split(":")[1]), "127.0.0.1").pause();
  socket.on("error", () => {});
  socket.write("GET /metrics HTTP/1.1\r\nhost:a\r\n\r\n".repeat(1900));
  // Another connection is served after the first one was read.
  const url = `http://${http.address}/metrics`;
  for (let i = 0; i < 20; i++) expect((await (await fetch(url)).text()).length).toBeGreaterThan(10_000);
  expect(made).toBeLessThan(40);
  socket.destroy();
  await http.close();
});

describe("durations", () => {
  it.each([
    ["500ms", 500],
    ["20s", 20_000],
    ["1.5h", 5_400_000],
    ["0", 0],
    [0, 0],
  ])("%s", (given, ms) => {
    expect(v.parse(duration, given)).toBe(ms);
    expect(durationFlag(String(given))).toBe(ms);
  });

  it.each(["20", 20, "1500", "20 s", "s", "-1s", Number.NaN])("%s is none: a number needs its unit", (given) => {
    const text = "expected a duration with its unit, such as 500ms, 10s or 2m";
    expect(() => v.parse(duration, given)).toThrow(text);
    expect(() => durationFlag(String(given))).toThrow(text);
  });
});

it("addresses are the same in whatever way they are written", () => {
  expect(v.parse(addresses, "LOCALHOST:1,localhost:01,[0:0::1]:2,[::1]:2")).toEqual(["localhost:1", "[::1]:2"]);
  const refused = v.safeParse(members, "1=127.0.0.1:4001,2=127.0.0.1:04001");
  expect(refused.issues?.map(({ message }) => message)).toEqual([
    "expected each address once, found 127.0.0.1:4001 twice",
  ]);
  // As it was given: it is told to the other members.
  expect(v.parse(members, "1=DB.example:4001")).toEqual([{ id: 1, address: "DB.example:4001" }]);
  expect(v.safeParse(addresses, "a b:1").issues?.[0]?.message).toMatch(/^expected host:port, such as/);
});

describe("what a lock waits for", () => {
  const lines: string[] = [];
  const output = { note: (text: string) => void lines.push(text) } as unknown as Output;
  const begin = (read: () => Promise<unknown>, silenceTold = false): (() => void) => {
    const remote = { client: { read }, silenceTold: () => silenceTold } as unknown as Remote;
    return noteWaiting(remote, 'the lock "a"', "lock/a", output);
  };
  beforeEach(() => {
    lines.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  it("is said once after a while: the cluster does not answer", async () => {
    const end = begin(() => Promise.reject(new SynodError("NoLeader", "no leader in time")));
    await vi.advanceTimersByTimeAsync(1_900);
    expect(lines).toEqual([]);
    await vi.advanceTimersByTimeAsync(10_000);
    const why = "the cluster does not answer (NoLeader); it needs a leader and a majority";
    expect(lines).toEqual([`waits for the lock "a": ${why}`]);
    end();
  });

  it("is not said where it was said that the cluster does not answer", async () => {
    begin(() => Promise.reject(new SynodError("NoLeader", "no leader in time")), true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual([]);
    begin(() => Promise.resolve({ kind: "lock", holders: [], holding: 1, waiting: 2 }), true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual(['waits for the lock "a": it is held, 2 in the queue']);
  });

  it("is not said once it is held", async () => {
    begin(() => Promise.resolve({ kind: "lock", holders: [], holding: 1, waiting: 2 }))();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual([]);
    begin(() => Promise.resolve({ kind: "lock", holders: [], holding: 1, waiting: 2 }));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual(['waits for the lock "a": it is held, 2 in the queue']);
  });
});

it("a hint is a sentence of its own", () => {
  const hint = "Neither --servers nor SYNOD_SERVERS was given: 127.0.0.1:7101 was tried.";
  for (const text of ["no server was reached (refused)", "no server was reached (refused)."]) {
    const error = explained(new SynodError("NoServer", text), new Given({}, {}));
    expect(error).toMatchObject({ code: "NoServer", message: `no server was reached (refused). ${hint}` });
  }
  const cause = new SynodError("NoServer", "no server was reached (refused)");
  expect(explained(cause, new Given({ servers: "127.0.0.1:1" }, {}))).toBe(cause);
});

describe("a cluster that does not answer", () => {
  const lines: string[] = [];
  const output = { note: (text: string) => void lines.push(text) } as unknown as Output;
  const missing = new SynodError("NoServer", "connect ECONNREFUSED");
  const begin = (read: () => Promise<unknown>, ...failures: (SynodError | null)[]): ReturnType<typeof noteSilence> => {
    const servers = failures.map((failure, i) => {
      return { address: `10.0.0.${i + 1}:7101`, connected: failure === null, nodeId: null, role: null, failure };
    });
    return noteSilence({ read, status: () => ({ servers }) }, output);
  };
  const late = (): Promise<unknown> => {
    const cause = new SynodError("NoLeader", "1 of 2 members heard");
    return new Promise((_, reject) => setTimeout(reject, 1_000, new SynodError("NoLeader", "late", { cause })));
  };
  beforeEach(() => {
    lines.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  it("is told once, within two seconds, with who is missing", async () => {
    const silence = begin(late, null, missing, missing);
    expect(silence.told).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    const who = "10.0.0.2:7101: connect ECONNREFUSED; 10.0.0.3:7101: connect ECONNREFUSED";
    const text = `note: waiting for a leader with a majority: 1 of 3 servers is connected; not connected: ${who}`;
    expect(lines).toEqual([text]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([lines, silence.told]).toEqual([[text], true]);
  });

  it("is told with what a server said, where none is missing", async () => {
    begin(late, null, null);
    await vi.advanceTimersByTimeAsync(2_000);
    const who = "2 of 2 servers are connected; last a server said: 1 of 2 members heard";
    expect(lines).toEqual([`note: waiting for a leader with a majority: ${who}`]);
  });

  it("is not told of one that does, nor where the command has ended or the read was refused", async () => {
    const read = vi.fn(late);
    const [early, asking] = [begin(read, null), begin(late, null)];
    begin(() => Promise.resolve({ kind: "status" }), null);
    begin(() => Promise.reject(new SynodError("Busy", "too many calls")), null);
    early.end();
    await vi.advanceTimersByTimeAsync(1_000);
    asking.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lines).toEqual([]);
    expect(read).not.toHaveBeenCalled();
  });
});

it("a snapshot on the disk is as old as the moment when it began to be written, where that is known", () => {
  const [begun, ended] = [1_000, 3_000];
  expect(beginOf({ birthtimeMs: begun, mtimeMs: ended })).toBe(begun);
  // Copied: made anew later, and last changed when it was.
  expect(beginOf({ birthtimeMs: 9_000, mtimeMs: ended })).toBe(ended);
  expect(beginOf({ birthtimeMs: 0, mtimeMs: ended })).toBe(ended);
});

describe("who knows most of the cluster", () => {
  const node = (role: string, content: boolean, id = 0) => ({ id, role, content });
  const leads = node("leader", true);
  const follows = node("follower", true);
  const inVain = node("leader", false);
  const lost = node("candidate", false);

  it.each([
    ["a leader with a majority", [lost, inVain, follows, leads], leads],
    ["a follower that hears a working leader, before one that leads in vain", [lost, inVain, follows], follows],
    ["one that leads in vain, before others that see no leader", [lost, inVain], inVain],
    ["any", [lost], lost],
  ])("%s", (_what, nodes, best) => {
    expect(bestInformed(nodes)).toBe(best);
    expect(bestInformed([...nodes].reverse())).toBe(best);
  });

  it("the first of several; nobody, if nobody answered", () => {
    expect(bestInformed([node("follower", true, 2), node("follower", true, 1)])).toMatchObject({ id: 2 });
    expect(bestInformed([])).toBeUndefined();
  });
});

describe("disk syncs", () => {
  const verdict = (times: readonly number[]): string => judgeSyncs(times).verdict;
  it("are well on an SSD, suspicious if they cost nothing, too slow on a network disk, and stall", () => {
    expect(verdict([0.2, 0.3, 1])).toBe("ok");
    expect(verdict([0.001, 0.002, 0.001])).toBe("warn");
    expect(verdict([60, 70, 80])).toBe("fail");
    expect(verdict([0.2, 0.2, 0.2, 400])).toBe("warn");
  });
});

it("a batch of many commands is a few words in a table", () => {
  const batch = (count: number): string =>
    valueText({
      kind: "batch",
      timeMs: 5,
      ballot: null,
      entries: Array.from({ length: count }, (_, i) => `command ${i + 1}`),
    });
  expect(batch(0)).toBe("tick at 5 ms");
  expect(batch(3)).toBe("command 1; command 2; command 3");
  expect(batch(64)).toBe("command 1; command 2; command 3; 61 more");
});

describe("transactions", () => {
  it("are read from YAML and JSON", () => {
    const wanted = {
      if: [{ key: "a", field: "version", is: ">", to: 0 }],
      do: [
        { kind: "put", key: "a", value: Buffer.from("1") },
        { kind: "delete", key: "b" },
      ],
      else: [{ kind: "range", keys: { prefix: "" } }],
    };
    const yaml =
      "if: [{ key: a, field: version, is: '>', to: 0 }]\ndo:\n  - { put: a, value: '1' }\n  - { delete: b }\nelse: [{ prefix: '' }]";
    expect(parseTransaction(yaml, "t")).toEqual(wanted);
    const json =
      '{"if":[{"key":"a","field":"version","is":">","to":0}],"do":[{"put":"a","value":"1"},{"delete":"b"}],"else":[{"prefix":""}]}';
    expect(parseTransaction(json, "t")).toEqual(wanted);
    expect(() => parseTransaction("", "t")).toThrow("t: expected { if, do, else }, found null");
  });

  it.each([
    ["do: [{ put: a }]", "t: do[0].value: it is missing"],
    [
      "do: [{ delete: a }, { put: a, value: 5 }]",
      "t: do[1].value: expected a text (in quotes, where it looks like something else), found 5",
    ],
    ["else: [{ put: a, value: b, lese: x }]", "t: else[0].lese: there is no such key"],
    [
      "do: [{ kind: put, key: a }]",
      "t: do[0]: expected { put, value }, { delete }, { get } or { prefix }, found an object",
    ],
    ["do: [a]", 't: do[0]: expected { put, value }, { delete }, { get } or { prefix }, found "a"'],
    [
      "if: [{ key: a, field: rev, is: '=', to: 1 }]",
      't: if[0].field: expected revision, createRevision, version or value, found "rev"',
    ],
    ["if: [{ key: a, is: '=', to: 1 }]", "t: if[0].field: it is missing"],
    ["if: [{ key: a, field: value, is: '<', to: '1' }]", 't: if[0].is: expected = or != for a value, found "<"'],
    ["if: [{ key: a, field: version, is: '=', to: '1' }]", 't: if[0].to: expected a whole number, found "1"'],
    ["if: [{ held: x }]", "t: if[0].fencingToken: it is missing"],
    ["if: [{ kye: a }]", "t: if[0]: expected { key, field: "],
    ["then: []", "t: then: there is no such key"],
    ["do: 7", "t: do: expected a list, found 7"],
  ])("%j is refused with its place", (content, text) => {
    expect(() => parseTransaction(content, "t")).toThrow(text);
  });
});

it("values are shown as text where they are one, and never break a line", () => {
  const entry = { key: "k", revision: 1, createRevision: 1, version: 1, lease: null };
  expect(shownEntry({ ...entry, value: Buffer.from("é\n") })).toMatchObject({ value: "é\n" });
  expect(shownEntry({ ...entry, value: Uint8Array.of(0xff, 0) })).toMatchObject({ valueBase64: "/wA=" });
  expect(lineOf(Buffer.from("a\nb"))).toBe('"a\\nb"');
  expect(lineOf(Uint8Array.of(0xff, 0))).toBe("<2 bytes>");
  expect(lineOf(Buffer.from("x".repeat(200)))).toHaveLength(80);
});

it("errors end the program by what they mean", () => {
  expect(exitOf(new SynodError("NoLeader", ""))).toBe("unavailable");
  expect(exitOf(new SynodError("OutcomeUnknown", ""))).toBe("unknown");
  expect(exitOf(new CliError("no", ""))).toBe("no");
  expect(exitOf(new TypeError(""))).toBe("failed");
});

it("whom others refuse is said once, with why; who sees no leader says it for itself", () => {
  const peer = (id: number, refused: string | null) => ({ id, refused }) as RemoteNodeStatus["peers"][number];
  const nodes = [
    { id: 1, content: true, reason: "it leads", peers: [peer(2, null), peer(3, "its disk was formatted anew")] },
    { id: 2, content: true, reason: "it follows", peers: [peer(1, null), peer(3, "its disk was formatted anew")] },
    { id: 3, content: false, reason: "nobody answers", peers: [peer(1, null)] },
    { id: 4, content: false, reason: "no leader yet", peers: [] },
  ];
  expect(troubles(nodes)).toEqual([
    "node 3: nothing is taken from it by node 1, 2: its disk was formatted anew",
    "node 4: no leader yet",
  ]);
});

it("the state of a node that was removed and has to run on says so, and nothing where the server does not tell", () => {
  const node = { state: "running", content: false, voting: true } as const;
  const membership = { removed: { epoch: 2, mayStop: false } } as NonNullable<RemoteNodeStatus["membership"]>;
  expect(stateText({ ...node, membership })).toBe("running, removed, sees no leader");
  expect(stateText({ ...node, membership, state: "removed", content: true })).toBe("removed");
  expect(stateText({ ...node, voting: false })).toBe("running, sees no leader, does not vote");
});

it("a backup that is broken off by a signal leaves nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-backup-"));
  const head = { cluster: "shop", index: 7, bytes: 10, savedAt: new Date(0).toISOString(), nodeId: 1 };
  const ended = vi.spyOn(process, "kill").mockReturnValue(true);
  const listeners = process.listenerCount("SIGHUP");
  try {
    const writing = writeBackup(
      join(directory, "file"),
      head,
      (async function* () {
        yield Buffer.alloc(5);
        expect(await readdir(directory)).toEqual([expect.stringContaining(".partial")]);
        process.emit("SIGHUP", "SIGHUP");
        expect(await readdir(directory)).toEqual([]);
        throw new Error("ended");
      })(),
    );
    await expect(writing).rejects.toThrow("ended");
    expect(ended).toHaveBeenCalledWith(process.pid, "SIGHUP");
    expect(process.listenerCount("SIGHUP")).toBe(listeners);
  } finally {
    ended.mockRestore();
    await rm(directory, { recursive: true });
  }
});

it("a store of many values is looked at without copying all of it for each", async () => {
  const file = await readOnlyFileSystem().open("/nowhere/file", "create");
  const value = new Uint8Array(4096).fill(7);
  const begun = performance.now();
  await file.write(
    Array.from({ length: 4096 }, () => value),
    0,
  );
  expect(performance.now() - begun).toBeLessThan(2_000);
  expect(await file.size()).toBe(2 ** 24);
});

it("a backup is whole where the system takes a write in parts, as it does on a disk that is nearly full", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "synod-backup-")), "file");
  const probe = await open(path, "w");
  const handles = Object.getPrototypeOf(probe) as typeof probe;
  await probe.close();
  await rm(path);
  type Write = (bytes: Uint8Array, from?: number, length?: number) => ReturnType<typeof probe.write<Uint8Array>>;
  const { write } = handles as unknown as {
    readonly write: (this: typeof probe, ...args: Parameters<Write>) => ReturnType<Write>;
  };
  const half = function (this: typeof probe, ...[bytes, from = 0, length = bytes.length - from]: Parameters<Write>) {
    return write.call(this, bytes, from, Math.ceil(length / 2));
  };
  const part = vi.spyOn(handles, "write").mockImplementation(half as unknown as typeof probe.write);
  const content = Buffer.alloc(100_000, "content ");
  try {
    const head = { cluster: "shop", index: 7, bytes: content.length, savedAt: new Date(0).toISOString(), nodeId: 1 };
    await writeBackup(
      path,
      head,
      (async function* () {
        yield content;
      })(),
    );
  } finally {
    part.mockRestore();
  }
  const read: Uint8Array[] = [];
  for await (const chunk of readBackup(path)) read.push(chunk);
  expect(Buffer.concat(read).equals(content)).toBe(true);
  await rm(dirname(path), { recursive: true });
});
