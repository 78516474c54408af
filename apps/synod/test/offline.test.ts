// What works without a cluster. Needs the build, as `npm test` makes it.
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { X509Certificate } from "node:crypto";
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cleanEnv, endOf, freePorts, json, MAIN, run, start, temporary } from "./cli.js";

let place = temporary();
beforeEach(() => {
  place = temporary();
});
afterEach(() => place.remove());

const at = (name: string): string => join(place.path, name);
const founder = (): string[] => [
  "--cluster",
  "shop",
  "--id",
  "1",
  "--members",
  "1=127.0.0.1:7100,2=127.0.0.1:7110,3=[::1]:7120",
];
/** Nobody answers there, which is found out at once. */
const NOWHERE = { SYNOD_CLUSTER: "c", SYNOD_SERVERS: "127.0.0.1:1", SYNOD_TIMEOUT: "1ms" };
const errorOf = (text: string): { error: { code: string; message: string; exitCode: number } } => JSON.parse(text);

describe("synod", () => {
  it("says its version and its commands", async () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await run(["--version"])).toMatchObject({ code: 0, out: `${manifest.version}\n` });
    const { code, out } = await run(["--help"]);
    expect(code).toBe(0);
    for (const word of ["init", "start", "dump", "doctor", "cert", "Exit codes"]) expect(out).toContain(word);
  });

  it("ends with 2 and says why for what it does not know", async () => {
    expect(await run(["pt", "a"])).toMatchObject({ code: 2, err: expect.stringContaining("unknown command 'pt'") });
    expect(await run(["init", "--clutser", "x"])).toMatchObject({ code: 2, err: expect.stringContaining("--cluster") });
  });
});

/** Runs the program from a shell, which sets something up for it. */
const inShell = (
  script: string,
  args: readonly string[],
): Promise<{ code: number | string; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile("sh", ["-c", script, process.execPath, MAIN, ...args], { env: cleanEnv() }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    );
  });

it.runIf(process.platform === "linux")("output that cannot be written is an error like any other", async () => {
  const full = 'exec "$0" "$@" > /dev/full';
  const { code, err } = await inShell(full, ["cert", "ca", "--out", at("certs"), "--json"]);
  expect({ code, ...(JSON.parse(err) as object) }).toMatchObject({ code: 1, error: { code: "ENOSPC", exitCode: 1 } });
  expect(await inShell(full, ["completion", "bash"])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: ENOSPC.*\n$/),
  });
});

it
  .runIf(process.platform === "linux")
  .each([
    `exec "$0" "$1" put key "$(printf 'caf\\351')"`,
    `exec "$0" "$1" lock name -- rm "$(printf 'caf\\351')"`,
    `printf "do: [{ put: key, value: 'caf\\351' }]" | "$0" "$1" txn`,
  ])("bytes that are no UTF-8 are not taken for others: %s", async (script) => {
  const { code, err } = await inShell(`export SYNOD_CLUSTER=c SYNOD_SERVERS=127.0.0.1:1; ${script}`, []);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("not UTF-8") });
});

it("a character that stands for what could not be read is one like any other", async () => {
  const given = ["--cluster", "c", "--servers", "127.0.0.1:1", "--timeout", "1ms"];
  expect(await run(["get", "\ufffd", ...given])).toMatchObject({ code: 4 });
});

describe("output that nobody reads", () => {
  it("ends what only prints, without a word, as `synod --help | head -1` does", async () => {
    const { child, ended } = start(["--help"]);
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 141, err: "" });
  });

  it("ends who only looks on, and nobody who holds something", async () => {
    // It has no server to ask, which it says: where nobody reads that, who observes ends by it, and a candidate as if it were read.
    for (const [more, code] of [
      [["--observe"], 141],
      [["--timeout", "1ms", "--", "true"], 120],
    ] as const) {
      const { child, ended } = start(["elect", "x", "--cluster", "shop", "--servers", "127.0.0.1:1", ...more]);
      child.stdout?.destroy();
      child.stderr?.destroy();
      expect(await ended).toMatchObject({ code });
    }
  });

  it("ends no node", async () => {
    const [peers, clients] = await freePorts(2);
    const node = ["--cluster", "shop", "--id", "1", "--data-dir", at("data")];
    expect(await run(["init", ...node, "--members", `1=127.0.0.1:${peers}`])).toMatchObject({ code: 0 });
    const listen = ["--client-listen", `127.0.0.1:${clients}`, "--http-listen", "off"];
    const { child, ended, saw } = start(["start", ...node, ...listen]);
    await saw("this node leads");
    child.stdout?.destroy();
    child.stderr?.destroy();
    // It has something to say of its end.
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });
});

