import { clockSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { systemClock } from "../src/index.js";

describe("contract of Clock: systemClock", () => {
  clockSuite({ test, create: () => ({ clock: systemClock() }) });
});
