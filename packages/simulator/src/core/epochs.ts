import type { Configuration, Member, NodeId, QuorumSpec, Slot } from "@synod/interface";
import {
  decodeConfigurationValue,
  type Governing,
  type MembershipStatus,
  VALUE_CONFIGURATION,
} from "@synod/multipaxos";
import { isQuorum } from "../quorums.js";
import { check } from "./broken.js";

export const bitOf = (node: NodeId): number => 1 << node;
/** Numbers of configuration values lie above those of commands. */
const FIRST_NUMBER = 2 ** 33;

/** A configuration as the oracle has it: worked out anew from what is really chosen. */
export interface Epoch {
  readonly epoch: number;
  readonly slot: Slot;
  readonly from: Slot;
  readonly alpha: number;
  readonly voters: readonly NodeId[];
  readonly members: readonly NodeId[];
  readonly retired: readonly NodeId[];
  readonly configuration: Configuration;
  readonly quorums: { readonly phase1: Map<number, boolean>; readonly phase2: Map<number, boolean> };
}

interface Command {
  readonly stamp: number;
  readonly configuration: Configuration;
}

/** The number of a configuration value, equal for equal bytes: in practice one of its own for each. */
export function configurationNumber(value: Uint8Array): number {
  let a = 0x811c9dc5;
  let b = 0x01000193;
  for (const byte of value) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b) ^ (b >>> 13);
  }
  return FIRST_NUMBER + (a >>> 0) * 2 ** 16 + ((b >>> 0) % 2 ** 16);
}

export const isFull = ({ role }: Member): boolean => role === undefined || role === "voter";
/** Voters that execute. */
export const fullVotersOf = ({ configuration }: Epoch): NodeId[] =>
  configuration.members.filter(isFull).map(({ id }) => id);
export const isWitness = ({ role }: Member): boolean => role === "witness" || role === "joiningWitness";

const votersOf = (members: readonly Member[]): NodeId[] =>
  members.filter((member) => isFull(member) || member.role === "witness").map(({ id }) => id);

function epochOf(configuration: Configuration, place: Pick<Epoch, "epoch" | "slot" | "from" | "retired">): Epoch {
  const voters = votersOf(configuration.members);
  const members = configuration.members.map(({ id }) => id);
  const quorums = { phase1: new Map<number, boolean>(), phase2: new Map<number, boolean>() };
  return { ...place, alpha: configuration.alpha, voters, members, configuration, quorums };
}

/** Whether the nodes of a set of bits are a quorum. */
export function isQuorumOf(epoch: Epoch, phase: "phase1" | "phase2", bits: number): boolean {
  const known = epoch.quorums[phase].get(bits);
  if (known !== undefined) return known;
  const { voters, configuration } = epoch;
  const has = new Set(voters.filter((id) => (bits & bitOf(id)) !== 0));
  const result = isQuorum(configuration.quorum, voters.length, phase, has);
  epoch.quorums[phase].set(bits, result);
  return result;
}

/** Which configuration really governs which slot. */
export class Epochs {
  readonly #all: Epoch[];
  readonly #commands = new Map<number, Command>();
  /** Widest window so far. */
  alphaMax: number;

  constructor(founders: Configuration) {
    this.#all = [epochOf(founders, { epoch: 1, slot: 0, from: 1, retired: [] })];
    this.alphaMax = founders.alpha;
  }

  get last(): Epoch {
    return this.#all.at(-1) as Epoch;
  }

  get previous(): Epoch | undefined {
    return this.#all.at(-2);
  }

  get count(): number {
    return this.#all.length;
  }

  at(slot: Slot): Epoch {
    for (let i = this.#all.length - 1; i > 0; i--) {
      const epoch = this.#all[i] as Epoch;
      if (epoch.from <= slot) return epoch;
    }
    return this.#all[0] as Epoch;
  }

  /** Those that govern a slot from this one on. */
  from(slot: Slot): readonly Epoch[] {
    return this.#all.slice(this.#all.indexOf(this.at(slot)));
  }

  /** Those that the log up to a slot tells of. */
  upTo(slot: Slot): readonly Epoch[] {
    return this.#all.filter((epoch) => epoch.slot <= slot);
  }

