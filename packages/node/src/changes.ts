import { type Configuration, type Member, type NodeId, SynodError, type SynodErrorOptions } from "@synod/interface";
import { type ChangeRefusal, encodeConfigurationValue, type Governing, type Replica } from "@synod/multipaxos";
import { changed, current, isReached } from "./membership.js";
import type { Sight } from "./sight.js";
import type { MembershipChange } from "./types.js";

interface Asked {
  readonly change: MembershipChange;
  readonly changeId: string;
  readonly stamp: number;
  readonly value: Uint8Array;
  readonly deadlineMs: number;
  readonly resolve: (configuration: Configuration) => void;
  readonly reject: (error: SynodError) => void;
  /** Under this number the leader was asked last; null if it is to be asked. */
  sequence: number | null;
  askedAtMs: number;
  /** Some leader may have proposed it. */
  sent: boolean;
  /** It was asked for and no answer came: some leader may have proposed that copy, and another one may be about to find it. */
  unanswered: boolean;
  /** Some leader surely has. */
  proposed: boolean;
}

/** Why a change cannot be, by what the leader said to it. */
const REASONS: Readonly<
  Record<"changeUnderWay" | "retiredId" | "invalid" | "learnerBehind", [SynodError["code"], string]>
> = {
  changeUnderWay: ["ChangeUnderWay", "another change of the members is not complete yet: wait for it, then ask again"],
  retiredId: ["IdRetired", "the id belonged to a member that was removed; ids are never used again: take a new one"],
  invalid: [
    "InvalidConfiguration",
    "the quorums do not fit the new members: name the quorums together with the change",
  ],
  learnerBehind: [
    "LearnerBehind",
    "the learner is more than one window behind, or does not answer: wait until it has caught up, or add it as a voter to have it promoted then",
  ],
};

/**
 * A function of the change and of the configuration that its stamp names: every leader refuses each copy of it alike, and the log would make
 * it void. The other reasons are those of one moment, and of one leader.
 */
const FOR_GOOD: readonly ChangeRefusal[] = ["retiredId", "invalid"];

/** Changes of the members that callers of this node asked for. Each settles once, when the change is complete or cannot be. */
export class Changes {
  readonly #replica: Replica;
  readonly #name: string;
  readonly #resendMs: number;
  readonly #refusalOf: (id: NodeId) => string | null;
  readonly #addresses: readonly Member[];
  readonly #open = new Set<Asked>();
  #count = 0;

