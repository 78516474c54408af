import type { Learning, NodeId } from "@synod/interface";
import type { Message, ReplicaSettings } from "@synod/multipaxos";
import type { MultipaxosRule } from "./rules.js";

export type Kind = Message["kind"];

/** What the messages of a log are about when nobody lags behind and nobody refuses. */
export const LOG_KINDS: readonly Kind[] = ["prepare", "promise", "accept", "accepted"];

export interface MultipaxosModelOptions {
  /** Default 3. */
  readonly nodes?: number;
  /** Who campaigns, in this order, each at any time after the one before. Default 1, then 2. */
  readonly campaigns?: readonly NodeId[];
  /** Commands that are proposed, by whoever leads. Default 2. */
  readonly proposals?: number;
  /**
   * Begins where the first of `campaigns` leads, with the votes of the next node, and where its first proposal has reached
   * nobody. Default false: begins with empty disks.
   */
  readonly lonelyLeader?: boolean;
  /** Crashes of nodes, which come back at once with what is on their disk. Default 0. */
  readonly crashes?: number;
  /** Nodes at which an election round passes, in this order; that is when a node asks for what it misses. Default none. */
  readonly rounds?: readonly NodeId[];
  /** How often a message arrives a second time. Default 0: each copy that was sent arrives once or never. */
  readonly repeats?: number;
  /** Disks that are lost. Default 0, since that breaks Paxos. */
  readonly lostDisks?: number;
  /** Whether a write takes time, in which more may arrive. Default false. */
  readonly slowDisk?: boolean;
  /** What the network carries; the rest is lost. Default `LOG_KINDS`. */
  readonly carries?: readonly Kind[];
  /**
   * Whether messages arrive that come too late to matter: promises and votes for a ballot that the receiver has left (or for a
   * phase 1 that is over), and requests below its promise while refusals are not carried. Default true; `false` counts them as
   * lost, which leaves far fewer states.
   */
  readonly late?: boolean;
  /**
   * Whether requests arrive that the receiver's promise forbids, although `late` is false. Without them nothing shows that they are
   * refused.
   */
  readonly forbidden?: boolean;
  /** Window of the configuration. Default 2. */
  readonly alpha?: number;
  /** Default all nodes. */
  readonly founders?: readonly NodeId[];
  /** Members that are asked for, in this order, of whoever leads. Default none. */
  readonly changes?: readonly (readonly NodeId[])[];
  /** Whether members learn what is chosen from votes, and which. Default: from the leader alone. */
  readonly learning?: Learning;
  readonly settings?: Partial<ReplicaSettings>;
  /** What to check; default everything. */
  readonly rules?: readonly MultipaxosRule[];
}