it.each(["lock", "elect"])("%s wants a time to live that a lease may have", async (name) => {
  const { code, err } = await run([name, "x", "--cluster", "c", "--ttl", "10ms", "--", "true"]);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("--ttl is at least 50ms") });
});

it.each([
  { args: ["lock", "x", "--", "true"], code: 120 },
  { args: ["elect", "x", "--", "true"], code: 120 },
  { args: ["elect", "x", "--observe"], code: 0 },
])(
  "$args ends when it is asked to while no server is there, however long it may wait for one",
  async ({ args: [name = "", ...rest], code }) => {
    const servers = ["--cluster", "c", "--servers", "127.0.0.1:1", "--timeout", "10m"];
    const waiting = start([name, ...servers, ...rest]);
    await waiting.saw("no server yet");
    waiting.child.kill("SIGTERM");
    expect(await endOf(waiting, 20_000)).toMatchObject({ code });
  },
);

it.each([
  { args: ["lease", "grant", "20"], wanted: 'expected a duration with its unit, such as 500ms, 10s or 2m, found "20"' },
  { args: ["bench", "--value", "600000"], wanted: "expected a whole number from 0 to 524288" },
  { args: ["lease", "grant", "10ms"], wanted: "a lease is at least 50ms" },
  { args: ["lock", "x", "--kill-after", "30d", "--", "true"], wanted: "expected at most 24d" },
  { args: ["start", "--data-dir", "none", "--shutdown-timeout", "30d"], wanted: "expected at most 24d" },
  { args: ["get", "x", "--timeout", "30d"], wanted: "expected at most 24d" },
])("$args is refused with a word of why", async ({ args, wanted }) => {
  const { code, err } = await run(args, { env: { SYNOD_CLUSTER: "c", SYNOD_SERVERS: "127.0.0.1:1" } });
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(wanted) });
});

it.each([
  { args: ["get", "--json"], message: "missing required argument 'key'" },
  {
    args: ["lock", "x", "--ttl", "5", "--json", "--", "true"],
    message: expect.stringContaining("expected a duration"),
  },
  { args: ["lease", "lend", "--json"], message: "unknown command 'lend'" },
  { args: ["range", "--jsonl", "--json"], message: expect.stringContaining("unknown option '--jsonl'") },
])("$args is refused in JSON where that is asked for", async ({ args, message }) => {
  const { code, out, err } = await run(args);
  expect({ code, out, ...(JSON.parse(err) as object) }).toEqual({
    code: 2,
    out: "",
    error: { code: "usage", exitCode: 2, message },
  });
});

describe("what only prints", () => {
  it("runs no command: elect --observe", async () => {
    for (const [more, wanted] of [
      [["--", "true"], "--observe only prints"],
      [["--show"], "give --observe or --show, not both"],
    ] as const) {
      const { code, err } = await run(["elect", "x", "--observe", ...more], { env: NOWHERE });
      expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(wanted) });
    }
  });

  it.each(["lock", "elect"])("wants the name before the command, which would be taken for it: %s", async (name) => {
    const { code, err } = await run([name, "--ttl", "5s", "--", "./report.sh", "-v"], { env: NOWHERE });
    const wanted = `the name is missing: it stands before --, as in synod ${name} NAME -- ./report.sh -v`;
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(wanted) });
    // A name that begins like a flag can stand nowhere else.
    for (const args of [
      [name, "--", "-x", "true"],
      [name, "x", "--", "x", "--", "true"],
    ])
      expect(await run(args, { env: NOWHERE })).toMatchObject({ code: 120 });
  });

  it.each(["lock", "elect"])("runs no command: %s --show", async (name) => {
    const { code, err } = await run([name, "x", "--show", "--", "true"]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("--show only prints") });
  });
});

