import type { Ballot, NodeId } from "@synod/interface";
import {
  acceptorState,
  acceptorStep,
  ballotsEqual,
  compareBallots,
  type ProposerInput,
  proposerState,
  proposerStep,
  type QuorumSystem,
  quorumSystem,
  type Send,
} from "@synod/paxos";
import { count } from "../counts.js";
import { withNumbers } from "../interner.js";
import type { Event, Model } from "../model.js";
import { permutations, subsets } from "../permutations.js";
import { describeStep } from "./describe.js";
import type { PaxosMessage } from "./messages.js";
import type { PaxosAction, PaxosModelOptions } from "./options.js";
import { brokenRule, contradictionIn, PAXOS_RULES, type PaxosRule } from "./rules.js";
import {
  CRASHES,
  LOST_DISKS,
  OBJECTION,
  PaxosNumbers,
  type PaxosProposer,
  type PaxosState,
  type PaxosView,
  Renaming,
  STARTS,
} from "./state.js";

export interface PaxosModel extends Model<PaxosState, PaxosAction> {
  /** A state in full, for goals of one's own. */
  view(state: PaxosState): PaxosView;
  /** What contradicts what is chosen, as `v1 is chosen in 1.1, but 1.2 proposes v2`; null if nothing does. */
  contradiction(state: PaxosState): string | null;
  readonly processes: readonly string[];
  describe(action: PaxosAction, before: PaxosState, after: PaxosState): Event;
}

/** What one process does with one input: its new number, the messages that leave, and what it objects to (0: nothing). */
interface LocalStep {
  readonly after: number;
  readonly sent: readonly number[];
  readonly objection: number;
}

const isSend = (output: { readonly type: string }): output is Send<PaxosMessage> => output.type === "send";

/** All sets of one or more of these, smaller ones first. */
function sets(numbers: readonly number[]): number[][] {
  return numbers.flatMap((_, index) =>
    subsets(numbers.length, index + 1).map((chosen) => chosen.map((at) => numbers[at] as number)),
  );
}

class ShippedPaxos implements PaxosModel {
  readonly processes: readonly string[];
  readonly #quorums: QuorumSystem;
  readonly #acceptors: readonly NodeId[];
  readonly #proposers: readonly NodeId[];
  readonly #starts: number;
  readonly #crashes: number;
  readonly #lostDisks: number;
  readonly #rejects: boolean;
  readonly #oneByOne: boolean;
  readonly #late: boolean;
  readonly #rules: readonly PaxosRule[];
  readonly #numbers: PaxosNumbers;
  readonly #renamings: readonly Renaming[];
  /** The roles are pure functions, so each of their steps is taken once. */
  readonly #steps = new Map<string, LocalStep>();

