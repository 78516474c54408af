import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type CoordinationAnswer,
  type CoordinationCommand,
  coordinationCodecs,
  coordinationMachine,
  type CoordinationQuery,
} from "@synod/coordination";
import { type Configuration, SynodError } from "@synod/interface";
import { ConfigurationHistory } from "@synod/multipaxos";
import { SnapshotInstall, snapshotFront } from "@synod/node";
import { encodeBatch, type ReplicatedMachine, replicatedMachine } from "@synod/rsm";
import { fileStorage, nodeFileSystem } from "@synod/storage-file";
import { readBackup, readBackupHead } from "./backup.js";
import { isFormatted } from "./store.js";

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
export async function inspectBackup(
  path: string,
): Promise<{ readonly content: BackupContent; readonly machine: Machine }> {
  const { snapshotAt: _, nodeId: _node, ...head } = await readBackupHead(path);
  const machine = replicatedMachine({ stateMachine: coordinationMachine(), ...coordinationCodecs() });
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
  return { content: { ...head, members, usedIds, revision, keys, leases, locks }, machine };
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
  readonly skipRevisions: number;
}

/**
 * Formats a data directory for a founder of a new cluster that begins with the state of the backup. All or nothing: the directory gets
 * its name when everything is on the disk.
 * @throws SynodError `InvalidArgument` for a cluster or an id of the old cluster, `AlreadyFormatted`, `Malformed`
 */
export async function restoreBackup(
  options: RestoreOptions,
): Promise<BackupContent & { readonly revisionNow: number; readonly storeId: string }> {
  const { path, directory, cluster, id, founders } = options;
  if (await isFormatted(directory)) {
    throw new SynodError(
      "AlreadyFormatted",
      `${directory} holds a store already, and is left as it is: restore into a blank directory`,
    );
  }
  const { content, machine } = await inspectBackup(path);
  checkNew(content, cluster, founders);
  if (!founders.members.some((member) => member.id === id)) {
    throw new SynodError(
      "InvalidArgument",
      `node ${id} is not among the members: each founder is restored, others join later`,
    );
  }
  const revisionNow = skipRevisions(machine, content.revision, options.skipRevisions);
  const marked = { ...founders, alpha: alphaOf(machine) };
  const { index, chunks } = machine.snapshot();
  const front = snapshotFront(new ConfigurationHistory(marked).encode(index));
  // Made in a place of its own, and then moved with the identity last: without it a store does not start.
  const making = join(directory, "restoring");
  await rm(making, { recursive: true, force: true });
  await using storage = fileStorage({ directory: making });
  const { identity } = await storage.open({ create: { clusterId: cluster, nodeId: id, founders: marked } });
  await storage.saveSnapshot(
    index,
    (function* () {
      yield front;
      yield* chunks;
    })(),
  );
  await storage.close();
  await moveStore(making, directory);
  return { ...content, revisionNow, storeId: identity.storeId };
}

async function moveStore(from: string, to: string): Promise<void> {
  const files = nodeFileSystem();
  const names = await files.list(from);
  for (const name of [...names.filter((one) => one !== "identity"), "identity"]) {
    await files.rename(join(from, name), join(to, name));
    await files.syncDirectory(to);
  }
  await rm(from, { recursive: true });
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

/**
 * Nodes whose founders differ in anything refuse to talk. The window is the one number in them that may be any: derived from the state, it keeps
 * apart nodes that were restored from different backups, or formatted blank, and would otherwise form a majority with another past.
 */
function alphaOf(machine: Machine): number {
  return 1025 + (Number.parseInt(machine.chainHash.slice(0, 8), 16) % 1024);
}

const KEY = "synod/restored";
const PER_SLOT = 1000;

/** Makes changes that come to nothing, so that no revision or fencing token of the old cluster is given out again. @returns the revision then */
function skipRevisions(machine: Machine, from: number, count: number): number {
  const { commandCodec } = coordinationCodecs();
  const put: CoordinationCommand = { kind: "put", key: KEY, value: new Uint8Array(0), lease: null, expected: null };
  const body = commandCodec.encode(put);
  const timeMs = machine.timeMs;
  const [opened] = machine.apply(machine.applied + 1, encodeBatch(timeMs, [{ kind: "open", nonce: "0".repeat(32) }]));
  if (opened?.kind !== "opened") throw new SynodError("Malformed", "the backup has no room for one more session");
  const { session } = opened;
  let sequence = 0;
  const apply = (bodies: readonly Uint8Array[]): void => {
    const floor = sequence;
    const entries = bodies.map((one) => ({
      kind: "command" as const,
      ticket: { session, sequence: ++sequence, floor },
      body: one,
    }));
    machine.apply(machine.applied + 1, encodeBatch(timeMs, entries));
  };
  for (let left = count; left > 0; left -= PER_SLOT)
    apply(Array.from({ length: Math.min(left, PER_SLOT) }, () => body));
  apply([commandCodec.encode({ kind: "delete", key: KEY, expected: null })]);
  machine.apply(machine.applied + 1, encodeBatch(timeMs, [{ kind: "close", session }]));
  const status = machine.query({ kind: "status" });
  return status.kind === "status" ? status.revision : from;
}
