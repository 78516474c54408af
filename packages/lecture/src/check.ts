import { SynodError } from "@synod/interface";
import type { Protocol, ServerState, Value } from "./shape.js";
import { listOf } from "./trace.js";
import { quorumOf, type World } from "./world.js";

/** Two things that cannot both be true of one service. */
export interface Violation {
  readonly rule: "answers" | "order" | "decisions" | "invented";
  readonly words: string;
}

/** What is wrong in a world, or null. Nothing of it can ever become right again: what was done is remembered. */
export function violationOf(world: World): Violation | null {
  return wrongAnswers(world) ?? wrongOrder(world) ?? wrongDecisions(world) ?? invented(world);
}

function statesOf(world: World): readonly Pick<ServerState, "me" | "executed" | "learned">[] {
  return [...Object.values(world.servers).map((server) => server.state), ...world.forgotten];
}

/** Linearizable: all answers fit into one order of commands, and none overtakes a command that was answered before it was asked. */
function wrongAnswers({ answers, asked }: World): Violation | null {
  for (const [index, one] of answers.entries()) {
    for (const other of answers.slice(index + 1)) {
      if (agree(one.state, other.state)) continue;
      const words = `${one.client} was told ${told(one.state)}, ${other.client} was told ${told(other.state)}: no single server could have said both.`;
      return { rule: "answers", words };
    }
    const missing = (asked[one.value]?.after ?? []).filter((value) => !one.state.includes(value));
    if (missing.length === 0) continue;
    const words = `${one.client} asked for ${one.value} after ${listOf(missing)} had been answered, and was told ${told(one.state)}: what was done is gone.`;
    return { rule: "answers", words };
  }
  return null;
}

function wrongOrder(world: World): Violation | null {
  const states = statesOf(world);
  for (const [index, one] of states.entries()) {
    for (const other of states.slice(index + 1)) {
      if (agree(one.executed, other.executed)) continue;
      const words = `${one.me} has executed ${told(one.executed)}, ${other.me} ${told(other.executed)}: neither is a beginning of the other.`;
      return { rule: "order", words };
    }
  }
  return null;
}

function wrongDecisions(world: World): Violation | null {
  const states = statesOf(world);
  for (const [index, one] of states.entries()) {
    for (const other of states.slice(index + 1)) {
      for (const [slot, value] of Object.entries(one.learned ?? {})) {
        const theirs = other.learned?.[Number(slot)];
        if (theirs === undefined || theirs === value) continue;
        return { rule: "decisions", words: `${one.me} holds ${value} to be decided, ${other.me} ${theirs}.` };
      }
    }
  }
  for (const [index, one] of world.chosen.entries()) {
    for (const other of world.chosen.slice(index + 1)) {
      if (one.slot !== other.slot || one.value === other.value) continue;
      const words = `${one.value} was chosen in round ${one.rnd}, and ${other.value} in round ${other.rnd}: two values are chosen.`;
      return { rule: "decisions", words };
    }
  }
  return null;
}

function invented(world: World): Violation | null {
  for (const { me, executed } of statesOf(world)) {
    const value = executed.find((one) => world.asked[one] === undefined);
    if (value !== undefined) return { rule: "invented", words: `${me} has executed ${value}, which nobody asked for.` };
  }
  return null;
}

function agree(a: readonly Value[], b: readonly Value[]): boolean {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) if (a[index] !== b[index]) return false;
  return true;
}

function told(state: readonly Value[]): string {
  return `"${state.join(" ")}"`;
}

/** One of the rules by which Paxos is derived, looked at in one world. */
export interface Invariant {
  readonly id: "P1a" | "P2" | "P2a" | "P2b" | "P2c" | "learned";
  readonly title: string;
  readonly holds: boolean;
  /** What breaks it; empty if it holds. */
  readonly words: string;
}

const TITLES: Readonly<Record<Invariant["id"], string>> = {
  P1a: "Nobody accepts in a round below one it has promised",
  P2: "If a value is chosen, every value chosen in a higher round is the same",
  P2a: "If a value is chosen, every value accepted in a higher round is the same",
  P2b: "If a value is chosen, every value proposed in a higher round is the same",
  P2c: "Behind each proposal stands a majority that has accepted nothing below it, or whose highest vote below it is for its value",
  learned: "Nobody takes a value for chosen that is not",
};

/**
 * The invariants of the derivation of Paxos, for a protocol with rounds and votes. Without P2c for Raft, which keeps P2b by other means: a
 * leader of it may write where several have written what was never chosen.
 */
export function invariantsOf(protocol: Protocol, world: World): Invariant[] {
  const quorum = quorumOf(protocol, world);
  if (quorum === undefined) {
    throw new SynodError(
      "InvalidArgument",
      `${protocol.title} chooses nothing, so that the invariants say nothing of it.`,
    );
  }
  const broken: Partial<Record<Invariant["id"], string>> = {
    P1a: brokenP1a(world),
    P2: brokenP2(world, "chosen", world.chosen),
    P2a: brokenP2(world, "accepted", world.accepted),
    P2b: brokenP2(world, "proposed", world.issued),
    ...(protocol.family !== "raft" && { P2c: brokenP2c(world, Object.keys(world.servers), quorum) }),
    learned: learnedTooEarly(world),
  };
  return Object.entries(broken).map(([id, words]) => {
    const key = id as Invariant["id"];
    return { id: key, title: TITLES[key], holds: words === "", words };
  });
}

function brokenP1a({ tooLate }: World): string {
  const [one] = tooLate;
  return one === undefined ? "" : `${one.by} promised ${one.promised} and accepted ${one.value} in round ${one.rnd}.`;
}

function brokenP2(world: World, how: string, items: readonly { slot: number; rnd: number; value: Value }[]): string {
  for (const { slot, rnd, value } of world.chosen) {
    const bad = items.find((one) => one.slot === slot && one.rnd > rnd && one.value !== value);
    if (bad !== undefined) return `${value} is chosen in round ${rnd}, and ${bad.value} is ${how} in round ${bad.rnd}.`;
  }
  return "";
}

function brokenP2c({ issued, accepted }: World, servers: readonly string[], quorum: number): string {
  for (const { slot, rnd, value } of issued) {
    const below = accepted.filter((one) => one.slot === slot && one.rnd < rnd);
    const fits = (members: readonly string[]): boolean => {
      const votes = below.filter((one) => one.by.some((id) => members.includes(id)));
      const highest = Math.max(...votes.map((one) => one.rnd));
      return votes.every((one) => one.rnd < highest || one.value === value);
    };
    if (!subsets(servers, quorum).some(fits)) {
      return `Round ${rnd} proposes ${value}, and no majority allows it.`;
    }
  }
  return "";
}

function subsets(items: readonly string[], size: number): string[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => subsets(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]));
}

function learnedTooEarly({ servers, chosen }: World): string {
  for (const { state } of Object.values(servers)) {
    for (const [slot, value] of Object.entries(state.learned ?? {})) {
      if (chosen.some((one) => one.slot === Number(slot) && one.value === value)) continue;
      return `${state.me} takes ${value} for chosen, and it is not.`;
    }
  }
  return "";
}
