import { stateMachineSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { type Add, Numbers } from "./helpers.js";

describe("contract of StateMachine: a cowMap, one entry a chunk", () => {
  const commands = Array.from({ length: 90 }, (_, i): Add => ({ key: `k${(i * 7) % 13}`, amount: i, padding: i % 3 }));
  const queries = Array.from({ length: 14 }, (_, i) => `k${i}`);
  stateMachineSuite({ test, create: () => new Numbers(), commands, queries });
});