describe("what would be regretted", () => {
  it("deletes what jobs are known by only where that is meant", async () => {
    for (const prefix of ["", "syn", "synod/"]) {
      const { code, err } = await run(["del", "--prefix", prefix, "--cluster", "shop", "--servers", "127.0.0.1:1"]);
      expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("--reserved") });
    }
    const meant = [
      "del",
      "--prefix",
      "",
      "--reserved",
      "--cluster",
      "shop",
      "--servers",
      "127.0.0.1:1",
      "--timeout",
      "10ms",
    ];
    expect(await run(meant)).toMatchObject({ code: 4 });
  });

  it("says before the time is up that no server can be reached, but not to programs", async () => {
    const nobody = ["get", "a", "--cluster", "shop", "--servers", "127.0.0.1:1", "--timeout", "1600ms"];
    const [people, programs] = await Promise.all([run(nobody), run([...nobody, "--json"])]);
    expect(people.code).toBe(4);
    const [note, error] = people.err.split("\n");
    expect(note).toMatch(/^note: no server yet \(127\.0\.0\.1:1: .*ECONNREFUSED.*\); trying for 1\.6 s in all/);
    expect(error).toContain("NoServer");
    expect(JSON.parse(programs.err)).toMatchObject({ error: { code: "NoServer" } });
  });

  it("says that a token goes over a network as it is, but not to programs", async () => {
    const get = (...more: string[]): ReturnType<typeof run> =>
      run(["get", "a", "--cluster", "c", "--token", "secret", "--timeout", "100ms", ...more]);
    const warning = /^note: the token goes to 0\.0\.0\.0:1 without encryption/;
    const network = ["--servers", "0.0.0.0:1"];
    expect(await get(...network)).toMatchObject({ code: 4, err: expect.stringMatching(warning) });
    expect((await get(...network, "--json")).err).not.toContain("note:");
    expect((await get("--servers", "127.0.0.1:1")).err).not.toContain("note:");
  });

  it("founds no cluster of two nodes at one address", async () => {
    const twice = [
      "--cluster",
      "shop",
      "--id",
      "1",
      "--data-dir",
      at("data"),
      "--members",
      "1=a:7100,2=a:7100,3=c:7100",
    ];
    expect(await run(["init", ...twice])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/each address once, found \S+ twice/),
    });
  });
});

