const BITS = 30;

/** A message of the reference model. `reported` is the vote in a promise. */
export type ReferenceMessage =
  | { readonly type: "prepare"; readonly ballot: number }
  | {
      readonly type: "promise";
      readonly acceptor: number;
      readonly ballot: number;
      readonly reported: { readonly ballot: number; readonly value: number } | null;
    }
  | { readonly type: "accept"; readonly ballot: number; readonly value: number }
  | { readonly type: "vote"; readonly acceptor: number; readonly ballot: number; readonly value: number };

/** Gives each message that can exist a number, so that a set of messages is a row of bits in 30-bit words. */
export class MessageNumbers {
  readonly acceptors: number;
  readonly values: number;
  readonly ballots: number;
  readonly count: number;
  /** Promises of one acceptor; in ballot b it can report a vote of b lower ballots, or none. */
  readonly #promisesEach: number;
  readonly #accepts: number;
  readonly #votes: number;

  constructor(acceptors: number, values: number, ballots: number) {
    this.acceptors = acceptors;
    this.values = values;
    this.ballots = ballots;
    this.#promisesEach = this.#promisesBelow(ballots);
    this.#accepts = ballots + acceptors * this.#promisesEach;
    this.#votes = this.#accepts + ballots * values;
    this.count = this.#votes + acceptors * ballots * values;
  }

  get words(): number {
    return Math.ceil(this.count / BITS);
  }

  #promisesBelow(ballot: number): number {
    return ballot + (this.values * ballot * (ballot - 1)) / 2;
  }

  prepare(ballot: number): number {
    return ballot;
  }

  /** @param reported ballot of the reported vote, -1 for none; `value` then means nothing */
  promise(acceptor: number, ballot: number, reported: number, value: number): number {
    const vote = reported < 0 ? 0 : 1 + reported * this.values + value;
    return this.ballots + acceptor * this.#promisesEach + this.#promisesBelow(ballot) + vote;
  }

  accept(ballot: number, value: number): number {
    return this.#accepts + ballot * this.values + value;
  }

  vote(acceptor: number, ballot: number, value: number): number {
    return this.#votes + (acceptor * this.ballots + ballot) * this.values + value;
  }

  /** Every message with its number. */
  *all(): Generator<[number, ReferenceMessage]> {
    for (let ballot = 0; ballot < this.ballots; ballot++) {
      yield [this.prepare(ballot), { type: "prepare", ballot }];
      for (let value = 0; value < this.values; value++) {
        yield [this.accept(ballot, value), { type: "accept", ballot, value }];
      }
      for (let acceptor = 0; acceptor < this.acceptors; acceptor++) yield* this.#answers(acceptor, ballot);
    }
  }

  *#answers(acceptor: number, ballot: number): Generator<[number, ReferenceMessage]> {
    yield [this.promise(acceptor, ballot, -1, 0), { type: "promise", acceptor, ballot, reported: null }];
    for (let value = 0; value < this.values; value++) {
      yield [this.vote(acceptor, ballot, value), { type: "vote", acceptor, ballot, value }];
      for (let lower = 0; lower < ballot; lower++) {
        const reported = { ballot: lower, value };
        yield [this.promise(acceptor, ballot, lower, value), { type: "promise", acceptor, ballot, reported }];
      }
    }
  }
}

/** Whether the set that starts at `base` in `words` holds a message. */
export function holds(words: readonly number[], base: number, message: number): boolean {
  return ((words[base + Math.floor(message / BITS)] as number) & (1 << (message % BITS))) !== 0;
}

/** Adds a message to the set that starts at `base`. */
export function put(words: number[], base: number, message: number): void {
  const at = base + Math.floor(message / BITS);
  words[at] = (words[at] as number) | (1 << (message % BITS));
}
