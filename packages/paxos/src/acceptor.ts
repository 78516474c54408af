import { type Ballot, type NodeId, SynodError } from "@synod/interface";
import { ballotsEqual, checkBallot, compareBallots, formatBallot, highestBallot } from "./ballots.js";
import {
  type Accept,
  type Accepted,
  type Prepare,
  type Promised,
  type Reject,
  type Send,
  type Step,
  sameValue,
  type Voted,
} from "./messages.js";

export interface AcceptorOptions<V> {
  readonly me: NodeId;
  /** Default: `sameValue`. */
  readonly equals?: (a: V, b: V) => boolean;
}

/** All that an acceptor remembers. All of it must be durable: an acceptor that forgets can undo a decision. */
export interface AcceptorState<V> {
  /** Votes in no ballot below this one. Never falls. */
  readonly promised: Ballot | null;
  /** The last vote, never in a ballot above `promised`. */
  readonly vote: Voted<V> | null;
}

export type AcceptorMessage<V> = Prepare | Accept<V>;
export type AcceptorOutput<V> = Send<Promised<V> | Accepted<V> | Reject>;

/** The state of an acceptor that was never asked, or, after a restart, the state that was last written to disk. */
export function acceptorState<V>(durable: Partial<AcceptorState<V>> = {}): AcceptorState<V> {
  const { promised = null, vote = null } = durable;
  // A vote implies the promise, also where the two were stored apart.
  return { promised: highestBallot(promised, vote?.ballot ?? null), vote };
}

/**
 * An acceptor's answer to one message. Paxos Made Simple, section 2.2, phases 1 (b) and 2 (b).
 *
 * @throws SynodError `InvalidArgument` if the ballot is malformed or jumps wildly; the message is then as if never sent.
 * @throws SynodError `InvariantViolated` if a second value is proposed in a ballot: stop, two proposers share a number.
 */
export function acceptorStep<V>(
  options: AcceptorOptions<V>,
  state: AcceptorState<V>,
  message: AcceptorMessage<V>,
): Step<AcceptorState<V>, AcceptorOutput<V>> {
  checkBallot(message.ballot, state.promised);
  if (state.promised !== null && compareBallots(message.ballot, state.promised) < 0) {
    return reject(options, state, message.ballot, state.promised);
  }
  return message.type === "prepare" ? onPrepare(options, state, message) : onAccept(options, state, message);
}

function onPrepare<V>(
  { me }: AcceptorOptions<V>,
  { vote }: AcceptorState<V>,
  { ballot }: Prepare,
): Step<AcceptorState<V>, AcceptorOutput<V>> {
  // A repeated Prepare changes nothing, and still waits: the write of the first one may be under way.
  return {
    state: { promised: ballot, vote },
    outputs: [{ type: "send", message: { type: "promise", from: me, ballot, vote }, afterWrite: true }],
  };
}

function onAccept<V>(
  { me, equals = sameValue }: AcceptorOptions<V>,
  { vote }: AcceptorState<V>,
  { ballot, value }: Accept<V>,
): Step<AcceptorState<V>, AcceptorOutput<V>> {
  if (vote !== null && ballotsEqual(vote.ballot, ballot) && !equals(vote.value, value)) {
    throw new SynodError(
      "InvariantViolated",
      `Acceptor ${me} was asked to vote for a second value in ballot ${formatBallot(ballot)}. Stop: node id ` +
        `${ballot.node} is in use twice, or its proposer lost its disk.`,
      { details: { ballot, voted: vote.value, asked: value } },
    );
  }
  // A vote is a promise too: an acceptor that missed the Prepare must not go back behind this ballot.
  return {
    state: { promised: ballot, vote: { ballot, value } },
    outputs: [{ type: "send", message: { type: "accepted", from: me, ballot, value }, afterWrite: true }],
  };
}

function reject<V>(
  { me }: AcceptorOptions<V>,
  state: AcceptorState<V>,
  ballot: Ballot,
  promised: Ballot,
): Step<AcceptorState<V>, AcceptorOutput<V>> {
  // Nothing to wait for: a refusal gives no word that a crash could break.
  return {
    state,
    outputs: [{ type: "send", message: { type: "reject", from: me, ballot, promised }, afterWrite: false }],
  };
}
