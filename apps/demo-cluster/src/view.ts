// What the screen and the page show. Types only: the page is built from it too.
import type { Ballot } from "@synod/interface";
import type { LogEntry, TrafficCounts } from "./moments.js";
import type { Reach } from "./reach.js";
import type { CheckView } from "./state-check.js";
import type { Told } from "./story.js";
import type { LinkRate } from "./traffic.js";

export type ReplicaState = "starting" | "running" | "paused" | "stopping" | "killed" | "failed";

/** What a replica is by the configuration that governs there. `none`: no member yet, or no more. */
export type Part = "voter" | "learner" | "joining" | "witness" | "joiningWitness" | "none";

export interface ReplicaView {
  readonly id: number;
  readonly state: ReplicaState;
  readonly role: "leader" | "candidate" | "follower";
  /** `round.node`, or "" before the first election. */
  readonly ballot: string;
  /** It accepts nothing below this. */
  readonly promised: Ballot | null;
  readonly chosen: number;
  readonly applied: number;
  readonly commandsPerSecond: number;
  /** Hash of all executed commands, shortened; equal at equal `applied`. */
  readonly hash: string;
  /** Peers that answered lately. */
  readonly heard: readonly number[];
  readonly pid: number | null;
  /** Of the configuration that governs at this replica; 0 before it ran. */
  readonly epoch: number;
  readonly part: Part;
  /** Everything up to this slot is in its snapshot; 0: it has none. */
  readonly snapshot: number;
  /** Why it leads or not, in its own words. */
  readonly reason: string;
  readonly impaired: "disk" | "loop" | null;
  /** How much longer each write to its disk takes, as somebody wanted it. */
  readonly slowMs: number;
  /** The last slots on its disk, lowest first. */
  readonly log: readonly LogEntry[];
}

/** What the callers see, over the last second. */
export interface ThroughputView {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly acknowledged: number;
  /** Calls that were refused or whose outcome is unknown. */
  readonly failed: number;
}

export interface ClusterView {
  readonly replicas: readonly ReplicaView[];
  /** The replica that leads as far as can be told, or null. */
  readonly leader: number | null;
  /** Pairs that cannot reach each other, lower id first. */
  readonly cuts: readonly (readonly [number, number])[];
  readonly loadPerSecond: number;
  readonly throughput: ThroughputView;
  readonly directory: string;
  /** That no replica has had: for the next one. */
  readonly freshId: number;
  /** Messages between replicas. */
  readonly links: readonly LinkRate[];
  readonly reach: readonly Reach[];
  readonly check: CheckView;
}

export type FeedKind = "leader" | "bad" | "good" | "plain";

/** Something that happened. */
export interface FeedLine {
  /** Counts up from 1. */
  readonly number: number;
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  readonly kind: FeedKind;
  readonly text: string;
}

/** One point of the charts. */
export interface Sample {
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  readonly perSecond: number;
  /** Of the calls that ended in this interval; 0 if none did. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Messages between replicas, a second. */
  readonly traffic: TrafficCounts;
  /** Who believed to lead, and in which round. */
  readonly leaders: readonly (readonly [id: number, round: number])[];
}

/** What the page is sent: first everything, then what is new. */
export type PageMessage =
  | {
      readonly kind: "hello";
      readonly view: ClusterView;
      readonly feed: readonly FeedLine[];
      readonly story: readonly Told[];
      readonly samples: readonly Sample[];
      /** The playground is served beside this page. */
      readonly lecture: boolean;
    }
  | { readonly kind: "view"; readonly view: ClusterView; readonly sample: Sample }
  | { readonly kind: "feed"; readonly line: FeedLine }
  | { readonly kind: "told"; readonly told: Told };
