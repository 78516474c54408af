import type { NodeId } from "./ids.js";

/** One replica as the configuration knows it. */
export interface Member {
  readonly id: NodeId;
  /** Where its transport listens, in the transport's own notation (`host:port` for TCP). */
  readonly address?: string;
  /** Name for people; moves to the next id when a disk is replaced. */
  readonly name?: string;
  /**
   * `voter` (the default): its votes and promises count. `learner`: it receives the log and never counts, until it is promoted.
   * `joining`: the same, and the leader promotes it as soon as it has caught up. `witness`: its votes and promises count, but it
   * executes nothing and never leads, and keeps a value only until others have it. `joiningWitness`: the leader makes it a witness as soon
   * as it has caught up. Who is a witness stays one, and nobody else becomes one.
   */
  readonly role?: "voter" | "learner" | "joining" | "witness" | "joiningWitness";
  /** Id that leaves when this joining member is promoted: its disk is lost, or to be taken out of service. */
  readonly replaces?: NodeId;
  /** Store that this id belongs to (32 hexadecimal digits), if it was given when the member was added: no other disk takes its place. */
  readonly storeId?: string;
}

/**
 * Which sets of members may decide. Every phase-1 quorum must meet every phase-2 quorum
 * (Flexible Paxos, section 3); a specification that breaks this is refused when it is loaded.
 */
export type QuorumSpec =
  | { readonly kind: "majority" }
  /** Any `phase1` members promise, any `phase2` members vote. */
  | { readonly kind: "sizes"; readonly phase1: number; readonly phase2: number }
  /** A full row promises, a full column votes. Rows have equal length and hold each member once. */
  | { readonly kind: "grid"; readonly rows: readonly (readonly NodeId[])[] }
  /** Members whose weights sum up to the threshold. */
  | {
      readonly kind: "weights";
      readonly weights: readonly (readonly [NodeId, number])[];
      readonly phase1: number;
      readonly phase2: number;
    };

/**
 * Leader leases: for `durationMs` the members that granted one promise nothing to another ballot, and the leader answers reads alone.
 * Safe as long as no clock runs faster or slower than true time by more than `driftPercent`, and none stands still or jumps.
 */
export interface LeaseTerms {
  readonly durationMs: number;
  readonly driftPercent: number;
}

/**
 * How members learn what is chosen before the leader says so. `allToAll`: who votes tells everybody, and each counts for itself.
 * `onAccept`: the leader flushes its own vote before it sends the value, so that a member whose vote makes a phase-2 quorum with the
 * leader's (each of three servers, say) knows the value as chosen once its own vote is flushed.
 */
export type Learning = "allToAll" | "onAccept";

/** Who votes on a range of slots. Part of the replicated state: no node sets it for itself. */
export interface Configuration {
  /** 1 for the founders; grows by one with each change. */
  readonly epoch: number;
  readonly members: readonly Member[];
  /** Window: at most this many slots above the contiguous chosen prefix are open. */
  readonly alpha: number;
  readonly quorum: QuorumSpec;
  /** Leader leases; off if left out. */
  readonly lease?: LeaseTerms;
  /** By default members learn from the leader what is chosen. */
  readonly learning?: Learning;
  /** Of founders whose state was not blank, a restored backup say: which one it was. Nodes with different ones never talk. */
  readonly origin?: string;
}

/** A member to be added. Its id must never have been a member before. */
export interface NewMember {
  readonly id: NodeId;
  readonly address?: string;
  readonly name?: string;
  /** Of its store, as its `status()` says; with it no other disk is taken for it. */
  readonly storeId?: string;
}

/** A change of the members. One at a time. */
export type MembershipChange =
  /** As a learner first; as soon as it has caught up it becomes a voter, or a witness (see `createWitness`), unless it is added as a learner. */
  | {
      readonly kind: "add";
      readonly member: NewMember;
      readonly as?: "voter" | "learner" | "witness";
      readonly quorum?: QuorumSpec;
    }
  | { readonly kind: "remove"; readonly id: NodeId; readonly quorum?: QuorumSpec }
  /** A learner becomes a voter. */
  | { readonly kind: "promote"; readonly id: NodeId; readonly quorum?: QuorumSpec }
  /** Adds a new id, which takes over name and address, and removes the old one when the new one has caught up: for a lost disk. */
  | { readonly kind: "replace"; readonly id: NodeId; readonly with: NewMember }
  | { readonly kind: "setAddress"; readonly id: NodeId; readonly address: string }
  | { readonly kind: "setQuorum"; readonly quorum: QuorumSpec; readonly alpha?: number };

export interface ChangeOptions {
  readonly signal?: AbortSignal;
  /** Refuses with `EpochMismatch` unless the newest configuration has this epoch. */
  readonly expectedEpoch?: number;
  /** Gives up after this; 60,000 by default. */
  readonly timeoutMs?: number;
}
