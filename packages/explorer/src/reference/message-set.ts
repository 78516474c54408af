import type { Event, Model } from "../model.js";
import { permutations, subsets } from "../permutations.js";
import { holds, MessageNumbers, put } from "./message-numbers.js";
import { type ReferenceBug, type ReferenceOptions, referenceSizes } from "./options.js";

/**
 * Per acceptor three numbers: promised, ballot and value of the vote, -1 for none; then how often an acceptor has restarted
 * empty; then the set of all messages ever sent.
 */
export type ReferenceState = readonly number[];

export type ReferenceAction =
  | { readonly type: "prepare"; readonly ballot: number }
  | { readonly type: "promise"; readonly acceptor: number; readonly ballot: number }
  | { readonly type: "accept"; readonly ballot: number; readonly value: number }
  | { readonly type: "vote"; readonly acceptor: number; readonly ballot: number; readonly value: number }
  | { readonly type: "restart"; readonly acceptor: number };

const FIELDS = 3;

/** Where a permutation of acceptors and values takes everything. */
interface Renaming {
  readonly acceptors: readonly number[];
  readonly values: readonly number[];
  readonly messages: readonly number[];
}

/**
 * Single-decree Paxos at its most abstract: a set of messages that only grows, which everybody reads at any time and any
 * number of times. Losing a message is not reading it. After Lamport's TLA+ specification Paxos.
 */
class MessageSetModel implements Model<ReferenceState, ReferenceAction> {
  readonly processes: readonly string[];
  readonly #numbers: MessageNumbers;
  readonly #phase1: readonly (readonly number[])[];
  readonly #q2: number;
  readonly #bug: ReferenceBug | null;
  readonly #restarts: number;
  /** Where the messages start in a state. */
  readonly #base: number;
  readonly #renamings: readonly Renaming[];

  constructor(options: ReferenceOptions) {
    const { acceptors, values, ballots, q1, q2 } = referenceSizes(options);
    this.#numbers = new MessageNumbers(acceptors, values, ballots);
    this.#phase1 = subsets(acceptors, q1);
    this.#q2 = q2;
    this.#bug = options.bug ?? null;
    this.#restarts = acceptors * FIELDS;
    this.#base = this.#restarts + 1;
    this.processes = ["proposers", ...Array.from({ length: acceptors }, (_, a) => `acceptor ${a + 1}`)];
    this.#renamings = options.symmetry === true ? renamings(this.#numbers) : [];
  }

