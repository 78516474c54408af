// The program as people use it: three processes on real ports. Needs the build, as `npm test` makes it.
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endAll, freePorts, run, temporary } from "./cli.js";
import { makeCluster, type StatusJson, type TestCluster } from "./cluster.js";

const place = temporary();
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await makeCluster(place.path, "shop");
  await cluster.startAll();
}, 60_000);
afterAll(async () => {
  await endAll();
  place.remove();
});

const slow = { timeout: 300_000 };

describe("keys", slow, () => {
  it("puts, gets, lists and deletes, with exit codes that scripts can use", async () => {
    expect(await cluster.synod(["put", "fruit/apple", "red"])).toMatchObject({ code: 0, err: "" });
    expect(await cluster.synod(["put", "fruit/pear"], { input: "green\nand ripe" })).toMatchObject({ code: 0 });
    expect(await cluster.synod(["get", "fruit/apple"])).toMatchObject({ code: 0, out: "red\n" });
    expect(await cluster.synod(["get", "fruit/pear", "--raw"])).toMatchObject({ code: 0, out: "green\nand ripe" });
    expect(await cluster.synod(["get", "fruit/fig"])).toMatchObject({ code: 3, out: "" });
    expect(await cluster.json(["range", "fruit/"])).toMatchObject({
      more: false,
      entries: [
        { key: "fruit/apple", value: "red", version: 1, lease: null },
        { key: "fruit/pear", value: "green\nand ripe" },
      ],
    });
    expect((await cluster.synod(["range", "fruit/", "--limit", "1"])).out).toMatch(
      /^key +value +revision\nfruit\/apple +red +\d+\n$/,
    );
    for (const [order, flag] of [
      [[], "--from"],
      [["--reverse"], "--to"],
    ] as const) {
      const { err } = await cluster.synod(["range", "fruit/", "--limit", "1", ...order]);
      expect(err).toContain(`--limit and ${flag} choose others`);
    }
    expect(await cluster.json(["del", "--prefix", "fruit/"])).toEqual({ deleted: 2 });
    expect(await cluster.synod(["range", "fruit/"])).toMatchObject({ code: 0, out: "" });
  });

  it("puts load on the cluster, says how it went, and leaves nothing behind", async () => {
    const flags = ["bench", "--seconds", "1", "--warm", "0", "--outstanding", "8", "--keys", "20", "--reads", "0.5"];
    const result = await cluster.json<{ operations: number; errors: object }>(flags);
    expect(result.errors).toEqual({});
    expect(result.operations).toBeGreaterThan(8);
    expect(await cluster.synod([...flags, "--rate", "50"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("50 % get, 8 outstanding"),
    });
    expect((await cluster.synod(["range", "synod-bench/"])).out).toBe("");
    expect(await cluster.synod(["bench", "--reads", "2"])).toMatchObject({ code: 2 });
  });

  it("writes under a condition, and ends with 3 where it does not hold", async () => {
    const { revision } = await cluster.json<{ revision: number }>(["put", "stock", "1", "--if-absent"]);
    expect(await cluster.synod(["put", "stock", "2", "--if-absent"])).toMatchObject({
      code: 3,
      err: expect.stringContaining(`has revision ${revision}`),
    });
    expect(await cluster.synod(["put", "stock", "2", "--if-revision", String(revision)])).toMatchObject({ code: 0 });
    expect(await cluster.synod(["del", "stock", "--if-revision", String(revision)])).toMatchObject({ code: 3 });
    const input =
      "if: [{ key: stock, field: value, is: '=', to: '2' }]\ndo: [{ put: stock, value: '0' }, { delete: offer }]\nelse: [{ get: stock }]";
    expect(await cluster.synod(["txn", "--json"], { input })).toMatchObject({
      code: 0,
      out: expect.stringContaining('"succeeded":true'),
    });
    const again = await cluster.synod(["txn", "--json"], { input });
    expect(again.code).toBe(3);
    expect(JSON.parse(again.out)).toMatchObject({
      succeeded: false,
      results: [{ kind: "range", entries: [{ key: "stock", value: "0" }] }],
    });
    expect(await cluster.synod(["txn"], { input: "if: [{ key: a }]" })).toMatchObject({
      code: 2,
      err: expect.stringContaining("standard input: if[0].field: it is missing"),
    });
  });

  it("watches from a revision on and from now on", async () => {
    const { revision } = await cluster.json<{ revision: number }>(["put", "w/a", "1"]);
    const now = cluster.begin(["watch", "--prefix", "w/", "--count", "2"]);
    await now.saw("watching from revision");
    await cluster.synod(["put", "w/b", "2"]);
    await cluster.synod(["del", "w/a"]);
    expect(await now.ended).toMatchObject({ code: 0, out: "put w/b 2\ndelete w/a\n" });
    const past = await cluster.synod(["watch", "--prefix", "w/", "--from", String(revision), "--count", "3", "--json"]);
    const lines = past.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string; key: string });
    expect(lines.map(({ kind, key }) => `${kind} ${key}`)).toEqual(["put w/a", "put w/b", "delete w/a"]);
    const open = cluster.begin(["watch", "w/z"]);
    await open.saw("watching from revision");
    open.child.kill("SIGINT");
    expect(await open.ended).toMatchObject({ code: 0 });
  });

  it("has a line for each change, whatever the key is", async () => {
    const { revision } = await cluster.json<{ revision: number }>(["put", "line\nput other \u001b[31m", "1"]);
    const shown = '"line\\nput other \\u001b[31m"';
    const watched = await cluster.synod(["watch", "--prefix", "line", "--from", String(revision), "--count", "1"]);
    expect(watched).toMatchObject({ code: 0, out: `put ${shown} 1\n` });
    expect((await cluster.synod(["range", "line"])).out).toContain(`${shown}  1`);
  });

  it("deletes what it has put for a measurement also where that is broken off", async () => {
    const bench = cluster.begin(["bench", "--keys", "10", "--seconds", "100"]);
    const kept = async (): Promise<number> =>
      (await cluster.json<{ entries: unknown[] }>(["range", "synod-bench/"])).entries.length;
    await expect.poll(kept, { timeout: 30_000 }).toBe(10);
    bench.child.kill("SIGINT");
    expect(await bench.ended).toMatchObject({ signal: "SIGINT", out: "" });
    expect(await kept()).toBe(0);
  });

  it("grants leases that take their keys with them", async () => {
    const { id } = await cluster.json<{ id: string }>(["lease", "grant", "1h"]);
    await cluster.json(["put", "session", "x", "--lease", id]);
    expect(await cluster.json(["lease", "show", id])).toMatchObject({ id, ttlMs: 3_600_000, keys: 1 });
    expect(await cluster.json(["lease", "keep-alive", id])).toEqual({ id, kept: true });
    expect(await cluster.json(["lease", "revoke", id])).toEqual({ id, revoked: true });
    expect(await cluster.synod(["get", "session"])).toMatchObject({ code: 3 });
    expect(await cluster.synod(["lease", "keep-alive", id])).toMatchObject({ code: 121 });
    expect(await cluster.synod(["lease", "show", id])).toMatchObject({ code: 3 });
    const late = await cluster.synod(["put", "session", "x", "--lease", id]);
    expect(late).toMatchObject({ code: 3, err: `error: nothing was changed: there is no lease ${id}\n` });
  });
});

