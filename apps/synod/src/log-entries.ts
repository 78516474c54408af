import type { Configuration, Vote } from "@synod/interface";
import { decodeConfigurationValue, VALUE_BATCH, VALUE_CONFIGURATION, VALUE_NOOP } from "@synod/multipaxos";
import { type BatchEntry, decodeBatch } from "@synod/rsm";

/** One slot of the log as `dump` shows it. */
export interface Entry {
  readonly slot: number;
  /** Of the vote; null for a value that was learned as chosen. */
  readonly ballot: { readonly round: number; readonly node: number } | null;
  /** Whether the store knows it as chosen. */
  readonly chosen: boolean;
  readonly bytes: number;
  readonly value: Value;
}

export type Value =
  | { readonly kind: "noop" }
  | { readonly kind: "configuration"; readonly configuration: Configuration }
  | {
      readonly kind: "batch";
      readonly timeMs: number;
      /** In which it was first proposed. */
      readonly ballot: { readonly round: number; readonly node: number } | null;
      readonly entries: readonly string[];
    }
  | { readonly kind: "unreadable"; readonly why: string };

export function entriesOf(
  votes: readonly Vote[],
  chosen: readonly { readonly slot: number; readonly value: Uint8Array }[],
  chosenUpTo: number,
): Entry[] {
  const bySlot = new Map<number, Entry>();
  for (const { slot, ballot, value } of votes) {
    bySlot.set(slot, { slot, ballot, chosen: slot <= chosenUpTo, bytes: value.length, value: valueOf(value) });
  }
  for (const { slot, value } of chosen) {
    const ballot = bySlot.get(slot)?.ballot ?? null;
    bySlot.set(slot, { slot, ballot, chosen: true, bytes: value.length, value: valueOf(value) });
  }
  return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
}

/** A value that cannot be read is shown as that: `dump` is for stores with something wrong. */
function valueOf(value: Uint8Array): Value {
  try {
    switch (value[0]) {
      case VALUE_NOOP:
        return { kind: "noop" };
      case VALUE_CONFIGURATION:
        return { kind: "configuration", configuration: decodeConfigurationValue(value).configuration };
      case VALUE_BATCH: {
        const { timeMs, ballot, entries } = decodeBatch(value);
        return { kind: "batch", timeMs, ballot, entries: entries.map(entryText) };
      }
      default:
        return { kind: "unreadable", why: `kind ${value[0]} is unknown to this release` };
    }
  } catch (cause) {
    return { kind: "unreadable", why: cause instanceof Error ? cause.message : String(cause) };
  }
}

function entryText(entry: BatchEntry): string {
  const session = ({ slot, index }: { slot: number; index: number }): string => `${slot}.${index}`;
  switch (entry.kind) {
    case "open":
      return "open session";
    case "close":
      return `close session ${session(entry.session)}`;
    case "raise":
      return `raise versions to ${JSON.stringify(entry.versions)}`;
    case "command":
      return `command ${entry.ticket.sequence} of session ${session(entry.ticket.session)}, ${entry.body.length} bytes`;
  }
}