  initial(): readonly ReferenceState[] {
    return [[...Array<number>(this.#restarts).fill(-1), 0, ...Array<number>(this.#numbers.words).fill(0)]];
  }

  key(state: ReferenceState): ReferenceState {
    return state;
  }

  actions(state: ReferenceState): readonly ReferenceAction[] {
    const { acceptors, values, ballots } = this.#numbers;
    const actions: ReferenceAction[] = [];
    for (let ballot = 0; ballot < ballots; ballot++) {
      actions.push({ type: "prepare", ballot });
      for (let value = 0; value < values; value++) {
        if (this.#mayPropose(state, ballot, value)) actions.push({ type: "accept", ballot, value });
      }
    }
    for (let acceptor = 0; acceptor < acceptors; acceptor++) this.#answers(state, acceptor, actions);
    return actions;
  }

  #answers(state: ReferenceState, acceptor: number, actions: ReferenceAction[]): void {
    const { values, ballots } = this.#numbers;
    const promised = state[acceptor * FIELDS] as number;
    for (let ballot = 0; ballot < ballots; ballot++) {
      if (ballot > promised && this.#sent(state, this.#numbers.prepare(ballot))) {
        actions.push({ type: "promise", acceptor, ballot });
      }
      if (ballot < promised && this.#bug !== "MU-01") continue;
      for (let value = 0; value < values; value++) {
        if (this.#sent(state, this.#numbers.accept(ballot, value))) {
          actions.push({ type: "vote", acceptor, ballot, value });
        }
      }
    }
    if (this.#bug === "MU-10" && state[this.#restarts] === 0) actions.push({ type: "restart", acceptor });
  }

  #sent(state: ReferenceState, message: number): boolean {
    return holds(state, this.#base, message);
  }

  /** Phase 2a: nothing was proposed in the ballot yet, and a phase-1 quorum of promises allows the value. */
  #mayPropose(state: ReferenceState, ballot: number, value: number): boolean {
    let proposed = 0;
    for (let other = 0; other < this.#numbers.values; other++) {
      if (this.#sent(state, this.#numbers.accept(ballot, other))) proposed++;
    }
    const proposedMax = this.#bug === "MU-06" ? 2 : 1;
    if (proposed >= proposedMax || this.#sent(state, this.#numbers.accept(ballot, value))) return false;
    return this.#phase1.some((quorum) => this.#allows(state, quorum, ballot, value));
  }

  #allows(state: ReferenceState, quorum: readonly number[], ballot: number, value: number): boolean {
    let highest = -1;
    for (const acceptor of quorum) {
      const reported = this.#reported(state, acceptor, ballot);
      if (reported === null) return false;
      highest = Math.max(highest, reported);
    }
    if (highest < 0 || this.#bug === "MU-03") return true;
    return quorum.some((acceptor) => this.#sent(state, this.#numbers.promise(acceptor, ballot, highest, value)));
  }

  /** The highest ballot of a vote that the acceptor reported in its promises of `ballot`; -1 for none, null for no promise. */
  #reported(state: ReferenceState, acceptor: number, ballot: number): number | null {
    for (let lower = ballot - 1; lower >= 0; lower--) {
      for (let value = 0; value < this.#numbers.values; value++) {
        if (this.#sent(state, this.#numbers.promise(acceptor, ballot, lower, value))) return lower;
      }
    }
    return this.#sent(state, this.#numbers.promise(acceptor, ballot, -1, 0)) ? -1 : null;
  }

  next(state: ReferenceState, action: ReferenceAction): ReferenceState {
    const after = [...state];
    const numbers = this.#numbers;
    switch (action.type) {
      case "prepare":
        put(after, this.#base, numbers.prepare(action.ballot));
        break;
      case "promise": {
        const at = action.acceptor * FIELDS;
        const [voted, value] = [after[at + 1] as number, after[at + 2] as number];
        after[at] = action.ballot;
        put(after, this.#base, numbers.promise(action.acceptor, action.ballot, voted, value));
        break;
      }
      case "accept":
        put(after, this.#base, numbers.accept(action.ballot, action.value));
        break;
      case "vote": {
        const at = action.acceptor * FIELDS;
        after[at] = Math.max(after[at] as number, action.ballot);
        after[at + 1] = action.ballot;
        after[at + 2] = action.value;
        put(after, this.#base, numbers.vote(action.acceptor, action.ballot, action.value));
        break;
      }
      case "restart":
        after.fill(-1, action.acceptor * FIELDS, (action.acceptor + 1) * FIELDS);
        after[this.#restarts] = 1;
        break;
    }
    return after;
  }

  check(state: ReferenceState): string | null {
    return this.#chosen(state).length > 1 ? "agreement" : null;
  }

  /** Every value that a phase-2 quorum has ever voted for in one ballot. */
  #chosen(state: ReferenceState): number[] {
    const { acceptors, values, ballots } = this.#numbers;
    const chosen: number[] = [];
    for (let value = 0; value < values; value++) {
      for (let ballot = 0; ballot < ballots; ballot++) {
        let votes = 0;
        for (let acceptor = 0; acceptor < acceptors; acceptor++) {
          if (this.#sent(state, this.#numbers.vote(acceptor, ballot, value))) votes++;
        }
        // Where repeats are counted, one voter that is heard often enough makes a quorum.
        if (votes >= (this.#bug === "MU-08" ? 1 : this.#q2)) {
          chosen.push(value);
          break;
        }
      }
    }
    return chosen;
  }

  *alike(state: ReferenceState): Generator<ReferenceState> {
    for (const renaming of this.#renamings) {
      const other = Array<number>(state.length).fill(0);
      for (const [acceptor, renamed] of renaming.acceptors.entries()) {
        const value = state[acceptor * FIELDS + 2] as number;
        other[renamed * FIELDS] = state[acceptor * FIELDS] as number;
        other[renamed * FIELDS + 1] = state[acceptor * FIELDS + 1] as number;
        other[renamed * FIELDS + 2] = renaming.values[value] ?? -1;
      }
      other[this.#restarts] = state[this.#restarts] as number;
      for (const [message, renamed] of renaming.messages.entries()) {
        if (this.#sent(state, message)) put(other, this.#base, renamed);
      }
      yield other;
    }
  }

  describe(action: ReferenceAction, before: ReferenceState, after: ReferenceState): Event {
    const name = (value: number): string => `v${value + 1}`;
    switch (action.type) {
      case "prepare":
        return { at: 0, text: `prepare ballot ${action.ballot}` };
      case "accept":
        return { at: 0, text: `propose ${name(action.value)} in ballot ${action.ballot}` };
      case "restart":
        return { at: action.acceptor + 1, text: "restart without what it promised and voted" };
      case "promise": {
        const [, voted = -1, value = -1] = after.slice(action.acceptor * FIELDS);
        const report = voted < 0 ? "no vote so far" : `voted for ${name(value)} in ballot ${voted}`;
        return {
          at: action.acceptor + 1,
          from: 0,
          mark: "promised",
          text: `promise ballot ${action.ballot}, ${report}`,
        };
      }
      case "vote": {
        const isNew = this.#chosen(after).length > this.#chosen(before).length;
        const text = `vote for ${name(action.value)} in ballot ${action.ballot}${isNew ? `: ${name(action.value)} is chosen` : ""}`;
        return { at: action.acceptor + 1, from: 0, mark: isNew ? "chosen" : "voted", text };
      }
    }
  }
}

function renamings(numbers: MessageNumbers): Renaming[] {
  const messages = [...numbers.all()];
  const all = permutations(numbers.acceptors).flatMap((acceptors) =>
    permutations(numbers.values).map((values) => {
      const renamed = Array<number>(numbers.count).fill(0);
      const [A, V] = [(a: number): number => acceptors[a] ?? a, (v: number): number => values[v] ?? v];
      for (const [number, message] of messages) {
        if (message.type === "prepare") renamed[number] = number;
        else if (message.type === "accept") renamed[number] = numbers.accept(message.ballot, V(message.value));
        else if (message.type === "vote") {
          renamed[number] = numbers.vote(A(message.acceptor), message.ballot, V(message.value));
        } else {
          const { ballot, value } = message.reported ?? { ballot: -1, value: 0 };
          renamed[number] = numbers.promise(A(message.acceptor), message.ballot, ballot, V(value));
        }
      }
      return { acceptors, values, messages: renamed };
    }),
  );
  return all.slice(1);
}

/**
 * The reference model of single-decree Paxos: the sizes of its state spaces are known from other checkers.
 *
 * @throws SynodError `InvalidArgument` naming the option that makes no sense.
 */
export function referenceModel(options: ReferenceOptions): Model<ReferenceState, ReferenceAction> {
  return new MessageSetModel(options);
}
