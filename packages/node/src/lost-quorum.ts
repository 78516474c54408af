import {
  type ChosenValue,
  type Configuration,
  type NodeId,
  type Recovered,
  type Slot,
  type Storage,
  type StoreIdentity,
  SynodError,
  type Vote,
} from "@synod/interface";
import {
  compareBallots,
  ConfigurationHistory,
  decodeConfigurationValue,
  type Governing,
  isWitness,
  NOOP,
  sameValue,
  VALUE_CONFIGURATION,
  votersOf,
} from "@synod/multipaxos";
import { SnapshotInstall, snapshotFront } from "./snapshot-layout.js";
import type { ClusterOptions } from "./types.js";

export interface LostQuorumOptions {
  /** Stores of members that are left, not opened; their nodes are stopped. All that there are: each may know what the others do not. */
  readonly survivors: readonly Storage[];
  /** A blank store for the only founder of the new cluster. The stores of the survivors stay as they are. */
  readonly into: Storage;
  /** Of the new cluster: one that was never used. Nodes and clients of the old cluster are refused by it. */
  readonly clusterId: string;
  /** Of the node that will run on `into`. */
  readonly nodeId: NodeId;
}

/** What was saved and what may be lost. */
export interface LostQuorumReport {
  readonly from: Pick<StoreIdentity, "clusterId" | "nodeId" | "storeId">;
  readonly to: Pick<StoreIdentity, "clusterId" | "nodeId" | "storeId">;
  /** The new cluster as every node of it has to be told, also those that join later. */
  readonly cluster: ClusterOptions;
  /** Everything up to this slot was known as chosen, by some survivor, and is there. */
  readonly chosenUpTo: Slot;
  /** The new cluster goes on above this slot. */
  readonly upTo: Slot;
  /**
   * Slots above `chosenUpTo` that were taken from votes of survivors: in the old cluster they may have been chosen with these values, with
   * others, or not at all.
   */
  readonly unproven: readonly Slot[];
  /** Slots of which no survivor has a value: what was chosen there is lost. */
  readonly empty: readonly Slot[];
  /** Those of them that a survivor knows as chosen: a witness had forgotten the value. */
  readonly forgotten: readonly Slot[];
  /**
   * Slots for which survivors have different values although one of them knows what was chosen: its value was taken. In a later ballot nothing
   * else can have been proposed, so a store is damaged.
   */
  readonly contradicted: readonly Slot[];
  /** The last configuration of the old cluster that the survivors know of. */
  readonly configuration: Configuration;
  /** Voters of it whose stores were not given. */
  readonly missing: readonly NodeId[];
  /** Survivors whose log was damaged: some of their votes may be older than the last ones. */
  readonly damaged: readonly NodeId[];
  /** All this in words. */
  readonly text: string;
}

interface Survivor {
  readonly storage: Storage;
  readonly recovered: Recovered;
}

/** Values of one write; a store may refuse more than a gigabyte. */
const WRITE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The last resort where so many disks are lost that no quorum can ever be had again: makes a NEW cluster with one founder out of what the
 * surviving stores hold. **Commands that were acknowledged may be lost or replaced by others**, namely those that only the lost disks
 * held. Make sure that no node of the old cluster runs, this call cannot: two clusters that go on from one state are two truths.
 *
 * Settles when the new store is complete; then start `createNode` with `cluster` of the report and without `bootstrap`, and add members. Where it fails, throw away what is in `into` and call again. All stores given are closed in the end.
 * @throws SynodError `InvalidArgument` (also where the survivors are a quorum: start their nodes instead), `AlreadyFormatted` if `into`
 * is not blank, and the errors of storage.
 */
export async function unsafeRecoverLostQuorum(options: LostQuorumOptions): Promise<LostQuorumReport> {
  const { survivors: stores, into } = options;
  checkOptions(options);
  try {
    const survivors: Survivor[] = [];
    // One after the other: where one cannot be opened, none is left half open.
    for (const storage of stores) survivors.push({ storage, recovered: await storage.open() });
    checkSurvivors(survivors, options);
    const best = await mostAdvanced(survivors);
    const history = await historyOf(best);
    const taken = takeOver(survivors, best.recovered, history);
    refuseQuorum(survivors, history, taken);
    const identity = await write(options, best, taken.values, history.last.configuration);
    return report({ survivors, best, identity, taken, configuration: history.last.configuration });
  } finally {
    await Promise.allSettled([...stores, into].map(async (storage) => storage.close()));
  }
}

