import { SynodError, type Ballot, type SessionId, type SessionTicket } from "@synod/interface";
import { ballotsEqual } from "@synod/multipaxos";
import { type BatchEntry, encodeBatch, entrySize, type Outcome } from "@synod/rsm";
import { Admission } from "./admission.js";
import { CallLine } from "./call-line.js";
import { randomHex } from "@synod/interface/host";
import { OpenCalls } from "./open-calls.js";
import { OwnSession } from "./own-session.js";
import { Proposal } from "./proposal.js";
import { ownSessionExpired, sessionFull, staleError, unencodableResult, unknownSession } from "./proposal-errors.js";
import { clientOf, sessionOf } from "./proposal-keys.js";
import type { ProposalsOptions, Route } from "./proposals-options.js";
import type { Sight } from "./sight.js";
import { overdue } from "./signals.js";

/** How long one turn may go on ending calls that are overdue; then the sockets get their turn. */
const SLICE_MS = 5;

/**
 * Everything that callers of this node proposed and that has not ended. Commands travel in sessions, so sending one again after a
 * change of leader never executes it twice; a caller that gives up learns whether a copy is still on its way.
 */
export class Proposals {
  readonly #options: ProposalsOptions;
  readonly #all = new CallLine<Proposal>();
  /** Want a ticket of the own session, in turn; some may have ended. */
  #waiting: Proposal[] = [];
  /** Have an entry and are to be sent as soon as a leader is known; some may have ended. */
  #fresh: Proposal[] = [];
  readonly #calls = new OpenCalls();
  readonly #forwards = new Map<
    number,
    { part: readonly Proposal[]; readonly to: Ballot | null; readonly sentAtMs: number }
  >();
  readonly #admission: Admission;
  readonly #own: OwnSession;

