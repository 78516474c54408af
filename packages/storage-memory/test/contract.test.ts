import { storageSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { memoryStorage } from "../src/index.js";

describe("contract of Storage: memoryStorage", () => {
  storageSuite({
    test,
    create: () => {
      const storage = memoryStorage();
      return { storage: () => storage };
    },
  });
});
