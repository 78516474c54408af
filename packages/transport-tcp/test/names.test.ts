import { expect, it } from "vitest";
import { tcpTransport } from "../src/index.js";
import { TcpNode } from "./support.js";

it.each([
  // Without `tls` everything would go over the network as it is.
  [{ tsl: {} }, "tcpTransport has no option tsl: did you mean tls?"],
  [{ TLS: {} }, "tcpTransport has no option TLS: did you mean tls?"],
  [{ certs: "" }, "tcpTransport has no option certs: did you mean tls.cert?"],
  [{ tls: { key: "", certt: "", ca: "" } }, "tls has no option certt: did you mean tls.cert?"],
  [{ tls: null }, "tls must be an object of key, cert and ca,"],
  [{ tls: "node-1.crt" }, "tls must be an object of key, cert and ca,"],
  [{ queueBytes: 1 }, "tcpTransport has no option queueBytes: it takes listen, tls, frameBytesMax,"],
])("an option of an unknown name is refused: %j", (options, message) => {
  const text: unknown = expect.stringContaining(message);
  expect(() => tcpTransport(options as object)).toThrow(
    expect.objectContaining({ code: "InvalidArgument", message: text }),
  );
});

it("what is no object has no options: an address in their place would not be listened at", () => {
  for (const given of ["0.0.0.0:7000", 7000, null]) {
    const message = `tcpTransport takes an object, as in { listen: "0.0.0.0:7000" }, not ${String(given)}`;
    expect(() => tcpTransport(given as never)).toThrow(expect.objectContaining({ code: "InvalidArgument", message }));
  }
});

it.each([
  ["has another name in it", () => ({ key: "", cert: "", CA: "" }), "tls has no option CA: did you mean tls.ca?"],
  [
    "comes later",
    async () => ({ key: "", cert: "", ca: "" }),
    "tls must be an object of key, cert and ca, or a function that returns one at once, not a promise",
  ],
  [
    "is nothing",
    () => undefined,
    "tls must be an object of key, cert and ca, or a function that returns one at once, not undefined",
  ],
])("what a function gives for tls is looked at when the node starts: %s", async (_what, tls, message) => {
  const node = new TcpNode(1, { tls: tls as never });
  await expect(node.listen()).rejects.toMatchObject({ code: "InvalidArgument", message });
  await node.transport.close();
});
