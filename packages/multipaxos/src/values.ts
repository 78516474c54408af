/** First byte of every value. The core reads nothing else of a batch. */
export const VALUE_NOOP = 0;
/** A range of no-ops as one value, in Accepts alone: no disk and no log has it. */
export const VALUE_NOOP_RANGE = 1;
/** A configuration change. */
export const VALUE_CONFIGURATION = 2;
/** Commands in the envelope of `@synod/rsm`. */
export const VALUE_BATCH = 3;

/** The value of a slot that must be filled although nothing was proposed there. Paxos Made Simple, section 3. */
export const NOOP: Uint8Array = Uint8Array.of(VALUE_NOOP);

/** Values or votes in one message, however small they are: each costs bytes besides its own. */
export const ITEMS_MAX = 4096;

/**
 * Values in one Learn, and votes in one page of a promise. Small, since each page that arrives shows on a slow link that
 * things get on, and since what waits behind it in the same lane must not wait long.
 */
export const PAGE_BYTES_MAX: number = 128 * 1024;

/** Values this far above the own chosen prefix are not taken: no window is that wide, and work must stay bounded. */
export const SLOTS_AHEAD_MAX: number = 2 ** 24;

/** Messages, however wild, make the rounds grow by this at most, and once in an election timeout. */
export const ROUND_STEP: number = 2 ** 32;

/** Beyond it no round is approached: no two nodes are led that far apart, and there must be rounds left. */
export const ROUND_FOLLOWED_MAX: number = 2 ** 48;

/** Same bytes. */
export function sameValue(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
