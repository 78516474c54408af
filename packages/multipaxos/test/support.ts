import type { Ballot, Slot, Vote } from "@synod/interface";
import { quorumSystem, type QuorumSystem } from "@synod/paxos";
import type { Accept, Configurations, Governing, Promise1b } from "../src/index.js";
import { valueOf } from "./disk.js";

/** `ballot("4.3")` is round 4 of node 3. */
export function ballot(text: string): Ballot {
  const [round = Number.NaN, node = Number.NaN] = text.split(".").map(Number);
  return { round, node };
}

/** `vote(7, "4.3", "x")`. */
export function vote(slot: Slot, b: string, text: string): Vote {
  return { slot, ballot: ballot(b), value: valueOf(text) };
}

export function majorityOf(...ids: number[]): QuorumSystem {
  return quorumSystem({ kind: "majority" }, ids);
}

export function promise(b: string, page: Partial<Promise1b> = {}): Promise1b {
  const rest = { firstSlot: 1, lastSlot: null, votes: [], chosenUpTo: 0, snapshotIndex: 0 };
  return { kind: "promise", ballot: ballot(b), ...rest, ...page };
}

export function accept(b: string, firstSlot: Slot, texts: readonly string[], chosenUpTo = 0): Accept {
  return { kind: "accept", ballot: ballot(b), firstSlot, values: texts.map(valueOf), chosenUpTo };
}

/** A history with one configuration, of these quorums. */
export function oneConfiguration(quorums: QuorumSystem, alpha: number): Configurations {
  const members = quorums.members.map((id) => ({ id }));
  const configuration = { epoch: 1, members, alpha, quorum: { kind: "majority" } } as const;
  const last: Governing = { epoch: 1, slot: 0, from: 1, configuration, quorums, retired: [], changeId: "" };
  const knownUpTo = (chosenUpTo: Slot): Slot => chosenUpTo + alpha;
  return { last, at: () => last, from: () => [last], knownUpTo, inWindow: (slot, upTo) => slot <= knownUpTo(upTo) };
}
