import { codecSuite, stateMachineSuite } from "@synod/conformance";
import fc from "fast-check";
import { describe, test } from "vitest";
import { type CoordinationCommand, coordinationCodecs, coordinationMachine } from "../src/index.js";
import { answerSamples, commands, commandSamples, queries, querySamples, resultSamples } from "./samples.js";

const { commandCodec, resultCodec, queryCodec, answerCodec } = coordinationCodecs();

describe.each([1, 2, 3, 4])("contract of StateMachine, log %i", (seed) => {
  stateMachineSuite({
    test,
    // The history of the second half forgets, and some requests are refused.
    create: () => coordinationMachine(seed > 2 ? { historyBytesMax: 1500, stateBytesMax: 3000, leasesMax: 4 } : {}),
    commands: fc.sample(commands, { numRuns: 150, seed }),
    queries,
  });
});

describe("contract of Codec: commands", () => {
  const drawn = fc.sample(commands, { numRuns: 40, seed: 1 });
  // Long enough to be views where the bytes last.
  const long = [257, 4_000].map((length): CoordinationCommand => {
    const put = { kind: "put" as const, key: "k", value: new Uint8Array(length).fill(length), lease: null };
    return length > 300 ? { kind: "transaction", if: [], do: [put], else: [] } : { ...put, expected: null };
  });
  codecSuite({ test, create: () => commandCodec, samples: [...Object.values(commandSamples), ...drawn, ...long] });
});

describe("contract of Codec: results", () => {
  codecSuite({ test, create: () => resultCodec, samples: Object.values(resultSamples) });
});

describe("contract of Codec: queries", () => {
  codecSuite({ test, create: () => queryCodec, samples: Object.values(querySamples) });
});

describe("contract of Codec: answers", () => {
  codecSuite({ test, create: () => answerCodec, samples: Object.values(answerSamples) });
});
