import {
  type ChosenValue,
  type Configuration,
  type NodeId,
  type Recovered,
  type Slot,
  type Storage,
  type StoreIdentity,
  SynodError,
} from "@synod/interface";
import { ConfigurationHistory, type Governing, NOOP, VALUE_CONFIGURATION, votersOf } from "@synod/multipaxos";
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
  /** Everything up to this slot was known as chosen and is there. */
  readonly chosenUpTo: Slot;
  /** The new cluster goes on above this slot. */
  readonly upTo: Slot;
  /**
   * Slots above `chosenUpTo` that were taken from votes of survivors: in the old cluster they may have been chosen with these values, with
   * others, or not at all.
   */
  readonly unproven: readonly Slot[];
  /** Slots of which no survivor knows anything: what was chosen there is lost. */
  readonly empty: readonly Slot[];
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
    const best = mostAdvanced(survivors);
    const history = await historyOf(best);
    const taken = takeOver(survivors, best, history);
    refuseQuorum(survivors, history, best.recovered.chosenUpTo);
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

function mostAdvanced(survivors: readonly Survivor[]): Survivor {
  return survivors.reduce((best, each) => (each.recovered.chosenUpTo > best.recovered.chosenUpTo ? each : best));
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

interface Taken {
  /** Above the snapshot of the best store, without a gap. */
  readonly values: readonly ChosenValue[];
  readonly unproven: readonly Slot[];
  readonly empty: readonly Slot[];
}

/** What the log of the new cluster holds. It is what a phase 1 among the survivors would find, were they a quorum. */
function takeOver(survivors: readonly Survivor[], best: Survivor, history: ConfigurationHistory): Taken {
  const { snapshot, chosenUpTo } = best.recovered;
  const chosen = new Map<Slot, Uint8Array>();
  const votes = new Map<Slot, Recovered["votes"][number]>();
  for (const { recovered } of [...survivors.filter((each) => each !== best), best]) {
    for (const { slot, value } of recovered.chosen) chosen.set(slot, value);
    for (const vote of recovered.votes) {
      const other = votes.get(vote.slot);
      if (other === undefined || isHigher(vote, other)) votes.set(vote.slot, vote);
    }
  }
  const upTo = [...chosen.keys(), ...votes.keys()].reduce((highest, slot) => Math.max(highest, slot), chosenUpTo);
  if (upTo === 0) throw invalid("the surviving stores hold nothing: found a new cluster instead");
  const taken = { values: [] as ChosenValue[], unproven: [] as Slot[], empty: [] as Slot[] };
  for (let slot = (snapshot?.index ?? 0) + 1; slot <= upTo; slot++) {
    const known = chosen.get(slot);
    const value = known ?? votes.get(slot)?.value;
    if (value === undefined && slot <= chosenUpTo) {
      throw new SynodError("StoreDamaged", `slot ${slot} is marked as chosen, and its value is not there`);
    }
    if (value === undefined) taken.empty.push(slot);
    else if (known === undefined && slot > chosenUpTo) taken.unproven.push(slot);
    taken.values.push({ slot, value: afterwards(slot, value, history) });
  }
  return taken;
}

function isHigher({ ballot: a }: Recovered["votes"][number], { ballot: b }: Recovered["votes"][number]): boolean {
  return a.round > b.round || (a.round === b.round && a.node > b.node);
}

/** Who the members of the old cluster were is of no meaning in the new one. */
function afterwards(slot: Slot, value: Uint8Array | undefined, history: ConfigurationHistory): Uint8Array {
  if (value === undefined) return NOOP;
  if (value[0] !== VALUE_CONFIGURATION) return value;
  history.apply(slot, value);
  return NOOP;
}

/** Where they can decide there is no reason to lose anything. */
function refuseQuorum(survivors: readonly Survivor[], history: ConfigurationHistory, chosenUpTo: Slot): void {
  const whole = survivors.filter(({ recovered }) => recovered.damage === undefined);
  const ids = new Set(whole.map(({ recovered }) => recovered.identity.nodeId));
  const decides = ({ quorums }: Governing): boolean => quorums.phase1(ids) && quorums.phase2(ids);
  if (!history.from(chosenUpTo + 1).every(decides)) return;
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
  const { chosenUpTo } = best.recovered;
  const { clusterId, founders } = found.identity;
  const lease = founders.lease === undefined ? {} : { lease: founders.lease };
  const { unproven, empty, values } = found.taken;
  const upTo = values.at(-1)?.slot ?? chosenUpTo;
  const ids = survivors.map(({ recovered }) => recovered.identity.nodeId);
  const missing = votersOf(configuration).filter((id) => !ids.includes(id));
  const damaged = survivors.filter(({ recovered }) => recovered.damage !== undefined);
  const slots = (count: number): string => (count === 1 ? "1 slot" : `${count} slots`);
  const text = [
    `Everything up to slot ${chosenUpTo} was known as chosen and is there.`,
    `Above it ${slots(unproven.length)} came from votes that may not have been chosen, and ${slots(empty.length)} hold nothing.`,
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
    configuration,
    missing,
    damaged: damaged.map(({ recovered }) => recovered.identity.nodeId),
    text: text.filter((line) => line !== false).join(" "),
  };
}

function nameOf({ clusterId, nodeId, storeId }: StoreIdentity): LostQuorumReport["from"] {
  return { clusterId, nodeId, storeId };
}
