import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { Message } from "@synod/multipaxos";
import { ballotsEqual, formatBallot, highestBallot } from "@synod/paxos";
import { Disk } from "../disk.js";
import { accText, type Driver, feedOf, type Given, gives } from "../driver.js";
import { ALPHA_DEFAULT, Host, type Output, type PeerView, refusal, withSilentMember } from "../host.js";
import type { Case } from "../notation.js";
import { ballotOf, decodeValue, encodeValue, integerOf, parseVotes, Start } from "../terms.js";
import { phaseOf } from "./phase.js";

/** The proposer side of a replica, with the queue that a node keeps for it. */
export const proposer: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const node = new ProposingNode(new Start(one));
    return feedOf("a proposer", [
      [/^START$/i, () => node.begin()],
      [/^TIMEOUT$/i, () => node.timeout()],
      [/^REQ (.+)$/i, (value = "") => node.request(value)],
      [
        /^PROM n(\d+) (\S+) (\{.*\})(?: upto s?(\d+))?$/i,
        (from = "", b = "", votes = "", upTo = "0") =>
          node.promise(integerOf(from), ballotOf(b), votes, integerOf(upTo || "0")),
      ],
      [
        /^ACK n(\d+) (\S+) s(\d+)$/i,
        (from = "", b = "", slot = "") => node.accepted(integerOf(from), ballotOf(b), integerOf(slot)),
      ],
      [/^REJ n(\d+) (\S+)$/i, (from = "", p = "") => node.refused(integerOf(from), ballotOf(p))],
      [/^PREP seen (\S+)$/i, (b = "") => node.rival(ballotOf(b))],
    ]);
  },
};

/**
 * The rows drive the proposer alone, and its own acceptor speaks only through `n<me>`. So the replica itself has no voice
 * here, and a further member, the voice, stands for the own acceptor.
 */
class ProposingNode {
  readonly #me: NodeId;
  readonly #voice: NodeId;
  readonly #host: Host;
  #queue: string[];
  /** The newest own ballot, and where its phase 1 starts. */
  #ballot: Ballot | null = null;
  #fromSlot: Slot = 1;
  /** Whether it competed or led when it was last looked at. */
  #active = false;
  /** What is proposed in it and was not seen to be chosen. */
  #open = new Map<Slot, string>();

  constructor(start: Start) {
    const n = start.integer("n", 3);
    this.#me = start.integer("me", 1);
    this.#voice = Math.max(n, this.#me) + 1_000_000;
    const voices = start.members().map((id) => this.#member(id));
    const adu = Math.max(start.integer("adu", 0), start.integer("snap", 0), start.integer("applied", 0));
    const ballot = start.ballot("ballot");
    const phase = phaseOf(start, ballot === null ? "idle" : "prepare");
    const promised = highestBallot(start.ballot("promised"), phase === "idle" ? ballot : null);
    const disk = new Disk({ promised, votes: [], snapshot: adu, chosenUpTo: adu });
    const quorums = withSilentMember(voices, this.#me, start.sizes());
    this.#host = new Host({ me: this.#me, ...quorums, alpha: start.integer("alpha", ALPHA_DEFAULT), disk });
    this.#queue = start.list("queue");
    if (ballot === null || phase === "idle") return;
    this.#prepare(ballot);
    if (phase === "lead") for (const id of start.members()) this.promise(id, ballot, "{}", 0);
  }

  /** Goes through the candidacy that led to the start state. */
  #prepare(ballot: Ballot): void {
    this.#host.campaignIn(ballot);
    this.#ballot = ballot;
    this.#fromSlot = this.#host.replica.status().chosenUpTo + 1;
    this.#active = true;
  }

  #member(id: NodeId): NodeId {
    return id === this.#me ? this.#voice : id;
  }

  begin(): Given {
    return this.#candidacy(this.#host.campaign().output);
  }

