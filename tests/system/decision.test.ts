import {
  type Accept,
  type Accepted,
  type AcceptorState,
  acceptorState,
  acceptorStep,
  type LearnerState,
  learnerState,
  learnerStep,
  type Prepare,
  type Promised,
  type ProposerInput,
  type ProposerState,
  proposerState,
  proposerStep,
  quorumSystem,
  type Reject,
} from "@synod/paxos";
import { expect, test } from "vitest";

type Message = Prepare | Promised<string> | Accept<string> | Accepted<string> | Reject;

interface Part {
  acceptor: AcceptorState<string>;
  proposer: ProposerState<string>;
  learner: LearnerState<string>;
}

/** One decision among five. Every vote goes to the proposer and to all learners. */
class Five {
  readonly ids = [1, 2, 3, 4, 5];
  readonly #quorums = quorumSystem({ kind: "majority" }, this.ids);
  readonly #parts = new Map<number, Part>(
    this.ids.map((id) => [id, { acceptor: acceptorState(), proposer: proposerState(), learner: learnerState() }]),
  );
  readonly #network: { from: number; to: number; message: Message }[] = [];
  readonly #arrives: (from: number, to: number, message: Message) => boolean;

  constructor(arrives: (from: number, to: number, message: Message) => boolean) {
    this.#arrives = arrives;
  }

  /** What each node has learned. */
  get learned(): (string | null)[] {
    return [...this.#parts.values()].map(({ learner }) => learner.chosen?.value ?? null);
  }

  /** Proposes until something is decided; who hears of a higher ballot begins anew. */
  propose(id: number, value: string): void {
    while (this.#part(id).proposer.phase !== "decided") {
      this.#propose(id, { type: "start" });
      this.#propose(id, { type: "propose", value });
      this.#deliver();
    }
  }

  #deliver(): void {
    for (let next = this.#network.shift(); next !== undefined; next = this.#network.shift()) {
      const { from, to, message } = next;
      if (from === to || this.#arrives(from, to, message)) this.#receive(to, message);
    }
  }

  #part(id: number): Part {
    const part = this.#parts.get(id);
    if (part === undefined) throw new Error(`no node ${id}`);
    return part;
  }

  #receive(id: number, message: Message): void {
    const part = this.#part(id);
    if (message.type === "prepare" || message.type === "accept") {
      const { state, outputs } = acceptorStep({ me: id }, part.acceptor, message);
      part.acceptor = state;
      for (const { message: answer } of outputs)
        this.#send(id, answer.type === "accepted" ? this.ids : [answer.ballot.node], answer);
      return;
    }
    if (message.type === "accepted") {
      part.learner = learnerStep({ quorums: this.#quorums }, part.learner, message).state;
    }
    if (message.ballot.node === id) this.#propose(id, message);
  }

  #propose(id: number, input: ProposerInput<string>): void {
    const part = this.#part(id);
    const { state, outputs } = proposerStep({ me: id, quorums: this.#quorums }, part.proposer, input);
    part.proposer = state;
    for (const output of outputs) if (output.type === "send") this.#send(id, this.ids, output.message);
  }

  #send(from: number, to: readonly number[], message: Message): void {
    for (const each of to) this.#network.push({ from, to: each, message });
  }
}

test("SYS-20: two nodes that get no requests, only replies to their own: they learn when they ask", () => {
  const isReply = (to: number, { type, ballot }: Message): boolean =>
    type !== "prepare" && type !== "accept" && ballot.node === to;
  const five = new Five((_from, to, message) => (to !== 1 && to !== 5) || isReply(to, message));
  five.propose(2, "v");
  expect(five.learned).toEqual([null, "v", "v", "v", null]);
  five.propose(1, "w");
  expect(five.learned).toEqual(["v", "v", "v", "v", null]);
  five.propose(5, "x");
  expect(five.learned).toEqual(["v", "v", "v", "v", "v"]);
});