const invalid = (text: string): SynodError => new SynodError("InvalidArgument", text);

function checkOptions({ survivors, into, clusterId, nodeId }: LostQuorumOptions): void {
  if (survivors.length === 0) throw invalid("survivors is empty: without a store there is nothing to recover");
  if (new Set([...survivors, into]).size !== survivors.length + 1) throw invalid("one store was given twice");
  if (typeof clusterId !== "string" || clusterId === "") throw invalid("clusterId must be a text that is not empty");
  if (!Number.isSafeInteger(nodeId) || nodeId < 1) throw invalid(`nodeId must be a positive integer, not ${nodeId}`);
}

function checkSurvivors(survivors: readonly Survivor[], { clusterId }: LostQuorumOptions): void {
  const identities = survivors.map(({ recovered }) => recovered.identity);
  const clusters = new Set(identities.map((identity) => identity.clusterId));
  if (clusters.size > 1) throw invalid(`the stores belong to different clusters: ${[...clusters].join(", ")}`);
  if (clusters.has(clusterId)) {
    throw invalid(
      `clusterId is that of the old cluster, ${clusterId}: its members would not be refused; take a new one`,
    );
  }
  if (new Set(identities.map(({ nodeId }) => nodeId)).size < identities.length) {
    throw invalid("two of the stores belong to the same node: give the newer one");
  }
}

/** Of those that have what was executed: in place of that a witness has a mark, once it has forgotten anything. */
async function mostAdvanced(survivors: readonly Survivor[]): Promise<Survivor> {
  const witnesses = await witnessesOf(survivors);
  const hasState = ({ recovered }: Survivor): boolean =>
    recovered.snapshot === null || !witnesses.has(recovered.identity.nodeId);
  const [first, ...others] = survivors.filter(hasState);
  if (first === undefined) {
    throw invalid("all survivors are witnesses, which have forgotten what was executed: restore a backup instead");
  }
  return others.reduce((best, each) => (each.recovered.chosenUpTo > best.recovered.chosenUpTo ? each : best), first);
}

/** An id is a witness for good, so every configuration that has it says the same. */
async function witnessesOf(survivors: readonly Survivor[]): Promise<ReadonlySet<NodeId>> {
  const found = new Set<NodeId>();
  for (const survivor of survivors) {
    const { entries } = await historyOf(survivor);
    const configurations = entries.map(({ configuration }) => configuration);
    const { chosen, votes } = survivor.recovered;
    for (const { value } of [...chosen, ...votes]) configurations.push(...configurationOf(value));
    for (const member of configurations.flatMap(({ members }) => members)) if (isWitness(member)) found.add(member.id);
  }
  return found;
}

function configurationOf(value: Uint8Array): Configuration[] {
  if (value[0] !== VALUE_CONFIGURATION) return [];
  try {
    return [decodeConfigurationValue(value).configuration];
  } catch (error) {
    // It never had an effect.
    if (error instanceof SynodError && error.code === "Malformed") return [];
    throw error;
  }
}

/** As of the snapshot of a store, or of its founding. */
async function historyOf({ storage, recovered }: Survivor): Promise<ConfigurationHistory> {
  const history = new ConfigurationHistory(recovered.identity.founders);
  if (recovered.snapshot === null) return history;
  const install = new SnapshotInstall({ restore: () => ({ write: () => undefined, end: () => undefined }) });
  for await (const chunk of storage.readSnapshot()) {
    install.write(chunk);
    if (install.head !== null) break;
  }
  history.restore(install.head ?? install.end().head);
  return history;
}

interface Taken extends Pick<LostQuorumReport, "chosenUpTo" | "unproven" | "empty" | "forgotten" | "contradicted"> {
  /** Above the snapshot of the best store, without a gap. */
  readonly values: readonly ChosenValue[];
  /** Some survivor knows everything up to here as chosen, though none may have the value. */
  readonly markedUpTo: Slot;
}

interface Known {
  /** What some survivor knows as chosen. */
  readonly chosen: ReadonlyMap<Slot, Uint8Array>;
  readonly votes: ReadonlyMap<Slot, Vote>;
  readonly contradicted: ReadonlySet<Slot>;
}

/**
 * A survivor knows what was chosen in a slot by a value that it learned, and, up to its own mark, by its own vote. That comes before the vote of
 * another one, of whatever ballot. Elsewhere the highest vote may have been chosen.
 */