describe("settings", () => {
  it("names flag, variable and key of what is missing", async () => {
    const { code, err } = await run(["init", "--json"], { cwd: place.path });
    expect(code).toBe(2);
    expect(errorOf(err).error.code).toBe("usage");
    for (const way of ["--cluster", "SYNOD_CLUSTER", "synod.yaml"]) expect(errorOf(err).error.message).toContain(way);
  });

  it("takes a flag before a variable, and a variable before the file", async () => {
    writeFileSync(
      at("synod.yaml"),
      "cluster: of-file\nid: 1\ndataDir: ./a\nmembers:\n  - { id: 1, address: 10.0.0.1:7100, name: one }\n",
    );
    const init = (
      args: string[],
      env: Record<string, string>,
      directory: string,
    ): Promise<{ cluster: string; members: unknown }> =>
      json(["init", ...args, "--data-dir", directory], { cwd: place.path, env });
    expect(await init([], {}, "f")).toMatchObject({
      cluster: "of-file",
      members: [{ id: 1, address: "10.0.0.1:7100", name: "one" }],
    });
    expect(await init([], { SYNOD_CLUSTER: "of-env" }, "e")).toMatchObject({ cluster: "of-env" });
    expect(await init(["--cluster", "of-flag"], { SYNOD_CLUSTER: "of-env" }, "g")).toMatchObject({
      cluster: "of-flag",
    });
  });

  it("reads JSON as well, from where SYNOD_CONFIG says", async () => {
    writeFileSync(
      at("conf.json"),
      JSON.stringify({ cluster: "of-json", id: 2, members: ["2=127.0.0.1:1"], dataDir: at("d") }),
    );
    expect(await json(["init"], { env: { SYNOD_CONFIG: at("conf.json") } })).toMatchObject({
      cluster: "of-json",
      id: 2,
    });
  });

  it("quotes nothing of a file in a warning of its parser either", async () => {
    writeFileSync(at("conf.yaml"), "tokens: { [my-secret]: 1 }\n");
    const { code, err } = await run(["init", "--config", at("conf.yaml")]);
    expect(code).toBe(2);
    expect(err).not.toContain("Warning");
  });

  it("takes leases, with a bound on the clocks, and says them", async () => {
    const init = (...args: string[]) => run(["init", ...founder(), "--data-dir", at("l"), ...args]);
    expect(await init("--lease-drift", "2")).toMatchObject({
      code: 2,
      err: expect.stringContaining("give --lease too"),
    });
    expect(await init("--lease", "1s", "--lease-drift", "51%")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--lease-drift: expected a percentage from 0 to 50"),
    });
    expect(await init("--lease", "5m")).toMatchObject({ code: 2, err: expect.stringContaining("from 1 to 60000") });
    const { out } = await init("--lease", "1s", "--lease-drift", "0.5%", "--json");
    expect(JSON.parse(out)).toMatchObject({ lease: { durationMs: 1_000, driftPercent: 0.5 } });
  });

  it.each([
    ["cluster: [1]", "conf.yaml: cluster: expected a text, found a list"],
    ["id: 0", "conf.yaml: id: expected a node id, a whole number from 1, found 0"],
    [
      "members:\n  - { id: 1, address: here }",
      'conf.yaml: members[0].address: expected host:port, such as 10.0.0.1:7100 or [::1]:7100, found "here"',
    ],
    ["members:\n  - { id: 1 }", "conf.yaml: members[0].address: it is missing"],
    ["members: 1=a:1,1=b:2", "conf.yaml: members: expected each id once, found 1 twice"],
    [
      "electionTimeout: fast",
      'conf.yaml: electionTimeout: expected a duration with its unit, such as 500ms, 10s or 2m, found "fast"',
    ],
    ["logLevel: loud", 'conf.yaml: logLevel: expected debug or info or warn or error, found "loud"'],
    ["clutser: shop", "conf.yaml: clutser: there is no such key"],
    ["a: [", "conf.yaml: line 1, column 5: this is no valid YAML (bad indent)"],
  ])("refuses %j and says where and why", async (content, wanted) => {
    writeFileSync(at("conf.yaml"), content);
    const { code, err } = await run(["init", "--config", "conf.yaml"], { cwd: place.path });
    expect(code).toBe(2);
    expect(err).toContain(wanted);
  });

  it.each([
    "token: sec-ret: other",
    "token: [sec-ret]",
    "token: 'sec-ret",
    "sec-ret",
    "clutser: {token: sec-ret}",
    "- token: sec-ret",
    "logLevel: sec-ret-that-was-pasted-into-the-wrong-line",
  ])("never prints a secret: %j", async (content) => {
    for (const name of ["conf.yaml", "tokens.yaml"]) writeFileSync(at(name), `${content}\n`);
    const refused = [
      await run(["init", "--config", "conf.yaml"], { cwd: place.path }),
      await run(["start", "--data-dir", at("none"), "--tokens-file", "tokens.yaml"], { cwd: place.path }),
    ];
    for (const { code, out, err } of refused) {
      expect(code).toBe(2);
      expect(out + err).not.toContain("sec-ret");
    }
  });

  it("refuses a file that is named and missing", async () => {
    expect(await run(["init", "--config", at("none.yaml")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("none.yaml"),
    });
  });
});

