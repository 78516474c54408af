import { transportSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { type TcpTransport, tcpTransport } from "../src/index.js";

describe("contract of Transport: tcpTransport", () => {
  transportSuite({
    test,
    create: () => {
      const queueBytesMax = 4 * 1024 * 1024;
      const frameBytesMax = 256 * 1024;
      return {
        transport: () =>
          tcpTransport({ queueBytesMax, controlQueueBytesMax: queueBytesMax, frameBytesMax, reconnectMinMs: 5 }),
        listen: "127.0.0.1:0",
        addressOf: (transport) => (transport as TcpTransport).address ?? "",
        queueBytesMax,
        tooLongBytes: frameBytesMax + 1,
      };
    },
  });
});
