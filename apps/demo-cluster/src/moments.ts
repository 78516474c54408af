// What is worth telling of what replicas say to each other. No code of a replica: the page is built from it too.
import type { Ballot } from "@synod/interface";
import type { LinkCount } from "./wire.js";

/** Something that a replica did or that was done to it. Words for each are in `words.ts`. */
export type Moment =
  /** It asks for promises. `silent`: the leader that it followed, and for how long nothing came from it. */
  | {
      readonly kind: "prepares";
      readonly ballot: Ballot;
      readonly fromSlot: number;
      readonly silent: { readonly id: number; readonly ms: number } | null;
    }
  /** It promised, and reports so many values; `latest` is the highest round among them. */
  | {
      readonly kind: "promises";
      readonly to: number;
      readonly ballot: Ballot;
      readonly values: number;
      readonly latest: Ballot | null;
    }
  /** It does nothing with an Accept or a Prepare. `promised` null: a lease forbids it. */
  | {
      readonly kind: "refuses";
      readonly what: "ACC" | "PREP";
      readonly from: number;
      readonly ballot: Ballot;
      readonly promised: Ballot | null;
    }
  /** A new leader proposes again what it was told of, and no-ops where it was told of nothing. */
  | {
      readonly kind: "proposesAgain";
      readonly ballot: Ballot;
      readonly adopted: number;
      readonly noops: number;
      readonly firstSlot: number;
      readonly lastSlot: number;
    }
  /** Its first vote in a round. */
  | { readonly kind: "accepts"; readonly to: number; readonly ballot: Ballot; readonly slot: number }
  | { readonly kind: "fetches"; readonly from: number; readonly firstSlot: number; readonly lastSlot: number }
  | { readonly kind: "offersSnapshot"; readonly to: number; readonly slot: number }
  | { readonly kind: "handsOver"; readonly to: number; readonly ballot: Ballot }
  // What a node says of itself.
  | { readonly kind: "leads"; readonly ballot: Ballot }
  | { readonly kind: "stopsLeading"; readonly ballot: Ballot; readonly reason: string }
  | { readonly kind: "impaired"; readonly cause: "disk" | "loop" | null }
  | { readonly kind: "tookSnapshot"; readonly slot: number }
  | { readonly kind: "installedSnapshot"; readonly slot: number }
  // What people do.
  | { readonly kind: "killed" | "restarted" | "paused" | "resumed" | "joins" | "gone" }
  | { readonly kind: "slowed"; readonly ms: number }
  | { readonly kind: "cut"; readonly links: readonly (readonly [number, number])[] }
  | { readonly kind: "healed" }
  | {
      readonly kind: "members";
      readonly epoch: number;
      readonly voters: readonly number[];
      readonly learners: readonly number[];
    };

export interface Dated {
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  readonly moment: Moment;
}

/** Messages by what they are for. */
export const TRAFFIC = ["phase1", "phase2", "learn", "calls", "beats"] as const;
export type Traffic = (typeof TRAFFIC)[number];
export type TrafficCounts = Readonly<Record<Traffic, number>>;

export const noTraffic = (): Record<Traffic, number> => ({ phase1: 0, phase2: 0, learn: 0, calls: 0, beats: 0 });

/** One slot as a replica's disk has it. */
export interface LogEntry {
  readonly slot: number;
  /** Round of its vote; null: it learned the value as chosen, without a vote. */
  readonly ballot: Ballot | null;
  readonly kind: "noop" | "members" | "commands";
  /** Commands in it. */
  readonly count: number;
  /** The first command, or what else it is. */
  readonly text: string;
}

/** What a replica saw since its last report. */
export interface Seen {
  readonly moments: readonly Dated[];
  /** Messages that arrived, by sender. */
  readonly received: readonly (readonly [from: number, counts: TrafficCounts])[];
  readonly links: readonly LinkCount[];
  /** The last slots, lowest first. */
  readonly log: readonly LogEntry[];
}
