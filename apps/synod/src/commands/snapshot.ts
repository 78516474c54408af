import type { Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Recovered, type Storage, SynodError } from "@synod/interface";
import { type Command, InvalidArgumentError } from "commander";
import { readBackupHead, writeBackup } from "../backup.js";
import { CliError } from "../exit-codes.js";
import { Given } from "../given.js";
import { fields, makeOutput, type Output } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { holderOf, isStoreFile, readStore } from "../store.js";
import { foundersOf } from "./init.js";

/** A restore that was decided longer ago was another one, whose cluster may have given out tokens since. */
const RESTORED_AT_AGE_MS = 24 * 3_600_000;
/** Clocks of machines differ by less, one may hope. */
const CLOCKS_MS = 600_000;
const TRIES = 10;
const TRY_AGAIN_MS = 100;

export function addSnapshot(program: Command): void {
  const snapshot = program
    .command("snapshot")
    .summary("save, restore and examine backups")
    .description("Backups of a cluster, each one file.");
  addSave(snapshot);
  addRestore(snapshot);
  addStatus(snapshot);
}

function addStatus(snapshot: Command): void {
  snapshot
    .command("status <file>")
    .description("Reads a backup from its first to its last byte and says what it holds.")
    .option("--json", "print JSON, for programs")
    .action(async (path: string, flags: { json?: boolean }) => {
      const { inspectBackup } = await import("../restore.js");
      const { content } = await inspectBackup(path);
      makeOutput(flags).result(content, () =>
        fields([
          ["cluster", content.cluster],
          ["saved", content.savedAt],
          ["up to slot", String(content.index)],
          ["bytes", String(content.bytes)],
          ["revision", String(content.revision)],
          ["keys", String(content.keys)],
          ["leases, locks", `${content.leases}, ${content.locks}`],
          ["members", content.members.join(", ")],
          ["ids used up", content.usedIds.join(", ")],
        ]),
      );
    });
}

