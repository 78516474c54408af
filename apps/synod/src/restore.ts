import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  type CoordinationAnswer,
  coordinationCodecs,
  type CoordinationMachine,
  coordinationMachine,
  type CoordinationQuery,
} from "@synod/coordination";
import { type Configuration, SynodError } from "@synod/interface";
import { ConfigurationHistory } from "@synod/multipaxos";
import { SnapshotInstall, snapshotFront } from "@synod/node";
import { type ReplicatedMachine, replicatedMachine } from "@synod/rsm";
import { fileStorage, nodeFileSystem } from "@synod/storage-file";
import { readBackup, readBackupHead } from "./backup.js";
import { isFormatted, isStoreFile, RESTORING } from "./store.js";

type Machine = ReplicatedMachine<CoordinationQuery, CoordinationAnswer>;

/** What a backup holds, read from its first to its last byte. */
export interface BackupContent {
  readonly cluster: string;
  readonly index: number;
  readonly bytes: number;
  readonly savedAt: string;
  /** Members of the old cluster, and all that ever were: their ids are used up. */
  readonly members: readonly number[];
  readonly usedIds: readonly number[];
  readonly revision: number;
  readonly keys: number;
  readonly leases: number;
  readonly locks: number;
}

/** @throws SynodError `Malformed`, `VersionUnsupported` */
export async function inspectBackup(path: string): Promise<{
  readonly content: BackupContent;
  readonly machine: Machine;
  readonly raiseRevision: CoordinationMachine["raiseRevision"];
}> {
  const { snapshotAt: _, nodeId: _node, ...head } = await readBackupHead(path);
  const stateMachine = coordinationMachine();
  const machine = replicatedMachine({ stateMachine, ...coordinationCodecs() });
  const install = new SnapshotInstall(machine);
  for await (const chunk of readBackup(path)) install.write(chunk);
  const history = new ConfigurationHistory(NOBODY);
  history.restore(install.end().head);
  const members = history.last.configuration.members.map(({ id }) => id);
  const earlier = history.entries.flatMap(({ configuration, retired }) => [
    ...configuration.members.map(({ id }) => id),
    ...retired,
  ]);
  const status = machine.query({ kind: "status" });
  if (status.kind !== "status") throw new SynodError("Malformed", `${path}: its content is of another state machine`);
  const { revision, keys, leases, locks } = status;
  const usedIds = [...new Set(earlier)].sort((a, b) => a - b);
  return {
    content: { ...head, members, usedIds, revision, keys, leases, locks },
    machine,
    raiseRevision: (to) => stateMachine.raiseRevision(to),
  };
}

/** Stands in until the head of the snapshot is read. */
const NOBODY: Configuration = {
  epoch: 1,
  members: [{ id: 1 }],
  alpha: 1,
  quorum: { kind: "majority" },
};

export interface RestoreOptions {
  readonly path: string;
  readonly directory: string;
  readonly cluster: string;
  readonly id: number;
  readonly founders: Configuration;
  /** How far revisions and fencing tokens jump: the same for each founder. */
  readonly skipRevisions: number;
}

/**
 * Formats a data directory for a founder of a new cluster that begins with the state of the backup. All or nothing: the identity, without
 * which no store starts, is moved to its place last, and what a crash left of an earlier attempt is cleared away.
 * @throws SynodError `InvalidArgument` for a cluster or an id of the old cluster, `AlreadyFormatted`, `StoreLocked`, `Malformed`
 */
export async function restoreBackup(
  options: RestoreOptions,
): Promise<BackupContent & { readonly revisionNow: number; readonly storeId: string; readonly origin: string }> {
  const { path, directory, cluster, id, founders } = options;
  if (!(await isAttempt(directory))) await refuseFormatted(directory);
  const { content, machine, raiseRevision } = await inspectBackup(path);
  checkNew(content, cluster, founders);
  if (!founders.members.some((member) => member.id === id)) {
    throw new SynodError(
      "InvalidArgument",
      `node ${id} is not among the members: each founder is restored, others join later`,
    );
  }
  const revisionNow = content.revision + options.skipRevisions;
  raiseRevision(revisionNow);
  const origin = originOf(content, machine, revisionNow);
  const storeId = await makeStore(options, machine, { ...founders, origin });
  return { ...content, revisionNow, storeId, origin };
}

/** Nobody else formats, restores or starts there until it is done: reading the backup may have taken minutes. @returns the id of the store */
async function makeStore(
  { directory, cluster, id }: RestoreOptions,
  machine: Machine,
  founders: Configuration,
): Promise<string> {
  const files = nodeFileSystem();
  await files.makeDirectory(directory);
  const unlock = await files.lock(directory);
  try {
    const making = join(directory, RESTORING);
    if (await isAttempt(directory)) await clearAttempt(directory, making);
    await refuseFormatted(directory);
    const { index, chunks } = machine.snapshot();
    const front = snapshotFront(new ConfigurationHistory(founders).encode(index));
    await using storage = fileStorage({ directory: making });
    const { identity } = await storage.open({ create: { clusterId: cluster, nodeId: id, founders } });
    await storage.saveSnapshot(
      index,
      (function* () {
        yield front;
        yield* chunks;
      })(),
    );
    await storage.close();
    await moveStore(making, directory);
    return identity.storeId;
  } finally {
    await unlock();
  }
}

async function refuseFormatted(directory: string): Promise<void> {
  if (!(await isFormatted(directory))) return;
  throw new SynodError(
    "AlreadyFormatted",
    `${directory} holds a store already, and is left as it is: restore into a blank directory`,
  );
}

/** Whether a restore has begun there and has not ended. */
async function isAttempt(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((): string[] => []);
  return names.includes(RESTORING) && !names.includes("identity");
}

/** The directory was blank when the attempt began, and as long as the identity is not there it holds nothing else. */
async function clearAttempt(directory: string, making: string): Promise<void> {
  const [names, begun] = [await readdir(directory), await readdir(making)];
  for (const name of begun.includes("identity") ? names.filter(isStoreFile) : []) await rm(join(directory, name));
  await rm(making, { recursive: true });
}

async function moveStore(from: string, to: string): Promise<void> {
  const files = nodeFileSystem();
  const names = await files.list(from);
  for (const name of [...names.filter((one) => one !== "identity"), "identity"]) {
    await files.rename(join(from, name), join(to, name));
    await files.syncDirectory(to);
  }
  await rm(from, { recursive: true });
  await files.syncDirectory(to);
  await files.syncDirectory(dirname(resolve(to)));
}

/** Clients and nodes of the old cluster must not take the new one for theirs. */
function checkNew({ cluster, usedIds }: BackupContent, newCluster: string, { members }: Configuration): void {
  if (newCluster === cluster) {
    throw new SynodError(
      "InvalidArgument",
      `the backup is of the cluster ${cluster}: a restored one is a new cluster and needs another name`,
    );
  }
  const used = members.map(({ id }) => id).filter((id) => usedIds.includes(id));
  if (used.length > 0) {
    const free = Math.max(...usedIds) + 1;
    throw new SynodError(
      "InvalidArgument",
      `node ids ${used.join(", ")} were used in the cluster ${cluster}: take new ones, such as ${free} and above`,
    );
  }
}

/** Tells apart nodes that were restored from different backups, at different times, or formatted blank, and would otherwise form a majority with another past. */
function originOf({ cluster, index }: BackupContent, { chainHash }: Machine, revision: number): string {
  return createHash("sha256")
    .update(JSON.stringify([cluster, index, chainHash, revision]))
    .digest("hex")
    .slice(0, 32);
}
