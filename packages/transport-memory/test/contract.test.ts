import { transportSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { memoryNetwork } from "../src/index.js";

describe("contract of Transport: memoryNetwork", () => {
  transportSuite({
    test,
    create: () => {
      const queueBytesMax = 1024 * 1024;
      const network = memoryNetwork({ queueBytesMax });
      return { transport: () => network.transport(), queueBytesMax, tooLongBytes: queueBytesMax };
    },
  });
});
