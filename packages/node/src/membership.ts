import { type Configuration, type Member, type NodeId, type QuorumSpec, SynodError } from "@synod/interface";
import { isWitness, type MembershipStatus, votersOf } from "@synod/multipaxos";
import { checkStoreId } from "./checks.js";
import type { MembershipChange, NewMember } from "./types.js";

function invalid(text: string): SynodError {
  return new SynodError("InvalidArgument", text);
}

function memberOf(configuration: Configuration, id: NodeId): Member {
  const member = configuration.members.find((each) => each.id === id);
  if (member === undefined) throw invalid(`node ${id} is no member of epoch ${configuration.epoch}`);
  return member;
}

function added(
  configuration: Configuration,
  { id, address, name, storeId }: NewMember,
  rest: Omit<Member, "id">,
): Member {
  if (!Number.isSafeInteger(id) || id < 1) throw invalid(`member id ${String(id)} is not a positive integer`);
  if (configuration.members.some((each) => each.id === id)) throw invalid(`node ${id} is a member already`);
  checkStoreId({ id, storeId });
  return {
    id,
    ...(address === undefined ? {} : { address }),
    ...(name === undefined ? {} : { name }),
    ...(storeId === undefined ? {} : { storeId }),
    ...rest,
  };
}

/** From JavaScript anything may come. */
function given<T extends object>(value: T, what: string): T {
  if (typeof value === "object" && value !== null) return value;
  throw invalid(`${what} is an object: { id, address?, name?, storeId? }, not ${String(value)}`);
}

const isVoter = ({ role = "voter" }: Member): boolean => role === "voter" || role === "witness";

function asVoter({ role, replaces: _replaces, ...rest }: Member): Member {
  return role === "joiningWitness" ? { ...rest, role: "witness" } : rest;
}

const ADDED_AS = { voter: "joining", learner: "learner", witness: "joiningWitness" } as const;

/**
 * A configuration with what counts of its members' addresses and names, which is what a change is made of. As long as nothing was changed the options say where
 * the founders listen, and a store what it was on its first day. What is logged comes before the options, so that the first change has to say it as it is.
 */
export function current(configuration: Configuration, given: readonly Member[]): Configuration {
  if (configuration.epoch > 1) return configuration;
  const known = new Map(given.map((member) => [member.id, member]));
  const members = configuration.members.map((member) => {
    const { address = member.address, name = member.name } = known.get(member.id) ?? {};
    return { ...member, ...(address === undefined ? {} : { address }), ...(name === undefined ? {} : { name }) };
  });
  return { ...configuration, members };
}

/**
 * What a change makes of a configuration. Its quorums stay what they are unless the change says otherwise; the log refuses those that
 * do not fit the new members.
 * @throws SynodError `InvalidArgument`
 */
export function changed(base: Configuration, change: MembershipChange): Configuration {
  const epoch = base.epoch + 1;
  const quorum = "quorum" in change && change.quorum !== undefined ? change.quorum : base.quorum;
  const next = { ...base, epoch, quorum };
  const others = (id: NodeId): readonly Member[] => base.members.filter((each) => each.id !== id);
  switch (change.kind) {
    case "add": {
      const role = Object.hasOwn(ADDED_AS, change.as ?? "voter") ? ADDED_AS[change.as ?? "voter"] : null;
      if (role === null) throw invalid(`as is "voter", "learner" or "witness", not ${String(change.as)}`);
      return { ...next, members: [...base.members, added(base, given(change.member, "member of an add"), { role })] };
    }
    case "remove":
      memberOf(base, change.id);
      return { ...next, members: others(change.id) };
    case "promote": {
      const member = memberOf(base, change.id);
      if (isVoter(member)) throw invalid(`node ${change.id} is a voter already`);
      const members = base.members.map((each) => (each === member ? asVoter(member) : each));
      return { ...next, members: members.filter(({ id }) => id !== member.replaces) };
    }
    case "replace": {
      const old = memberOf(base, change.id);
      const { address, name } = old;
      const moved = {
        ...(address === undefined ? {} : { address }),
        ...(name === undefined ? {} : { name }),
        ...given(change.with, "with of a replace"),
      };
      return {
        ...next,
        members: [
          ...base.members,
          added(base, moved, { role: isWitness(old) ? "joiningWitness" : "joining", replaces: change.id }),
        ],
      };
    }
    case "setAddress": {
      const member = memberOf(base, change.id);
      return {
        ...next,
        members: base.members.map((each) => (each === member ? { ...each, address: change.address } : each)),
      };
    }
    case "setQuorum":
      return { ...next, alpha: change.alpha ?? base.alpha };
    default:
      throw invalid(`there is no change of the kind ${String((change as { kind: unknown }).kind)}`);
  }
}

