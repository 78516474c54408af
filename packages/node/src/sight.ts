import type { Configuration, NodeId } from "@synod/interface";
import { type ReplicaStatus, votersOf } from "@synod/multipaxos";

/** Whom a node hears: what a caller should know whose time is over. */
export interface Sight {
  readonly text: string;
  readonly details: { readonly leader: NodeId | null; readonly heard: readonly NodeId[]; readonly members: number };
}

/** @param peers those that answered lately; the node itself counts, too */
function votersInSight(
  self: NodeId,
  peers: readonly NodeId[],
  configuration: Configuration,
): { readonly text: string; readonly heard: readonly NodeId[]; readonly voters: readonly NodeId[] } {
  const voters = votersOf(configuration);
  const heard = [self, ...peers].filter((id) => voters.includes(id));
  const text = `${heard.length} of ${voters.length} members heard, ${needed(voters.length, configuration.quorum)}`;
  return { text, heard, voters };
}

export function sightOf(
  self: NodeId,
  { leader, heard: peers }: { readonly leader: NodeId | null; readonly heard: readonly NodeId[] },
  configuration: Configuration,
): Sight {
  const { text, heard, voters } = votersInSight(self, peers, configuration);
  const who = leader === null ? "no leader" : `leader ${leader}`;
  return { text: `${who}: ${text}`, details: { leader, heard, members: voters.length } };
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

/** Why this node leads or not, in words. `quorumHeard`: enough are heard for one of each phase. `removed`: it is no member any more. */
export function reasonOf(
  status: Pick<ReplicaStatus, "nodeId" | "phase" | "verdict" | "leader" | "heard" | "content">,
  configuration: Configuration,
  quorumHeard: boolean,
  removed: boolean,
): string {
  const { nodeId, phase, verdict, leader, content } = status;
  const { text: seen, heard, voters } = votersInSight(nodeId, status.heard, configuration);
  if (phase === "prepare") return `asks for promises to lead: ${seen}`;
  if (phase === "lead") return content ? `leads: ${seen}` : `leads, but no quorum was heard to follow lately: ${seen}`;
  // Before all else: its leader, if it has one, is not what it waits for.
  if (removed) return `was removed: it stops as soon as enough members confirm that its disk is not needed; ${seen}`;
  if (verdict === "follow" && leader !== null) return `follows leader ${leader}`;
  if (!voters.includes(nodeId)) return `waits: this node is no voter; ${seen}`;
  if (verdict === "follow") return `gives a candidate or a new leader time to show itself: ${seen}`;
  if (verdict === "campaign") return `sees no working leader and will ask for promises: ${seen}`;
  if (heard.length === voters.length || verdict === "yield") return `waits: a peer has a working leader; ${seen}`;
  if (!quorumHeard) return `waits: no quorum in sight; ${seen}`;
  return `waits: a peer has a working leader, or cannot reach a quorum itself; ${seen}`;
}
