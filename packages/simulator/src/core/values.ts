import type { Ballot, NodeId } from "@synod/interface";
import { VALUE_BATCH, VALUE_CONFIGURATION, VALUE_NOOP } from "@synod/multipaxos";
import { configurationNumber } from "./epochs.js";

/** The number of a no-op. */
export const NOOP_ID = 0;

/** A value of its own for each number from 1, `bytes` long, at least five. */
export function valueOf(id: number, bytes: number): Uint8Array {
  const value = new Uint8Array(Math.max(5, bytes));
  value[0] = VALUE_BATCH;
  value[1] = id >>> 24;
  value[2] = id >>> 16;
  value[3] = id >>> 8;
  value[4] = id;
  return value;
}

/** The number of a value; 0 for a no-op, -1 for what is neither. */
export function idOf(value: Uint8Array): number {
  if (value[0] === VALUE_NOOP) return NOOP_ID;
  if (value[0] === VALUE_CONFIGURATION) return configurationNumber(value);
  if (value[0] !== VALUE_BATCH || value.length < 5) return -1;
  const [, a = 0, b = 0, c = 0, d = 0] = value;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

export const idText = (id: number): string =>
  id === NOOP_ID ? "no-op" : id > 2 ** 32 ? "a configuration" : `value ${id}`;

/** Node ids of the simulation are below this. */
const NODES = 64;

/** Orders ballots as numbers do; 0 for none. Exact while rounds are below 2^47. */
export function rankOf(ballot: Ballot | null): number {
  return ballot === null ? 0 : ballot.round * NODES + ballot.node;
}

/** Whose ballot it is. */
export const nodeOf = (rank: number): NodeId => rank % NODES;

export const rankText = (rank: number): string => (rank === 0 ? "none" : `${Math.floor(rank / NODES)}.${rank % NODES}`);
