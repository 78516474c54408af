import type { Ballot, Random } from "@synod/interface";
import type { BatchEntry } from "@synod/rsm";
import type { Proposal } from "./proposal.js";
import type { Buggify } from "./types.js";

/** Where proposals go now. */
export interface Route {
  readonly leads: boolean;
  readonly leaderBallot: Ballot | null;
  /** Puts it into the queue of this leader. */
  lead(proposal: Proposal, entry: BatchEntry): void;
  /** Sends a batch of entries to the leader; its number, or null if there is no leader to send to. */
  forward(body: Uint8Array): number | null;
}

export interface ProposalsOptions {
  readonly random: Random;
  readonly now: () => number;
  readonly batchBytesMax: number;
  /** Calls under way, with what each costs besides its bytes. */
  readonly queueBytesMax: number;
  /** How long a call may have to wait. */
  readonly queueWaitMs: number;
  /** Requests that one session may have open. */
  readonly sessionLimit: number;
  /** A forwarded command that the leader did not acknowledge is sent again after this. */
  readonly resendMs: number;
  /** An own session unused for this long is not trusted to be still there. */
  readonly sessionIdleMs: number;
  readonly buggify: Buggify;
}
