// Members, tokens, backups and the first start, with real processes. Needs the build, as `npm test` makes it.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readBackup, readBackupHead, writeBackup } from "../src/backup.js";
import { endAll, endOf, json, run, temporary } from "./cli.js";
import { makeCluster, makeNodes, ready, type TestCluster } from "./cluster.js";

const place = temporary();
afterEach(endAll);
afterAll(() => place.remove());

const slow = { timeout: 300_000 };

interface Members {
  members: { id: number; role: string; leader: boolean; heard: boolean }[];
}

describe("member", slow, () => {
  it("adds, promotes, replaces and removes, and never takes an id twice", async () => {
    const cluster = await makeCluster(place.path, "changing");
    await cluster.startAll();
    await cluster.json(["put", "kept", "yes"]);
    const [four, five] = await makeNodes(place.path, "changing", [4, 5]);
    if (four === undefined || five === undefined) throw new Error("no nodes");
    cluster.nodes.push(four, five);
    const roles = async (): Promise<Record<number, string>> => {
      const { members } = await cluster.json<Members>(["member", "list"]);
      return Object.fromEntries(members.map(({ id, role }) => [id, role]));
    };

    await cluster.init(4);
    const noAddress = await run([
      "start",
      "--data-dir",
      four.directory,
      "--client-listen",
      "off",
      "--http-listen",
      "off",
    ]);
    expect(noAddress).toMatchObject({ code: 2, err: expect.stringContaining("--address") });
    cluster.spawn(4, "--address", four.peers);
    await cluster.json(["member", "add", "4", four.peers, "--learner", "--name", "fourth"]);
    expect(await roles()).toEqual({ 1: "voter", 2: "voter", 3: "voter", 4: "learner" });
    // It has only been started and may have fetched nothing yet: the command waits for that.
    await cluster.json(["member", "promote", "4"]);
    expect(await roles()).toEqual({ 1: "voter", 2: "voter", 3: "voter", 4: "voter" });

    // A disk is lost.
    const leader = await cluster.leader();
    const lost = leader === 2 ? 3 : 2;
    await cluster.end(lost, "SIGKILL");
    await cluster.init(5);
    cluster.spawn(5, "--address", five.peers);
    await cluster.json(["member", "replace", String(lost), "5", five.peers]);
    expect(Object.keys(await roles()).map(Number)).not.toContain(lost);

    const removed = cluster.running.get(4);
    await cluster.json(["member", "remove", "4"]);
    expect(removed && (await endOf(removed))).toMatchObject({ code: 7, err: expect.stringContaining("Removed") });
    expect(await cluster.synod(["member", "add", "4", four.peers])).toMatchObject({
      code: 2,
      err: expect.stringContaining("IdRetired"),
    });
    expect(await cluster.synod(["member", "remove", "x"])).toMatchObject({ code: 2 });
    expect(await cluster.synod(["get", "kept"])).toMatchObject({ code: 0, out: "yes\n" });
  });
});

describe("a new node with other founders", slow, () => {
  it("is named with what to do about it, on the command and in both logs, and that helps", async () => {
    const cluster = await makeCluster(place.path, "founded", { ids: [1] });
    const old = await cluster.start(1);
    const [four, five] = await makeNodes(place.path, "founded", [4, 5]);
    if (four === undefined || five === undefined) throw new Error("no nodes");
    cluster.nodes.push(four, five);
    await cluster.init(4, "--members", `1=${cluster.node(1).peers},2=127.0.0.1:2,3=127.0.0.1:3`);
    const foreign = cluster.spawn(4, "--address", four.peers);
    const added = await cluster.synod(["member", "add", "4", four.peers, "--timeout", "3s"]);
    const reason = "it was formatted with other founders, quorums, leases or alpha than this node";
    const advice = "under a new id (`synod member replace`)";
    expect(added.code).toBe(5);
    for (const text of [added.err, await old.saw(reason), await foreign.saw(reason)]) {
      expect(text).toContain(reason);
      expect(text).toContain(advice);
    }
    await cluster.end(4, "SIGKILL");
    await cluster.init(5);
    cluster.spawn(5, "--address", five.peers);
    await cluster.json(["member", "replace", "4", "5", five.peers]);
    expect((await cluster.json<Members>(["member", "list"])).members.map(({ id }) => id)).toEqual([1, 5]);
  });
});

