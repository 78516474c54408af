import { type SessionId, SynodError } from "@synod/interface";
import type { CallPlan } from "./call.js";

/** A session as the cluster gives it out. */
export interface Opened {
  readonly session: SessionId;
  readonly limit: number;
}

/** Asks the cluster for a session. */
export const openPlan: CallPlan<Opened> = {
  kind: "openSession",
  to: "leader",
  bytes: 8,
  // A second session does no harm: the cluster forgets the one that nobody uses.
  repeatable: true,
  request: (id, deadlineMs) => ({ kind: "openSession", id, deadlineMs }),
  read: (answer) => {
    if (answer.kind === "opened") return answer;
    throw new SynodError("Malformed", "the server answered something else than was asked");
  },
  conclude: ({ text, cause, maybe }) =>
    maybe
      ? new SynodError("OutcomeUnknown", `${text}; a session may be opened that nobody uses`, { cause })
      : new SynodError("NotProposed", `no session was opened: ${text}`, { cause }),
};

/** Gives a session back. @param repeatable - whether it is tried again at another server: one that is gone stays gone */
export const closePlan = (session: SessionId, repeatable: boolean): CallPlan<void> => ({
  kind: "closeSession",
  to: "leader",
  bytes: 24,
  repeatable,
  request: (id, deadlineMs) => ({ kind: "closeSession", id, deadlineMs, session }),
  read: () => undefined,
  conclude: ({ text, cause, maybe }) =>
    maybe
      ? new SynodError("OutcomeUnknown", `${text}; the session may or may not be closed`, { cause })
      : new SynodError("NotProposed", `the session was not closed: ${text}`, { cause }),
});
