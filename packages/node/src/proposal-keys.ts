import type { Ballot, SessionId, SessionTicket } from "@synod/interface";
import type { Proposal } from "./proposal.js";

export const sameBallot = (a: Ballot | null, b: Ballot | null): boolean =>
  a === b || (a !== null && b !== null && a.round === b.round && a.node === b.node);

export const sessionKey = ({ slot, index }: SessionId): string => `${slot}.${index}`;
export const clientOf = (session: SessionId | null): string => (session === null ? "" : sessionKey(session));
/** Null for what belongs to no session of a caller. */
export function sessionOf({ source }: Proposal): SessionId | null {
  if (source.kind === "given") return source.ticket.session;
  return source.kind === "close" ? source.session : null;
}
export const keyOf = ({ session, sequence }: SessionTicket): string => `${session.slot}.${session.index}.${sequence}`;