describe("new addresses", slow, () => {
  it("for one member after the other, while the others serve; all of them start from their disks alone", async () => {
    const cluster = await makeCluster(place.path, "moving");
    await cluster.startAll();
    const places = await makeNodes(place.path, "moving", [1, 2, 3]);
    for (const { id, peers, clients, http } of places) {
      await cluster.json(["put", `before-${id}`, "yes"]);
      await cluster.json(["member", "move", String(id), peers]);
      expect(await cluster.end(id, "SIGTERM")).toMatchObject({ code: 0 });
      await cluster.json(["put", `between-${id}`, "yes"]);
      const { directory } = cluster.node(id);
      cluster.nodes[id - 1] = { id, directory, peers, clients, http };
      cluster.env["SYNOD_SERVERS"] = cluster.nodes.map((node) => node.clients).join(",");
      await cluster.start(id, "--address", peers);
      // Whoever leads hears it there.
      await expect
        .poll(async () => (await heard(cluster)).sort((a, b) => a - b), { timeout: 60_000 })
        .toEqual([1, 2, 3]);
    }
    const { members } = await cluster.json<{ members: { address: string }[] }>(["member", "list"]);
    expect(members.map(({ address }) => address)).toEqual(places.map(({ peers }) => peers));
    for (const { id } of places) await cluster.end(id, "SIGKILL");
    await Promise.all(places.map(({ id, peers }) => cluster.start(id, "--address", peers)));
    expect(await cluster.synod(["get", "between-3"])).toMatchObject({ code: 0, out: "yes\n" });
    expect(await cluster.synod(["member", "move", "9", "127.0.0.1:1"])).toMatchObject({ code: 2 });
  });

  it("a process that listens where nobody looks for it says so", async () => {
    const cluster = await makeCluster(place.path, "left-behind", { ids: [1] });
    const running = await cluster.start(1);
    await cluster.json(["member", "move", "1", "127.0.0.1:1"]);
    await running.saw("the others dial this node at another address");
  });
});

/** The members that the leader hears. */
async function heard(cluster: TestCluster): Promise<number[]> {
  const { members } = await cluster.json<Members>(["member", "list"]);
  return members.filter((member) => member.heard).map(({ id }) => id);
}

describe("a witness", slow, () => {
  it("votes without the keys, and lets no clients in", async () => {
    const cluster = await makeCluster(place.path, "witnessed");
    await cluster.startAll();
    const [four] = await makeNodes(place.path, "witnessed", [4]);
    if (four === undefined) throw new Error("no node");
    cluster.nodes.push(four);
    await cluster.init(4);
    cluster.spawn(4, "--witness", "--address", four.peers);
    const both = ["--learner", "--witness"];
    expect(await cluster.synod(["member", "add", "4", four.peers, ...both])).toMatchObject({ code: 2 });
    await cluster.json(["member", "add", "4", four.peers, "--witness"]);
    const { members } = await cluster.json<Members>(["member", "list"]);
    expect(members.find(({ id }) => id === 4)?.role).toBe("witness");
    // Of four voters three are needed: the witness is one of them now.
    await cluster.end((await cluster.leader()) === 3 ? 2 : 3, "SIGKILL");
    expect(await cluster.synod(["put", "a", "1"])).toMatchObject({ code: 0 });
    expect((await fetch(`http://${four.http}/livez`)).status).toBe(200);
    expect(await cluster.end(4, "SIGTERM")).toMatchObject({ code: 0 });
  });
});

