import type { Ballot, NodeId, Slot } from "@synod/interface";
import { type Message, NOOP } from "@synod/multipaxos";
import { ballotsEqual, compareBallots, formatBallot } from "@synod/paxos";
import { Disk } from "../disk.js";
import { accText, type Driver, feedOf, type Given, gives } from "../driver.js";
import { ALPHA_DEFAULT, Host, type Output, withSilentMember } from "../host.js";
import type { Case } from "../notation.js";
import { ballotOf, decodeValue, encodeValue, integerOf, Start, type TextVote } from "../terms.js";
import { accept, answers, ballotOwners, diskOf, prepare, stateText } from "./acceptor.js";

/** A replica whose disk flushes only when the case says so. */
export const durability: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const node = firstLead(one) === null ? new Follower(one) : new Leader(one);
    const { host } = node;
    const receive = (from: NodeId, message: Message): Given => node.do((on) => on.receive(from, message));
    return feedOf("a durability row", [
      [/^PREP (\S+) from s?(\d+)$/i, (b = "", k = "") => receive(...prepare(ballotOf(b), integerOf(k)))],
      [/^ACC (\S+) s(\d+) (.+)$/i, (b = "", s = "", v = "") => receive(...accept(ballotOf(b), integerOf(s), v))],
      [/^LEAD (\S+) s(\d+) (.+)$/i, (b = "", s = "", v = "") => node.lead(ballotOf(b), integerOf(s), v)],
      [/^FSYNC$/i, () => node.do((on) => on.flush())],
      [/^RESTART$/i, () => node.do((on) => on.restart())],
      [/^SNAPSHOT s?(\d+)$/i, (k = "") => node.do((on) => on.snapshot(integerOf(k)))],
      [/^STATE$/i, () => gives(stateText(host))],
      [
        /^CRASH$/i,
        () => {
          const unsent = host.heldCount;
          node.do((on) => on.restart());
          const given = gives(`${unsent} unsent`);
          return unsent === 0 ? { ...given, also: [[]] } : given;
        },
      ],
    ]);
  },
};

/** What left, and `hold` if something was made that may not leave yet. */
function spell(output: Output, counted: readonly string[] = []): Given {
  const accepts = output.sent.flatMap(({ message }) => {
    if (message.kind !== "accept") return [];
    const { ballot, firstSlot, values } = message;
    return values.map((value, index) => `send ${accText(ballot, firstSlot + index, decodeValue(value))}`);
  });
  const hold = output.held > 0 ? ["hold"] : [];
  const { outputs, also = [] } = answers(output);
  const complete = (texts: readonly string[]): string[] => [...texts, ...accepts, ...hold, ...counted];
  return { outputs: complete(outputs), also: also.map(complete) };
}

/** A node that proposes nothing. */
class Follower {
  readonly host: Host;

  constructor(one: Case) {
    const peers = ballotOwners(one);
    const me = Math.max(0, ...peers) + 1;
    const disk = diskOf(new Start(one));
    this.host = new Host({ me, members: [...peers, me], quorum: { kind: "majority" }, alpha: ALPHA_DEFAULT, disk });
  }

  do(event: (host: Host) => Output): Given {
    return spell(event(this.host));
  }

  lead(): Given {
    throw new Error("a node without proposals was told to propose");
  }
}

interface Proposed {
  readonly ballot: Ballot;
  readonly slot: Slot;
}

/** The case's first own proposal. */
function firstLead({ steps }: Case): Proposed | null {
  for (const { input } of steps) {
    const match = /^LEAD (\S+) s(\d+)\s/i.exec(input);
    if (match !== null) return { ballot: ballotOf(match[1] ?? ""), slot: integerOf(match[2] ?? "") };
  }
  return null;
}

/** A node that proposes: it comes to lead through a candidacy that the case does not tell of. */
class Leader {
  readonly host: Host;
  readonly #one: Case;
  readonly #start: Start;
  readonly #voices: readonly NodeId[];
  readonly #observer: NodeId;
  #ballot: Ballot | null = null;
  /** All that happened since the start state. */
  readonly #history: ((host: Host) => Output)[] = [];
  /** Own proposals whose own vote does not count yet. */
  #open: Proposed[] = [];

