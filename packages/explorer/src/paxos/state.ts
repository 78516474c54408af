import type { Ballot, NodeId } from "@synod/interface";
import { type AcceptorState, formatBallot, type ProposerState, type Voted } from "@synod/paxos";
import { Interner } from "../interner.js";
import { messageText, type PaxosMessage } from "./messages.js";

/** What a proposer knows, and the last own ballot that it wrote. */
export interface PaxosProposer {
  readonly state: ProposerState<string>;
  readonly disk: Ballot | null;
}

/** One moment of acceptors, proposers and the messages between them, in full. */
export interface PaxosView {
  /** By number, from 1. What an acceptor remembers is what is on its disk. */
  readonly acceptors: readonly AcceptorState<string>[];
  readonly proposers: readonly PaxosProposer[];
  /** Every message that ever left. */
  readonly sent: readonly PaxosMessage[];
  readonly lostDisks: number;
  /** What the code itself objected to. */
  readonly objection: string | null;
}

/** How often things happened, then an objection, then acceptors, proposers and messages, all by number. */
export type PaxosState = readonly number[];

export const STARTS = 0;
export const CRASHES = 1;
export const LOST_DISKS = 2;
export const OBJECTION = 3;
const HEAD = 4;

const voteText = (vote: Voted<string> | null): string =>
  vote === null ? "-" : `${formatBallot(vote.ballot)}${vote.value}`;

function proposerText({ state, disk }: PaxosProposer): string {
  const { phase, ballot, highestSeen, wish, promises, proposal, voters } = state;
  const heard = promises.map(({ from, vote }) => `${from}:${voteText(vote)}`).join();
  const ballots = [ballot, highestSeen, disk].map(formatBallot).join();
  return [phase, ballots, wish?.value ?? "", heard, voteText(proposal), voters.join()].join("/");
}

/** Turns what states are made of into numbers and back, and knows where each of them is in a state. */
export class PaxosNumbers {
  readonly #acceptors = new Interner<AcceptorState<string>>();
  readonly #proposers = new Interner<PaxosProposer>();
  readonly #messages = new Interner<PaxosMessage>();
  readonly #objections = new Interner<string | null>();
  readonly #acceptorCount: number;
  /** Where the messages start. */
  readonly sentAt: number;

  constructor(acceptors: number, proposers: number) {
    this.#acceptorCount = acceptors;
    this.sentAt = HEAD + acceptors + proposers;
    this.#objections.numberOf("", null);
  }

  /** Where an acceptor is in a state. */
  acceptorAt(id: NodeId): number {
    return HEAD + id - 1;
  }

  proposerAt(id: NodeId): number {
    return HEAD + this.#acceptorCount + id - 1;
  }

  acceptor(state: AcceptorState<string>): number {
    return this.#acceptors.numberOf(`${formatBallot(state.promised)}/${voteText(state.vote)}`, state);
  }

  proposer(proposer: PaxosProposer): number {
    return this.#proposers.numberOf(proposerText(proposer), proposer);
  }

  message(message: PaxosMessage): number {
    return this.#messages.numberOf(messageText(message), message);
  }

  objection(text: string): number {
    return this.#objections.numberOf(text, text);
  }

  acceptorOf(number: number): AcceptorState<string> {
    return this.#acceptors.value(number);
  }

  proposerOf(number: number): PaxosProposer {
    return this.#proposers.value(number);
  }

  messageOf(number: number): PaxosMessage {
    return this.#messages.value(number);
  }

  view(state: PaxosState): PaxosView {
    return {
      acceptors: state.slice(HEAD, HEAD + this.#acceptorCount).map((number) => this.acceptorOf(number)),
      proposers: state.slice(HEAD + this.#acceptorCount, this.sentAt).map((number) => this.proposerOf(number)),
      sent: state.slice(this.sentAt).map((number) => this.messageOf(number)),
      lostDisks: state[LOST_DISKS] as number,
      objection: this.#objections.value(state[OBJECTION] as number),
    };
  }
}

/** Calls acceptor i + 1 `names[i]` in whole states. Remembers what it has renamed. */
export class Renaming {
  readonly #names: readonly NodeId[];
  readonly #numbers: PaxosNumbers;
  readonly #messages: number[] = [];
  readonly #proposers: number[] = [];

  constructor(names: readonly NodeId[], numbers: PaxosNumbers) {
    this.#names = names;
    this.#numbers = numbers;
  }

  state(state: PaxosState): PaxosState {
    const { sentAt } = this.#numbers;
    const renamed = state.slice(0, sentAt);
    for (const [index, name] of this.#names.entries()) {
      renamed[this.#numbers.acceptorAt(name)] = state[this.#numbers.acceptorAt(index + 1)] as number;
    }
    for (let at = HEAD + this.#names.length; at < sentAt; at++) renamed[at] = this.#proposer(state[at] as number);
    const sent: number[] = [];
    for (let at = sentAt; at < state.length; at++) sent.push(this.#message(state[at] as number));
    return [...renamed, ...sent.sort((a, b) => a - b)];
  }

  #name(id: NodeId): NodeId {
    return this.#names[id - 1] ?? id;
  }

  #message(number: number): number {
    const known = this.#messages[number];
    if (known !== undefined) return known;
    const message = this.#numbers.messageOf(number);
    const renamed = "from" in message ? { ...message, from: this.#name(message.from) } : message;
    return (this.#messages[number] = this.#numbers.message(renamed));
  }

  #proposer(number: number): number {
    const known = this.#proposers[number];
    if (known !== undefined) return known;
    const { state, disk } = this.#numbers.proposerOf(number);
    const promises = state.promises.map(({ from, vote }) => ({ from: this.#name(from), vote }));
    const voters = state.voters.map((id) => this.#name(id)).sort((a, b) => a - b);
    const own = { ...state, promises: promises.sort((a, b) => a.from - b.from), voters };
    return (this.#proposers[number] = this.#numbers.proposer({ state: own, disk }));
  }
}