  constructor(options: PaxosModelOptions) {
    const ids = (n: number): NodeId[] => Array.from({ length: n }, (_, index) => index + 1);
    this.#acceptors = ids(count("acceptors", options.acceptors ?? 3, 1, 7));
    this.#proposers = ids(count("proposers", options.proposers ?? 2, 1, 7));
    this.#starts = count("starts", options.starts ?? 3, 1, 20);
    this.#crashes = count("crashes", options.crashes ?? 1, 0, 20);
    this.#lostDisks = count("lostDisks", options.lostDisks ?? 0, 0, 20);
    this.#rejects = options.rejects ?? false;
    this.#oneByOne = options.oneByOne ?? false;
    this.#late = options.late ?? false;
    this.#rules = options.rules ?? PAXOS_RULES;
    const majority = Math.floor(this.#acceptors.length / 2) + 1;
    const sizes = { phase1: options.q1 ?? majority, phase2: options.q2 ?? majority };
    this.#quorums = quorumSystem({ kind: "sizes", ...sizes }, this.#acceptors);
    this.processes = [
      ...this.#proposers.map((id) => `proposer ${id}`),
      ...this.#acceptors.map((id) => `acceptor ${id}`),
    ];
    const numbers = new PaxosNumbers(this.#acceptors.length, this.#proposers.length);
    this.#numbers = numbers;
    const orders = options.symmetry === false ? [] : permutations(this.#acceptors.length).slice(1);
    this.#renamings = orders.map(
      (order) =>
        new Renaming(
          order.map((index) => index + 1),
          numbers,
        ),
    );
  }

  initial(): readonly PaxosState[] {
    const acceptor = this.#numbers.acceptor(acceptorState());
    const proposers = this.#proposers.map((id) =>
      this.#numbers.proposer({ state: proposerState({ wish: { value: `v${id}` } }), disk: null }),
    );
    return [[0, 0, 0, 0, ...this.#acceptors.map(() => acceptor), ...proposers]];
  }

  key(state: PaxosState): PaxosState {
    return state;
  }

  view(state: PaxosState): PaxosView {
    return this.#numbers.view(state);
  }

  contradiction(state: PaxosState): string | null {
    return contradictionIn(this.view(state).sent, this.#quorums);
  }

  *alike(state: PaxosState): Generator<PaxosState> {
    for (const renaming of this.#renamings) yield renaming.state(state);
  }

  actions(state: PaxosState): readonly PaxosAction[] {
    const actions: PaxosAction[] = [];
    for (const proposer of this.#proposers) this.#proposerActions(state, proposer, actions);
    for (let at = this.#numbers.sentAt; at < state.length; at++) this.#deliveries(state[at] as number, actions);
    if (state[LOST_DISKS] === this.#lostDisks) return actions;
    for (const id of this.#acceptors) actions.push({ type: "loseDisk", role: "acceptor", id });
    for (const id of this.#proposers) actions.push({ type: "loseDisk", role: "proposer", id });
    return actions;
  }

  #proposerActions(state: PaxosState, proposer: NodeId, actions: PaxosAction[]): void {
    const own = this.#numbers.proposerOf(state[this.#numbers.proposerAt(proposer)] as number);
    const mayCrash = (state[CRASHES] as number) < this.#crashes;
    if ((state[STARTS] as number) < this.#starts && own.state.phase !== "decided") {
      actions.push({ type: "start", proposer, crash: false });
      if (mayCrash) actions.push({ type: "start", proposer, crash: true });
    }
    // While it prepares a timeout is another start.
    if (own.state.phase === "proposing") actions.push({ type: "timeout", proposer });
    for (const messages of this.#mayHear(state, proposer, own))
      actions.push({ type: "toProposer", proposer, messages });
    if (mayCrash && own.state.ballot !== null) actions.push({ type: "restart", proposer });
  }

  /** The messages that a proposer may hear next: one, or sets of those that it is waiting for. */
  #mayHear(state: PaxosState, proposer: NodeId, { state: { phase, ballot } }: PaxosProposer): number[][] {
    const mine = state.slice(this.#numbers.sentAt).filter((number) => {
      const message = this.#numbers.messageOf(number);
      return "from" in message && message.ballot.node === proposer;
    });
    if (this.#oneByOne) return mine.map((message) => [message]);
    const wanted = phase === "preparing" ? "promise" : phase === "proposing" ? "accepted" : "reject";
    const isWanted = (number: number): boolean => {
      const message = this.#numbers.messageOf(number);
      return message.type === wanted && ballotsEqual(message.ballot, ballot);
    };
    const rejects = mine.filter((number) => this.#numbers.messageOf(number).type === "reject");
    return [...rejects.map((message) => [message]), ...(wanted === "reject" ? [] : sets(mine.filter(isWanted)))];
  }

  #deliveries(message: number, actions: PaxosAction[]): void {
    const { type } = this.#numbers.messageOf(message);
    if (type !== "prepare" && type !== "accept") return;
    for (const acceptor of this.#acceptors) {
      actions.push({ type: "toAcceptor", acceptor, message, crash: false });
      if (this.#crashes > 0) actions.push({ type: "toAcceptor", acceptor, message, crash: true });
    }
  }

  next(state: PaxosState, action: PaxosAction): PaxosState | null {
    switch (action.type) {
      case "toAcceptor": {
        const at = this.#numbers.acceptorAt(action.acceptor);
        return this.#apply(state, at, this.#acceptorStep(action, state[at] as number));
      }
      case "toProposer": {
        const inputs = action.messages.flatMap((number) => {
          const message = this.#numbers.messageOf(number);
          return this.#oneByOne ? [message] : [message, message];
        });
        const after = this.#toProposer(state, action.proposer, inputs, action.messages.join());
        return this.#oneByOne || this.#isStep(state, after, action) ? after : null;
      }
      case "start": {
        const after = [...this.#toProposer(state, action.proposer, [{ type: "start" }], "start", action.crash)];
        after[STARTS] = (after[STARTS] as number) + 1;
        return after;
      }
      case "timeout":
        return this.#toProposer(state, action.proposer, [{ type: "timeout" }], "timeout");
      case "restart":
        return this.#restart(state, action.proposer, CRASHES);
      case "loseDisk": {
        if (action.role === "proposer") return this.#restart(state, action.id, LOST_DISKS);
        const after = [...state];
        after[this.#numbers.acceptorAt(action.id)] = this.#numbers.acceptor(acceptorState());
        after[LOST_DISKS] = (after[LOST_DISKS] as number) + 1;
        return after;
      }
    }
  }

  /** Puts a step of the process at `at` into the whole. */
  #apply(state: PaxosState, at: number, { after, sent, objection }: LocalStep): PaxosState {
    const { sentAt } = this.#numbers;
    const isFresh = sent.some((message) => state.indexOf(message, sentAt) < 0);
    if (!isFresh && state[at] === after && objection === 0) return state;
    const head = state.slice(0, sentAt);
    head[at] = after;
    head[OBJECTION] = objection;
    const all = withNumbers(state.slice(sentAt), sent);
    return [...head, ...(this.#late ? all : all.filter((message) => !this.#isLate(head, message)))];
  }

  /** Votes are never late: they are what is chosen. */
  #isLate(head: PaxosState, number: number): boolean {
    const message = this.#numbers.messageOf(number);
    const { ballot } = message;
    if (message.type === "accepted") return false;
    const owner = this.#numbers.proposerOf(head[this.#numbers.proposerAt(ballot.node)] as number).state;
    const isAsking = owner.phase === "preparing" && ballotsEqual(owner.ballot, ballot);
    if (message.type === "promise") return !isAsking;
    if (message.type === "reject") return compareBallots(message.promised, owner.highestSeen) <= 0;
    if (message.type === "prepare" && isAsking) return false;
    return this.#acceptors.every((id) => {
      const { promised, vote } = this.#numbers.acceptorOf(head[this.#numbers.acceptorAt(id)] as number);
      const order = compareBallots(promised, ballot);
      return order > 0 || (order === 0 && (message.type === "prepare" || ballotsEqual(vote?.ballot ?? null, ballot)));
    });
  }

  /** What of a step's outputs leaves: all of it, or, if the process dies before it has written, what waits for no write. */
  #leaving(outputs: readonly { readonly type: string }[], crash: boolean): number[] {
    return outputs
      .filter(isSend)
      .filter(({ afterWrite, message }) => !(crash && afterWrite) && (this.#rejects || message.type !== "reject"))
      .map(({ message }) => this.#numbers.message(message));
  }

  #remember(name: string, unchanged: number, step: () => Omit<LocalStep, "objection">): LocalStep {
    const known = this.#steps.get(name);
    if (known !== undefined) return known;
    let result: LocalStep;
    try {
      result = { ...step(), objection: 0 };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      result = { after: unchanged, sent: [], objection: this.#numbers.objection(error.message) };
    }
    this.#steps.set(name, result);
    return result;
  }

  /** An acceptor answers and writes in one step: until the write is done, nobody has heard of it. */
  #acceptorStep(action: PaxosAction & { readonly type: "toAcceptor" }, number: number): LocalStep {
    const { acceptor: me, message, crash } = action;
    return this.#remember(`a${me},${number},${message},${crash}`, number, () => {
      const disk = this.#numbers.acceptorOf(number);
      const input = this.#numbers.messageOf(message);
      if (input.type !== "prepare" && input.type !== "accept") return { after: number, sent: [] };
      const step = acceptorStep({ me }, disk, input);
      const after = this.#numbers.acceptor(acceptorState(crash ? disk : step.state));
      return { after, sent: this.#leaving(step.outputs, crash) };
    });
  }

  #toProposer(
    state: PaxosState,
    me: NodeId,
    inputs: readonly ProposerInput<string>[],
    name: string,
    crash: boolean = false,
  ): PaxosState {
    const at = this.#numbers.proposerAt(me);
    const number = state[at] as number;
    const local = this.#remember(`p${me},${number},${name},${crash}`, number, () => {
      const old = this.#numbers.proposerOf(number);
      let { state: own } = old;
      const sent: number[] = [];
      for (const input of inputs) {
        const step = proposerStep({ me, quorums: this.#quorums }, own, input);
        own = step.state;
        sent.push(...this.#leaving(step.outputs, crash));
      }
      // A new ballot is written at once, unless this is the write that never happens.
      const disk = crash || ballotsEqual(own.ballot, old.state.ballot) ? old.disk : own.ballot;
      return { after: this.#numbers.proposer({ state: own, disk }), sent };
    });
    return this.#apply(state, at, local);
  }

  /** Whether a set of messages was what the proposer waited for, and no message in it was one too many. */
  #isStep(state: PaxosState, after: PaxosState, action: PaxosAction & { readonly type: "toProposer" }): boolean {
    if (after[OBJECTION] !== 0) return true;
    const at = this.#numbers.proposerAt(action.proposer);
    const [old, now] = [state, after].map((s) => this.#numbers.proposerOf(s[at] as number).state);
    if (action.messages.length === 1 && old?.highestSeen !== now?.highestSeen) return true;
    if (old?.phase === now?.phase) return false;
    const less = action.messages.slice(0, -1);
    return less.length === 0 || this.next(state, { ...action, messages: less }) === null;
  }

  /** A proposer after a crash: of all it knew, the ballot on its disk is left. */
  #afterCrash(number: number, ballot: Ballot | null): number {
    const { wish } = this.#numbers.proposerOf(number).state;
    return this.#numbers.proposer({ state: proposerState({ ballot, wish }), disk: ballot });
  }

  #restart(state: PaxosState, proposer: NodeId, counter: typeof CRASHES | typeof LOST_DISKS): PaxosState {
    const at = this.#numbers.proposerAt(proposer);
    const after = [...state];
    const number = state[at] as number;
    after[at] = this.#afterCrash(number, counter === LOST_DISKS ? null : this.#numbers.proposerOf(number).disk);
    after[counter] = (after[counter] as number) + 1;
    return after;
  }

  check(state: PaxosState, before: PaxosState | null): string | null {
    if (before !== null && this.#isQuiet(state, before)) return null;
    const { sentAt } = this.#numbers;
    const news = state.slice(sentAt).some((message) => {
      const { type } = this.#numbers.messageOf(message);
      return (type === "accept" || type === "accepted") && before?.includes(message, sentAt) !== true;
    });
    const old = before === null ? null : this.view(before);
    return brokenRule(this.view(state), old, news, this.#quorums, this.#rules);
  }

  /** Whether a step has changed nothing that a rule looks at: no message left, no acceptor moved, nobody decided. */
  #isQuiet(state: PaxosState, before: PaxosState): boolean {
    const { sentAt } = this.#numbers;
    if (state[OBJECTION] !== 0) return false;
    for (let at = sentAt; at < state.length; at++) if (!before.includes(state[at] as number, sentAt)) return false;
    if (this.#acceptors.some((id) => state[this.#numbers.acceptorAt(id)] !== before[this.#numbers.acceptorAt(id)]))
      return false;
    for (let at = this.#numbers.proposerAt(1); at < sentAt; at++) {
      if (state[at] !== before[at] && this.#numbers.proposerOf(state[at] as number).state.phase === "decided")
        return false;
    }
    return true;
  }

  describe(action: PaxosAction, before: PaxosState, after: PaxosState): Event {
    return describeStep({
      action,
      before: this.view(before),
      after: this.view(after),
      messageOf: (number) => this.#numbers.messageOf(number),
      quorums: this.#quorums,
    });
  }
}

/**
 * The shipped acceptors, proposers and learners of `@synod/paxos`. Messages are a set: each is delivered any number of
 * times, at any time, in any order, or never. Whoever writes does so in the same step, or dies before: what has not been
 * written has not been said, which is what `afterWrite` holds; a message that does not wait for the write leaves even then.
 * Acceptors are processes of their own here, so that nothing tells them apart.
 *
 * @throws SynodError `InvalidArgument` or `InvalidConfiguration` naming the option that makes no sense.
 */
export function paxosModel(options: PaxosModelOptions = {}): PaxosModel {
  return new ShippedPaxos(options);
}
