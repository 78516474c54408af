import { describe, expect, test } from "vitest";
import type { ChosenValue } from "@synod/interface";
import { Links, mbit } from "./links.js";

const KIB = 1024;
const MIB = 1024 * KIB;
/** The default. */
const TIMEOUT_MS = 250;

/** A log of so many bytes, in values of this size. */
function chosenOf(bytes: number, valueBytes: number): ChosenValue[] {
  const value = new Uint8Array(valueBytes).fill(3);
  return Array.from({ length: bytes / valueBytes }, (_, i) => ({ slot: i + 1, value }));
}

describe("a node fetches what it lacks over a slow link", () => {
  test.each([
    // Mbit/s, log, value
    [100, 40 * MIB, 16 * KIB],
    [20, 20 * MIB, 16 * KIB],
    [2, 3 * MIB, 16 * KIB],
    [5, 32 * MIB, MIB],
  ])("%i Mbit/s, %i bytes in values of %i", (speed, bytes, valueBytes) => {
    const chosen = chosenOf(bytes, valueBytes);
    const links = new Links({ nodes: [{ chosen }, { chosen, random: 0.5 }, {}], bytesPerMs: mbit(speed) });
    const idealMs = bytes / mbit(speed);
    links.run(4 * idealMs, () => links.replica(3).status().chosenUpTo === chosen.length);
    expect({ ms: links.nowMs / idealMs, bytes: (links.bulkBytes.get(3) ?? 0) / bytes }).toSatisfy(
      (ratio: { ms: number; bytes: number }) => ratio.ms < 1.5 && ratio.bytes < 1.3,
    );
  });
});

describe("a candidate that lags and whose disk hangs", () => {
  test("holds the others up for one timeout, however long it fetches", () => {
    const chosen = chosenOf(7 * 128 * KIB, 128 * KIB);
    const eager = { random: 0, hungDisk: true };
    const others = Array.from({ length: 4 }, (_, i) => ({ chosen, random: 0.96 + i / 100 }));
    // Each page takes most of a timeout.
    const links = new Links({ nodes: [eager, ...others], bytesPerMs: (128 * KIB) / 200 });
    const campaigned = (): boolean => links.machine(1).notices.some(({ notice }) => notice.kind === "campaign");
    const led = (): boolean => [2, 3, 4, 5].some((id) => links.replica(id).leads);
    links.run(4 * TIMEOUT_MS, campaigned);
    expect([campaigned(), led()]).toEqual([true, false]);
    const sinceMs = links.nowMs;
    links.run(60 * TIMEOUT_MS, led);
    expect((links.nowMs - sinceMs) / TIMEOUT_MS).toBeLessThan(3);
  });
});

describe("resends", () => {
  test.each([
    // Mbit/s, value, bytes in flight; seconds
    [100, 64 * KIB, 4 * MIB, 20],
    // A value alone takes longer than four of the shortest waits.
    [10, MIB, MIB, 120],
    [10, 256 * KIB, MIB, 120],
  ])(
    "%i Mbit/s, values of %i, %i in flight: a busy link is not made busier",
    (speed, size, inFlightBytesMax, seconds) => {
      const value = new Uint8Array(size).fill(3);
      const settings = { inFlightBytesMax };
      const links = new Links({ nodes: [{}, { random: 0.5 }, null], bytesPerMs: mbit(speed), settings, alpha: 1000 });
      links.run(4 * TIMEOUT_MS, () => links.replica(1).leads);
      const fromMs = links.nowMs;
      const propose = (): void => {
        while (links.replica(1).capacity() > 0) links.replica(1).propose(value);
      };
      links.run(seconds * 1_000, undefined, propose);
      const bytes = links.replica(1).status().chosenUpTo * value.length;
      const idealBytes = (links.nowMs - fromMs) * mbit(speed);
      expect({ done: bytes / idealBytes, sent: (links.bulkBytes.get(2) ?? 0) / bytes }).toSatisfy(
        (ratio: { done: number; sent: number }) => ratio.done > 0.9 && ratio.sent < 1.15,
      );
    },
  );
});
