import { type Ballot, type NodeId, SynodError } from "@synod/interface";
import { ballotsEqual, checkBallot, compareBallots, formatBallot, nextBallot } from "./ballots.js";
import {
  type Accept,
  type Accepted,
  type Chosen,
  type Prepare,
  type Promised,
  type Reject,
  type Send,
  type Step,
  sameValue,
  type Voted,
} from "./messages.js";
import type { QuorumSystem } from "./quorums.js";

export interface ProposerOptions<V> {
  readonly me: NodeId;
  readonly quorums: QuorumSystem;
  /** Default: `sameValue`. */
  readonly equals?: (a: V, b: V) => boolean;
}

/**
 * - `idle`: not started, or deposed by a higher ballot.
 * - `preparing`: phase 1, collects promises.
 * - `ready`: phase 1 is done, any value may be proposed, none was asked for yet.
 * - `proposing`: phase 2, collects votes for `proposal`.
 * - `decided`: `proposal` is chosen.
 */
export type ProposerPhase = "idle" | "preparing" | "ready" | "proposing" | "decided";

export interface ProposerState<V> {
  readonly phase: ProposerPhase;
  /** The newest own ballot. The one thing that must be durable: a proposer never uses a ballot twice. */
  readonly ballot: Ballot | null;
  /** The highest ballot heard of, own ones included. */
  readonly highestSeen: Ballot | null;
  /** What this proposer would like to have chosen. Proposed only where phase 1 leaves the choice. */
  readonly wish: { readonly value: V } | null;
  /** Promises for `ballot`, by sender; empty but while preparing. */
  readonly promises: readonly { readonly from: NodeId; readonly vote: Voted<V> | null }[];
  /** What is proposed in `ballot`, or was chosen in it. One ballot, one value. */
  readonly proposal: Voted<V> | null;
  /** Who voted for `proposal`, distinct, ascending. */
  readonly voters: readonly NodeId[];
}

export type ProposerInput<V> =
  /** Begin phase 1 in a new ballot, whatever was under way. */
  | { readonly type: "start" }
  /** A value to propose. The first one is kept; an idle proposer answers `redirect` and keeps nothing. */
  | { readonly type: "propose"; readonly value: V }
  /** Nothing has happened for a while. How long is the caller's business, and should be random: see dueling proposers. */
  | { readonly type: "timeout" }
  | Promised<V>
  | Accepted<V>
  | Reject
  /** Another proposer's message, if it is seen here. */
  | Prepare
  | Accept<V>;

export type ProposerOutput<V> =
  /** To every acceptor, the own one included. */
  | Send<Prepare | Accept<V>>
  /** Phase 1 is done, and there is nothing to propose. */
  | { readonly type: "ready" }
  /** Deposed by the ballot `by`. `start` again to compete, better after a random pause. */
  | { readonly type: "stepDown"; readonly by: Ballot }
  /** The value was not taken: this proposer is idle. */
  | { readonly type: "redirect" }
  | Chosen<V>;

type ProposerStep<V> = Step<ProposerState<V>, ProposerOutput<V>>;

/**
 * The state of a proposer that has not started.
 *
 * @param durable the last ballot that was written to disk, after a restart; and the value that it wants chosen, if any.
 */
export function proposerState<V>(durable: Partial<Pick<ProposerState<V>, "ballot" | "wish">> = {}): ProposerState<V> {
  const { ballot = null, wish = null } = durable;
  return { phase: "idle", ballot, highestSeen: ballot, wish, promises: [], proposal: null, voters: [] };
}

/**
 * A proposer's reaction to one input. Paxos Made Simple, section 2.2, phases 1 (a) and 2 (a), and 2.4; quorums as in
 * Flexible Paxos, section 3.
 *
 * @throws SynodError `InvalidArgument` if a ballot is malformed or jumps wildly; the message is then as if never sent.
 * @throws SynodError `InvariantViolated` if one ballot carries two values: stop.
 * @throws SynodError `RoundsExhausted` if there is no higher ballot to start with.
 */
export function proposerStep<V>(
  options: ProposerOptions<V>,
  state: ProposerState<V>,
  input: ProposerInput<V>,
): ProposerStep<V> {
  switch (input.type) {
    case "start":
      return onStart(options, state);
    case "propose":
      return onPropose(state, input.value);
    case "timeout":
      return onTimeout(options, state);
    case "promise":
      return onPromise(options, state, input);
    case "accepted":
      return onAccepted(options, state, input);
    case "reject":
      return onRival(state, input.promised);
    case "prepare":
    case "accept":
      return onRival(state, input.ballot);
  }
}

function onStart<V>({ me }: ProposerOptions<V>, state: ProposerState<V>): ProposerStep<V> {
  if (state.phase === "decided") return unchanged(state);

  const ballot = nextBallot(state.highestSeen, me);
  return {
    // Nothing of an earlier ballot is carried over: its promises and votes say nothing about this one.
    state: { ...proposerState({ ballot, wish: state.wish }), phase: "preparing" },
    outputs: [{ type: "send", message: { type: "prepare", ballot }, afterWrite: true }],
  };
}

function onPropose<V>(state: ProposerState<V>, value: V): ProposerStep<V> {
  switch (state.phase) {
    case "idle":
      return { state, outputs: [{ type: "redirect" }] };
    case "preparing":
      return unchanged({ ...state, wish: state.wish ?? { value } });
    case "ready":
      return sendAccept({ ...state, wish: { value } }, value);
    case "proposing":
      return unchanged(state);
    case "decided":
      return state.proposal === null ? unchanged(state) : { state, outputs: [{ type: "chosen", ...state.proposal }] };
  }
}