  /** A value was seen; remembers what it would do. */
  saw(value: Uint8Array): void {
    if (value[0] !== VALUE_CONFIGURATION) return;
    const number = configurationNumber(value);
    if (!this.#commands.has(number)) this.#commands.set(number, decodeConfigurationValue(value));
  }

  /** The value with this number is chosen at the next slot of the prefix. */
  chosen(slot: Slot, number: number): void {
    const command = this.#commands.get(number);
    if (command === undefined) return;
    const { last } = this;
    const { stamp, configuration } = command;
    if (stamp !== last.epoch || slot < last.from) return;
    const members = configuration.members.map(({ id }) => id);
    if (members.some((id) => last.retired.includes(id))) return;
    const retired = [...last.retired, ...last.members.filter((id) => !members.includes(id))];
    this.#all.push(epochOf(configuration, { epoch: stamp + 1, slot, from: slot + last.alpha, retired }));
    this.alphaMax = Math.max(this.alphaMax, configuration.alpha);
  }

  /** Configurations that may still follow the last one: proposed for it, or what a promotion makes of one. */
  possible(): Configuration[] {
    const found = [...this.#commands.values()].filter(({ stamp }) => stamp === this.last.epoch);
    return withPromotions([this.last.configuration, ...found.map(({ configuration }) => configuration)]);
  }

  /** All that a replica goes by. */
  compareAll(node: NodeId, { governing, last, previous }: MembershipStatus): void {
    this.compare(node, governing);
    this.compare(node, last);
    if (previous !== null) this.compare(node, previous);
  }

  /** What a replica has worked out must be the same. */
  compare(node: NodeId, { epoch, slot, from, configuration, quorums, retired }: Governing): void {
    const true_ = this.#all.find((each) => each.epoch === epoch);
    const ids = configuration.members.map(({ id }) => id);
    const same =
      true_ !== undefined &&
      true_.slot === slot &&
      true_.from === from &&
      true_.alpha === configuration.alpha &&
      true_.members.join() === ids.join() &&
      true_.voters.join() === quorums.members.join() &&
      sameLease(true_.configuration, configuration) &&
      true_.configuration.learning === configuration.learning &&
      retired.length === true_.retired.length &&
      retired.every((id) => true_.retired.includes(id));
    check(
      same,
      "configuration continuity",
      () => `node ${node}: epoch ${epoch} [${ids.join()}] of slot ${slot} governs from ${from}; ${textOf(true_)}`,
    );
  }
}

export function sameLease({ lease: a }: Configuration, { lease: b }: Configuration): boolean {
  return a?.durationMs === b?.durationMs && a?.driftPercent === b?.driftPercent;
}

/** Whether quorums that name their voters name these. */
function isFitting(quorum: QuorumSpec, voters: readonly NodeId[]): boolean {
  if (quorum.kind !== "grid" && quorum.kind !== "weights") return true;
  const named = quorum.kind === "grid" ? quorum.rows.flat() : quorum.weights.map(([id]) => id);
  return named.length === voters.length && named.every((id) => voters.includes(id));
}

/** These, and what becomes of them when a leader promotes those that join: it cannot where the quorums name others. */
export function withPromotions(configurations: readonly Configuration[]): Configuration[] {
  const all = [...configurations];
  for (const configuration of all) {
    for (const joining of configuration.members) {
      if (joining.role !== "joining" && joining.role !== "joiningWitness") continue;
      const promoted: Member = joining.role === "joining" ? { id: joining.id } : { id: joining.id, role: "witness" };
      const members = configuration.members
        .filter(({ id }) => id !== joining.replaces)
        .map((member) => (member === joining ? promoted : member));
      if (isFitting(configuration.quorum, votersOf(members))) all.push({ ...configuration, members });
    }
  }
  return all;
}

const textOf = (epoch: Epoch | undefined): string =>
  epoch === undefined ? "there is none" : `it is [${epoch.members.join()}] of slot ${epoch.slot}, from ${epoch.from}`;

/** Whether these nodes are enough for both phases, and one of them can lead. */
export function isEnough(
  { members, quorum }: { readonly members: Configuration["members"]; readonly quorum: QuorumSpec },
  ids: ReadonlySet<NodeId>,
): boolean {
  const voters = votersOf(members);
  const has = new Set(voters.filter((id) => ids.has(id)));
  if (!members.some((member) => isFull(member) && ids.has(member.id))) return false;
  return isQuorum(quorum, voters.length, "phase1", has) && isQuorum(quorum, voters.length, "phase2", has);
}