function knownOf(survivors: readonly Survivor[], best: Recovered): Known {
  const chosen = new Map<Slot, Uint8Array>();
  const votes = new Map<Slot, Vote>();
  const contradicted = new Set<Slot>();
  /** The lowest ballot in which a value that counts as chosen was voted for by who says so. */
  const ballots = new Map<Slot, Vote>();
  const others = survivors.map(({ recovered }) => recovered).filter((each) => each !== best);
  // What the best one says comes last, so that it counts where two say different things.
  for (const recovered of [...others, best]) {
    const own = new Map<Slot, Uint8Array>();
    // What a node learned it did not have to vote for: its vote may be for another value, or in an older ballot.
    const learned = new Set(recovered.chosen.map(({ slot }) => slot));
    for (const vote of recovered.votes) {
      const { slot, value } = vote;
      if (isHigher(vote, votes.get(slot))) votes.set(slot, vote);
      if (slot > recovered.chosenUpTo) continue;
      own.set(slot, value);
      if (learned.has(slot)) continue;
      const before = ballots.get(slot);
      if (before === undefined || isHigher(before, vote)) ballots.set(slot, vote);
    }
    for (const { slot, value } of recovered.chosen) own.set(slot, value);
    for (const [slot, value] of own) {
      if (!sameValue(chosen.get(slot) ?? value, value)) contradicted.add(slot);
      chosen.set(slot, value);
    }
  }
  for (const [slot, voted] of ballots) {
    const highest = votes.get(slot) ?? voted;
    if (isHigher(highest, voted) && !sameValue(highest.value, chosen.get(slot) ?? voted.value)) contradicted.add(slot);
  }
  return { chosen, votes, contradicted };
}

/** What the log of the new cluster holds. It is what a phase 1 among the survivors would find, were they a quorum. */
function takeOver(survivors: readonly Survivor[], best: Recovered, history: ConfigurationHistory): Taken {
  const { chosen, votes, contradicted } = knownOf(survivors, best);
  const markedUpTo = Math.max(...survivors.map(({ recovered }) => recovered.chosenUpTo));
  const upTo = [...chosen.keys(), ...votes.keys()].reduce((a, b) => Math.max(a, b), markedUpTo);
  if (upTo === 0) throw invalid("the surviving stores hold nothing: found a new cluster instead");
  const first = (best.snapshot?.index ?? 0) + 1;
  let chosenUpTo = first - 1;
  while (chosen.has(chosenUpTo + 1)) chosenUpTo++;
  if (chosenUpTo < best.chosenUpTo) {
    throw new SynodError("StoreDamaged", `slot ${chosenUpTo + 1} is marked as chosen, and its value is not there`);
  }
  const values: ChosenValue[] = [];
  const [unproven, empty, forgotten]: [Slot[], Slot[], Slot[]] = [[], [], []];
  for (let slot = first; slot <= upTo; slot++) {
    const value = chosen.get(slot) ?? votes.get(slot)?.value;
    if (value === undefined) empty.push(slot);
    if (value === undefined && slot <= markedUpTo) forgotten.push(slot);
    if (value !== undefined && !chosen.has(slot)) unproven.push(slot);
    values.push({ slot, value: afterwards(slot, value, history) });
  }
  const list = [...contradicted].filter((slot) => slot >= first).sort((a, b) => a - b);
  return { values, chosenUpTo, markedUpTo, unproven, empty, forgotten, contradicted: list };
}

const isHigher = ({ ballot }: Vote, other: Vote | undefined): boolean =>
  other === undefined || compareBallots(ballot, other.ballot) > 0;

/** Who the members of the old cluster were is of no meaning in the new one. */
function afterwards(slot: Slot, value: Uint8Array | undefined, history: ConfigurationHistory): Uint8Array {
  if (value === undefined) return NOOP;
  if (value[0] !== VALUE_CONFIGURATION) return value;
  history.apply(slot, value);
  return NOOP;
}

/** Where they can decide there is no reason to lose anything, unless they would wait for what one of them has forgotten. */
function refuseQuorum(
  survivors: readonly Survivor[],
  history: ConfigurationHistory,
  { chosenUpTo, markedUpTo }: Taken,
): void {
  const whole = survivors.filter(({ recovered }) => recovered.damage === undefined);
  const ids = new Set(whole.map(({ recovered }) => recovered.identity.nodeId));
  const decides = ({ quorums }: Governing): boolean => quorums.phase1(ids) && quorums.phase2(ids);
  if (chosenUpTo < markedUpTo || !history.from(chosenUpTo + 1).every(decides)) return;
  const text = `nodes ${[...ids].join(", ")} are a quorum: start them as they are, nothing is lost`;
  throw invalid(`${text}, and replace the other members (changeMembership)`);
}