const wholeNumber = (value: string): number => {
  if (!/^\d{1,15}$/.test(value)) throw new InvalidArgumentError("expected a whole number");
  return Number(value);
};
const momentFlag = (value: string): Date => {
  const moment = new Date(value);
  // With its zone: the machines of the founders may have different ones.
  if (/T.*(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(moment.getTime())) return moment;
  throw new InvalidArgumentError("expected a time with its zone, such as 2026-11-21T17:00:00Z");
};

function addRestore(snapshot: Command): void {
  const command = snapshot
    .command("restore <file>")
    .summary("format a founder of a new cluster with the state of a backup")
    .description(
      "Formats the data directory of a founder of a NEW cluster: another name, and node ids that the old cluster never had. Do it for each founder from the " +
        "same file, then start them.",
    )
    .option(
      "--restored-at <time>",
      "when this restore was decided, such as 2026-11-21T17:00:00Z, at most 24 hours ago; the same for each founder. Revisions and fencing tokens jump by a million for each second since the backup",
      momentFlag,
    )
    .option(
      "--skip-revisions <count>",
      "how far they jump instead, also for a founder that comes later: the first restore prints it; the same for each founder",
      wholeNumber,
    );
  withSettings(command, ["cluster", "id", "dataDir", "members", "lease", "leaseDrift"]).action(
    async (path: string, flags: { json?: boolean } & SkipFlags) => {
      const given = new Given(flags, process.env);
      const output = makeOutput(flags);
      const [cluster, id, directory] = [given.need("cluster"), given.need("id"), given.need("dataDir")];
      const founders = await foundersOf(given);
      const { lease } = founders;
      const leaseFlags =
        lease === undefined ? "" : ` --lease ${lease.durationMs}ms --lease-drift ${lease.driftPercent}`;
      const skipRevisions = await skipOf(path, flags, founders.members.length);
      const { restoreBackup } = await import("../restore.js");
      const made = await restoreBackup({ path, directory, cluster, id, founders, skipRevisions });
      const result = {
        cluster,
        id,
        dataDir: directory,
        storeId: made.storeId,
        origin: made.origin,
        from: made.cluster,
        index: made.index,
        keys: made.keys,
        revision: made.revisionNow,
        skipRevisions,
      };
      output.result(result, () =>
        [
          `Restored ${made.keys} keys of ${made.cluster} into ${directory}, node ${id} of the new cluster ${cluster}.`,
          "",
          "Next:",
          `  the same for each other founder, from the same file, with --skip-revisions ${skipRevisions}`,
          `  synod start --data-dir ${directory}`,
          `  clients connect with --cluster ${cluster}`,
          `  a node that joins later is formatted with synod init --origin ${made.origin}${leaseFlags}`,
        ].join("\n"),
      );
    },
  );
}

interface SkipFlags {
  readonly restoredAt?: Date;
  readonly skipRevisions?: number;
}

/** More than any cluster makes in a second, or, at defaults, in the time for which a snapshot waits until it is its member's turn to write. */
const REVISIONS_PER_SECOND = 1_000_000;

/**
 * How far revisions have to jump so that none is given out twice: as many as a cluster may have made in the time since the backup, in which
 * the old one, or another one restored from the same backup, may have gone on.
 */
const revisionsSince = (savedAt: Date, restoredAt: Date): number =>
  Math.max(1, Math.ceil((restoredAt.getTime() - savedAt.getTime()) / 1000)) * REVISIONS_PER_SECOND;

/**
 * Fencing tokens must never go back, and nobody knows how many were given out after the backup: by the old cluster, or by another one that was
 * restored from it. Founders that are given different times are different clusters, and do not talk.
 * @throws CliError
 */
async function skipOf(path: string, { restoredAt, skipRevisions }: SkipFlags, founders: number): Promise<number> {
  if (skipRevisions !== undefined) return skipRevisions;
  const now = new Date();
  const example = `--restored-at ${now.toISOString().slice(0, 19)}Z`;
  if (restoredAt === undefined && founders > 1) {
    const why = "it says how far fencing tokens jump, which are not to be given out twice";
    throw new CliError("usage", `when was this restore decided? Give each founder the same ${example}: ${why}`);
  }
  const at = restoredAt ?? now;
  const savedAt = new Date((await readBackupHead(path)).savedAt);
  if (at.getTime() < savedAt.getTime()) {
    throw new CliError(
      "usage",
      `--restored-at is before the backup was saved (${savedAt.toISOString()}): give ${example}`,
    );
  }
  const aheadMs = at.getTime() - now.getTime();
  if (aheadMs > CLOCKS_MS || aheadMs < -RESTORED_AT_AGE_MS) {
    const rule = "expected a time at most 24 hours ago and at most 10 minutes ahead of the clock of this machine";
    const text =
      `--restored-at: ${rule} (${now.toISOString()}), found ${at.toISOString()}. Nothing is restored yet? Give each founder the same ${example}. A founder ` +
      `that comes after the others gets the number that they began with, or they refuse each other: --skip-revisions ${revisionsSince(savedAt, at)}, if that time was theirs`;
    throw new CliError("usage", text);
  }
  return revisionsSince(savedAt, at);
}

function addSave(snapshot: Command): void {
  const command = snapshot
    .command("save <file>")
    .summary("save the state of the cluster to a file")
    .description(
      "Has one of the servers take a snapshot, with everything in it that was acknowledged before, and fetches it to a file on this machine that is not there yet. Needs the " +
        "role admin. With --last it is the last snapshot of the node in --data-dir, as it lies on the disk: for a node or a cluster that does not run.",
    )
    .option("--last", "the last snapshot of the node in --data-dir, without connecting to anybody");
  withSettings(command, ["dataDir", ...REMOTE_SETTINGS]).action(async (path: string, flags: SaveFlags) => {
    const given = new Given(flags, process.env);
    const output = makeOutput(flags);
    if (flags.dataDir !== undefined && flags.last !== true) {
      const what = "the snapshot comes from a server of the cluster (--servers)";
      throw new CliError("usage", `${what}; --data-dir is for --last, which reads the disk of a node`);
    }
    if ((await stat(path).catch(() => null)) !== null)
      throw new CliError("usage", `${path} is there already: choose another name`);
    const saved = flags.last === true ? await saveLast(path, given) : await fetchFresh(path, given, output);
    output.result(
      { file: path, ...saved },
      () =>
        `Saved ${path}: ${saved.bytes} bytes of node ${saved.nodeId} of ${saved.cluster}, everything up to slot ${saved.index}.`,
    );
  });
}

interface SaveFlags {
  readonly json?: boolean;
  readonly last?: boolean;
  readonly dataDir?: string;
}

/** Nothing but a whole backup gets its name, so whatever breaks on the way leaves nothing. */
async function fetchFresh(path: string, given: Given, output: Output): Promise<Saved> {
  const { cluster, saved } = await withCluster(given, async ({ client, timeoutMs }) => {
    // Taking a snapshot may take minutes; that nobody leads is found out before.
    await client.read({ kind: "status" }, { timeoutMs });
    // A restore skips what may have been given out since then: rather too much than too little.
    const savedAt = new Date().toISOString();
    // Without it the client waits for minutes: the whole state is written first.
    const limit = given.get("timeout");
    const taken = await client.admin.readSnapshot(limit === undefined ? {} : { timeoutMs: limit });
    const { node: nodeId, index, bytes, chunks } = taken;
    const head = { cluster: client.status().cluster, nodeId, index, bytes, savedAt };
    const progress = output.progress("saving", bytes);
    try {
      await writeBackup(
        path,
        head,
        counted(chunks, (total) => progress.update(total)),
      );
    } finally {
      progress.end();
    }
    return { cluster: head.cluster, saved: { nodeId, index, bytes } };
  });
  return { cluster, ...saved };
}

async function* counted(chunks: AsyncIterable<Uint8Array>, read: (total: number) => void): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of chunks) {
    yield chunk;
    total += chunk.length;
    read(total);
  }
}

