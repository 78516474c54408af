import { SynodError } from "@synod/interface";

/*
 * Rounds as plain integers, dealt out to `n` servers in turn: server 1 of 3 has 1, 4, 7, ..., server 2 has 2, 5, 8, ...,
 * server 3 has 3, 6, 9, .... Another coding of what a ballot is: ordered, and never shared by two proposers. 0 means
 * "no round yet". The product uses ballots, which need no fixed number of servers.
 */

/**
 * The first `count` rounds of server `me` of `n`, from the lowest.
 *
 * @throws SynodError `InvalidArgument` unless `me` is from 1 to `n`; `RoundsExhausted` above 2^53 - 1.
 */
export function firstRounds(count: number, me: number, n: number): number[] {
  checkInteger("count", count, 0);
  checkServer(me, n);
  return Array.from({ length: count }, (_, index) => checkedRound(me + index * n));
}

/**
 * The lowest round of server `me` of `n` above `round`.
 *
 * @throws SynodError `InvalidArgument` unless `me` is from 1 to `n` and `round` from 0; `RoundsExhausted` above 2^53 - 1.
 */
export function roundAbove(round: number, me: number, n: number): number {
  checkInteger("round", round, 0);
  checkServer(me, n);
  if (round < me) return me;
  return checkedRound(round + n - ((round - me) % n));
}

/**
 * The server, of `n`, that may propose in `round`.
 *
 * @throws SynodError `InvalidArgument` unless `round` and `n` are integers from 1.
 */
export function roundOwner(round: number, n: number): number {
  checkInteger("round", round, 1);
  checkInteger("n", n, 1);
  return ((round - 1) % n) + 1;
}

function checkServer(me: number, n: number): void {
  checkInteger("n", n, 1);
  checkInteger("me", me, 1);
  if (me > n) throw new SynodError("InvalidArgument", `me must be one of the servers 1 to ${n}, not ${me}.`);
}

function checkInteger(name: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw new SynodError("InvalidArgument", `${name} must be an integer from ${min} to 2^53 - 1, not ${value}.`);
}

function checkedRound(round: number): number {
  if (Number.isSafeInteger(round)) return round;
  throw new SynodError("RoundsExhausted", "There is no further round: rounds end at 2^53 - 1.");
}