  constructor(one: Case) {
    this.#one = one;
    this.#start = new Start(one);
    this.#voices = [...new Set([...this.#start.members(), ...ballotOwners(one)])].sort((a, b) => a - b);
    this.#observer = Math.max(...this.#voices) + 1;
    this.host = this.#begin();
    const first = firstLead(one);
    if (first !== null) this.#ballot = first.ballot;
  }

  do(event: (host: Host) => Output): Given {
    this.#history.push(event);
    const output = event(this.host);
    const counted = this.#open.filter((proposed) => this.#ownVoteCounts(proposed));
    this.#open = this.#open.filter((proposed) => !counted.includes(proposed));
    return spell(
      output,
      counted.map(({ ballot, slot }) => `own vote ${formatBallot(ballot)} s${slot} counts`),
    );
  }

  lead(ballot: Ballot, slot: Slot, value: string): Given {
    if (!ballotsEqual(ballot, this.#ballot)) {
      this.#ballot = ballot;
      this.do((host) => elect(host, ballot, slot - 1));
    }
    this.#open.push({ ballot, slot });
    return this.do((host) => host.turn((replica) => replica.propose(encodeValue(value))));
  }

  /**
   * Whether one vote less from others is enough for a quorum. A twin that went through the same is asked, since the votes of
   * others are not part of the case.
   */
  #ownVoteCounts({ ballot, slot }: Proposed): boolean {
    const twin = this.#begin();
    for (const event of this.#history) event(twin);
    const others = this.#voices.filter((id) => id !== ballot.node);
    for (const from of others.slice(0, this.#start.sizes().phase2 - 1)) {
      const facts = { slots: [[slot, slot]], chosenUpTo: 0, durableUpTo: 0, applied: 0, creditBytes: 2 ** 24 } as const;
      twin.receive(from, { kind: "accepted", ballot, ...facts });
    }
    return twin.knowsChosen(slot, this.#observer);
  }

  /** A replica in the start state, leading in the ballot of the first own proposal. */
  #begin(): Host {
    const start = this.#start;
    const first = firstLead(this.#one) ?? { ballot: { round: 1, node: 1 }, slot: 1 };
    const { ballot, slot } = first;
    const promised = start.ballot("promised");
    const quorums = withSilentMember(this.#voices, this.#observer, start.sizes());
    // The promise of the own ballot and the votes in it come from the own candidacy and the own proposals.
    const disk = new Disk({
      promised: ballotsEqual(promised, ballot) ? null : promised,
      votes: start.votes().filter((vote) => compareBallots(vote.ballot, ballot) < 0),
      snapshot: start.integer("snap", 0),
      chosenUpTo: start.integer("applied", 0),
    });
    const host = new Host({ me: ballot.node, ...quorums, alpha: ALPHA_DEFAULT, disk });
    const own = start.votes().filter((vote) => ballotsEqual(vote.ballot, ballot));
    const base = Math.min(slot, ...own.map((vote) => vote.slot)) - 1;
    elect(host, ballot, base);
    for (let next = base + 1; next < slot; next++)
      propose(
        host,
        own.find((vote) => vote.slot === next),
      );
    return host;
  }
}

/** Makes the replica the leader of `ballot`, with everything up to `base` chosen before it. */
function elect(host: Host, ballot: Ballot, base: Slot): Output {
  host.campaignIn(ballot);
  for (const from of host.others) {
    const page = { firstSlot: 1, lastSlot: null, votes: [], chosenUpTo: base, snapshotIndex: 0 };
    host.receiveFlushed(from, { kind: "promise", ballot, ...page });
  }
  return host.turn(() => undefined);
}

function propose(host: Host, vote: TextVote | undefined): void {
  host.turnFlushed((replica) => replica.propose(vote === undefined ? NOOP : encodeValue(vote.value)));
}
