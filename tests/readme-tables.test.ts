// What a README lists of options, members and outcomes is what the sources have: nothing more and nothing less.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Exported, type Member } from "./exported.ts";
import { read, root } from "./files.ts";

const packages = readdirSync(join(root, "packages")).filter((name) => existsSync(join(root, "packages", name, "src")));
const exported = new Exported(packages);
const readme = (name: string): string => read(`packages/${name}/README.md`);

/** The first cells of the one table with this head. */
function firstCells(name: string, head: string): string[] {
  const lines = readme(name).split("\n");
  const isHead = (line: string, next = ""): boolean => line.startsWith(`| ${head} |`) && /^\| ?---/.test(next);
  const starts = lines.flatMap((line, index) => (isHead(line, lines[index + 1]) ? [index] : []));
  expect(starts, `tables with the head ${head} in the README of ${name}`).toHaveLength(1);
  const body = lines.slice((starts[0] ?? 0) + 2);
  const end = body.findIndex((line) => !line.startsWith("|"));
  return body.slice(0, end === -1 ? undefined : end).map((line) => line.split(/(?<!\\)\|/)[1] ?? "");
}

/** `propose(command)`, `status()`: what stands in code marks, up to the parameters. */
const namesIn = (cell: string): string[] => [...cell.matchAll(/`(?!new )(\w+)[^`]*`/g)].map(([, name = ""]) => name);

/** What is for simulators and tests alone is no option for users. */
const membersOf = (types: string): Member[] =>
  types
    .split("&")
    .flatMap((type) => exported.members(type.trim()).filter(({ doc }) => !/^For (simulators|tests)/.test(doc)));

/** Tables whose first cells name every option or member of these types. */
const TABLES: [name: string, head: string, types: string, only?: RegExp][] = [
  ["client", "Option", "client:ConnectOptions"],
  ["client", "`limits`", "client:ClientLimits"],
  ["client", "Call", "client:Client"],
  ["coordination", "Option", "coordination:CoordinationMachineOptions"],
  ["explorer", "Member", "explorer:Model"],
  ["explorer", "Field", "explorer:Report"],
  ["linearizability", "Option", "linearizability:CheckOptions"],
  ["multipaxos", "`Replica`", "multipaxos:Replica"],
  ["multipaxos", "Effects", "multipaxos:Effects"],
  ["multipaxos", "Settings", "multipaxos:ReplicaSettings"],
  ["node", "Option", "node:NodeOptions"],
  ["node", "`cluster`", "node:ClusterOptions"],
  ["node", "`limits`", "node:NodeLimits"],
  ["node", "Member of the node", "node:SynodNode"],
  ["rsm", "Option", "rsm:ReplicatedMachineOptions", /^session/],
  ["server", "Option", "server:ServeOptions"],
  ["server", "`limits`", "server:ServerLimits"],
  ["transport-tcp", "Option", "transport-tcp:TcpTransportOptions"],
];

test.each(TABLES)("README of %s: the table %s has what %s has", (name, head, types, only = /^/) => {
  const wanted = membersOf(types).map((member) => member.name);
  const listed = new Set(firstCells(name, head).flatMap(namesIn));
  expect([...listed].sort()).toEqual(wanted.filter((one) => only.test(one)).sort());
});

test.each(packages)("README of %s: every table of options is held against its type", (name) => {
  const heads = [
    ...readme(name).matchAll(/^\| (Options?|Settings?|Limits?|`(?:options|settings|limits)`) \|.*\n\| ?---/gm),
  ];
  const held = TABLES.filter(([page]) => page === name).map(([, head]) => head);
  expect(held).toEqual(expect.arrayContaining(heads.map(([, head]) => head)));
});

/** Calls that name every option in braces, those that may be left out with a mark: `read(query, { signal?, via? })`. */
const CALLS: [name: string, call: string, types: string][] = [
  ["client", "propose", "interface:ProposeOptions"],
  ["client", "read", "interface:ReadOptions"],
  ["client", "watch", "interface:WatchOptions"],
  ["client", "admin.readSnapshot", "client:AdminOptions"],
  ["client", "admin.changeMembership", "interface:ChangeOptions"],
  ["codec-msgpack", "messageCodec", "codec-msgpack:MessageCodecOptions"],
  ["codec-msgpack", "msgpackCodec<T>", "codec-msgpack:MsgpackCodecOptions"],
  ["explorer", "explore", "explorer:SearchOptions"],
  ["lecture", "search", "lecture:SearchOptions"],
  ["metrics-prometheus", "prometheusMetrics", "metrics-prometheus:PrometheusMetricsOptions"],
  ["multipaxos", "new Replica", "multipaxos:ReplicaOptions"],
  ["node", "propose", "interface:ProposeOptions"],
  ["node", "read", "interface:ReadOptions"],
  ["node", "readStale", "node:StaleReadOptions"],
  ["node", "watch", "interface:WatchOptions"],
  ["node", "changeMembership", "interface:ChangeOptions"],
  ["node", "transferLeadership", "node:TransferOptions"],
  ["node", "close", "node:CloseOptions"],
  ["rsm", "replicatedMachine", "rsm:ReplicatedMachineOptions"],
  ["simulator", "simulate", "simulator:SimulateOptions"],
  ["simulator", "simulateCore", "simulator:SimulateCoreOptions"],
  ["storage-file", "fileStorage", "storage-file:FileStorageOptions"],
  ["storage-memory", "memoryStorage", "storage-memory:MemoryStorageOptions"],
  ["transport-memory", "memoryNetwork", "transport-memory:MemoryNetworkOptions"],
];

test.each(CALLS)("README of %s: %s has the options of %s", (name, call, types) => {
  const spans = [...readme(name).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  // The call is explained where it comes first; further on it may show some of its options.
  const explained = spans.find((span) => span.startsWith(`${call}(`) && span.includes("{ ")) ?? "";
  const given = /\{ (.+?) \}/.exec(explained)?.[1]?.split(", ") ?? [];
  expect(given.sort()).toEqual(
    membersOf(types)
      .map((one) => `${one.name}${one.optional ? "?" : ""}`)
      .sort(),
  );
});

/** Tables of the texts that the property `kind` of a type has. */
const KINDS: [name: string, head: string, type: string][] = [["rsm", "Outcome", "rsm:Outcome"]];

test.each(KINDS)("README of %s: the table %s has the kinds of %s", (name, head, type) => {
  expect(firstCells(name, head).flatMap(namesIn).sort()).toEqual(exported.kinds(type).sort());
});

test("README of simulator: the table Invariant has those that a run may be found to break", () => {
  const named = firstCells("simulator", "Invariant").flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)]);
  expect(named.map(([, name = ""]) => name).sort()).toEqual(exported.texts("simulator:Invariant").sort());
});
