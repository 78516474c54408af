import { describe, expect, it } from "vitest";
import { serve } from "../src/index.js";

const codec = { encode: (): Uint8Array => new Uint8Array(0), decode: (): null => null };
const right = { cluster: "shop", listen: "127.0.0.1:0", queryCodec: codec, answerCodec: codec };
/** Every call here is refused: of the node no more is asked than its cluster. */
const node = { status: () => ({ clusterId: "shop", leader: null, ballot: null }) };
const serving = (more: object): Promise<unknown> => serve(node as never, { ...right, ...more });
const token = { token: "x", role: "read" };

it.each([
  [undefined, "serve takes a node and an object: { cluster, listen, ...codecs }"],
  [
    { cluster: "shop", listen: "127.0.0.1:0" },
    "queryCodec is missing: give the codecs of the state machine, as in ...",
  ],
  [{ ...right, answerCodec: undefined }, "answerCodec is missing"],
  [{ ...right, answerCodec: () => codec }, "answerCodec is a function: call it, as in answerCodec: answerCodec()"],
  [{ ...right, queryCodec: { encode: codec.encode } }, "queryCodec has no encode and decode"],
])("serve without what each read needs is refused (%#)", async (options, text) => {
  const error = { code: "InvalidArgument", message: expect.stringContaining(text) as string };
  await expect(serve(node as never, options as never)).rejects.toMatchObject(error);
});

describe("serve with an option of an unknown name", () => {
  it.each([
    // Without tokens whoever comes may do everything.
    [{ token: [token] }, "serve has no option token: did you mean tokens?"],
    [{ tsl: {} }, "serve has no option tsl: did you mean tls?"],
    [{ connectionsMax: 1 }, "serve has no option connectionsMax: did you mean limits.connectionsMax?"],
    [{ limits: { idleTimeout: 1 } }, "limits.idleTimeout is not a known limit: did you mean limits.idleTimeoutMs?"],
    [{ tls: { key: "", cert: "", caa: "" } }, "tls has no option caa: did you mean tls.ca?"],
    [{ tls: () => ({ key: "", cert: "", CA: "" }) }, "tls has no option CA: did you mean tls.ca?"],
    [{ tls: null }, "tls must be an object of key, cert and ca, or a function that returns one at once, not null"],
    [{ tokens: [{ ...token, name: "shop" }] }, "an entry of tokens has an option that is none: it takes token, role"],
    [
      { certificateRoles: [{ nane: "a", role: "read" }] },
      "certificateRoles has no option nane: did you mean certificateRoles.name?",
    ],
  ])("is refused: %j", async (more, message) => {
    await expect(serving(more)).rejects.toMatchObject({ code: "InvalidArgument", message });
  });

  it("takes the codecs of a state machine as they come, two of which it does not need", async () => {
    const wrong = serving({ commandCodec: codec, resultCodec: codec, zzz: 1 });
    const taken =
      "cluster, listen, queryCodec, answerCodec, tokens, certificateRoles, anonymousRole, tls, storage, limits";
    await expect(wrong).rejects.toThrow(`serve has no option zzz: it takes ${taken}, logger, metrics, clock`);
  });
});

describe("serve with a role that is none, or nobody who has it", () => {
  const roles = 'is "read", "write" or "admin"';
  const text = "is a text that is not empty";
  it.each([
    [{ tokens: [token, { ...token, role: "Admin" }] }, `tokens[1].role ${roles}`],
    [{ tokens: [{ token: "x" }] }, `tokens[0].role ${roles}`],
    [{ tokens: [{ token: "x", role: "toString" }] }, `tokens[0].role ${roles}`],
    [{ tokens: [{ token: 5, role: "read" }] }, `tokens[0].token ${text}`],
    [{ tokens: [{ token: "", role: "read" }] }, `tokens[0].token ${text}`],
    [{ certificateRoles: [{ name: "a", role: "ADMIN" }] }, `certificateRoles[0].role ${roles}`],
    [{ certificateRoles: [{ name: "", role: "read" }] }, `certificateRoles[0].name ${text}`],
    [{ anonymousRole: "reader" }, `anonymousRole ${roles}`],
    [{ anonymousRole: null }, `anonymousRole ${roles}`],
  ])("refuses it: %j", async (more, message) => {
    await expect(serving(more)).rejects.toMatchObject({ code: "InvalidArgument", message });
  });
});