function onTimeout<V>(options: ProposerOptions<V>, state: ProposerState<V>): ProposerStep<V> {
  switch (state.phase) {
    case "preparing":
      // No quorum answered, perhaps because it promised a higher ballot and the refusals were lost.
      return onStart(options, state);
    case "proposing":
      return state.proposal === null ? unchanged(state) : sendAccept(state, state.proposal.value);
    default:
      return unchanged(state);
  }
}

function onPromise<V>(
  { quorums, equals = sameValue }: ProposerOptions<V>,
  state: ProposerState<V>,
  { from, ballot, vote }: Promised<V>,
): ProposerStep<V> {
  checkBallot(ballot, state.highestSeen);
  if (vote !== null) checkReportedVote(from, ballot, vote.ballot);

  const isStale = state.phase !== "preparing" || !ballotsEqual(ballot, state.ballot);
  const isStranger = !quorums.members.includes(from);
  const isRepeat = state.promises.some((promise) => promise.from === from);
  if (isStale || isStranger || isRepeat) return unchanged(state);

  const promises = [...state.promises, { from, vote }].sort((a, b) => a.from - b.from);
  const bound = highestVote(promises, equals);
  if (!quorums.phase1(new Set(promises.map((promise) => promise.from)))) return unchanged({ ...state, promises });

  // The heart of Paxos. If anything was chosen below this ballot, some member of this quorum voted for it, and the highest
  // vote carries it. So that value is proposed, wanted or not; only where nobody voted is the choice free.
  const choice = bound ?? state.wish;
  if (choice !== null) return sendAccept({ ...state, promises: [] }, choice.value);
  return { state: { ...state, phase: "ready", promises: [] }, outputs: [{ type: "ready" }] };
}

function onAccepted<V>(
  { quorums, equals = sameValue }: ProposerOptions<V>,
  state: ProposerState<V>,
  { from, ballot, value }: Accepted<V>,
): ProposerStep<V> {
  checkBallot(ballot, state.highestSeen);

  const { proposal } = state;
  if (state.phase !== "proposing" || proposal === null) return unchanged(state);
  const isStale = !ballotsEqual(ballot, proposal.ballot);
  const isStranger = !quorums.members.includes(from);
  const isRepeat = state.voters.includes(from);
  if (isStale || isStranger || isRepeat) return unchanged(state);

  if (!equals(value, proposal.value)) throw twoValues(ballot, proposal.value, value);

  const voters = [...state.voters, from].sort((a, b) => a - b);
  if (!quorums.phase2(new Set(voters))) return unchanged({ ...state, voters });
  return { state: { ...state, phase: "decided", voters }, outputs: [{ type: "chosen", ...proposal }] };
}

/** A ballot of somebody else was seen: one above ours means that ours has no future. */
function onRival<V>(state: ProposerState<V>, seen: Ballot): ProposerStep<V> {
  checkBallot(seen, state.highestSeen);
  if (compareBallots(seen, state.highestSeen) <= 0) return unchanged(state);

  const wiser = { ...state, highestSeen: seen };
  if (state.phase === "idle" || state.phase === "decided") return unchanged(wiser);
  return {
    state: { ...wiser, phase: "idle", promises: [], proposal: null, voters: [] },
    outputs: [{ type: "stepDown", by: seen }],
  };
}

/** Proposes in the own ballot. Needs no write of its own: the ballot was durable before its Prepare left. */
function sendAccept<V>(state: ProposerState<V>, value: V): ProposerStep<V> {
  const { ballot } = state;
  if (ballot === null) throw new SynodError("InvariantViolated", "A proposer without a ballot cannot propose.");
  return {
    state: { ...state, phase: "proposing", proposal: { ballot, value } },
    outputs: [{ type: "send", message: { type: "accept", ballot, value }, afterWrite: false }],
  };
}

function highestVote<V>(promises: ProposerState<V>["promises"], equals: (a: V, b: V) => boolean): Voted<V> | null {
  let highest: Voted<V> | null = null;
  for (const { vote } of promises) {
    const order = compareBallots(vote?.ballot ?? null, highest?.ballot ?? null);
    if (vote !== null && highest !== null && order === 0 && !equals(vote.value, highest.value)) {
      throw twoValues(vote.ballot, highest.value, vote.value);
    }
    if (order > 0) highest = vote;
  }
  return highest;
}

/**
 * An acceptor that voted above a ballot no longer promises it. A vote in the very ballot is possible: the answer to a
 * Prepare that arrived again after the Accept.
 */
function checkReportedVote(from: NodeId, ballot: Ballot, voted: Ballot): void {
  checkBallot(voted, ballot);
  if (compareBallots(voted, ballot) <= 0) return;
  throw new SynodError(
    "InvalidArgument",
    `Promise refused: node ${from} promises ballot ${formatBallot(ballot)} and reports a vote in ${formatBallot(voted)}.`,
  );
}

function twoValues<V>(ballot: Ballot, one: V, other: V): SynodError {
  return new SynodError(
    "InvariantViolated",
    `Ballot ${formatBallot(ballot)} carries two values. Stop: node id ${ballot.node} is in use twice, or its proposer lost its disk.`,
    { details: { ballot, values: [one, other] } },
  );
}

function unchanged<V>(state: ProposerState<V>): ProposerStep<V> {
  return { state, outputs: [] };
}
