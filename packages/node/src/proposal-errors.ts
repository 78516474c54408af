import { type SessionTicket, SynodError } from "@synod/interface";

export function staleError(ticket: SessionTicket): SynodError {
  const text =
    "the reply to this ticket was given up by done() or a later floor: the command took effect before or never will; " +
    "keep a ticket open until its outcome is known";
  return new SynodError("SessionStale", text, { details: { ticket } });
}

/** @param cause - what the codec threw, where it is known: the command was executed earlier otherwise */
export function unencodableResult(cause: unknown): SynodError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new SynodError("InvalidResult", `the command took effect, but the result codec refused its result${why}`, {
    cause,
  });
}

export function ownSessionExpired(): SynodError {
  const text =
    "this node's session expired meanwhile; the command may or may not have taken effect: look at the state " +
    "before you try again, or use a session of your own";
  return new SynodError("OutcomeUnknown", text);
}

export function unknownSession({ session }: SessionTicket): SynodError {
  const text =
    "no such session: it was never opened, was closed, or expired unused. This copy was not executed; whether an " +
    "earlier one was is forgotten: look at the state, then go on in a new session";
  return new SynodError("SessionUnknown", text, { details: { session } });
}

export function sessionFull(retryAfterMs: number): SynodError {
  const text =
    "the session keeps as many replies as it may: this copy was not executed; with a higher floor it may be, in the same ticket";
  return new SynodError("SessionFull", text, { details: { retryAfterMs } });
}