describe("a cluster without its founders", slow, () => {
  it("lets a node join that is told who the members are", async () => {
    const cluster = await makeCluster(place.path, "renewed", { ids: [1] });
    const [two, three] = await makeNodes(place.path, "renewed", [2, 3]);
    if (two === undefined || three === undefined) throw new Error("no nodes");
    cluster.nodes.push(two, three);
    cluster.env["SYNOD_SERVERS"] = cluster.nodes.map(({ clients }) => clients).join(",");
    const first = await cluster.start(1);
    await cluster.json(["put", "kept", "yes"]);
    await cluster.init(2);
    cluster.spawn(2, "--address", two.peers);
    // Whoever is asked may be gone before it has answered.
    const { code } = await cluster.synod(["member", "replace", "1", "2", two.peers]);
    expect([0, 5]).toContain(code);
    expect(await endOf(first)).toMatchObject({ code: 7 });

    await cluster.init(3);
    cluster.spawn(3, "--address", three.peers, "--contacts", `2=${two.peers}`);
    await cluster.json(["member", "add", "3", three.peers, "--timeout", "60s"]);
    expect((await cluster.json<Members>(["member", "list"])).members.map(({ id }) => id)).toEqual([2, 3]);
    expect(await cluster.synod(["get", "kept"])).toMatchObject({ code: 0, out: "yes\n" });
  });
});

describe("tokens", slow, () => {
  it("let in by role, and refuse at connect what they do not know", async () => {
    const tokens = join(place.path, "tokens.yaml");
    writeFileSync(
      tokens,
      "- { token: r-secret, role: read }\n- { token: w-secret, role: write }\n- { token: a-secret, role: admin }\n",
    );
    const cluster = await makeCluster(place.path, "guarded", { ids: [1], startFlags: ["--tokens-file", tokens] });
    await cluster.start(1);
    const as = (token: string, ...args: string[]): ReturnType<typeof run> =>
      cluster.synod(args, { env: token === "" ? {} : { SYNOD_TOKEN: token } });
    expect(await as("w-secret", "put", "a", "1")).toMatchObject({ code: 0 });
    expect(await as("r-secret", "get", "a")).toMatchObject({ code: 0, out: "1\n" });
    expect(await as("r-secret", "put", "a", "2")).toMatchObject({ code: 6, err: expect.stringContaining("Forbidden") });
    expect(await as("w-secret", "status")).toMatchObject({ code: 6 });
    expect(await as("a-secret", "status")).toMatchObject({ code: 0 });
    expect(await as("", "get", "a")).toMatchObject({ code: 6, err: expect.stringContaining("Unauthorized") });
    expect(await as("", "get", "a")).toMatchObject({ err: expect.stringContaining("give --token-file") });
    writeFileSync(join(place.path, "token"), "r-secret\n");
    expect(await as("", "get", "a", "--token-file", join(place.path, "token"))).toMatchObject({ code: 0 });
  });

  it("are checked before the node starts, without being shown", async () => {
    const tokens = join(place.path, "wrong.yaml");
    writeFileSync(tokens, "- { token: very-secret, role: root }\n- very-secret\n");
    const { code, err } = await run(["start", "--data-dir", place.path, "--tokens-file", tokens]);
    expect(code).toBe(2);
    expect(err).toContain('wrong.yaml[0].role: expected read or write or admin, found "root"');
    expect(err).not.toContain("very-secret");
  });
});