  request(value: string): Given {
    if (this.#host.replica.status().role === "follower") return gives("REDIRECT");
    this.#queue.push(value);
    return this.#outputs(this.#host.turn(() => undefined));
  }

  promise(from: NodeId, ballot: Ballot, votes: string, upTo: Slot): Given {
    const { replica } = this.#host;
    const reported = parseVotes(votes).map((vote) => ({ ...vote, value: encodeValue(vote.value) }));
    const page = { firstSlot: this.#fromSlot, lastSlot: null, votes: reported, chosenUpTo: upTo, snapshotIndex: 0 };
    const led = replica.leads;
    const outputs = [this.#receive(from, { kind: "promise", ballot, ...page })];
    // What is chosen and missing is asked for in the next election round.
    if (replica.leads && !led) outputs.unshift(this.#host.round(this.#followers()));
    return this.#outputs(...outputs);
  }

  accepted(from: NodeId, ballot: Ballot, slot: Slot): Given {
    const facts = { slots: [[slot, slot]], chosenUpTo: 0, durableUpTo: 0, applied: 0, creditBytes: 2 ** 24 } as const;
    return this.#outputs(this.#receive(from, { kind: "accepted", ballot, ...facts }));
  }

  refused(from: NodeId, promised: Ballot): Given {
    return this.#outputs(this.#receive(from, refusal(this.#ballot ?? promised, promised)));
  }

  rival(ballot: Ballot): Given {
    return this.#outputs(this.#receive(ballot.node, { kind: "prepare", ballot, fromSlot: 1 }));
  }

  /** So much time passes that the replica asks again: in a new ballot if phase 1 is under way, else for the open slots. */
  timeout(): Given {
    const { role } = this.#host.replica.status();
    if (role === "candidate") return this.begin();
    for (let rounds = 0; rounds < 40; rounds++) {
      const output = this.#host.round(this.#followers());
      const given = this.#outputs(output);
      if (given.outputs.length > 0) return given;
    }
    return gives();
  }

  #receive(from: NodeId, message: Message): Output {
    return this.#host.receiveFlushed(this.#member(from), message);
  }

  /** Everybody follows the present leader. */
  #followers(): PeerView[] {
    const { leaderBallot } = this.#host.replica;
    return this.#host.others.map((from) => ({
      from,
      candidacy: null,
      promised: leaderBallot,
      leaderBallot,
      content: true,
    }));
  }

  /** The Prepare of a new candidacy. Repeats of an earlier one are of no interest any more. */
  #candidacy({ sent }: Output): Given {
    const { ballot } = this.#host.replica.status();
    this.#ballot = ballot;
    this.#active = true;
    this.#open.clear();
    for (const { message } of sent) {
      if (message.kind !== "prepare" || !ballotsEqual(message.ballot, ballot)) continue;
      this.#fromSlot = message.fromSlot;
      return gives(`PREP ${formatBallot(ballot)} from ${message.fromSlot}`);
    }
    return gives();
  }

  /** What the proposer says, in the order of the notation: what is chosen, what is missing, what is proposed. */
  #outputs(...outputs: readonly Output[]): Given {
    const chosen = this.#newlyChosen();
    const proposed = this.#proposeQueued();
    const sent = [...outputs, ...proposed].flatMap((output) => output.sent);
    const fetches = sent.flatMap(({ to, message }) =>
      message.kind === "fetch" ? [`FETCH ${message.firstSlot}..${message.lastSlot} from n${this.#named(to[0])}`] : [],
    );
    const accepts = new Map<Slot, string>();
    for (const { message } of sent) {
      if (message.kind !== "accept") continue;
      for (const [index, bytes] of message.values.entries()) {
        const slot = message.firstSlot + index;
        const value = decodeValue(bytes);
        accepts.set(slot, accText(message.ballot, slot, value));
        this.#open.set(slot, value);
      }
    }
    const notices = outputs.flatMap((output) => output.notices);
    const elected = notices.some(({ kind }) => kind === "elected");
    const deposed = this.#active && this.#host.replica.status().role === "follower";
    if (deposed) {
      this.#active = false;
      this.#queue = [];
      this.#open.clear();
    }
    const proposals = [...accepts].sort(([a], [b]) => a - b).map(([, text]) => text);
    const texts = [...chosen, ...fetches, ...proposals];
    const given = gives(...texts, elected && texts.length === 0 ? "LEAD" : null, deposed ? "STEPDOWN" : null);
    // What is asked of a peer and what is proposed do not depend on each other.
    return fetches.length > 0 ? { ...given, also: [[...chosen, ...proposals, ...fetches]] } : given;
  }

  #named(id: NodeId | undefined): NodeId | undefined {
    return id === this.#voice ? this.#me : id;
  }

  #newlyChosen(): string[] {
    const chosen = [...this.#open].filter(([slot]) => this.#host.knowsChosen(slot, this.#voice));
    for (const [slot] of chosen) this.#open.delete(slot);
    return chosen.map(([slot, value]) => `CHOSEN s${slot} ${value}`);
  }

  /** As a node does: as much of the queue as the replica takes. */
  #proposeQueued(): Output[] {
    const outputs: Output[] = [];
    while (this.#host.replica.capacity() > 0) {
      const value = this.#queue.shift();
      if (value === undefined) break;
      outputs.push(this.#host.turnFlushed((replica) => replica.propose(encodeValue(value))));
    }
    return outputs;
  }
}
