import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";

/**
 * Equal in own keys, prototypes and types. Vitest's `toStrictEqual` goes by the property named constructor, which may be data
 * here, and takes seconds for long byte arrays.
 */
export function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected))
    expect(JSON.stringify(actual)).toBe(`${JSON.stringify(expected)} (strictly)`);
}
