import { idText, rankText } from "./values.js";

/** What was proposed in one slot and ballot, and who has a vote for it on disk. */
export interface Proposal {
  readonly rank: number;
  readonly id: number;
  /** A bit for each node. */
  voters: number;
  chosen: boolean;
}

export interface SlotTruth {
  /** By ballot, ascending. */
  readonly proposals: Proposal[];
  /** The chosen proposal of the lowest ballot. */
  chosen: Proposal | null;
  /** Length of the chosen value, once it was handed out. */
  bytes: number;
}

export function find(truth: SlotTruth, rank: number): Proposal | undefined {
  const { proposals } = truth;
  for (let i = proposals.length - 1; i >= 0; i--) {
    const proposal = proposals[i] as Proposal;
    if (proposal.rank === rank) return proposal;
  }
  return undefined;
}

export const chosenText = (chosen: Proposal | null): string =>
  chosen === null ? "nothing is chosen" : `${idText(chosen.id)} is chosen in ${rankText(chosen.rank)}`;