describe("init", () => {
  it("formats once, says what comes next, and refuses a second time", async () => {
    const first = await run(["init", ...founder(), "--data-dir", at("data")]);
    expect(first).toMatchObject({ code: 0, err: "" });
    expect(first.out).toContain(`synod start --data-dir ${at("data")}`);
    const before = contentOf(at("data"));
    const second = await run(["init", ...founder(), "--data-dir", at("data"), "--json"]);
    expect(second.code).toBe(7);
    expect(errorOf(second.err).error).toMatchObject({ code: "AlreadyFormatted", exitCode: 7 });
    expect(contentOf(at("data"))).toEqual(before);
  });

  it("refuses a directory of something else, and takes what an interrupted init left", async () => {
    const init = (): ReturnType<typeof run> => run(["init", ...founder(), "--data-dir", at("data")]);
    mkdirSync(join(at("data"), "lost+found"), { recursive: true });
    writeFileSync(join(at("data"), "identity.tmp"), "half");
    writeFileSync(join(at("data"), "thesis.txt"), "mine");
    expect(await init()).toMatchObject({ code: 7, err: expect.stringContaining("not empty (thesis.txt)") });
    rmSync(join(at("data"), "thesis.txt"));
    expect(await init()).toMatchObject({ code: 0 });
  });

  it("formats a node that joins later, and says how", async () => {
    const { out } = await run([
      "init",
      "--cluster",
      "shop",
      "--id",
      "4",
      "--members",
      "1=127.0.0.1:7100",
      "--data-dir",
      at("d4"),
    ]);
    expect(out).toContain("joins later");
    expect(out).toContain("synod member add 4");
  });
});

describe("start", () => {
  it("never formats", async () => {
    const { code, err } = await run(["start", "--data-dir", at("none"), "--http-listen", "off", "--json"]);
    expect(code).toBe(7);
    expect(err).toContain("NotFormatted");
    expect(err).toContain("synod init");
  });

  it("refuses the store of another node or cluster", async () => {
    await run(["init", ...founder(), "--data-dir", at("data")]);
    const { code, err } = await run(["start", "--data-dir", at("data"), "--id", "2", "--http-listen", "off"]);
    expect(code).toBe(7);
    expect(err).toContain("StoreForeign");
    expect(err).toContain("SYNOD_CLUSTER");
    expect(err).toContain("synod member replace");
    expect(err).not.toContain("from the configuration and");
  });

  it("wants two addresses for two things, and looks for the store first", async () => {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const twice = ["--client-listen", address, "--http-listen", address];
    const both = `--client-listen and --http-listen are both ${address}`;
    const nowhere = await run(["start", "--data-dir", at("none"), ...twice]);
    expect(nowhere).toMatchObject({ code: 2, err: expect.stringContaining(both) });
    const init = (id: number): ReturnType<typeof run> =>
      run([
        "init",
        "--cluster",
        "shop",
        "--data-dir",
        at(`d${id}`),
        "--id",
        `${id}`,
        "--members",
        `1=${address},2=127.0.0.1:1`,
      ]);
    // On one machine the ports of its own are part of what comes next.
    expect((await init(1)).out).toMatch(/synod start .* --client-listen 127\.0\.0\.1:PORT --http-listen/);
    const own = await run(["start", "--data-dir", at("d1"), "--client-listen", address, "--http-listen", "off"]);
    expect(own).toMatchObject({ code: 2, err: expect.stringContaining("own address and --client-listen are both") });
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    try {
      const free = ["--http-listen", "off", "--client-listen"];
      const missing = await run(["start", "--data-dir", at("none"), "--http-listen", address]);
      expect(missing).toMatchObject({ code: 7, err: expect.stringContaining("NotFormatted") });
      const peers = await run(["start", "--data-dir", at("d1"), ...free, "off"]);
      expect(peers).toMatchObject({ code: 1, err: expect.stringContaining("choose another --listen") });
      const clients = await run(["start", "--data-dir", at("d1"), "--listen", "127.0.0.1:0", ...free, address]);
      expect(clients).toMatchObject({ code: 1, err: expect.stringContaining("choose another --client-listen") });
    } finally {
      server.close();
    }
  });
});

describe("dump", () => {
  it("shows a store and changes no byte of it", async () => {
    await run(["init", ...founder(), "--data-dir", at("data")]);
    const before = contentOf(at("data"));
    const dumped = await json<Record<string, unknown>>(["dump", "--data-dir", at("data")]);
    expect(dumped).toMatchObject({
      clusterId: "shop",
      nodeId: 1,
      bootCount: 1,
      promised: null,
      chosenUpTo: 0,
      snapshot: null,
      damage: null,
      slots: 0,
      entries: [],
    });
    expect(contentOf(at("data"))).toEqual(before);
    expect((await run(["dump", "--data-dir", at("data")])).out).toContain("No slots above the snapshot.");
  });

  it("wants numbers where it takes them", async () => {
    for (const flag of ["--from", "--limit"]) {
      const { code, err } = await run(["dump", "--data-dir", at("data"), flag, "many"]);
      expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("many") });
    }
  });

  it("ends with 7 where there is no store", async () => {
    expect(await run(["dump", "--data-dir", at("none")])).toMatchObject({
      code: 7,
      err: expect.stringMatching(/NotFormatted: .*`synod init`.*`synod member replace`/),
    });
  });
});