describe("certificates", slow, () => {
  it("let nodes and clients in that the authority signed, each node under its own id only", async () => {
    const certs = join(place.path, "certs");
    await json(["cert", "ca", "--out", certs]);
    await json(["cert", "client", "web", "--out", certs]);
    const files = (name: string): string[] =>
      Object.entries({ ca: "ca.pem", cert: `${name}.pem`, key: `${name}-key.pem` }).flatMap(([what, file]) => [
        `--tls-${what}`,
        join(certs, file),
      ]);
    const cluster = await makeCluster(place.path, "secret");
    for (const id of [1, 2, 3]) await json(["cert", "node", "--cluster", "secret", "--id", String(id), "--out", certs]);
    await Promise.all([1, 2].map((id) => cluster.start(id, ...files(`node-${id}`))));
    const as = (...flags: string[]): ReturnType<typeof run> =>
      cluster.synod(["put", "a", "1", "--json", "--servers", cluster.node(1).clients, ...flags]);
    expect(await as(...files("web"))).toMatchObject({ code: 0 });
    expect(await as()).toMatchObject({ code: 6, err: expect.stringContaining("CertificateRefused") });
    expect(await as()).toMatchObject({ err: expect.stringContaining("give --tls-ca") });
    expect(await as("--tls-ca", join(certs, "ca.pem"))).toMatchObject({ code: 6 });
    expect(await as("--tls-cert", join(certs, "web.pem"))).toMatchObject({ code: 2 });
    // The third with the certificate of the second would be nobody's peer.
    const { directory, clients, http } = cluster.node(3);
    const listen = ["--client-listen", clients, "--http-listen", http];
    const wrong = await run(["start", "--data-dir", directory, ...listen, ...files("node-2")]);
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("--tls-cert is for") });
    await cluster.start(3, ...files("node-3"));
    expect(await cluster.synod(["health", ...files("web")])).toMatchObject({ code: 0 });
    // What a certificate allows may be said by its name.
    const roles = join(place.path, "roles.yaml");
    writeFileSync(roles, "- { certificate: web, role: read }\n");
    await cluster.end(3, "SIGKILL");
    await cluster.start(3, ...files("node-3"), "--tokens-file", roles);
    const there = ["--servers", cluster.node(3).clients];
    const put = (name: string): ReturnType<typeof run> => cluster.synod(["put", "a", "2", ...there, ...files(name)]);
    expect(await put("web")).toMatchObject({ code: 6, err: expect.stringContaining("Forbidden") });
    expect(await put("node-1")).toMatchObject({ code: 6, err: expect.stringContaining("Unauthorized") });
    expect(await cluster.synod(["get", "a", ...there, ...files("web")])).toMatchObject({ code: 0, out: "1\n" });
  });
});

describe("the first start", slow, () => {
  it("waits for init, alive and not ready, and goes on by itself", async () => {
    const cluster = await makeCluster(place.path, "waiting", { ids: [1] });
    const [node] = await makeNodes(place.path, "unformatted", [1]);
    if (node === undefined) throw new Error("no node");
    cluster.nodes[0] = node;
    const waiting = cluster.spawn(1, "--wait-for-init");
    await waiting.saw("is not formatted");
    expect((await fetch(`http://${node.http}/livez`)).status).toBe(200);
    expect((await fetch(`http://${node.http}/readyz`)).status).toBe(503);
    await json([
      "init",
      "--cluster",
      "waiting",
      "--id",
      "1",
      "--members",
      `1=${node.peers}`,
      "--data-dir",
      node.directory,
    ]);
    await ready(node.http, waiting);
    expect(await cluster.end(1, "SIGTERM")).toMatchObject({ code: 0 });
  });

  it("ends when it is asked to while it waits", async () => {
    const waiting = await makeNodes(place.path, "never", [1]);
    const cluster = await makeCluster(place.path, "never-ever", { ids: [1] });
    cluster.nodes[0] = waiting[0] as (typeof waiting)[0];
    const started = cluster.spawn(1, "--wait-for-init");
    await started.saw("is not formatted");
    expect(await cluster.end(1, "SIGTERM")).toMatchObject({ code: 0 });
  });
});

/** Lets so many bytes of the server through, over all connections, and then nobody any more. */
async function narrow(address: string, bytesMax: number): Promise<{ readonly address: string; close(): void }> {
  const [host = "", port = ""] = address.split(":");
  const sockets = new Set<Socket>();
  let left = bytesMax;
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.on("data", (chunk) => {
        if (from === far) left -= chunk.length;
        if (left > 0) to.write(chunk);
        else close();
      });
    }
  });
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const bound = server.address();
  return { address: `127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`, close };
}

