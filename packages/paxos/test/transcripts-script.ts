import type { Ballot, NodeId } from "@synod/interface";
import {
  type Accept,
  type Accepted,
  type AcceptorState,
  acceptorState,
  acceptorStep,
  formatBallot,
  type LearnerState,
  learnerState,
  learnerStep,
  type Prepare,
  type Promised,
  type ProposerInput,
  type ProposerState,
  proposerState,
  proposerStep,
  type QuorumSystem,
  quorumSystem,
  type Reject,
} from "../src/index.js";

type Message = Prepare | Promised<string> | Accept<string> | Accepted<string> | Reject;

interface Flight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

interface Node {
  acceptor: AcceptorState<string>;
  proposer: ProposerState<string>;
  learner: LearnerState<string>;
  up: boolean;
}

/**
 * Runs a transcript of one decision and returns it as it should be. Lines that start with `> ` are commands; indented lines are what came
 * of them and are written anew; all other lines are prose and stay.
 */
export function perform(text: string): string {
  const group = new Group();
  const lines: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    try {
      group.run(line.slice(2));
      lines.push(...group.log.splice(0).map((event) => `  ${event}`));
    } catch (error) {
      throw new Error([...lines.slice(-30), ...group.log, String(error)].join("\n"), { cause: error });
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Every node proposes, votes and learns. Votes go to the proposer and to every learner. Disks are at once. */
class Group {
  readonly log: string[] = [];
  #nodes = new Map<NodeId, Node>();
  #quorums: QuorumSystem = quorumSystem({ kind: "majority" }, [1]);
  #network: Flight[] = [];
  #sent: Flight[] = [];
  readonly #wishes = new Set<string>();
  #chosen: string | null = null;

  run(line: string): void {
    const [command = "", ...words] = line.split(" ");
    const [first = "", ...rest] = words;
    const id = Number(first);
    switch (command) {
      case "nodes":
        return this.#begin(id);
      /** `rounds 1 7`: node 1 has used all rounds up to 7 before this story. */
      case "rounds":
        this.#node(id).proposer = proposerState({ ballot: { round: Number(rest[0]), node: id } });
        return;
      /** `propose 1 foo`: begins phase 1, wanting foo. */
      case "propose":
        this.#propose(id, { type: "start" });
        this.#wishes.add(rest[0] ?? "");
        return this.#propose(id, { type: "propose", value: rest[0] ?? "" });
      case "start":
        return this.#propose(id, { type: "start" });
      case "timeout":
        return this.#propose(id, { type: "timeout" });
      case "deliver":
        return words.length === 0 ? this.#deliverAll() : this.#deliver(this.#matching(words));
      case "drop":
        for (const flight of this.#matching(words)) this.#take(flight, "lost ");
        return;
      case "again":
        return this.#again(words);
      case "crash":
        return this.#crash(id);
      case "restart":
        this.#node(id).up = true;
        return;
      case "status":
        for (const [each, node] of this.#nodes) this.log.push(statusOf(each, node));
        return;
      case "expect":
        return this.#expect(words);
      default:
        throw new Error(`no command ${command}`);
    }
  }

  #begin(count: number): void {
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    this.#quorums = quorumSystem({ kind: "majority" }, ids);
    for (const id of ids) {
      this.#nodes.set(id, {
        acceptor: acceptorState(),
        proposer: proposerState(),
        learner: learnerState(),
        up: true,
      });
    }
  }

  #node(id: NodeId): Node {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** What a crash leaves is what was written: promise and vote, and the last own ballot. */
  #crash(id: NodeId): void {
    const node = this.#node(id);
    node.proposer = proposerState({ ballot: node.proposer.ballot });
    node.learner = learnerState();
    node.up = false;
  }

  #propose(id: NodeId, input: ProposerInput<string>): void {
    const node = this.#node(id);
    const { state, outputs } = proposerStep({ me: id, quorums: this.#quorums }, node.proposer, input);
    node.proposer = state;
    for (const output of outputs) {
      if (output.type === "send") this.#send(id, [...this.#nodes.keys()], output.message);
      else if (output.type === "stepDown") this.log.push(`${id} gives up: there is ${formatBallot(output.by)}`);
      else if (output.type === "chosen") this.#decided(id, output.value, "finds");
      else this.log.push(`${id} ${output.type}`);
    }
  }

  #vote(id: NodeId, message: Prepare | Accept<string>): void {
    const node = this.#node(id);
    const { state, outputs } = acceptorStep({ me: id }, node.acceptor, message);
    if (JSON.stringify(state) !== JSON.stringify(node.acceptor)) this.log.push(`${id} writes ${acceptorText(state)}`);
    node.acceptor = state;
    for (const { message: answer } of outputs)
      this.#send(id, answer.type === "accepted" ? [...this.#nodes.keys()] : [answer.ballot.node], answer);
  }

  #learn(id: NodeId, message: Accepted<string>): void {
    const node = this.#node(id);
    const { state, outputs } = learnerStep({ quorums: this.#quorums }, node.learner, message);
    node.learner = state;
    for (const { value } of outputs) this.#decided(id, value, "learns");
  }

  #decided(id: NodeId, value: string, how: string): void {
    this.log.push(`${id} ${how} that ${value} is chosen`);
    if (!this.#wishes.has(value)) throw new Error(`nobody wanted ${value}`);
    this.#chosen ??= value;
    if (this.#chosen !== value) throw new Error(`no agreement: ${this.#chosen} and ${value}`);
  }

  #send(from: NodeId, to: readonly NodeId[], message: Message): void {
    this.log.push(`${from} sends ${describe(message)} to ${to.join(", ")}`);
    const flights = to.map((each) => ({ from, to: each, message }));
    this.#network.push(...flights);
    this.#sent.push(...flights);
  }

  #again(words: readonly string[]): void {
    const flight = this.#matching(words, this.#sent).at(-1);
    if (flight !== undefined) this.#network.push(flight);
  }

  #matching(words: readonly string[], among: readonly Flight[] = this.#network): Flight[] {
    const links = words.filter((word) => word.includes(">"));
    const kinds = words.filter((word) => !word.includes(">"));
    const found = among.filter(
      ({ from, to, message }) =>
        (links.length === 0 || links.includes(`${from}>${to}`)) && (kinds.length === 0 || kinds.includes(message.type)),
    );
    if (found.length === 0) throw new Error("there is no such message");
    return found;
  }

  #deliverAll(): void {
    while (this.#network.length > 0) this.#deliver([...this.#network]);
  }

  #deliver(flights: readonly Flight[]): void {
    for (const flight of flights) {
      const { to, message } = flight;
      const { up } = this.#node(to);
      this.#take(flight, up ? "" : "lost ");
      if (!up) continue;
      const start = this.log.length;
      if (message.type === "prepare" || message.type === "accept") this.#vote(to, message);
      else if (message.ballot.node === to) this.#propose(to, message);
      if (message.type === "accepted") this.#learn(to, message);
      for (let i = start; i < this.log.length; i++) this.log[i] = `  ${this.log[i]}`;
    }
  }

  #take(flight: Flight, prefix: string): void {
    this.#network.splice(this.#network.indexOf(flight), 1);
    this.log.push(`${prefix}${flight.from}>${flight.to} ${describe(flight.message)}`);
  }

  /** `chosen foo`, `chosen nothing`: what anybody has learned so far; `learned 1 2: foo`. */
  #expect([what, ...words]: readonly string[]): void {
    const [names = "", value = ""] = words.join(" ").split(": ");
    const is =
      what === "chosen"
        ? [this.#chosen ?? "nothing"]
        : names.split(" ").map((name) => this.#node(Number(name)).learner.chosen?.value ?? "nothing");
    const wanted = what === "chosen" ? words[0] : value;
    if (is.some((each) => each !== wanted))
      throw new Error(`expected ${what} ${words.join(" ")}, but it is ${is.join()}`);
  }
}

function describe(message: Message): string {
  const head = `${message.type} ${formatBallot(message.ballot)}`;
  switch (message.type) {
    case "prepare":
      return head;
    case "promise":
      return `${head} ${votedText(message.vote)}`;
    case "accept":
    case "accepted":
      return `${head} ${message.value}`;
    case "reject":
      return `${head}, promised ${formatBallot(message.promised)}`;
  }
}

const votedText = (vote: { readonly ballot: Ballot; readonly value: string } | null): string =>
  vote === null ? "with no vote" : `with vote ${formatBallot(vote.ballot)}=${vote.value}`;

const acceptorText = ({ promised, vote }: AcceptorState<string>): string =>
  `promise ${formatBallot(promised)}${vote === null ? "" : `, vote ${formatBallot(vote.ballot)}=${vote.value}`}`;

function statusOf(id: NodeId, { acceptor, learner, proposer, up }: Node): string {
  const knows = learner.chosen === null ? "" : `, knows ${learner.chosen.value}`;
  return `${id} ${up ? proposer.phase : "is down"}, ${acceptorText(acceptor)}${knows}`;
}