/** Every file with its time of change and its bytes. */
function contentOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((name) => {
      const path = join(directory, name);
      return [name, `${statSync(path).mtimeMs} ${readFileSync(path).toString("base64")}`];
    }),
  );
}

describe("start", () => {
  it("ends at SIGTERM while it still reads its store", async () => {
    await run(["init", ...founder(), "--data-dir", at("data")]);
    const [http = 0] = await freePorts(1);
    // Reading this takes for ever.
    const endless = join(at("data"), "wal-0000000000000002.log");
    execFileSync("mkfifo", [endless]);
    const listen = ["--listen", "127.0.0.1:0", "--client-listen", "off", "--http-listen", `127.0.0.1:${http}`];
    const node = start(["start", "--data-dir", at("data"), ...listen]);
    const live = async (): Promise<string> => (await fetch(`http://127.0.0.1:${http}/livez`)).text();
    await expect.poll(() => live().catch(() => ""), { timeout: 10_000 }).toContain("is being read");
    node.child.kill("SIGTERM");
    await node.saw("stopped while its store was read");
    // A thread that is stuck in a read cannot be left behind: with this it goes on.
    closeSync(openSync(endless, constants.O_RDWR | constants.O_NONBLOCK));
    expect(await endOf(node)).toMatchObject({ code: 0 });
  });
});

