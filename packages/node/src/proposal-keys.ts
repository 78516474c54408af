import type { SessionId } from "@synod/interface";
import type { Proposal } from "./proposal.js";

/** The same few sessions come again and again: making the text of one costs more than looking here. */
const recent: { slot: number; index: number; key: string }[] = [];
const RECENT_MAX = 256;

export function sessionKey({ slot, index }: SessionId): string {
  const place = slot % RECENT_MAX;
  const last = recent[place];
  if (last !== undefined && last.slot === slot && last.index === index) return last.key;
  const key = `${slot}.${index}`;
  recent[place] = { slot, index, key };
  return key;
}

export const clientOf = (session: SessionId | null): string => (session === null ? "" : sessionKey(session));
/** Null for what belongs to no session of a caller. */
export function sessionOf({ source }: Proposal): SessionId | null {
  if (source.kind === "given") return source.ticket.session;
  return source.kind === "close" ? source.session : null;
}