/** Whether the configuration has what the change was to bring about; null if it cannot come any more. */
export function isReached(configuration: Configuration, change: MembershipChange): boolean | null {
  const added =
    change.kind === "add" && change.as !== "learner"
      ? change.member.id
      : change.kind === "replace"
        ? change.with.id
        : null;
  if (added === null) return true;
  const member = configuration.members.find(({ id }) => id === added);
  return member === undefined ? null : isVoter(member);
}

/** How many of those that are alive may fail, whichever they are, and both kinds of quorums are still there; -1 if they are not even now. */
export function tolerance(configuration: Configuration, alive: ReadonlySet<NodeId>): number {
  const voters = votersOf(configuration);
  const up = voters.filter((id) => alive.has(id));
  const { quorum, members } = configuration;
  // Somebody has to lead, too.
  const full = members.filter((member) => isVoter(member) && !isWitness(member) && alive.has(member.id)).length;
  return Math.max(-1, Math.min(spare(quorum, voters, up), full - 1));
}

function spare(quorum: QuorumSpec, voters: readonly NodeId[], up: readonly NodeId[]): number {
  switch (quorum.kind) {
    case "majority":
      return up.length - (Math.floor(voters.length / 2) + 1);
    case "sizes":
      return up.length - Math.max(quorum.phase1, quorum.phase2);
    case "grid": {
      const isUp = (id: NodeId | undefined): boolean => id !== undefined && up.includes(id);
      const rows = quorum.rows.filter((row) => row.every(isUp)).length;
      const columns = (quorum.rows[0] ?? []).filter((_, i) => quorum.rows.every((row) => isUp(row[i]))).length;
      // One node more in each whole row, or in each whole column, and none is whole.
      return Math.min(rows, columns) - 1;
    }
    case "weights": {
      const weights = quorum.weights
        .filter(([id]) => up.includes(id))
        .map(([, weight]) => weight)
        .sort((a, b) => a - b);
      let left = weights.reduce((sum, weight) => sum + weight, 0) - Math.max(quorum.phase1, quorum.phase2);
      if (left < 0) return -1;
      let failures = 0;
      // The heaviest first.
      for (let weight = weights.pop(); weight !== undefined && weight <= left; weight = weights.pop()) {
        left -= weight;
        failures++;
      }
      return failures;
    }
  }
}

/** Who takes part now or is about to. */
export function membersOf({ last, governing }: Pick<MembershipStatus, "last" | "governing">): NodeId[] {
  const members = [...governing.configuration.members, ...last.configuration.members];
  return [...new Set(members.map(({ id }) => id))];
}

/** Those of them that vote in neither. */
export function learnersOf(status: Pick<MembershipStatus, "last" | "governing">): NodeId[] {
  const voters = [...votersOf(status.governing.configuration), ...votersOf(status.last.configuration)];
  return membersOf(status).filter((id) => !voters.includes(id));
}

/**
 * Where everybody listens: what the log says (see `current`), and before it says anything what the options say. And which store each has, as far as the log
 * names it: a transport that is not told takes any disk that comes under the id.
 */
export function addressBook(
  { last, previous, unfinished, governing }: Pick<MembershipStatus, "last" | "previous" | "unfinished" | "governing">,
  given: readonly Member[],
): Member[] {
  const book = new Map<NodeId, Member>();
  for (const member of given) if (!last.retired.includes(member.id)) book.set(member.id, member);
  const known = [...unfinished, ...(previous === null ? [] : [previous]), governing, last];
  for (const { configuration } of known) {
    for (const { id, address, name, storeId } of current(configuration, given).members) {
      const logged = {
        ...(address === undefined ? {} : { address }),
        ...(name === undefined ? {} : { name }),
        ...(storeId === undefined ? {} : { storeId }),
      };
      book.set(id, { ...book.get(id), id, ...logged });
    }
  }
  return [...book.values()];
}
