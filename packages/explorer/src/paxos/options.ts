import type { NodeId } from "@synod/interface";
import type { PaxosRule } from "./rules.js";

export interface PaxosModelOptions {
  /** Default 3. */
  readonly acceptors?: number;
  /** Each wants a value of its own. Default 2. */
  readonly proposers?: number;
  /** How often proposers begin a ballot, all together: so many ballots exist at most. Default 3. */
  readonly starts?: number;
  /** Sizes of quorums; default majorities. They must meet: the shipped code refuses others. */
  readonly q1?: number;
  readonly q2?: number;
  /** Crashes of proposers, which come back at once with what they wrote. 0 rules out crashes of acceptors too. Default 1. */
  readonly crashes?: number;
  /** How many disks are lost, all together; whoever had one comes back empty. Default 0, since that breaks Paxos. */
  readonly lostDisks?: number;
  /** Whether acceptors say so when they refuse. Default false: silence is as safe, and there are far fewer states. */
  readonly rejects?: boolean;
  /**
   * Whether promises and votes reach a proposer one by one. Default false: it hears all that it needs for its next step at
   * once, each of them twice. That misses nothing but what a proposer does with less than a quorum, which it forgets at its
   * next start; `true` covers that too, with a hundred times the states.
   */
  readonly oneByOne?: boolean;
  /**
   * Whether messages arrive that come too late to matter: promises for a ballot that its proposer has left or already has a
   * quorum in, and requests that every acceptor would refuse or has answered. Default false: they count as lost.
   */
  readonly late?: boolean;
  /** Treats acceptors as alike: here no ballot names one. Default true. */
  readonly symmetry?: boolean;
  /** What to check; default everything. */
  readonly rules?: readonly PaxosRule[];
}

export type PaxosAction =
  /** A message arrives, for the first time or again. `crash`: the receiver dies before it writes anything. */
  | { readonly type: "toAcceptor"; readonly acceptor: NodeId; readonly message: number; readonly crash: boolean }
  | { readonly type: "toProposer"; readonly proposer: NodeId; readonly messages: readonly number[] }
  /** `crash`: the new ballot is never written; what does not wait for that leaves, until a restart. */
  | { readonly type: "start"; readonly proposer: NodeId; readonly crash: boolean }
  | { readonly type: "timeout"; readonly proposer: NodeId }
  | { readonly type: "restart"; readonly proposer: NodeId }
  | { readonly type: "loseDisk"; readonly role: "acceptor" | "proposer"; readonly id: NodeId };
