import { describe, expect, it } from "vitest";
import type { KvCommand } from "../src/kv.js";
import { Ledger } from "../src/ledger.js";

/** Issues commands and settles the n-th with `codes[n]`; the rest are acknowledged. */
function written(count: number, codes: Readonly<Record<number, string>>) {
  const ledger = new Ledger("t");
  const store = new Map<string, string>();
  const commands: KvCommand[] = [];
  for (let n = 1; n <= count; n++) {
    const command = ledger.next();
    commands.push(command);
    const code = codes[n] ?? null;
    ledger.settled({ command, issuedAtMs: n, endedAtMs: n + 0.5, code });
    if (code !== null) continue;
    if (command.op === "put") store.set(command.key, command.value);
    else store.set(command.key, String(Number(store.get(command.key) ?? "0") + 1));
  }
  const read = (keys: readonly string[]) => Promise.resolve(keys.map((key) => store.get(key) ?? null));
  return { ledger, store, read };
}

describe("the ledger of a tour", () => {
  it("finds everything in order", async () => {
    const { ledger, read } = written(1200, { 3: "NotProposed", 4: "OutcomeUnknown", 20: "OutcomeUnknown" });
    expect(await ledger.audit(read)).toEqual({
      acknowledged: 1078,
      lost: [],
      unknown: 1,
      unknownThere: 0,
      refused: 1,
      ghosts: [],
      counter: { value: 119, least: 119, most: 120 },
    });
  });

  it("names a lost and a changed key", async () => {
    const { ledger, store, read } = written(600, {});
    store.delete("t:7");
    store.set("t:599", "another value");
    expect((await ledger.audit(read)).lost).toEqual(["t:7", "t:599"]);
  });

  it("takes an unknown outcome either way, but no third value and no trace of a refusal", async () => {
    const { ledger, store, read } = written(9, { 1: "OutcomeUnknown", 2: "OutcomeUnknown", 3: "NotProposed" });
    store.set("t:1", "value-1");
    store.set("t:2", "nobody wrote this");
    store.set("t:3", "value-3");
    expect(await ledger.audit(read)).toMatchObject({ lost: [], unknown: 2, unknownThere: 1, ghosts: ["t:2", "t:3"] });
  });

  it("sees an increment that was executed twice", async () => {
    const { ledger, store, read } = written(10, {});
    store.set(ledger.counterKey, "2");
    const { counter } = await ledger.audit(read);
    expect(counter).toEqual({ value: 2, least: 1, most: 1 });
  });

  it("measures from the first command issued after the kill", () => {
    const ledger = new Ledger("t");
    const settle = (issuedAtMs: number, endedAtMs: number, code: string | null) =>
      ledger.settled({ command: ledger.next(), issuedAtMs, endedAtMs, code });
    ledger.watchFrom(100);
    settle(99, 150, null);
    settle(110, 160, "OutcomeUnknown");
    expect(ledger.awayMs).toBeNull();
    settle(110, 340, null);
    settle(120, 341, null);
    expect(ledger.awayMs).toBe(240);
  });

  it("measures the longest time without an acknowledged write", () => {
    const ledger = new Ledger("t");
    const settle = (endedAtMs: number, code: string | null): void =>
      ledger.settled({ command: ledger.next(), issuedAtMs: 0, endedAtMs, code });
    settle(10, null);
    ledger.measureGap(100);
    settle(105, null);
    settle(120, "NotProposed");
    settle(135, null);
    settle(140, null);
    expect(ledger.gapMs).toBe(30);
    ledger.measureGap(200);
    expect(ledger.gapMs).toBe(0);
  });
});