describe("doctor", () => {
  interface Examined {
    ok: boolean;
    findings: { check: string; verdict: string; found: string; advice: string }[];
  }

  it("checks what it is told of, and leaves nothing behind", async () => {
    await run(["init", ...founder(), "--data-dir", at("data")]);
    const { ok, findings } = await json<Examined>(["doctor", "--data-dir", at("data"), "--listen", "127.0.0.1:0"]);
    expect(ok).toBe(true);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(["Node.js", "directory", "free space", "disk sync", "store", "clock", "listen"]),
    );
    expect(readdirSync(at("data")).filter((name) => name.includes("doctor"))).toEqual([]);
  });

  it.runIf(process.platform === "linux")(
    "ends with all that it found where nothing can be written any more",
    async () => {
      const { code, out } = await inShell('ulimit -f 0; exec "$0" "$@" | cat', [
        "doctor",
        "--data-dir",
        place.path,
        "--json",
      ]);
      const findings = (JSON.parse(out) as Examined).findings;
      expect(findings.find(({ check }) => check === "disk sync")).toMatchObject({ verdict: "fail" });
      expect(findings.find(({ check }) => check === "clock")).toBeDefined();
      expect(code).toBe(0);
    },
  );

  it("ends with 3 where something fails, and says what to do", async () => {
    await run(["init", ...founder(), "--data-dir", at("data")]);
    writeFileSync(join(at("data"), "identity"), "spoiled");
    const { code, out } = await run(["doctor", "--data-dir", at("data"), "--json"]);
    expect(code).toBe(3);
    const store = (JSON.parse(out) as Examined).findings.find(({ check }) => check === "store");
    expect(store).toMatchObject({ verdict: "fail", advice: expect.stringContaining("synod member replace") });
  });

  it("sees an expired pair, a wrong key and a foreign authority", async () => {
    for (const name of ["a", "b"]) await run(["cert", "ca", "--out", at(name)]);
    await run(["cert", "node", "--cluster", "shop", "--id", "1", "--out", at("a")]);
    await run(["cert", "node", "--cluster", "shop", "--id", "1", "--out", at("b")]);
    const check = async (ca: string, key: string): Promise<string> => {
      const tls = [
        "--tls-ca",
        join(at(ca), "ca.pem"),
        "--tls-cert",
        join(at("a"), "node-1.pem"),
        "--tls-key",
        join(at(key), "node-1-key.pem"),
      ];
      const { out } = await run(["doctor", ...tls, "--json"]);
      const found = (JSON.parse(out) as Examined).findings.find(({ check: name }) => name === "certificate");
      return `${found?.verdict} ${found?.found}`;
    };
    expect(await check("a", "a")).toMatch(/^ok /);
    expect(await check("b", "a")).toMatch(/^fail .*not signed by/);
    expect(await check("a", "b")).toMatch(/^fail .*not the key of/);
    // As while one authority takes the place of another.
    const [a, b] = ["a", "b"].map((name) => readFileSync(join(at(name), "ca.pem"), "utf8"));
    writeFileSync(join(at("b"), "ca.pem"), `${b}${a}`);
    expect(await check("b", "a")).toMatch(/^ok /);
  });

  it.each(["ca", "key"])("sees that there is no certificate beside --tls-%s", async (file) => {
    const { code, out } = await run(["doctor", `--tls-${file}`, at("none.pem"), "--json"]);
    const found = (JSON.parse(out) as Examined).findings.find(({ check }) => check === "certificate");
    expect({ code, found }).toMatchObject({ code: 3, found: { verdict: "fail", advice: "give --tls-cert" } });
  });

  it.each([
    ["another node", ["node", "--cluster", "shop", "--id", "2"], "synod://shop/node/2"],
    ["another cluster", ["node", "--cluster", "other", "--id", "1"], "synod://other/node/1"],
    ["a client", ["client", "web"], "web"],
  ])("and start refuse the certificate of %s", async (_of, kind, name) => {
    await run(["init", ...founder(), "--data-dir", at("data")]);
    await run(["cert", "ca", "--out", at("a")]);
    const { certificate, key } = await json<{ certificate: string; key: string }>(["cert", ...kind, "--out", at("a")]);
    const tls = ["--tls-ca", join(at("a"), "ca.pem"), "--tls-cert", certificate, "--tls-key", key];
    for (const whose of [
      ["--data-dir", at("data")],
      ["--cluster", "shop", "--id", "1"],
    ]) {
      const { code, out } = await run(["doctor", ...whose, ...tls, "--json"]);
      const found = (JSON.parse(out) as Examined).findings.find(({ check }) => check === "certificate");
      expect(found).toMatchObject({ verdict: "fail", found: expect.stringMatching(`is for .*${name}: node 1 of`) });
      expect(found?.found).toContain("synod://shop/node/1");
      expect(code).toBe(3);
    }
    const started = await run(["start", "--data-dir", at("data"), "--http-listen", "off", ...tls]);
    expect(started).toMatchObject({ code: 2, err: expect.stringMatching(`--tls-cert is for .*${name}`) });
  });
});

