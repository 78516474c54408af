import { NumberMap, type SessionId, type SessionTicket } from "@synod/interface";
import type { Proposal } from "./proposal.js";
import { sessionKey } from "./proposal-keys.js";

/** Who waits for which outcome in the log. Several calls may wait for one. */
export class OpenCalls {
  /** By session, then by sequence; calls with the same ticket are linked. */
  readonly #bySession = new Map<string, NumberMap<Proposal>>();
  readonly #byNonce = new Map<string, Proposal>();
  readonly #byClosing = new Map<string, Set<Proposal>>();

  /** It waits for the session that is opened with this nonce. */
  opens(nonce: string, proposal: Proposal): void {
    this.#byNonce.set(nonce, proposal);
  }

  /** It waits for the end of this session. */
  closes(session: SessionId, proposal: Proposal): void {
    const key = sessionKey(session);
    const others = this.#byClosing.get(key);
    if (others === undefined) this.#byClosing.set(key, new Set([proposal]));
    else others.add(proposal);
  }

  /** It waits for what becomes of this ticket. */
  carries({ session, sequence }: SessionTicket, proposal: Proposal): void {
    const key = sessionKey(session);
    let calls = this.#bySession.get(key);
    if (calls === undefined) this.#bySession.set(key, (calls = new NumberMap()));
    proposal.next = calls.get(sequence) ?? null;
    calls.set(sequence, proposal);
  }

  ofNonce(nonce: string): Proposal | undefined {
    return this.#byNonce.get(nonce);
  }

  ofClosing(session: SessionId): Iterable<Proposal> {
    return this.#byClosing.get(sessionKey(session)) ?? [];
  }

  /** The first of them; the others are its `next`. */
  ofTicket({ session, sequence }: SessionTicket): Proposal | null {
    return this.#bySession.get(sessionKey(session))?.get(sequence) ?? null;
  }

  /** It waits no more. */
  ended(proposal: Proposal): void {
    const { source, entry } = proposal;
    if (source.kind === "open") this.#byNonce.delete(source.nonce);
    if (source.kind === "close") this.#closed(source.session, proposal);
    if (entry?.kind === "command") this.#unlink(proposal, entry.ticket);
  }

  #closed(session: SessionId, proposal: Proposal): void {
    const key = sessionKey(session);
    const others = this.#byClosing.get(key);
    others?.delete(proposal);
    if (others?.size === 0) this.#byClosing.delete(key);
  }

  #unlink(proposal: Proposal, { session, sequence }: SessionTicket): void {
    const key = sessionKey(session);
    const calls = this.#bySession.get(key);
    const first = calls?.get(sequence) ?? null;
    if (calls === undefined || first === null) return;
    if (first !== proposal) {
      let before = first;
      while (before.next !== null && before.next !== proposal) before = before.next;
      before.next = proposal.next;
    } else if (proposal.next !== null) calls.set(sequence, proposal.next);
    else calls.delete(sequence);
    if (calls.size === 0) this.#bySession.delete(key);
  }
}