describe("a snapshot on its way to this machine", slow, () => {
  it("is saved whole or not at all, and a stream that breaks says how far it came", async () => {
    const cluster = await makeCluster(place.path, "streamed", { ids: [1] });
    await cluster.start(1);
    const value = "v".repeat(400_000);
    for (const key of ["a", "b", "c", "d"])
      expect(await cluster.synod(["put", key], { input: value })).toMatchObject({ code: 0 });
    const [whole, broken] = [join(place.path, "whole.backup"), join(place.path, "broken.backup")];
    expect(await cluster.json(["snapshot", "save", whole])).toMatchObject({ cluster: "streamed", nodeId: 1 });
    expect(await json(["snapshot", "status", whole])).toMatchObject({ keys: 4 });
    const proxy = await narrow(cluster.node(1).clients, 1_000_000);
    const flags = ["--servers", proxy.address, "--timeout", "2s"];
    expect(await cluster.synod(["snapshot", "save", broken, ...flags])).toMatchObject({
      code: 4,
      err: expect.stringMatching(/NoServer: .*786432 of \d+ bytes had come/),
    });
    proxy.close();
    expect(readdirSync(place.path).filter((name) => name.startsWith("broken"))).toEqual([]);
  });
});

describe("snapshot", slow, () => {
  const backup = join(place.path, "shop.backup");
  let old: TestCluster;
  let token = 0;
  beforeAll(async () => {
    old = await makeCluster(place.path, "old", { ids: [1] });
    await old.start(1);
    for (const key of ["a", "b", "c"]) await old.json(["put", key, key.toUpperCase()]);
    const locked = await old.synod(["lock", "before", "--", process.execPath, "-p", "process.env.SYNOD_FENCING_TOKEN"]);
    token = Number(locked.out);
    await old.json(["snapshot", "save", backup]);
    await old.end(1, "SIGTERM");
  }, 60_000);

  it("says what a backup holds, and refuses one that is damaged or cut", async () => {
    expect(await json(["snapshot", "status", backup])).toMatchObject({
      cluster: "old",
      keys: 3,
      members: [1],
      usedIds: [1],
    });
    expect(statSync(backup).mode & 0o077).toBe(0);
    const bytes = readFileSync(backup);
    for (const at of [3, 9, 40, bytes.length - 30, bytes.length - 1]) {
      const spoiled = Buffer.from(bytes);
      spoiled[at] = (spoiled[at] ?? 0) ^ 0x10;
      writeFileSync(`${backup}.spoiled`, spoiled);
      const { code, err } = await run(["snapshot", "status", `${backup}.spoiled`]);
      expect([code === 1 || code === 6, err]).toEqual([true, expect.stringMatching(/Malformed|VersionUnsupported/)]);
    }
    writeFileSync(`${backup}.spoiled`, bytes.subarray(0, bytes.length - 10));
    expect(await run(["snapshot", "status", `${backup}.spoiled`])).toMatchObject({
      code: 1,
      err: expect.stringContaining("Malformed"),
    });
    expect(await old.synod(["snapshot", "save", backup])).toMatchObject({
      code: 2,
      err: expect.stringContaining("there already"),
    });
  });

  it("is taken from the disk of a node that does not run, and as old as it is there", async () => {
    const { directory } = old.node(1);
    const last = join(place.path, "last.backup");
    expect(await run(["snapshot", "save", last, "--data-dir", directory])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--last"),
    });
    const written = new Date("2026-01-01T00:00:00.000Z");
    for (const name of readdirSync(directory).filter((one) => one.startsWith("snapshot-")))
      utimesSync(join(directory, name), written, written);
    expect(await json(["snapshot", "save", last, "--last", "--data-dir", directory])).toMatchObject({ cluster: "old" });
    // A restore skips all fencing tokens that may have been given out since then.
    expect(await json(["snapshot", "status", last])).toMatchObject({ savedAt: written.toISOString(), keys: 3 });
  });

  it("restores into a new cluster only, with all keys and higher tokens", async () => {
    const nodes = await makeNodes(place.path, "new", [11, 12, 13]);
    const members = nodes.map(({ id, peers }) => `${id}=${peers}`).join(",");
    const restore = (cluster: string, id: number, list: string, directory: string): ReturnType<typeof run> =>
      run(
        ["snapshot", "restore", backup, "--cluster", cluster, "--id", String(id), "--members", list].concat([
          "--data-dir",
          directory,
          "--skip-revisions",
          "5000",
          "--json",
        ]),
      );
    const [first] = nodes;
    if (first === undefined) throw new Error("no nodes");
    expect(await restore("old", 11, members, first.directory)).toMatchObject({
      code: 2,
      err: expect.stringContaining("another name"),
    });
    expect(await restore("new", 1, "1=127.0.0.1:1", first.directory)).toMatchObject({
      code: 2,
      err: expect.stringContaining("were used"),
    });
    for (const { id, directory } of nodes)
      expect(await restore("new", id, members, directory)).toMatchObject({ code: 0, err: "" });
    // Revisions of readers that saw more than the backup has are not gone on from.
    expect(readdirSync(first.directory)).not.toContain("restoring");
    expect(await restore("new", 11, members, first.directory)).toMatchObject({
      code: 7,
      err: expect.stringContaining("AlreadyFormatted"),
    });

    const cluster = await makeCluster(place.path, "new", { ids: [] });
    cluster.nodes.push(...nodes);
    cluster.env["SYNOD_SERVERS"] = nodes.map(({ clients }) => clients).join(",");
    await cluster.startAll();
    const { entries } = await cluster.json<{ entries: { key: string; value: string }[] }>(["range"]);
    expect(entries.map(({ key, value }) => `${key}=${value}`)).toEqual(["a=A", "b=B", "c=C"]);
    const locked = await cluster.synod([
      "lock",
      "before",
      "--",
      process.execPath,
      "-p",
      "process.env.SYNOD_FENCING_TOKEN",
    ]);
    expect(Number(locked.out)).toBeGreaterThan(token + 5000);
    await cluster.end(13, "SIGKILL");
    expect(await cluster.synod(["put", "d", "D"])).toMatchObject({ code: 0 });

    // The restored cluster replaces a lost disk as any other, by a node that has its origin.
    const [fourteen] = await makeNodes(place.path, "new", [14]);
    if (fourteen === undefined) throw new Error("no node");
    cluster.nodes.push(fourteen);
    cluster.env["SYNOD_MEMBERS"] = members;
    const { founders } = await json<{ founders: { origin: string } }>([
      "dump",
      "--data-dir",
      nodes[2]?.directory ?? "",
    ]);
    await cluster.init(14, "--origin", founders.origin);
    cluster.spawn(14, "--address", fourteen.peers);
    await cluster.json(["member", "replace", "13", "14", fourteen.peers]);
    await cluster.end(12, "SIGKILL");
    expect(await cluster.synod(["put", "e", "E"])).toMatchObject({ code: 0 });
    const asFounder = ["init", "--cluster", "new", "--id", "11", "--members", members, "--origin", founders.origin];
    expect(await run([...asFounder, "--data-dir", join(place.path, "blank")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("snapshot restore"),
    });
  });

  it("wants to know when a restore was decided, and skips what may have been given out since the backup", async () => {
    const restore = (name: string, ...more: string[]): ReturnType<typeof run> =>
      run(
        ["snapshot", "restore", backup, "--cluster", "later", "--id", "31", "--json", "--data-dir"].concat([
          join(place.path, name),
          "--members",
          "31=127.0.0.1:1,32=127.0.0.1:2",
          ...more,
        ]),
      );
    expect(await restore("later")).toMatchObject({ code: 2, err: expect.stringMatching(/--restored-at 20\d\d-/) });
    for (const wrong of ["yesterday", "2026-11-21", "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
      expect(await restore("later", "--restored-at", wrong)).toMatchObject({ code: 2 });
    const status = await json<{ revision: number; savedAt: string }>(["snapshot", "status", backup]);
    const at = new Date(Date.parse(status.savedAt) + 100_000).toISOString();
    const { out } = await restore("later", "--restored-at", at);
    expect(JSON.parse(out)).toMatchObject({ revision: status.revision + 100_000_000, skipRevisions: 100_000_000 });
  });

  it("lets a founder come a day after the others by the number that they began with", async () => {
    const restore = (id: number, file: string, ...more: string[]): ReturnType<typeof run> => {
      const members = "51=127.0.0.1:1,52=127.0.0.1:2";
      const node = ["--cluster", "days", "--id", String(id), "--data-dir", join(place.path, `days-${id}`)];
      return run(["snapshot", "restore", file, ...node, "--members", members, ...more]);
    };
    const decided = Date.now() - 25 * 3_600_000;
    const savedAt = new Date(decided - 100_000).toISOString();
    const old = join(place.path, "old.synod");
    await writeBackup(old, { ...(await readBackupHead(backup)), savedAt }, readBackup(backup));
    const late = await restore(52, old, "--restored-at", new Date(decided).toISOString());
    expect(late.code).toBe(2);
    for (const part of ["at most 24 hours ago", "10 minutes", new Date(decided).toISOString()])
      expect(late.err).toContain(part);
    const [skip = ""] = /--skip-revisions \d+/.exec(late.err) ?? [];
    expect(skip).toBe("--skip-revisions 100000000");
    const originOf = async (id: number): Promise<string> => {
      const { code, out } = await restore(id, old, ...skip.split(" "));
      expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining(skip) });
      return /--origin (\w+)/.exec(out)?.[1] ?? "";
    };
    // Equal marks are one cluster.
    expect(await originOf(52)).toBe(await originOf(51));
  });

  it("clears away what a crash left of a restore, and nothing else", async () => {
    const directory = join(place.path, "crashed");
    const restore = (): ReturnType<typeof run> =>
      run(
        ["snapshot", "restore", backup, "--cluster", "again", "--id", "41", "--members", "41=127.0.0.1:1"].concat([
          "--data-dir",
          directory,
        ]),
      );
    expect(await restore()).toMatchObject({ code: 0 });
    const names = readdirSync(directory);
    // As if it had ended before the identity was moved.
    mkdirSync(join(directory, "restoring"));
    renameSync(join(directory, "identity"), join(directory, "restoring", "identity"));
    expect(await restore()).toMatchObject({ code: 0 });
    expect(readdirSync(directory)).toEqual(names);
    // A store that lost its identity otherwise is not touched.
    rmSync(join(directory, "identity"));
    expect(await restore()).toMatchObject({ code: 7 });
  });

  it("keeps nodes apart that were restored and formatted blank under one name", async () => {
    const nodes = await makeNodes(place.path, "mixed", [21, 22]);
    const members = nodes.map(({ id, peers }) => `${id}=${peers}`).join(",");
    const [one, two] = nodes;
    if (one === undefined || two === undefined) throw new Error("no nodes");
    const common = ["--cluster", "mixed", "--members", members, "--json"];
    await run([
      "snapshot",
      "restore",
      backup,
      ...common,
      "--id",
      "21",
      "--data-dir",
      one.directory,
      "--skip-revisions",
      "10",
    ]);
    await run(["init", ...common, "--id", "22", "--data-dir", two.directory]);
    const cluster = await makeCluster(place.path, "mixed", { ids: [] });
    cluster.nodes.push(...nodes);
    const [restored] = [cluster.spawn(21), cluster.spawn(22)];
    // Each side logs why it does not speak with the other; neither ever leads.
    await restored.saw(/other founders|other members|another cluster|refused/);
    expect((await fetch(`http://${one.http}/readyz`)).status).toBe(503);
    const status = async (command: string[]): Promise<string> =>
      (await cluster.synod([...command, "--servers", one.clients])).err;
    await expect.poll(() => status(["status"])).toMatch(/^node 22: nothing is taken from it by node 21: /m);
    expect(await status(["member", "list"])).toMatch(/^node 22: nothing is taken from it by node 21: /m);
  });
});
