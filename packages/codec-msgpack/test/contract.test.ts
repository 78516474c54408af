import { codecSuite } from "@synod/conformance";
import fc from "fast-check";
import { describe, test } from "vitest";
import { messageCodec, msgpackCodec } from "../src/index.js";
import { arbitraries, envelopeOf, envelopes, messages } from "./samples.js";

describe("contract of Codec: messageCodec", () => {
  const frameBytesMax = 256 * 1024;
  const drawn = Object.values(arbitraries).flatMap((message) => fc.sample(envelopes(message), { numRuns: 2, seed: 1 }));
  codecSuite({
    test,
    create: () => messageCodec({ frameBytesMax }),
    samples: [...Object.values(messages).map(envelopeOf), ...drawn],
    bytesMax: frameBytesMax,
  });
});

describe("contract of Codec: msgpackCodec", () => {
  codecSuite<unknown>({
    test,
    create: () => msgpackCodec<unknown>({ bytesMax: 100_000 }),
    samples: [
      null,
      true,
      false,
      0,
      -1,
      0.1,
      2 ** 53 - 1,
      Number.POSITIVE_INFINITY,
      "",
      "text é 🙂",
      "x".repeat(70_000),
      new Uint8Array(0),
      Uint8Array.of(1, 2, 3),
      new Uint8Array(300).fill(7),
      [],
      [1, [2, [3]]],
      {},
      { op: "put", key: "k", value: Uint8Array.of(9), nested: { list: [null, { deep: true }] } },
      { constructor: 1, toJSON: [2], length: 3 },
    ],
    bytesMax: 100_000,
  });
});

describe("contract of Codec: msgpackCodec that validates", () => {
  interface Add {
    readonly key: string;
    readonly amount: number;
  }
  const isAdd = (value: unknown): value is Add =>
    typeof value === "object" && value !== null && "key" in value && "amount" in value;
  codecSuite<Add>({
    test,
    create: () =>
      msgpackCodec<Add>({
        validate: (value) => {
          if (!isAdd(value)) throw new TypeError("no Add");
          return value;
        },
      }),
    samples: [
      { key: "a", amount: 1 },
      { key: "b", amount: -1e9 },
    ],
  });
});
