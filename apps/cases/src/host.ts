import type { Ballot, ChosenValue, NodeId, QuorumSpec, Slot } from "@synod/interface";
import { type Message, type Notice, Outbox, Replica, type Send } from "@synod/multipaxos";
import { formatBallot } from "@synod/paxos";
import type { Disk } from "./disk.js";
import { NotationError } from "./notation.js";

export interface HostOptions {
  readonly me: NodeId;
  readonly members: readonly NodeId[];
  readonly quorum: QuorumSpec;
  readonly alpha: number;
  readonly disk: Disk;
}

/** What came out of the replica. */
export interface Output {
  /** Messages that left, in order. */
  readonly sent: Send[];
  /** Messages that wait for a flush, this step's only. */
  readonly held: number;
  readonly chosen: ChosenValue[];
  readonly notices: Notice[];
}

/** What peers say in an election round. */
export interface PeerView {
  readonly from: NodeId;
  readonly candidacy: Ballot | null;
  readonly promised: Ballot | null;
  readonly leaderBallot: Ballot | null;
  readonly content: boolean;
}

const TIMEOUT_MS = 1000;
/** Election rounds in one election timeout: the clock of the runner goes in rounds. */
export const ROUNDS_PER_TIMEOUT = 8;

/** Members 1 to n of the case, each with one voice, and one more member without any. */
export function withSilentMember(
  voices: readonly NodeId[],
  silent: NodeId,
  sizes: { readonly phase1: number; readonly phase2: number },
): Pick<HostOptions, "members" | "quorum"> {
  const weights = [...voices.map((id) => [id, 1] as const), [silent, 0] as const];
  return { members: [...voices, silent], quorum: { kind: "weights", weights, ...sizes } };
}

/** A window that no case reaches by accident. */
export const ALPHA_DEFAULT = 1024;

/** Runs one real replica: brings it messages and time, and keeps what it sends until its flush, as a node does. */
export class Host {
  readonly disk: Disk;
  readonly #options: HostOptions;
  #replica: Replica;
  #outbox = new Outbox();
  #nowMs = 0;
  #round = 0;
  #lives = 0;

  constructor(options: HostOptions) {
    this.#options = options;
    this.disk = options.disk;
    this.#replica = this.#boot();
  }

  get replica(): Replica {
    return this.#replica;
  }

  get members(): readonly NodeId[] {
    return this.#options.members;
  }

