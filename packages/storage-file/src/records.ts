import { type Ballot, type ChosenValue, type Slot, SynodError, type Vote } from "@synod/interface";
import { getUint64, putUint64 } from "./bytes.js";

/**
 * The body of a batch: records one after the other. All numbers little-endian, 8 bytes unless marked.
 *
 * ```
 * 1 promised:     kind (1), round, node
 * 2 vote:         kind (1), slot, round, node, length (4), value
 * 3 chosen value: kind (1), slot, length (4), value
 * 4 chosen mark:  kind (1), slot
 * 5 boot:         kind (1), count
 * 6 longest lease: kind (1), milliseconds
 * ```
 */
export interface Records {
  readonly promised?: Ballot;
  readonly votes: readonly Vote[];
  readonly chosen: readonly ChosenValue[];
  readonly chosenUpTo?: Slot;
  readonly bootCount?: number;
  readonly leaseMs?: number;
}

export interface EncodedBody {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** Highest slot of a vote or chosen value, or 0. */
  readonly slotMax: Slot;
}

/** A bound far above anything that a node gathers in one write, and below what a length field and a Buffer hold. */
const BODY_BYTES_MAX: number = 2 ** 30;

const KIND = { promised: 1, vote: 2, chosen: 3, chosenUpTo: 4, boot: 5, lease: 6 } as const;
const PROMISED_BYTES = 17;
const VOTE_BYTES = 29;
const CHOSEN_BYTES = 13;
const MARK_BYTES = 9;

/** Values from this size on are handed to the file system as they are; copying a smaller one is cheaper than a chunk of its own. */
const LARGE_VALUE_BYTES = 4096;

export function encodeBody(records: Records): EncodedBody {
  const { bytes, inlineBytes } = measure(records);
  const inline = Buffer.allocUnsafe(inlineBytes);
  const chunks: Uint8Array[] = [];
  let start = 0;
  let at = 0;
  let slotMax = 0;
  const putValue = (slot: Slot, value: Uint8Array): void => {
    if (slot === 0) throw new SynodError("InvalidArgument", "Slot 0 holds no value.");
    slotMax = Math.max(slotMax, slot);
    at = inline.writeUInt32LE(value.length, at);
    if (value.length < LARGE_VALUE_BYTES) {
      inline.set(value, at);
      at += value.length;
    } else {
      chunks.push(inline.subarray(start, at), value);
      start = at;
    }
  };
  if (records.bootCount !== undefined) at = putNumbers(inline, at, KIND.boot, [records.bootCount]);
  if (records.promised !== undefined) at = putNumbers(inline, at, KIND.promised, ballotNumbers(records.promised));
  if (records.chosenUpTo !== undefined) at = putNumbers(inline, at, KIND.chosenUpTo, [records.chosenUpTo]);
  if (records.leaseMs !== undefined) at = putNumbers(inline, at, KIND.lease, [records.leaseMs]);
  for (const { slot, ballot, value } of records.votes) {
    at = putNumbers(inline, at, KIND.vote, [slot, ...ballotNumbers(ballot)]);
    putValue(slot, value);
  }
  for (const { slot, value } of records.chosen) {
    at = putNumbers(inline, at, KIND.chosen, [slot]);
    putValue(slot, value);
  }
  if (at > start) chunks.push(inline.subarray(start, at));
  return { chunks, bytes, slotMax };
}

/** Refuses what would be written but not read back. */
function measure(records: Records): { bytes: number; inlineBytes: number } {
  let inlineBytes =
    (records.bootCount === undefined ? 0 : MARK_BYTES) +
    (records.promised === undefined ? 0 : PROMISED_BYTES) +
    (records.chosenUpTo === undefined ? 0 : MARK_BYTES) +
    (records.leaseMs === undefined ? 0 : MARK_BYTES);
  let largeBytes = 0;
  const add = (fixedBytes: number, value: Uint8Array): void => {
    inlineBytes += fixedBytes;
    if (value.length < LARGE_VALUE_BYTES) inlineBytes += value.length;
    else largeBytes += value.length;
  };
  for (const vote of records.votes) add(VOTE_BYTES, vote.value);
  for (const chosen of records.chosen) add(CHOSEN_BYTES, chosen.value);
  const bytes = inlineBytes + largeBytes;
  if (bytes > BODY_BYTES_MAX) {
    throw new SynodError("TooLarge", `A write of ${bytes} bytes is over the limit of ${BODY_BYTES_MAX}. Split it.`, {
      details: { bytes, limit: BODY_BYTES_MAX },
    });
  }
  return { bytes, inlineBytes };
}