  /**
   * @param options `name`: of this life of this node, unlike any other; `refusalOf`: why nothing is taken from a peer; `addresses`: where members
   * listen by the options
   */
  constructor(options: {
    replica: Replica;
    name: string;
    resendMs: number;
    refusalOf: (id: NodeId) => string | null;
    addresses: readonly Member[];
  }) {
    this.#replica = options.replica;
    this.#name = options.name;
    this.#resendMs = options.resendMs;
    this.#refusalOf = options.refusalOf;
    this.#addresses = options.addresses;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @throws SynodError what stands against the change already here */
  add(options: {
    change: MembershipChange;
    expectedEpoch: number | undefined;
    deadlineMs: number;
    resolve: (configuration: Configuration) => void;
    reject: (error: SynodError) => void;
  }): { giveUp: (why: string, options: SynodErrorOptions) => void } {
    const { change, expectedEpoch, deadlineMs, resolve, reject } = options;
    const { last } = this.#replica.membership();
    if (expectedEpoch !== undefined && expectedEpoch !== last.epoch) throw mismatch(expectedEpoch, last.epoch);
    const configuration = changed(current(last.configuration, this.#addresses), change);
    const changeId = `${this.#name}.${++this.#count}`;
    const value = encodeConfigurationValue({ stamp: last.epoch, changeId, configuration });
    const state = { sequence: null, askedAtMs: 0, sent: false, unanswered: false, proposed: false };
    const asked: Asked = { change, changeId, stamp: last.epoch, value, deadlineMs, resolve, reject, ...state };
    this.#open.add(asked);
    return { giveUp: (why, given) => this.#giveUp(asked, why, given) };
  }

  /** Once a turn: asks the leader where that is due, and settles what has come to its end. */
  dispatch(nowMs: number, sight: () => Sight): void {
    for (const asked of this.#open) {
      this.#look(asked);
      if (!this.#open.has(asked)) continue;
      if (nowMs >= asked.deadlineMs) {
        const { text, details } = sight();
        const missed = this.#missed(asked.change);
        this.#giveUp(asked, `the change was not complete within the time limit (${text})${missed}`, { details });
      } else if (asked.sequence === null ? nowMs >= asked.askedAtMs : nowMs - asked.askedAtMs >= this.#resendMs) {
        this.#ask(asked, nowMs);
      }
    }
  }

  /** Whom the change adds, if nothing was heard of it: it may be refused, run elsewhere, or not at all. */
  #missed(change: MembershipChange): string {
    const { last, reported } = this.#replica.membership();
    const id = change.kind === "add" ? change.member.id : change.kind === "replace" ? change.with.id : null;
    const member = last.configuration.members.find((each) => each.id === id);
    if (id === null || member === undefined || reported(id) !== null) return "";
    const where = member.address === undefined ? "without an address" : `at ${member.address}`;
    const refusal = this.#refusalOf(id);
    if (refusal !== null) return `; nothing is taken from node ${id}, which is dialed ${where}: ${refusal}`;
    return `; nothing was heard of node ${id}, which is dialed ${where}: start it there to join, or correct the address (setAddress, \`synod member move\`); if it runs, its log may say why it is refused`;
  }

  #ask(asked: Asked, nowMs: number): void {
    if (this.#replica.madeBy(asked.changeId) !== null) return;
    asked.unanswered ||= asked.sequence !== null;
    asked.sequence = this.#replica.change(asked.value);
    asked.askedAtMs = nowMs;
    if (asked.sequence === null) asked.askedAtMs += this.#resendMs / 8;
    else asked.sent = true;
  }

  /** What the own log says of it. */
  #look(asked: Asked): void {
    const { last, complete } = this.#replica.membership();
    const made = this.#replica.madeBy(asked.changeId);
    if (made === null) {
      if (last.epoch > asked.stamp) this.#overtaken(asked, last.epoch);
      return;
    }
    if (last.epoch === made.epoch && !complete) return;
    const reached = isReached(last.configuration, asked.change);
    if (reached === null) {
      const text = "the new member was removed again before it was promoted: its id is used up, take a new one";
      this.#reject(asked, new SynodError("IdRetired", text, { details: { epoch: made.epoch } }));
    } else if (reached && complete) {
      this.#open.delete(asked);
      asked.resolve(last.configuration);
    }
  }

  /** Its stamp is of an epoch that is over, and nothing here says that it was this change that ended it. */
  #overtaken(asked: Asked, epoch: number): void {
    if (!asked.sent || this.#replica.ofEpoch(asked.stamp + 1) !== null) {
      return this.#reject(asked, mismatch(asked.stamp, epoch));
    }
    // This node came here by a snapshot, which holds the last configurations only.
    const why = `the configuration is at epoch ${epoch} by a snapshot that does not tell what made epoch ${asked.stamp + 1}`;
    this.#giveUp(asked, why, { details: { expected: asked.stamp, found: epoch } });
  }

  /**
   * Peers say that nobody needs this node any more: the change that removed it is complete, and so is what was asked for up to there. Its
   * own log may not show that yet, and there is no next turn.
   */
  released(self: NodeId): void {
    for (const asked of this.#open) {
      const made = this.#replica.madeBy(asked.changeId);
      const removing = made === null ? null : this.#removing(self, made.epoch);
      if (removing === null || isReached(removing.configuration, asked.change) !== true) continue;
      this.#open.delete(asked);
      asked.resolve(removing.configuration);
    }
  }

  /** The first configuration without a member, if that is the one of this epoch or a later one. */
  #removing(id: NodeId, epoch: number): Governing | null {
    const lists = (governing: Governing | null): boolean =>
      governing?.configuration.members.some((member) => member.id === id) === true;
    if (!lists(this.#replica.ofEpoch(epoch - 1))) return null;
    let next = epoch;
    while (lists(this.#replica.ofEpoch(next))) next++;
    return this.#replica.ofEpoch(next);
  }

  /** What the leader said. */
  onAnswer(sequence: number, refused: ChangeRefusal | null, nowMs: number): void {
    for (const asked of this.#open) {
      if (asked.sequence !== sequence) continue;
      if (refused === null) asked.proposed = true;
      else if (refused in REASONS && !asked.proposed && (!asked.unanswered || FOR_GOOD.includes(refused))) {
        const [code, text] = REASONS[refused as keyof typeof REASONS];
        this.#reject(asked, new SynodError(code, text, { details: { epoch: asked.stamp } }));
      } else {
        // Not now: no room, no leader there, or a leader that knows of an epoch that is on its way to this node.
        asked.sequence = null;
        asked.askedAtMs = nowMs + this.#resendMs / 8;
      }
    }
  }

  #reject(asked: Asked, error: SynodError): void {
    if (this.#open.delete(asked)) asked.reject(error);
  }

  #giveUp(asked: Asked, why: string, options: SynodErrorOptions): void {
    const [code, rest] = asked.sent
      ? (["OutcomeUnknown", "it may still take effect: look at the configuration before you ask again"] as const)
      : (["NotProposed", "no leader was asked: it is safe to try again"] as const);
    this.#reject(asked, new SynodError(code, `${why}; ${rest}`, options));
  }

  /** The node stops: nobody is left waiting. */
  failAll(why: string, cause: SynodError): void {
    for (const asked of this.#open) this.#giveUp(asked, why, { cause });
  }
}

function mismatch(expected: number, found: number): SynodError {
  return new SynodError(
    "EpochMismatch",
    `the change was made for epoch ${expected}, but the configuration is at epoch ${found}: look at it and ask again`,
    { details: { expected, found } },
  );
}