/**
 * The chosen mark comes first and the snapshot last: as long as anything of what it stands for is missing, no node starts on the store.
 */
async function write(
  { into, clusterId, nodeId }: LostQuorumOptions,
  { storage, recovered }: Survivor,
  values: readonly ChosenValue[],
  { alpha, lease }: Configuration,
): Promise<StoreIdentity> {
  const members = [{ id: nodeId }];
  const rest = lease === undefined ? {} : { lease };
  const founders: Configuration = { epoch: 1, members, alpha, quorum: { kind: "majority" }, ...rest };
  const { identity } = await into.open({ create: { clusterId, nodeId, founders } });
  const index = recovered.snapshot?.index ?? 0;
  await into.write({ votes: [], chosen: [], chosenUpTo: values.at(-1)?.slot ?? index });
  for (const part of parts(values)) await into.write({ votes: [], chosen: part });
  if (index > 0) await into.saveSnapshot(index, withHead(new ConfigurationHistory(founders).encode(index), storage));
  return identity;
}

function* parts(values: readonly ChosenValue[]): Generator<readonly ChosenValue[]> {
  let part: ChosenValue[] = [];
  let bytes = 0;
  for (const value of values) {
    part.push(value);
    bytes += value.value.length;
    if (bytes < WRITE_BYTES_MAX) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  if (part.length > 0) yield part;
}

/** The snapshot of a store as it is, but for the part that says who decides. */
async function* withHead(head: Uint8Array, storage: Storage): AsyncGenerator<Uint8Array> {
  yield snapshotFront(head);
  const state: Uint8Array[] = [];
  const install = new SnapshotInstall({
    restore: () => ({ write: (chunk) => void state.push(chunk), end: () => undefined }),
  });
  for await (const chunk of storage.readSnapshot()) {
    install.write(chunk);
    yield* state.splice(0);
  }
  install.end();
}

function report(found: {
  readonly survivors: readonly Survivor[];
  readonly best: Survivor;
  readonly identity: StoreIdentity;
  readonly taken: Taken;
  readonly configuration: Configuration;
}): LostQuorumReport {
  const { survivors, best, configuration } = found;
  const { clusterId, founders } = found.identity;
  const lease = founders.lease === undefined ? {} : { lease: founders.lease };
  const { chosenUpTo, unproven, empty, forgotten, contradicted, values } = found.taken;
  const upTo = values.at(-1)?.slot ?? chosenUpTo;
  const ids = survivors.map(({ recovered }) => recovered.identity.nodeId);
  const missing = votersOf(configuration).filter((id) => !ids.includes(id));
  const damaged = survivors.filter(({ recovered }) => recovered.damage !== undefined);
  const slots = (count: number): string => (count === 1 ? "1 slot" : `${count} slots`);
  const text = [
    `Everything up to slot ${chosenUpTo} was known as chosen and is there.`,
    `Above it ${slots(unproven.length)} came from votes that may not have been chosen, and ${slots(empty.length)} hold nothing.`,
    forgotten.length > 0 &&
      `${slots(forgotten.length)} of those were chosen for sure, and a witness has forgotten the values.`,
    contradicted.length > 0 &&
      `Survivors contradict each other on ${slots(contradicted.length)}, so a store is damaged: see the list.`,
    missing.length > 0 &&
      `Whatever only the voters ${missing.join(", ")} held is lost: above slot ${upTo}, and in those slots.`,
  ];
  return {
    from: nameOf(best.recovered.identity),
    to: nameOf(found.identity),
    cluster: { id: clusterId, members: founders.members, alpha: founders.alpha, ...lease },
    chosenUpTo,
    upTo,
    unproven,
    empty,
    forgotten,
    contradicted,
    configuration,
    missing,
    damaged: damaged.map(({ recovered }) => recovered.identity.nodeId),
    text: text.filter((line) => line !== false).join(" "),
  };
}

function nameOf({ clusterId, nodeId, storeId }: StoreIdentity): LostQuorumReport["from"] {
  return { clusterId, nodeId, storeId };
}