interface Saved {
  readonly cluster: string;
  readonly nodeId: number;
  readonly index: number;
  readonly bytes: number;
}

const saveLast = (path: string, given: Given): Promise<Saved> =>
  readRunning(given.need("dataDir"), (storage, recovered, directory) => copy(path, storage, recovered, directory));

/** A node that runs may replace its files meanwhile: then another look finds newer ones. */
async function readRunning<T>(
  directory: string,
  read: (storage: Storage, recovered: Recovered, directory: string) => Promise<T>,
): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      const { storage, recovered } = await readStore(directory);
      try {
        return await read(storage, recovered, directory);
      } finally {
        await storage.close();
      }
    } catch (cause) {
      const moved = cause instanceof SynodError && (cause.code === "StoreDamaged" || cause.code === "StoreFailed");
      if (!moved || left === 0 || (await holderOf(directory)) === null) throw cause;
      await delay(TRY_AGAIN_MS);
    }
  }
}

async function copy(
  path: string,
  storage: Storage,
  { identity, snapshot }: Recovered,
  directory: string,
): Promise<Saved> {
  if (snapshot === null) throw new CliError("no", "the node has taken no snapshot yet");
  const { clusterId: cluster, nodeId } = identity;
  const { index, bytes } = snapshot;
  // What was given out since then is not in it, however late it is copied.
  const savedAt = (await snapshotTime(directory)).toISOString();
  await writeBackup(path, { cluster, nodeId, index, bytes, savedAt }, storage.readSnapshot());
  return { cluster, nodeId, index, bytes };
}

/** A copied directory has the times of the copy, but for the last change. 0: the file system does not know when a file was made. */
export const beginOf = ({ birthtimeMs, mtimeMs }: Pick<Stats, "birthtimeMs" | "mtimeMs">): number =>
  birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs;

/** When the oldest snapshot on the disk began to be written: what is given out while it is, is not in it. */
async function snapshotTime(directory: string): Promise<Date> {
  try {
    const names = (await readdir(directory)).filter((name) => isStoreFile(name) && name.startsWith("snapshot-"));
    const times = await Promise.all(names.map(async (name) => beginOf(await stat(join(directory, name)))));
    return new Date(Math.min(Date.now(), ...times));
  } catch (cause) {
    throw new SynodError("StoreFailed", `${directory}: ${(cause as Error).message}`, { cause });
  }
}