describe("the own certificate of a client", () => {
  it("is refused at once with 2 where key, certificate or authority cannot be used", async () => {
    for (const name of ["a", "b"]) {
      await run(["cert", "ca", "--out", at(name)]);
      await run(["cert", "client", "web", "--out", at(name)]);
    }
    writeFileSync(at("nonsense"), "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    const [ca, cert, key] = ["a/ca.pem", "a/web.pem", "a/web-key.pem"];
    const get = (...files: string[]): ReturnType<typeof run> => {
      const flags = files.flatMap((file, i) => [`--tls-${["ca", "cert", "key"][i]}`, at(file)]);
      return run(["get", "a", "--cluster", "shop", "--servers", "127.0.0.1:1", "--timeout", "200ms", ...flags]);
    };
    expect(await get(ca, cert, key)).toMatchObject({ code: 4 });
    for (const [files, wanted] of [
      [
        [ca, cert, "b/web-key.pem"],
        /^error: --tls-cert \S+ with --tls-key \S+ cannot be used: this is not the key.*\n$/,
      ],
      [[ca, "nonsense", key], /^error: --tls-cert \S+ cannot be used: .+\n$/],
      [[key], /^error: --tls-ca \S+ cannot be used: there is no certificate in it\n$/],
      [["nonsense"], /^error: --tls-ca \S+ cannot be used: .+\n$/],
      [[ca, cert, "nonsense"], /^error: --tls-key \S+ cannot be used: .+\n$/],
    ] as const) {
      expect(await get(...files)).toMatchObject({ code: 2, err: expect.stringMatching(wanted) });
    }
  });
});

describe("cert", () => {
  it("makes no key for an authority that has another one, somewhere else", async () => {
    await json(["cert", "ca", "--out", at("certs")]);
    rmSync(join(at("certs"), "ca-key.pem"));
    expect(await run(["cert", "ca", "--out", at("certs")])).toMatchObject({ code: 3 });
    expect(readdirSync(at("certs"))).toEqual(["ca.pem"]);
    const node = ["cert", "node", "--cluster", "shop", "--id", "1", "--out", at("certs")];
    expect(await run(node)).toMatchObject({ code: 2, err: expect.stringContaining("ca-key.pem") });
  });

  it("makes an authority and certificates that it signs, and overwrites nothing", async () => {
    await json(["cert", "ca", "--out", at("certs")]);
    const made = await json<{ certificate: string; key: string }>([
      "cert",
      "node",
      "--cluster",
      "shop",
      "--id",
      "7",
      "--host",
      "db.example",
      "--host",
      "10.0.0.7",
      "--out",
      at("certs"),
    ]);
    const ca = new X509Certificate(readFileSync(join(at("certs"), "ca.pem")));
    const node = new X509Certificate(readFileSync(made.certificate));
    expect(node.verify(ca.publicKey)).toBe(true);
    expect(node.checkHost("db.example")).toBe("db.example");
    expect(node.checkIP("10.0.0.7")).toBe("10.0.0.7");
    expect(node.subject).toBe("CN=node-7");
    expect(node.subjectAltName).toContain("URI:synod://shop/node/7");
    expect(statSync(made.key).mode & 0o077).toBe(0);
    expect(await run(["cert", "node", "--cluster", "shop", "--id", "7", "--out", at("certs")])).toMatchObject({
      code: 3,
    });
    expect(await run(["cert", "client", "web", "--out", at("none")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("synod cert ca"),
    });
  });
});

describe("completion", () => {
  it("completes commands, options and those of commands below, in bash", async () => {
    const { out } = await run(["completion", "bash"]);
    writeFileSync(at("synod.bash"), out);
    const complete = (...words: string[]): string[] => {
      const line = `source ${at("synod.bash")}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _synod; echo "\${COMPREPLY[@]}"`;
      return execFileSync("bash", ["-c", line], { encoding: "utf8" }).trim().split(" ");
    };
    expect(complete("synod", "in")).toEqual(["init"]);
    expect(complete("synod", "cert", "")).toEqual(expect.arrayContaining(["ca", "node", "client"]));
    expect(complete("synod", "start", "--data")).toEqual(["--data-dir"]);
  });

  it.each(["zsh", "fish"])("prints a script for %s that has every command", async (shell) => {
    const { code, out } = await run(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["init", "start", "dump", "cert ca"]) expect(out).toContain(word);
    // In zsh that is the search path, and a local one is empty.
    if (shell === "zsh") expect(out).not.toMatch(/\bpath=|local path/);
  });

  it("refuses other shells", async () => {
    expect(await run(["completion", "cmd"])).toMatchObject({ code: 2 });
  });
});

describe("the recipe for three nodes on one machine", () => {
  it("runs as a script, and ends its nodes", async () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    const recipe = /## Three nodes on one machine.*?```sh\n(.*?)```/s.exec(readme)?.[1] ?? "";
    // Other ports than those of whoever tries it on this machine just now, and than those of `freePorts`.
    const lines = recipe.replaceAll("127.0.0.1:7", `127.0.0.1:${12 + (process.pid % 20)}`);
    const script = `set -e\ntrap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\n${lines}wait || true\necho all ended\n`;
    symlinkSync(MAIN, at("synod"));
    const env = { ...cleanEnv(), PATH: `${place.path}:${process.env["PATH"]}` };
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: place.path, env });
    expect(stdout).toMatch(/^hello$/m);
    expect(stdout).toContain("all ended");
    for (const id of [1, 2, 3]) expect(readFileSync(at(`node-${id}.log`), "utf8")).toContain("was closed in order");
  });
});
