import type { Configuration, NodeId } from "@synod/interface";
import { votersOf } from "@synod/multipaxos";

/** Whom a node hears: what a caller should know whose time is over. */
export interface Sight {
  readonly text: string;
  readonly details: { readonly leader: NodeId | null; readonly heard: readonly NodeId[]; readonly members: number };
}

/** @param heard peers that answered lately; the node itself counts, too */
export function sightOf(
  self: NodeId,
  { leader, heard: peers }: { readonly leader: NodeId | null; readonly heard: readonly NodeId[] },
  configuration: Configuration,
): Sight {
  const { quorum } = configuration;
  const members = votersOf(configuration);
  const heard = [self, ...peers].filter((id) => members.includes(id));
  const who = leader === null ? "no leader" : `leader ${leader}`;
  return {
    text: `${who}: ${heard.length} of ${members.length} members heard, ${needed(members.length, quorum)}`,
    details: { leader, heard, members: members.length },
  };
}

function needed(members: number, quorum: Configuration["quorum"]): string {
  switch (quorum.kind) {
    case "majority":
      return `${Math.floor(members / 2) + 1} are needed`;
    case "sizes":
      return `${quorum.phase1} are needed to elect a leader, ${quorum.phase2} to decide`;
    case "grid":
      return "a full row is needed to elect a leader, a full column to decide";
    case "weights":
      return `a weight of ${quorum.phase1} is needed to elect a leader, of ${quorum.phase2} to decide`;
  }
}
