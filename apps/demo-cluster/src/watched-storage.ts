import { VALUE_CONFIGURATION, VALUE_NOOP, VALUE_NOOP_RANGE } from "@synod/multipaxos";
import { setTimeout as delay } from "node:timers/promises";
import type { Ballot, Slot, Storage } from "@synod/interface";
import { decodeBatch } from "@synod/rsm";
import type { LogEntry } from "./moments.js";

interface Kept {
  readonly ballot: Ballot | null;
  readonly value: Uint8Array;
}

/** A store whose writes can be slowed down and whose last slots can be looked at. */
export interface WatchedStorage {
  readonly storage: Storage;
  /** Each write takes so much longer from now on. */
  readonly slow: (ms: number) => void;
  /** The last slots with a value, lowest first. */
  readonly log: () => LogEntry[];
}

const KEPT = 96;
const SHOWN = 24;

/** @param textOf - a command in words */
export function watchedStorage(inner: Storage, textOf: (body: Uint8Array) => string): WatchedStorage {
  const slots = new Map<Slot, Kept>();
  /** Values are immutable and are shown many times. */
  const described = new WeakMap<Uint8Array, Pick<LogEntry, "kind" | "count" | "text">>();
  let slowMs = 0;
  let highest = 0;

  const keep = (slot: Slot, kept: Kept): void => {
    highest = Math.max(highest, slot);
    if (slot > highest - KEPT) slots.set(slot, kept);
    if (slots.size > 2 * KEPT) for (const old of slots.keys()) if (old <= highest - KEPT) slots.delete(old);
  };
  const describe = (value: Uint8Array): Pick<LogEntry, "kind" | "count" | "text"> => {
    const known = described.get(value) ?? contentOf(value, textOf);
    described.set(value, known);
    return known;
  };

  const storage: Storage = {
    open: async (options) => {
      const recovered = await inner.open(options);
      for (const { slot, ballot, value } of recovered.votes.slice(-KEPT)) keep(slot, { ballot, value });
      for (const { slot, value } of recovered.chosen.slice(-KEPT)) keep(slot, { ballot: null, value });
      return recovered;
    },
    write: async (write) => {
      if (slowMs > 0) await delay(slowMs);
      await inner.write(write);
      for (const { slot, ballot, value } of write.votes) keep(slot, { ballot, value });
      for (const { slot, value } of write.chosen) if (!slots.has(slot)) keep(slot, { ballot: null, value });
    },
    saveSnapshot: (index, chunks) => inner.saveSnapshot(index, chunks),
    readSnapshot: (part) => inner.readSnapshot(part),
    drop: (upTo) => inner.drop(upTo),
    close: () => inner.close(),
  };
  return {
    storage,
    slow: (ms) => {
      slowMs = ms;
    },
    log: () =>
      [...slots]
        .filter(([slot]) => slot > highest - SHOWN)
        .sort(([a], [b]) => a - b)
        .map(([slot, { ballot, value }]) => ({ slot, ballot, ...describe(value) })),
  };
}

function contentOf(value: Uint8Array, textOf: (body: Uint8Array) => string): Pick<LogEntry, "kind" | "count" | "text"> {
  if (value[0] === VALUE_NOOP || value[0] === VALUE_NOOP_RANGE) return { kind: "noop", count: 0, text: "no-op" };
  if (value[0] === VALUE_CONFIGURATION) return { kind: "members", count: 0, text: "a change of the members" };
  try {
    const { entries } = decodeBatch(value);
    const bodies = entries.flatMap((entry) => (entry.kind === "command" ? [entry.body] : []));
    const [first] = bodies;
    if (first === undefined)
      return { kind: "commands", count: 0, text: entries[0]?.kind === "open" ? "a session opens" : "housekeeping" };
    return { kind: "commands", count: bodies.length, text: textOf(first) };
  } catch {
    return { kind: "commands", count: 0, text: "unreadable" };
  }
}