function ballotNumbers(ballot: Ballot): [number, number] {
  return [ballot.round, ballot.node];
}

function putNumbers(into: Buffer, at: number, kind: number, numbers: readonly number[]): number {
  let next = into.writeUInt8(kind, at);
  for (const number of numbers) {
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new SynodError("InvalidArgument", `Slots, ballots and times are safe integers from 0; got ${number}.`);
    }
    next = putUint64(into, number, next);
  }
  return next;
}

export interface DecodedBody extends Records {
  readonly slotMax: Slot;
}

/**
 * Takes a body apart. Values of slots above `skipUpTo` are copied out of it, the rest is passed over.
 * @returns undefined if the bytes, whose checksum was right, are no records.
 */
export function decodeBody(body: Buffer, skipUpTo: Slot): DecodedBody | undefined {
  const out: {
    promised?: Ballot;
    votes: Vote[];
    chosen: ChosenValue[];
    chosenUpTo?: Slot;
    bootCount?: number;
    leaseMs?: number;
  } = {
    votes: [],
    chosen: [],
  };
  let slotMax = 0;
  let at = 0;
  const number = (from: number): number => (from + 8 <= body.length ? getUint64(body, from) : Number.NaN);
  while (at < body.length) {
    const kind = body.readUInt8(at);
    const first = number(at + 1);
    if (Number.isNaN(first)) return undefined;
    if (kind === KIND.chosenUpTo || kind === KIND.boot || kind === KIND.lease) {
      if (kind === KIND.boot) out.bootCount = first;
      else if (kind === KIND.lease) out.leaseMs = first;
      else out.chosenUpTo = first;
      at += MARK_BYTES;
      continue;
    }
    if (kind === KIND.promised) {
      const node = number(at + 9);
      if (Number.isNaN(node)) return undefined;
      out.promised = { round: first, node };
      at += PROMISED_BYTES;
      continue;
    }
    if (kind !== KIND.vote && kind !== KIND.chosen) return undefined;
    const start = at + (kind === KIND.vote ? VOTE_BYTES : CHOSEN_BYTES);
    if (start > body.length) return undefined;
    const end = start + body.readUInt32LE(start - 4);
    if (end > body.length) return undefined;
    slotMax = Math.max(slotMax, first);
    if (first > skipUpTo) {
      const value = new Uint8Array(body.subarray(start, end));
      if (kind === KIND.chosen) out.chosen.push({ slot: first, value });
      else {
        const ballot = { round: number(at + 9), node: number(at + 17) };
        if (Number.isNaN(ballot.round) || Number.isNaN(ballot.node)) return undefined;
        out.votes.push({ slot: first, ballot, value });
      }
    }
    at = end;
  }
  return { ...out, slotMax };
}

/** What the log adds up to, apart from its votes and values. Repeated at the head of every segment. */
export interface LogState {
  promised: Ballot | null;
  chosenUpTo: Slot;
  bootCount: number;
  leaseMs: number;
}

export function raiseState(state: LogState, records: Records): void {
  const { promised } = records;
  if (promised !== undefined && (state.promised === null || isHigher(promised, state.promised))) {
    state.promised = { round: promised.round, node: promised.node };
  }
  state.chosenUpTo = Math.max(state.chosenUpTo, records.chosenUpTo ?? 0);
  state.bootCount = Math.max(state.bootCount, records.bootCount ?? 0);
  state.leaseMs = Math.max(state.leaseMs, records.leaseMs ?? 0);
}

export function stateRecords(state: LogState): Records {
  return {
    ...(state.promised === null ? {} : { promised: state.promised }),
    votes: [],
    chosen: [],
    chosenUpTo: state.chosenUpTo,
    bootCount: state.bootCount,
    // Left out where it was never granted: such a log is read by versions that know no leases, too.
    ...(state.leaseMs === 0 ? {} : { leaseMs: state.leaseMs }),
  };
}

function isHigher(a: Ballot, b: Ballot): boolean {
  return a.round > b.round || (a.round === b.round && a.node > b.node);
}
