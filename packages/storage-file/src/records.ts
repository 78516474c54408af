import { type Ballot, type ChosenValue, type Slot, SynodError, type Vote } from "@synod/interface";
import { getUint64, putUint64 } from "./bytes.js";

/**
 * The body of a batch: records one after the other. All numbers little-endian, 8 bytes unless marked. (Promise, chosen mark and boots are
 * in the header.)
 *
 * ```
 * 2 vote:         kind (1), slot, round, node, length (4), value
 * 3 chosen value: kind (1), slot, length (4), value
 * ```
 */
export interface Records {
  readonly votes: readonly Vote[];
  readonly chosen: readonly ChosenValue[];
}

export interface EncodedBody {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** Highest slot of a vote or chosen value, or 0. */
  readonly slotMax: Slot;
}

/** A bound far above anything that a node gathers in one write, and below what a length field and a Buffer hold. */
const BODY_BYTES_MAX: number = 2 ** 30;

const KIND = { vote: 2, chosen: 3 } as const;
const VOTE_BYTES = 29;
const CHOSEN_BYTES = 13;

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
  let inlineBytes = 0;
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

export function ballotNumbers(ballot: Ballot): [number, number] {
  return [ballot.round, ballot.node];
}

/** @throws SynodError `InvalidArgument` */
export function checkNumber(number: number): void {
  if (Number.isSafeInteger(number) && number >= 0) return;
  throw new SynodError("InvalidArgument", `Slots and ballots are safe integers from 0; got ${number}.`);
}

function putNumbers(into: Buffer, at: number, kind: number, numbers: readonly number[]): number {
  let next = into.writeUInt8(kind, at);
  for (const number of numbers) {
    checkNumber(number);
    next = putUint64(into, number, next);
  }
  return next;
}

export interface DecodedBody extends Records {
  readonly slotMax: Slot;
}

/**
 * Takes a body apart. Values of slots above `skipUpTo` are views into it, the rest is passed over: of a log all that is read is kept, so that
 * a copy would only cost time and memory.
 * @returns undefined if the bytes, whose checksum was right, are no records.
 */
export function decodeBody(body: Buffer, skipUpTo: Slot): DecodedBody | undefined {
  const out: { votes: Vote[]; chosen: ChosenValue[] } = { votes: [], chosen: [] };
  let slotMax = 0;
  let at = 0;
  const number = (from: number): number => (from + 8 <= body.length ? getUint64(body, from) : Number.NaN);
  while (at < body.length) {
    const kind = body.readUInt8(at);
    const slot = number(at + 1);
    if (Number.isNaN(slot) || (kind !== KIND.vote && kind !== KIND.chosen)) return undefined;
    const start = at + (kind === KIND.vote ? VOTE_BYTES : CHOSEN_BYTES);
    if (start > body.length) return undefined;
    const end = start + body.readUInt32LE(start - 4);
    if (end > body.length) return undefined;
    slotMax = Math.max(slotMax, slot);
    if (slot > skipUpTo) {
      const value = new Uint8Array(body.buffer, body.byteOffset + start, end - start);
      if (kind === KIND.chosen) out.chosen.push({ slot, value });
      else {
        const ballot = { round: number(at + 9), node: number(at + 17) };
        if (Number.isNaN(ballot.round) || Number.isNaN(ballot.node)) return undefined;
        out.votes.push({ slot, ballot, value });
      }
    }
    at = end;
  }
  return { ...out, slotMax };
}
