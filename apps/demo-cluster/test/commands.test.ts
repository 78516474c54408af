import { describe, expect, it } from "vitest";
import { parseRequest } from "../src/commands.js";
import { execute } from "../src/execute.js";
import { CallError } from "../src/replica-process.js";

describe("typed commands", () => {
  it.each([
    ["put k v", { kind: "propose", command: { op: "put", key: "k", value: "v" }, replica: undefined }],
    ["put k two words", { kind: "propose", command: { op: "put", key: "k", value: "two words" }, replica: undefined }],
    ['put "a key" ""', { kind: "propose", command: { op: "put", key: "a key", value: "" }, replica: undefined }],
    ["put k v @2", { kind: "propose", command: { op: "put", key: "k", value: "v" }, replica: 2 }],
    ["put k @2", { kind: "propose", command: { op: "put", key: "k", value: "@2" }, replica: undefined }],
    ["  get   k ", { kind: "read", key: "k", via: "leader", replica: undefined }],
    ["get k @3", { kind: "read", key: "k", via: "leader", replica: 3 }],
    ["get k quorum", { kind: "read", key: "k", via: "quorum", replica: undefined }],
    ["get k stale @3", { kind: "read", key: "k", via: "stale", replica: 3 }],
    ["add 4", { kind: "add", id: 4 }],
    ["remove 1", { kind: "remove", id: 1 }],
    ["replace 2 5", { kind: "replace", id: 2, by: 5 }],
    ["transfer 2", { kind: "transfer", id: 2 }],
    ["roll", { kind: "roll" }],
    ["snapshot", { kind: "snapshot", id: undefined }],
    ["snapshot 3", { kind: "snapshot", id: 3 }],
    ["star 2", { kind: "star", id: 2 }],
    ["chain", { kind: "chain" }],
    ["cas k a b", { kind: "propose", command: { op: "cas", key: "k", from: "a", to: "b" }, replica: undefined }],
    ["incr k", { kind: "propose", command: { op: "incr", key: "k" }, replica: undefined }],
    ["delete k", { kind: "propose", command: { op: "delete", key: "k" }, replica: undefined }],
    ["kill 2", { kind: "kill", id: 2 }],
    ["cut 1 3", { kind: "cut", id: 1, other: 3 }],
    ["cut 1", { kind: "cut", id: 1, other: undefined }],
    ["heal", { kind: "heal", pair: undefined }],
    ["heal 3 1", { kind: "heal", pair: [3, 1] }],
    ["slow 3 500", { kind: "slow", id: 3, ms: 500 }],
    ["load 0", { kind: "load", perSecond: 0 }],
    ["quit", { kind: "quit" }],
    ["   ", null],
  ])("reads %j", (line, request) => {
    expect(parseRequest(line)).toEqual(request);
  });

  it.each([
    ["fly", /fly is no command/],
    ["put k", /usage: put KEY VALUE/],
    ["cas k a", /usage: cas KEY OLD NEW/],
    ["kill", /usage: kill ID/],
    ["kill two", /a replica is named by its number, not two/],
    ["heal 1", /usage: heal/],
    ["get k soon", /by quorum or stale, not soon/],
    ["get k quorum stale", /usage: get/],
    ["add", /usage: add ID/],
    ["replace 2", /usage: replace ID NEW/],
    ["snapshot 1 2", /usage: snapshot \[ID\]/],
    ["chain 1", /usage: chain/],
    ["cut 1 2 3", /usage: cut/],
    ["load -5", /load takes a number up to 100000, not -5/],
    ["load 1000000", /load takes/],
    ["slow 3", /usage: slow ID MS/],
    ["slow 3 99999", /slow takes up to 10000 ms/],
    ["put k \u001b[2J", /no control characters/],
    [`put k ${"x".repeat(5000)}`, /at most 4096/],
  ])("refuses %j", (line, text) => {
    expect(() => parseRequest(line)).toThrow(text);
  });
});

describe("carrying out", () => {
  const calls: unknown[] = [];
  const control: Parameters<typeof execute>[0] = {
    ids: [1, 2, 3],
    view: () => {
      throw new Error("not asked for");
    },
    propose: (command) => {
      calls.push(command);
      return Promise.resolve({ replica: 2, value: { done: false, value: "kept" } });
    },
    read: () => Promise.reject(new CallError("NoLeader", "nobody confirmed")),
    readStale: () => Promise.resolve({ replica: 3, value: { answer: ["old"], asOf: 1234, ageMs: 40.2 } }),
    operations: {
      add: (id) => Promise.resolve(`added ${id}`),
      remove: (id) => Promise.resolve(`removed ${id}`),
      replace: (id, by) => Promise.resolve(`${by} for ${id}`),
      transfer: () => Promise.reject(new CallError("NotTransferred", "it is behind")),
      snapshot: (id) => Promise.resolve([`snapshot ${id ?? "everywhere"}`]),
      shape: (shape) => {
        calls.push(shape);
        return Promise.resolve();
      },
      roll: () => Promise.resolve("rolled"),
    },
    kill: () => Promise.resolve(),
    restart: () => Promise.resolve(),
    pause: () => undefined,
    resume: () => undefined,
    cut: (id, others) => {
      calls.push({ id, others });
      return Promise.resolve();
    },
    heal: () => Promise.resolve(),
    slow: () => Promise.resolve(),
    load: () => undefined,
  };

  it("tells what became of a command", async () => {
    const outcome = await execute(control, "cas k a b");
    expect(calls.pop()).toEqual({ op: "cas", key: "k", from: "a", to: "b" });
    expect(outcome).toMatchObject({ ok: true, quit: false });
    expect(outcome.lines[0]).toMatch(/^unchanged: k is "kept" {2}\(replica 2, [\d.]+ ms\)$/);
  });

  it("tells the code of what failed", async () => {
    expect(await execute(control, "get k")).toEqual({ ok: false, lines: ["NoLeader: nobody confirmed"], quit: false });
    expect(await execute(control, "fly")).toMatchObject({ ok: false });
  });

  it("cuts one replica off from all others", async () => {
    await execute(control, "cut 2");
    expect(calls.pop()).toEqual({ id: 2, others: [1, 3] });
  });

  it.each([
    ["add 4", /^added 4 {2}\([\d.]+ ms\)$/],
    ["remove 1", /^removed 1 {2}\(/],
    ["replace 2 5", /^5 for 2 {2}\(/],
    ["transfer 2", /^NotTransferred: it is behind$/],
    ["snapshot", /^snapshot everywhere$/],
    ["snapshot 2", /^snapshot 2$/],
    ["roll", /^rolled {2}\(/],
    ["get k stale", /^k was "old" as of slot 1,234, at most 41 ms old {2}\(replica 3, [\d.]+ ms\)$/],
  ])("answers %j", async (line, text) => {
    const { lines } = await execute(control, line);
    expect(lines).toEqual([expect.stringMatching(text)]);
  });

  it("leaves only a star or a chain", async () => {
    await execute(control, "star 2");
    expect(calls.pop()).toEqual({ center: 2 });
    await execute(control, "chain");
    expect(calls.pop()).toBe("chain");
  });

  it("lists every command with help", async () => {
    const { lines } = await execute(control, "help");
    expect(lines.join("\n")).toMatch(/put KEY VALUE[^]*quit/);
  });
});
