// What the screen and the page show. Types only: the page is built from it too.

export type ReplicaState = "starting" | "running" | "paused" | "stopping" | "killed" | "failed";

/** What a replica is by the configuration that governs there. `none`: no member yet, or no more. */
export type Part = "voter" | "learner" | "joining" | "witness" | "joiningWitness" | "none";

export interface ReplicaView {
  readonly id: number;
  readonly state: ReplicaState;
  readonly role: "leader" | "candidate" | "follower";
  /** `round.node`, or "" before the first election. */
  readonly ballot: string;
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

/** One point of the throughput chart. */
export interface Sample {
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  readonly perSecond: number;
}

/** What the page is sent: first everything, then what is new. */
export type PageMessage =
  | {
      readonly kind: "hello";
      readonly view: ClusterView;
      readonly feed: readonly FeedLine[];
      readonly samples: readonly Sample[];
    }
  | { readonly kind: "view"; readonly view: ClusterView; readonly sample: Sample }
  | { readonly kind: "feed"; readonly line: FeedLine };