  constructor(options: ProposalsOptions) {
    this.#options = options;
    const { queueBytesMax, queueWaitMs, resendMs, sessionLimit, sessionIdleMs } = options;
    this.#admission = new Admission({ queueBytesMax, queueWaitMs, retryMs: resendMs / 2 });
    this.#own = new OwnSession({
      limit: sessionLimit,
      idleMs: sessionIdleMs,
      open: (caller) => this.open({ deadlineMs: Number.POSITIVE_INFINITY, ...caller }),
    });
  }

  get count(): number {
    return this.#all.size;
  }

  get bytes(): number {
    return this.#admission.bytes;
  }

  /** Null if a call of this client (a session; null: without one) may come in now; else when to try again. */
  refusal(session: SessionId | null, bodyBytes: number): { readonly retryAfterMs: number } | null {
    return this.#admission.refusal(clientOf(session), bodyBytes);
  }

  /** Takes a command in. Its caller is settled exactly once, whatever happens. */
  add(options: {
    body: Uint8Array;
    ticket: SessionTicket | undefined;
    deadlineMs: number;
    /** Whether the call goes on where its session keeps as many replies as it may; true by default. */
    waitsForRoom?: boolean;
    caller: { resolve(reply: Uint8Array): void; reject(error: SynodError): void };
  }): Proposal {
    const { body, ticket, deadlineMs, caller, waitsForRoom = true } = options;
    const proposal: Proposal = new Proposal({
      source: ticket === undefined ? { kind: "own" } : { kind: "given", ticket, waitsForRoom },
      body,
      deadlineMs,
      settle: caller,
      release: this.#release,
    });
    this.#track(proposal);
    if (ticket === undefined) this.#waiting.push(proposal);
    else this.#ready(proposal, { kind: "command", ticket, body });
    return proposal;
  }

  /** Gives a session up; settles when it is gone. */
  close(options: {
    session: SessionId;
    deadlineMs: number;
    resolve: () => void;
    reject: (error: SynodError) => void;
  }): Proposal {
    const { session, deadlineMs, resolve, reject } = options;
    const proposal: Proposal = new Proposal({
      source: { kind: "close", session },
      body: new Uint8Array(),
      deadlineMs,
      settle: { resolve, reject },
      release: this.#release,
    });
    this.#track(proposal);
    this.#calls.closes(session, proposal);
    proposal.entry = { kind: "close", session };
    this.#freshen(proposal);
    return proposal;
  }

  /** Opens a session; settles with its id. */
  open(options: {
    deadlineMs: number;
    resolve: (id: SessionId, nowMs: number, loggedMs: number) => void;
    reject: (error: SynodError) => void;
  }): Proposal {
    const nonce = randomHex(this.#options.random);
    const proposal: Proposal = new Proposal({
      source: { kind: "open", nonce, opened: options.resolve },
      body: new Uint8Array(),
      deadlineMs: options.deadlineMs,
      settle: { resolve: () => undefined, reject: options.reject },
      release: this.#release,
    });
    this.#track(proposal);
    this.#calls.opens(nonce, proposal);
    proposal.entry = { kind: "open", nonce, limit: this.#options.sessionLimit };
    this.#freshen(proposal);
    return proposal;
  }

  /** Gives tickets to those who wait and sends what can be sent. */
  dispatch(route: Route, nowMs: number, loggedMs: number): void {
    this.#giveTickets(nowMs, loggedMs);
    if (this.#fresh.length === 0 || route.leaderBallot === null) return;
    const fresh = this.#fresh.filter(({ settled }) => !settled);
    this.#fresh = [];
    for (const proposal of fresh) {
      proposal.fresh = false;
      this.#renew(proposal);
    }
    if (!route.leads) {
      this.#forward(fresh, route, nowMs);
      return;
    }
    for (const proposal of fresh) {
      if (proposal.entry === null) continue;
      this.#markSent(proposal, route.leaderBallot, nowMs);
      proposal.acknowledged = true;
      route.lead(proposal, proposal.entry);
    }
  }

  /** Sent again, a command says which replies are done with by now: on an old floor it might wait for room for ever. */
  #renew(proposal: Proposal): void {
    const old = ownTicket(proposal);
    if (old === null) return;
    const ticket = this.#own.renewed(old);
    if (ticket !== old) proposal.entry = { kind: "command", ticket, body: proposal.body };
  }

  #forward(fresh: readonly Proposal[], route: Route, nowMs: number): void {
    let part: Proposal[] = [];
    let bytes = 0;
    const flush = (): void => {
      if (part.length === 0) return;
      const entries = part.map((p) => p.entry).filter((entry) => entry !== null);
      const number = route.forward(encodeBatch(0, entries));
      if (number === null) for (const proposal of part) this.#freshen(proposal);
      else {
        for (const proposal of part) this.#markSent(proposal, route.leaderBallot, nowMs);
        this.#forwards.set(number, { part, to: route.leaderBallot, sentAtMs: nowMs });
      }
      part = [];
      bytes = 0;
    };
    for (const proposal of fresh) {
      const size = proposal.entry === null ? 0 : entrySize(proposal.entry);
      if (bytes + size > this.#options.batchBytesMax) flush();
      part.push(proposal);
      bytes += size;
    }
    flush();
  }

  #markSent(proposal: Proposal, to: Ballot | null, nowMs: number): void {
    proposal.copies++;
    proposal.sentTo = to;
    proposal.sentAtMs = nowMs;
    proposal.acknowledged = false;
    proposal.sent = true;
  }

  /** It is to be sent, or sent again. */
  #freshen(proposal: Proposal): void {
    proposal.sent = false;
    if (proposal.fresh) return;
    proposal.fresh = true;
    this.#fresh.push(proposal);
  }

  /** What the leader said of a forwarded batch. */
  onForwardOutcome(sequence: number, outcome: "queued" | "notProposed" | "busy", nowMs: number): void {
    const forwarded = this.#forwards.get(sequence);
    if (forwarded === undefined) return;
    if (outcome !== "queued") this.#forwards.delete(sequence);
    for (const proposal of forwarded.part) {
      if (outcome === "queued") {
        // What an earlier leader says late is nothing to a copy that went to the next one, which may be lost.
        if (ballotsEqual(proposal.sentTo, forwarded.to)) proposal.acknowledged = true;
      } else {
        proposal.copies--;
        proposal.acknowledged = false;
        // Not at once: a node that does not know of its leader's end yet would be asked in a loop.
        proposal.sentTo = null;
        if (outcome === "busy") proposal.notBeforeMs = nowMs + this.#options.resendMs;
      }
    }
  }

  /** What became of a command or session in the log. */
  onOutcome(outcome: Exclude<Outcome, { kind: "raised" }>, nowMs: number, loggedMs: number): void {
    if (outcome.kind === "opened" || outcome.kind === "openRefused") {
      this.#onOpened(outcome, nowMs, loggedMs);
      return;
    }
    if (outcome.kind === "closed") {
      for (const closing of this.#calls.ofClosing(outcome.session)) closing.resolve(closing.body);
      return;
    }
    let next = this.#calls.ofTicket(outcome.ticket);
    while (next !== null) {
      const proposal = next;
      next = proposal.next;
      if (outcome.kind !== "beyondLimit") this.#admission.answered();
      if (proposal.source.kind === "own") this.#own.used(nowMs, loggedMs);
      this.#settle(proposal, outcome, nowMs);
    }
  }

  #settle(
    proposal: Proposal,
    outcome: Exclude<Outcome, { kind: "opened" | "openRefused" | "closed" | "raised" }>,
    nowMs: number,
  ): void {
    const own = ownTicket(proposal);
    switch (outcome.kind) {
      case "result":
        proposal.resolve(outcome.reply);
        return;
      case "invalidCommand":
        proposal.reject(
          new SynodError("InvalidCommand", "the command codec refused the command; the state is untouched"),
        );
        return;
      case "unencodableResult":
        proposal.reject(unencodableResult(outcome.cause));
        return;
      case "stale":
        proposal.reject(staleError(outcome.ticket));
        return;
      case "unknownSession":
        if (proposal.source.kind === "own") {
          if (own !== null) this.#own.lost(own);
          proposal.reject(ownSessionExpired());
        } else proposal.reject(unknownSession(outcome.ticket));
        return;
      case "beyondLimit":
        // No answer: it may be executed once earlier replies are given up, so it is sent again later.
        proposal.sentTo = null;
        if (proposal.source.kind === "own") {
          if (own !== null) this.#own.refused(own);
          proposal.copies--;
          proposal.notBeforeMs = nowMs + this.#options.resendMs / 4;
        } else if (proposal.source.kind === "given" && !proposal.source.waitsForRoom) {
          proposal.reject(sessionFull(this.#options.resendMs / 4));
        } else {
          // The copy may have been another call's with the same ticket, here or elsewhere: this one's may still be on their way.
          proposal.notBeforeMs = nowMs + this.#options.resendMs;
          proposal.obstacle = ": the session keeps as many replies as it may; call done() for finished requests";
        }
    }
  }

  #onOpened(outcome: Extract<Outcome, { kind: "opened" | "openRefused" }>, nowMs: number, loggedMs: number): void {
    const proposal = this.#calls.ofNonce(outcome.nonce);
    if (proposal === undefined || proposal.source.kind !== "open") return;
    if (outcome.kind === "opened") {
      proposal.source.opened(outcome.session, nowMs, loggedMs);
      proposal.resolve(proposal.body);
    } else proposal.reject(new SynodError("Busy", "the cluster has as many sessions as it may have: try again later"));
  }

  /** Ends what is overdue, for a while. @returns whether some are left for another turn */
  expire(nowMs: number, sight: () => Sight): boolean {
    const untilMs = this.#options.now() + SLICE_MS;
    let ended = 0;
    for (const proposal of this.#all.all()) {
      // Calls stand in the order of their deadlines. The own session's OPEN has none, nor have calls that their callers end.
      if (proposal.deadlineMs > nowMs && proposal.deadlineMs !== Number.POSITIVE_INFINITY) break;
      if (proposal.deadlineMs > nowMs || proposal.settled) continue;
      if (ended++ > 0 && this.#options.now() >= untilMs) return true;
      proposal.giveUp(...overdue(sight()));
    }
    if (ended > 0) this.#sweep();
    return false;
  }

  /** Calls that ended are not kept for their turn. */
  #sweep(): void {
    this.#fresh = this.#fresh.filter(({ settled }) => !settled);
    this.#waiting = this.#waiting.filter(({ settled }) => !settled);
  }

  /** Once a round of the clock: sends again what may be lost. */
  tick(route: Route, nowMs: number): void {
    this.#admission.round(nowMs);
    this.#sweep();
    for (const proposal of this.#all.all()) {
      if (!proposal.sent) continue;
      const moved = route.leaderBallot !== null && !ballotsEqual(proposal.sentTo, route.leaderBallot);
      const lost = !proposal.acknowledged && nowMs - proposal.sentAtMs >= this.#options.resendMs;
      if ((!moved && !lost && !this.#options.buggify("sent again at once")) || nowMs < proposal.notBeforeMs) continue;
      this.#freshen(proposal);
    }
    for (const [sequence, forwarded] of this.#forwards) {
      forwarded.part = forwarded.part.filter((proposal) => !proposal.settled);
      const { part, sentAtMs } = forwarded;
      if (part.every((proposal) => proposal.sentAtMs > sentAtMs)) this.#forwards.delete(sequence);
    }
  }

  /**
   * The state went on by a snapshot, which tells no outcomes: whatever was sent may have been executed in it. Sent again, a
   * command is answered with the reply that its session keeps.
   */
  outcomesMissed(): void {
    for (const proposal of this.#all.all()) {
      if (!proposal.sent || proposal.place !== null) continue;
      proposal.acknowledged = false;
      proposal.sentTo = null;
    }
  }

  /** The node stops: nobody is left waiting. */
  giveUpAll(why: string, cause: unknown): void {
    for (const proposal of this.#all.all()) proposal.giveUp(why, { cause });
  }

  #giveTickets(nowMs: number, loggedMs: number): void {
    if (this.#waiting.length === 0 || !this.#own.ready(nowMs, loggedMs)) return;
    let given = 0;
    for (const proposal of this.#waiting) {
      const ticket = proposal.settled ? undefined : this.#own.next(nowMs, loggedMs);
      if (ticket === null) break;
      given++;
      if (ticket !== undefined) this.#ready(proposal, { kind: "command", ticket, body: proposal.body });
    }
    this.#waiting.splice(0, given);
  }

  #ready(proposal: Proposal, entry: Extract<BatchEntry, { kind: "command" }>): void {
    proposal.entry = entry;
    this.#calls.carries(entry.ticket, proposal);
    this.#freshen(proposal);
  }

  #track(proposal: Proposal): void {
    this.#all.add(proposal);
    this.#admission.began(clientOf(sessionOf(proposal)), proposal.body.length);
  }

  readonly #release = (proposal: Proposal): void => {
    this.#all.delete(proposal);
    this.#admission.ended(clientOf(sessionOf(proposal)), proposal.body.length);
    this.#calls.ended(proposal);
    const ticket = ownTicket(proposal);
    if (ticket !== null) this.#own.done(ticket);
  };
}

/** The ticket with which it travels, if that is one of the own session: the present one, or one before it. */
function ownTicket({ source, entry }: Proposal): SessionTicket | null {
  return source.kind === "own" && entry?.kind === "command" ? entry.ticket : null;
}
