import { expect, it } from "vitest";
import { tcpTransport } from "../src/index.js";
import { TcpNode } from "./support.js";

it.each([
  // Without `tls` everything would go over the network as it is.
  [{ tsl: {} }, "tcpTransport has no option tsl: did you mean tls?"],
  [{ TLS: {} }, "tcpTransport has no option TLS: did you mean tls?"],
  [{ certs: "" }, "tcpTransport has no option certs: did you mean tls.cert?"],
  [{ tls: { key: "", certt: "", ca: "" } }, "tls has no option certt: did you mean tls.cert?"],
  [{ queueBytes: 1 }, "tcpTransport has no option queueBytes: it takes listen, tls, frameBytesMax,"],
])("an option of an unknown name is refused: %j", (options, message) => {
  const text: unknown = expect.stringContaining(message);
  expect(() => tcpTransport(options as object)).toThrow(
    expect.objectContaining({ code: "InvalidArgument", message: text }),
  );
});

it("what a function gives for tls is looked at when it is asked", async () => {
  const tls = (): never => ({ key: "", cert: "", CA: "" }) as never;
  const node = new TcpNode(1, { tls });
  const message = "tls has no option CA: did you mean tls.ca?";
  await expect(node.listen()).rejects.toMatchObject({ code: "InvalidArgument", message });
  await node.transport.close();
});
