import { once } from "node:events";
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { connect } from "../src/index.js";

const codec = { encode: (): Uint8Array => new Uint8Array(0), decode: (): null => null };
const codecs = { commandCodec: codec, resultCodec: codec, queryCodec: codec, answerCodec: codec };
const right = { cluster: "shop", servers: ["127.0.0.1:1"], ...codecs };

test.each<readonly [string, string, unknown]>([
  ["nothing", "{ cluster, servers", undefined],
  ["no cluster", "cluster must be", { ...right, cluster: undefined }],
  ["a cluster as nodes have it", "not an object", { ...right, cluster: { id: "shop" } }],
  ["an empty cluster", "1 to 255", { ...right, cluster: "" }],
  ["no servers", "servers must be a list", { ...right, servers: undefined }],
  ["servers in one text", "not a string", { ...right, servers: "a:1,b:1" }],
  ["an empty list of servers", "servers is empty", { ...right, servers: [] }],
  ["a server that is none", "7100 is no address", { ...right, servers: ["127.0.0.1:1", 7100] }],
  ["a hole in the servers", "undefined is no address", { ...right, servers: [undefined] }],
  ["a server without a port", "no address", { ...right, servers: ["localhost"] }],
  ["no codecs", "commandCodec is missing: give", { cluster: "shop", servers: ["127.0.0.1:1"] }],
  ["no answer codec", "answerCodec is missing", { ...right, answerCodec: undefined }],
  ["a codec not called", "call it", { ...right, resultCodec: () => codec }],
  ["half a codec", "queryCodec has no", { ...right, queryCodec: { encode: codec.encode } }],
  ["a token of numbers", "token must be", { ...right, token: 1 }],
  ["a name of numbers", "name must be", { ...right, name: 1 }],
  [
    "a time limit at the wrong place",
    "connect has no option timeoutMs: did you mean limits.timeoutMs?",
    { ...right, timeoutMs: 1 },
  ],
  ["another name for tls", "connect has no option TLS: did you mean tls?", { ...right, TLS: {} }],
  ["another name for its ca", "tls has no option caa: did you mean tls.ca?", { ...right, tls: { caa: "x" } }],
  [
    "another name in what a function gives for tls",
    "tls has no option CA: did you mean tls.ca?",
    { ...right, tls: () => ({ CA: "x" }) },
  ],
  ["a function for tls that gives it later", "tls must be", { ...right, tls: async () => ({ ca: "x" }) }],
  ["a text for tls", "not a string", { ...right, tls: "ca.crt" }],
  [
    "a limit misspelt",
    "limits.callMax is not a known limit: did you mean limits.callsMax?",
    { ...right, limits: { callMax: 1 } },
  ],
  ["no known name", "connect has no option zzz: it takes cluster, servers, commandCodec", { ...right, zzz: 1 }],
])("connect with %s: refused, with what is right", async (_, says, options) => {
  const error: unknown = await connect(options as Parameters<typeof connect>[0]).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(SynodError);
  expect((error as SynodError).message).toContain(says);
  expect((error as SynodError).code).toBe("InvalidArgument");
});

test("what was left out may be undefined", async () => {
  const given = { ...right, token: undefined, tls: undefined, limits: { timeoutMs: 20 }, signal: undefined };
  const connecting = connect(given as unknown as Parameters<typeof connect>[0]);
  await expect(connecting).rejects.toMatchObject({ code: "NoServer" });
});

test("a function for tls that fails is asked again, as a file may be written at that moment", async () => {
  const tls = (): never => {
    throw new Error("ca.crt is half written");
  };
  const connecting = connect({ ...right, tls, limits: { timeoutMs: 20 } });
  const message: unknown = expect.stringContaining("ca.crt is half written");
  await expect(connecting).rejects.toMatchObject({ code: "NoServer", message });
});

test("a token that goes over the network as it is: warned of by a code that programs can go by", async () => {
  const lines: unknown[] = [];
  const nothing = (): void => {};
  const logger = {
    debug: nothing,
    info: nothing,
    error: nothing,
    warn: (_: string, fields: unknown) => lines.push(fields),
  };
  const attempt = async (more: object): Promise<void> => {
    const given = { ...right, token: "secret", signal: AbortSignal.abort(), logger, ...more };
    await expect(connect(given)).rejects.toBeInstanceOf(SynodError);
  };
  await attempt({ servers: ["localhost:1", "127.0.0.1:1", "[::1]:1"] });
  await attempt({ servers: ["10.0.0.1:1"], tls: { ca: "" } });
  expect(lines).toEqual([]);
  await attempt({ servers: ["localhost:1", "10.0.0.1:1"] });
  expect(lines).toEqual([{ code: "SYNOD_PLAIN_TOKEN", server: "10.0.0.1:1" }]);
  const warned = once(process, "warning");
  await attempt({ servers: ["10.0.0.1:1"], logger: undefined });
  expect(await warned).toMatchObject([{ code: "SYNOD_PLAIN_TOKEN" }]);
});
