import type { Model } from "../src/index.js";
import { subsets } from "../src/permutations.js";

/** Per acceptor: the ballot below which it votes no more, and the value that it voted for in each ballot (-1 for none). */
type State = readonly (readonly [maxBallot: number, ...votes: number[]])[];

type Action =
  | { readonly type: "raise"; readonly acceptor: number; readonly ballot: number }
  | { readonly type: "vote"; readonly acceptor: number; readonly ballot: number; readonly value: number };

/**
 * Voting without messages, after Lamport's TLA+ specification Voting: acceptors see each other's state, and vote for a value
 * once a quorum shows that nothing else can be chosen in a lower ballot.
 */
export function votingModel(sizes: { acceptors: number; values: number; ballots: number }): Model<State, Action> {
  const { acceptors, values, ballots } = sizes;
  const quorums = subsets(acceptors, Math.floor(acceptors / 2) + 1);
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

  const voteOf = (state: State, acceptor: number, ballot: number): number => state[acceptor]?.[ballot + 1] ?? -1;

  /** In how many ways a quorum shows that `value` is safe in `ballot`: once if nobody in it has voted, else by each vote. */
  const waysToShow = (state: State, quorum: readonly number[], ballot: number, value: number): number => {
    if (quorum.some((acceptor) => (state[acceptor]?.[0] ?? -1) < ballot)) return 0;
    for (let lower = ballot - 1; lower >= 0; lower--) {
      const votes = quorum.map((acceptor) => voteOf(state, acceptor, lower)).filter((vote) => vote >= 0);
      if (votes.length > 0) return votes.filter((vote) => vote === value).length;
    }
    return 1;
  };

  const mayVote = (state: State, acceptor: number, ballot: number, value: number): boolean => {
    if ((state[acceptor]?.[0] ?? -1) > ballot || voteOf(state, acceptor, ballot) >= 0) return false;
    return state.every((_, other) => [-1, value].includes(voteOf(state, other, ballot)));
  };

  /** A step for each way to show it: so the other checker counts what it generates. */
  const votes = (state: State, acceptor: number, ballot: number, value: number): Action[] => {
    if (!mayVote(state, acceptor, ballot, value)) return [];
    const ways = quorums.reduce((sum, quorum) => sum + waysToShow(state, quorum, ballot, value), 0);
    return Array.from({ length: ways }, () => ({ type: "vote", acceptor, ballot, value }));
  };

  return {
    processes: range(acceptors).map((a) => `acceptor ${a + 1}`),
    initial: () => [range(acceptors).map(() => [-1, ...range(ballots).map(() => -1)] as const)],
    actions: (state) =>
      range(acceptors).flatMap((acceptor) =>
        range(ballots).flatMap((ballot): Action[] => [
          ...(ballot > (state[acceptor]?.[0] ?? -1) ? [{ type: "raise", acceptor, ballot } as const] : []),
          ...range(values).flatMap((value) => votes(state, acceptor, ballot, value)),
        ]),
      ),
    next: (state, action) =>
      state.map((own, acceptor) => {
        if (acceptor !== action.acceptor) return own;
        const [, ...cast] = own;
        if (action.type === "vote") cast[action.ballot] = action.value;
        return [action.ballot, ...cast] as const;
      }),
    key: (state) => state.flat(),
    check: (state) => {
      const chosen = range(values).filter((value) =>
        range(ballots).some((ballot) => quorums.some((q) => q.every((a) => voteOf(state, a, ballot) === value))),
      );
      return chosen.length > 1 ? "agreement" : null;
    },
    describe: ({ acceptor, type, ballot }) => ({ at: acceptor, text: `${type} in ballot ${ballot}` }),
  };
}