  get others(): readonly NodeId[] {
    return this.members.filter((id) => id !== this.#options.me);
  }

  /** Whether the replica knows a slot as chosen: it is asked for the value, as by a peer that lacks it. */
  knowsChosen(slot: Slot, asker: NodeId): boolean {
    const { sent } = this.receive(asker, { kind: "fetch", firstSlot: slot, lastSlot: slot });
    return sent.some(({ message }) => message.kind === "learn" && message.values.length > 0);
  }

  /** Messages that were held and have not left. */
  get heldCount(): number {
    return this.#outbox.heldCount;
  }

  /** Starts again from what is flushed. */
  restart(): Output {
    this.#outbox = new Outbox();
    this.#replica = this.#boot();
    return this.turn(() => undefined);
  }

  /** A snapshot up to `index` is saved. A replica takes it up where it starts. */
  snapshot(index: Slot): Output {
    this.disk.saveSnapshot(index);
    return this.restart();
  }

  #boot(): Replica {
    const { me, members, quorum, alpha, disk } = this.#options;
    this.#lives++;
    this.#round = 0;
    return new Replica({
      nodeId: me,
      bootId: String(this.#lives).padStart(32, "0"),
      configuration: { epoch: 1, members: members.map((id) => ({ id })), alpha, quorum },
      recovered: disk.recovered(),
      settings: { electionTimeoutMs: TIMEOUT_MS },
    });
  }

  /** One turn: an event, and what comes of it. */
  turn(event: (replica: Replica) => void): Output {
    event(this.#replica);
    const heldBefore = this.#outbox.heldCount;
    const { sends, chosen, notices } = this.#replica.takeEffects();
    const sent = this.#outbox.add(sends);
    for (const { message } of sends) if (message.kind === "beat") this.#round = message.round;
    return { sent, held: this.#outbox.heldCount - heldBefore, chosen: [...chosen], notices: [...notices] };
  }

  receive(from: NodeId, message: Message): Output {
    return this.turn((replica) => replica.receive(from, message));
  }

  /** Flushes all that gathered, once. */
  flush(): Output {
    return this.#flushNext() ?? this.turn(() => undefined);
  }

  #flushNext(): Output | null {
    const next = this.#replica.takeWrite();
    if (next === null) return null;
    this.disk.write(next.write);
    const freed = this.#outbox.durable(next.id);
    const { sent, ...rest } = this.turn((replica) => replica.writeDone(next.id));
    return { sent: [...freed, ...sent], ...rest };
  }

  /** A turn on a disk that takes no time. */
  turnFlushed(event: (replica: Replica) => void): Output {
    const outputs = [this.turn(event)];
    for (let next = this.#flushNext(); next !== null; next = this.#flushNext()) outputs.push(next);
    return together(outputs);
  }

  receiveFlushed(from: NodeId, message: Message): Output {
    return this.turnFlushed((replica) => replica.receive(from, message));
  }

  /** Election rounds pass. */
  wait(rounds: number): Output {
    const outputs: Output[] = [];
    for (let round = 0; round < rounds; round++) {
      this.#nowMs += TIMEOUT_MS / ROUNDS_PER_TIMEOUT;
      outputs.push(this.turnFlushed((replica) => replica.tick(this.#nowMs, 0)));
    }
    return together(outputs);
  }

  /** The peers answer the latest round. */
  answer(peers: readonly PeerView[]): Output {
    const facts = { round: this.#round, chosenUpTo: 0, durableUpTo: 0, impaired: false, priority: 0 };
    return together(
      peers.map(({ from, ...view }) => this.receiveFlushed(from, { kind: "beatReply", ...facts, ...view })),
    );
  }

  /** One election round passes, and the peers answer it. */
  round(peers: readonly PeerView[]): Output {
    return together([this.wait(1), this.answer(peers)]);
  }

  /** All peers answer, and none has a leader: what makes a node campaign. */
  leaderless(): PeerView[] {
    return this.others.map((from) => ({ from, candidacy: null, promised: null, leaderBallot: null, content: false }));
  }

  /** Lets time pass until the replica starts a new candidacy. */
  campaign(): { readonly ballot: Ballot; readonly output: Output } {
    const outputs: Output[] = [];
    for (let rounds = 0; rounds < 40; rounds++) {
      const output = this.round(this.leaderless());
      outputs.push(output);
      for (const notice of output.notices) {
        if (notice.kind === "campaign") return { ballot: notice.ballot, output: together(outputs) };
      }
    }
    throw new Error("the replica does not campaign although no peer has a leader");
  }

  /** Makes it start a candidacy in this very ballot. */
  campaignIn(ballot: Ballot): void {
    const { others } = this;
    const below: Ballot | null = ballot.round > 1 ? { round: ballot.round - 1, node: ballot.node } : null;
    const [peer] = others;
    // Any message with a ballot in it shows the replica that the ballot exists; this one has no other effect.
    if (below !== null && peer !== undefined) this.receiveFlushed(peer, refusal(below, below));
    const { ballot: got } = this.campaign();
    if (formatBallot(got) === formatBallot(ballot)) return;
    throw new NotationError(
      `nobody comes to propose in ballot ${formatBallot(ballot)} from this start state: the next one is ${formatBallot(got)}`,
    );
  }
}

/** A refusal by a member that follows the owner of `promised`. */
export function refusal(ballot: Ballot, promised: Ballot): Message {
  return { kind: "reject", ballot, promised, content: true, leaderBallot: promised, leaseLeftMs: 0 };
}

function together(outputs: readonly Output[]): Output {
  return {
    sent: outputs.flatMap(({ sent }) => sent),
    held: outputs.reduce((sum, { held }) => sum + held, 0),
    chosen: outputs.flatMap(({ chosen }) => chosen),
    notices: outputs.flatMap(({ notices }) => notices),
  };
}