/** A command that runs until the test ends it, or it is killed. */
class Work {
  readonly #server: Server;
  readonly #arrivals: ((socket: Socket) => void)[] = [];
  readonly port: number;

  static async open(): Promise<Work> {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    const work = new Work(server, port);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return work;
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => this.#arrivals.shift()?.(socket));
  }

  /** Says what it finds in its environment, then ends with the code that it is sent. */
  get command(): string[] {
    const script = `
      const socket = require("node:net").connect(${this.port}, "127.0.0.1");
      socket.write(JSON.stringify({ token: process.env.SYNOD_FENCING_TOKEN, lock: process.env.SYNOD_LOCK, election: process.env.SYNOD_ELECTION }) + "\\n");
      socket.on("data", (code) => process.exit(Number(code)));`;
    return [process.execPath, "-e", script];
  }

  /** Ask before it is started. */
  async runs(): Promise<{
    readonly said: { token: string; lock?: string; election?: string };
    end: (code: number) => void;
    readonly gone: Promise<void>;
  }> {
    const socket = await new Promise<Socket>((resolve) => this.#arrivals.push(resolve));
    const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    const said = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
    return { said: JSON.parse(said) as { token: string }, end: (code) => socket.write(String(code)), gone };
  }

  close(): void {
    this.#server.close();
  }
}

describe("lock and elect", slow, () => {
  let work: Work;
  beforeAll(async () => {
    work = await Work.open();
  });
  afterAll(() => work.close());

  it("runs the command with a growing token, alone, and ends with its exit code", async () => {
    const first = work.runs();
    const holder = cluster.begin(["lock", "report", "--", ...work.command]);
    const one = await first;
    expect(one.said).toMatchObject({ lock: "report" });
    expect(await cluster.synod(["lock", "report", "--try", "--", ...work.command])).toMatchObject({ code: 120 });
    expect(await cluster.synod(["lock", "report", "--wait", "100ms", "--json", "--", ...work.command])).toMatchObject({
      code: 120,
      err: expect.stringContaining('"code":"LockNotAcquired"'),
    });
    const second = work.runs();
    const waiting = cluster.begin(["lock", "report", "--", ...work.command]);
    one.end(7);
    expect(await holder.ended).toMatchObject({ code: 7 });
    const two = await second;
    expect(Number(two.said.token)).toBeGreaterThan(Number(one.said.token));
    two.end(0);
    expect(await waiting.ended).toMatchObject({ code: 0 });
  });

  it("shows who holds a lock, and says what it waits for", async () => {
    expect(await cluster.synod(["lock", "seen", "--show"])).toMatchObject({ code: 3 });
    const first = work.runs();
    const holder = cluster.begin(["lock", "seen", "--ttl", "30s", "--", ...work.command]);
    const { said, end } = await first;
    const waiting = cluster.begin(["lock", "seen", "--", "true"]);
    await waiting.saw('waits for the lock "seen": it is held');
    const shown = await cluster.json<Record<string, unknown>>(["lock", "seen", "--show"]);
    const holders = [
      { lease: expect.any(String) as string, fencingToken: Number(said.token), leftMs: expect.any(Number) as number },
    ];
    expect(shown).toEqual({ name: "seen", holders, holding: 1, waiting: 1 });
    expect((await cluster.synod(["lock", "seen", "--show"])).out).toMatch(
      new RegExp(`^held: fencing token ${said.token}, lease \\S+, \\d+ s left\\n1 waits\\n$`),
    );
    end(0);
    expect(await holder.ended).toMatchObject({ code: 0 });
    expect(await waiting.ended).toMatchObject({ code: 0 });
  });

  it("passes SIGTERM on, and says what a shell says of commands that it cannot run", async () => {
    const first = work.runs();
    const holder = cluster.begin(["lock", "term", "--", ...work.command]);
    await first;
    holder.child.kill("SIGTERM");
    expect(await holder.ended).toMatchObject({ code: 128 + 15 });
    expect(await cluster.synod(["lock", "term", "--", "/no/such/command"])).toMatchObject({ code: 127 });
    expect(await cluster.synod(["lock", "term", "--", place.path])).toMatchObject({ code: 126 });
    expect(await cluster.synod(["lock", "term", "--try", "--", "true"])).toMatchObject({ code: 0 });
  });

  it("kills the command and ends with 121 when the lock is lost", async () => {
    const first = work.runs();
    const holder = cluster.begin(["lock", "paused", "--ttl", "1s", "--", ...work.command]);
    const { gone } = await first;
    // A process that stands still cannot keep its lock alive: the next one gets it.
    holder.child.kill("SIGSTOP");
    expect(await cluster.synod(["lock", "paused", "--", "true"])).toMatchObject({ code: 0 });
    holder.child.kill("SIGCONT");
    const ended = await holder.ended;
    expect(ended).toMatchObject({ code: 121 });
    expect(ended.err).toContain("LeaseLost");
    await gone;
  });

  it("keeps the lock while the leader is killed", async () => {
    const first = work.runs();
    const holder = cluster.begin(["lock", "steady", "--ttl", "20s", "--", ...work.command]);
    const { end } = await first;
    const leader = await cluster.leader();
    await cluster.end(leader, "SIGKILL");
    expect(await cluster.synod(["put", "after", "the kill"])).toMatchObject({ code: 0 });
    expect(await cluster.synod(["lock", "steady", "--try", "--", "true"])).toMatchObject({ code: 120 });
    end(5);
    expect(await holder.ended).toMatchObject({ code: 5 });
    expect(await cluster.synod(["lock", "steady", "--try", "--", "true"])).toMatchObject({ code: 0 });
    await cluster.start(leader);
  });

  it("elects one, and tells observers", async () => {
    const observer = cluster.begin(["elect", "boss", "--observe"]);
    await observer.saw("nobody");
    const first = work.runs();
    const candidate = cluster.begin(["elect", "boss", "--value", "one", "--", ...work.command]);
    const { said, end } = await first;
    expect(said).toMatchObject({ election: "boss" });
    await observer.saw(`one (fencing token ${said.token})`);
    expect(await cluster.synod(["elect", "boss", "--show"])).toMatchObject({ code: 0, out: "one\n" });
    end(0);
    expect(await candidate.ended).toMatchObject({ code: 0 });
    await observer.saw(/one.*\nnobody\n/);
    observer.child.kill("SIGTERM");
    expect(await observer.ended).toMatchObject({ code: 0 });
    expect(await cluster.synod(["elect", "boss", "--show"])).toMatchObject({ code: 3 });
  });

  it("holds without a command until it is asked to end", async () => {
    const holder = cluster.begin(["lock", "open", "--json"]);
    await holder.saw('"fencingToken":');
    holder.child.kill("SIGINT");
    expect(await holder.ended).toMatchObject({ code: 0, err: "" });
  });
});

it("a watch that has not begun ends with the first signal", slow, async () => {
  const waiting = cluster.begin(["watch", "x", "--servers", "127.0.0.1:9", "--timeout", "100s"]);
  await waiting.saw("no server yet");
  const begun = performance.now();
  waiting.child.kill("SIGINT");
  await waiting.ended;
  expect(performance.now() - begun).toBeLessThan(50_000);
});

describe("a lock without a majority", slow, () => {
  it("--try ends by the timeout: never held, and the command was not run", async () => {
    const alone = await makeCluster(place.path, "alone");
    await alone.spawn(1).saw("runs; clients at");
    const begun = performance.now();
    const tried = await alone.synod(["lock", "a", "--try", "--timeout", "1s", "--json", "--", process.execPath, "-v"]);
    // Half of what a try takes by itself, which the timeout stands in for.
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(tried).toMatchObject({ code: 120, out: "" });
    expect(JSON.parse(tried.err)).toMatchObject({
      error: { exitCode: 120, message: expect.stringContaining("1000 ms") },
    });
    await alone.end(1, "SIGKILL");
  });
});

it("what waits for a majority says so once on the error stream, but not to programs", slow, async () => {
  const alone = await makeCluster(place.path, "waits");
  await alone.spawn(1).saw("runs; clients at");
  const waiting = "note: waiting for a leader with a majority: 1 of 3 servers is connected; not connected: ";
  const commands: readonly (readonly [code: number, ...args: string[]])[] = [
    [4, "put", "a", "1"],
    [4, "get", "a"],
    [120, "lock", "a", "--try"],
  ];
  // More than until the lock would say what it waits for by itself.
  const timeout = ["--timeout", "5s"];
  await Promise.all(
    commands.map(async ([code, ...args]) => {
      const [people, programs] = await Promise.all([
        alone.synod([...args, ...timeout]),
        alone.synod([...args, ...timeout, "--json"]),
      ]);
      const [note, error, ...more] = people.err.trimEnd().split("\n");
      expect({ ...people, err: note }).toMatchObject({ code, out: "", err: expect.stringContaining(waiting) });
      expect(note).toContain(`${alone.node(2).clients}: connect ECONNREFUSED`);
      expect([error, more]).toEqual([expect.stringMatching(/^error: /), []]);
      expect(programs).toMatchObject({ code, out: "" });
      expect(JSON.parse(programs.err)).toMatchObject({ error: { exitCode: code } });
    }),
  );
  const change = alone.begin(["member", "remove", "3"]);
  await change.saw(waiting);
  change.child.kill("SIGKILL");
  // This answer needs no majority, and says itself what is missing.
  expect((await alone.synod(["member", "list"])).err).not.toContain("note:");
  await alone.end(1, "SIGKILL");
});

describe("operation", slow, () => {
  it("hands the leadership over where it is asked to", async () => {
    const leader = await cluster.leader();
    const to = leader === 1 ? 2 : 1;
    expect(await cluster.json(["leader", "transfer", String(to)])).toEqual({ leader: to });
    expect(await cluster.leader()).toBe(to);
  });

  it("is restarted node by node with SIGTERM, the leader handing over, and stays healthy", async () => {
    await cluster.synod(["put", "kept", "yes"]);
    for (const id of [1, 2, 3]) {
      const leads = (await cluster.leader()) === id;
      const ended = await cluster.end(id, "SIGTERM");
      expect(ended).toMatchObject({ code: 0 });
      expect(ended.err).toContain("the node was closed in order");
      if (leads) expect(ended.err).toContain("the leadership was handed over");
      expect(await cluster.synod(["get", "kept"])).toMatchObject({ code: 0, out: "yes\n" });
      await cluster.start(id);
      expect(await cluster.json(["health"])).toMatchObject({ healthy: true, serving: true, servers: 3, missing: [] });
    }
  });

  it("shows status and health by text, JSON and exit code, with all, two, one and no node", async () => {
    const status = await cluster.json<StatusJson>(["status"]);
    expect(status.servers.map(({ node }) => node?.id)).toEqual([1, 2, 3]);
    expect(status.servers.filter(({ node }) => node?.role === "leader")).toHaveLength(1);
    expect((await cluster.synod(["status"])).out.split("\n")[0]).toMatch(
      /^server +node +role +leader +chosen +applied +epoch +state$/,
    );
    await cluster.end(3, "SIGTERM");
    const degraded = await cluster.synod(["health", "--json"]);
    expect(degraded.code).toBe(3);
    expect(JSON.parse(degraded.out)).toMatchObject({
      healthy: false,
      serving: true,
      missing: [{ address: cluster.node(3).clients }],
    });
    // The leader misses it, too, whatever servers are named.
    const two = [1, 2].map((id) => cluster.node(id).clients).join(",");
    const unheard = await cluster.synod(["health", "--servers", two]);
    expect(unheard).toMatchObject({ code: 3, out: expect.stringContaining("the leader does not hear node 3 at ") });
    expect(await cluster.json(["status"])).toMatchObject({
      servers: [{ error: null }, { error: null }, { node: null, error: { code: "NoServer" } }],
    });
    await cluster.end(2, "SIGKILL");
    expect(await cluster.synod(["health", "--timeout", "1s"])).toMatchObject({ code: 4 });
    await expect
      .poll(async () => (await cluster.synod(["member", "list"])).err, { timeout: 20_000 })
      .toMatch(/no working leader answered; as node 1 sees it: .*1 of 3 members heard, 2 are needed/);
    const { members } = await cluster.json<{ members: { leader: boolean; lagSlots: unknown }[] }>(["member", "list"]);
    expect(members).toMatchObject(Array.from({ length: 3 }, () => ({ leader: false, lagSlots: null })));
    const put = await cluster.synod(["put", "a", "1", "--timeout", "1s"]);
    expect(put).toMatchObject({
      code: 4,
      err: expect.stringMatching(/last a server said: .*1 of 3 members heard.*; not connected: .*ECONNREFUSED/),
    });
    const alone = await fetch(`http://${cluster.node(1).http}/livez`);
    expect(alone.status).toBe(200);
    await cluster.end(1, "SIGTERM");
    const none = await cluster.synod(["status", "--timeout", "500ms", "--json"]);
    expect(none.code).toBe(4);
    expect(JSON.parse(none.err)).toMatchObject({ error: { code: "NoServer", exitCode: 4 } });
    await cluster.startAll();
  });

  it("answers probes, metrics and status over HTTP, and nothing else", async () => {
    const base = `http://${cluster.node(1).http}`;
    expect(await (await fetch(`${base}/livez`)).text()).toBe("ok: the node is running\n");
    expect(await (await fetch(`${base}/readyz`)).text()).toMatch(/^ok: node \d leads\n$/);
    const metrics = await fetch(`${base}/metrics`);
    expect(metrics.headers.get("content-type")).toContain("text/plain");
    // Gauges are told every election timeout: right after the start there is none yet.
    await expect
      .poll(async () => (await fetch(`${base}/metrics`)).text(), { timeout: 20_000 })
      .toMatch(/^synod_is_leader\{cluster="shop",node="1"\} [01]$/m);
    expect(await (await fetch(`${base}/status`)).json()).toMatchObject({
      ready: true,
      draining: false,
      node: { id: 1, state: "running" },
      server: { state: "serving" },
    });
    // Equal where equally much was executed; nothing is written meanwhile.
    const digestOf = async (id: number): Promise<unknown> =>
      (await fetch(`http://${cluster.node(id).http}/digest`)).json();
    const textOf = (one: unknown): string => JSON.stringify(one);
    const digest = { applied: expect.any(Number), digest: expect.stringMatching(/^[0-9a-f]{16}\./) };
    expect(await digestOf(1)).toEqual(digest);
    const digests = async (): Promise<number> => new Set((await Promise.all([1, 2, 3].map(digestOf))).map(textOf)).size;
    await expect.poll(digests, { timeout: 20_000 }).toBe(1);
    expect((await fetch(`${base}/else`)).status).toBe(404);
    expect((await fetch(`${base}/livez`, { method: "POST" })).status).toBe(405);
  });

  it("refuses clients of another cluster", async () => {
    const other = await run(["get", "a", "--cluster", "other", "--servers", cluster.node(1).clients, "--json"]);
    expect(other.code).toBe(6);
    expect(JSON.parse(other.err)).toMatchObject({ error: { code: "WrongCluster" } });
  });

  it("ends with the reason where a port is taken", async () => {
    const [free = 0] = await freePorts(1);
    const single = await makeCluster(place.path, "single", { ids: [1] });
    const where = ["--client-listen", cluster.node(1).clients, "--http-listen", `127.0.0.1:${free}`];
    const taken = await run(["start", "--data-dir", single.node(1).directory, ...where]);
    expect(taken).toMatchObject({ code: 1, err: expect.stringContaining("AddressInUse") });
  });
});
