import { malformed, Reader, Writer } from "./bytes.js";
import { ITEMS_MAX, NOOP, VALUE_NOOP, VALUE_NOOP_RANGE } from "./values.js";

/** Shorter runs are cheaper one by one. */
const RUN_MIN = 8;

/** One value in an Accept that stands for so many no-ops. It never reaches a disk or a log: there every slot has its own. */
function noopRange(count: number): Uint8Array {
  const writer = new Writer();
  writer.byte(VALUE_NOOP_RANGE);
  writer.varint(count);
  return writer.done();
}

/** How many slots a value in an Accept stands for. @throws SynodError `Malformed` */
function slotsOf(value: Uint8Array): number {
  if (value[0] !== VALUE_NOOP_RANGE) return 1;
  const reader = new Reader(value, "a range of no-ops");
  reader.byte();
  const count = reader.varint();
  reader.end();
  if (count < 1 || count > ITEMS_MAX) throw malformed(`a range of ${count} no-ops`);
  return count;
}

const isNoop = (value: Uint8Array | undefined): boolean => value?.length === 1 && value[0] === VALUE_NOOP;

/** Writes long runs of no-ops as ranges. `unpackNoops` gives them back one by one. */
export function packNoops(values: readonly Uint8Array[]): readonly Uint8Array[] {
  const packed: Uint8Array[] = [];
  for (let i = 0; i < values.length; ) {
    let end = i;
    while (isNoop(values[end])) end++;
    if (end - i >= RUN_MIN) packed.push(noopRange(end - i));
    else {
      if (end === i) end++;
      packed.push(...values.slice(i, end));
    }
    i = end;
  }
  return packed.length < values.length ? packed : values;
}

/**
 * A no-op range equals separate no-ops: from here on there are only these, so that votes and pages split it anywhere.
 * @returns null for what no replica sends: a range that is malformed, or more slots than one Accept may fill.
 */
export function unpackNoops(values: readonly Uint8Array[]): readonly Uint8Array[] | null {
  if (!values.some((value) => value[0] === VALUE_NOOP_RANGE)) return values;
  const all: Uint8Array[] = [];
  try {
    for (const value of values) {
      if (value[0] !== VALUE_NOOP_RANGE) all.push(value);
      else for (let left = slotsOf(value); left > 0; left--) all.push(NOOP);
      if (all.length > ITEMS_MAX) return null;
    }
  } catch {
    return null;
  }
  return all;
}
