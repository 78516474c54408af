import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type Recovered, type Storage, SynodError } from "@synod/interface";
import { type Command, InvalidArgumentError } from "commander";
import { readBackupHead, writeBackup } from "../backup.js";
import { CliError } from "../exit-codes.js";
import { Given } from "../given.js";
import { fields, makeOutput } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { inspectBackup, restoreBackup, revisionsSince } from "../restore.js";
import { withSettings } from "../settings.js";
import { holderOf, readStore } from "../store.js";
import { askAll } from "./cluster.js";
import { foundersOf } from "./init.js";

/** A restore that was decided longer ago was another one, whose cluster may have given out tokens since. */
const RESTORED_AT_AGE_MS = 24 * 3_600_000;
/** Clocks of machines differ by less, one may hope. */
const CLOCKS_MS = 600_000;
/** The whole state is written. */
const SNAPSHOT_MS = 300_000;
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
      "when this restore was decided, such as 2026-11-21T17:00:00Z; the same for each founder. Revisions and fencing tokens jump by a million for each second since the backup",
      momentFlag,
    )
    .option("--skip-revisions <count>", "how far they jump instead; the same for each founder", wholeNumber);
  withSettings(command, ["cluster", "id", "dataDir", "members"]).action(
    async (path: string, flags: { json?: boolean } & SkipFlags) => {
      const given = new Given(flags, process.env);
      const output = makeOutput(flags);
      const [cluster, id, directory] = [given.need("cluster"), given.need("id"), given.need("dataDir")];
      const founders = foundersOf(given.need("members"));
      const skipRevisions = await skipOf(path, flags, founders.members.length);
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
      };
      output.result(result, () =>
        [
          `Restored ${made.keys} keys of ${made.cluster} into ${directory}, node ${id} of the new cluster ${cluster}.`,
          "",
          "Next:",
          "  the same for each other founder, from the same file, with the same --restored-at or --skip-revisions",
          `  synod start --data-dir ${directory}`,
          `  clients connect with --cluster ${cluster}`,
          `  a node that joins later is formatted with synod init --origin ${made.origin}`,
        ].join("\n"),
      );
    },
  );
}

interface SkipFlags {
  readonly restoredAt?: Date;
  readonly skipRevisions?: number;
}

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
    throw new CliError("usage", `--restored-at is another day than this one: give each founder the same ${example}`);
  }
  return revisionsSince(savedAt, at);
}

function addSave(snapshot: Command): void {
  const command = snapshot
    .command("save <file>")
    .summary("save a snapshot of a node to a file")
    .description(
      "Has the node in --data-dir take a snapshot and copies it to a file that is not there yet. Run it on the machine of the node. Of a node that does not run it takes the last snapshot.",
    )
    .option("--last", "take the last snapshot as it is, also of a node that runs");
  withSettings(command, ["dataDir", ...REMOTE_SETTINGS]).action(
    async (path: string, flags: { readonly json?: boolean; readonly last?: boolean }) => {
      const given = new Given(flags, process.env);
      const output = makeOutput(flags);
      const directory = given.need("dataDir");
      if ((await stat(path).catch(() => null)) !== null)
        throw new CliError("usage", `${path} is there already: choose another name`);
      if (flags.last !== true) {
        if ((await holderOf(directory)) === null)
          output.note("The node does not run: this is its last snapshot, without what came after it.");
        else await freshSnapshot(given, directory);
      }
      const saved = await save(path, directory);
      output.result(
        { file: path, ...saved },
        () => `Saved ${path}: ${saved.bytes} bytes, everything up to slot ${saved.index}.`,
      );
    },
  );
}

/** Has the node take a snapshot now: found among the servers by its id. */
async function freshSnapshot(given: Given, directory: string): Promise<void> {
  const { clusterId, nodeId } = await identityOf(directory);
  await withCluster(
    given,
    async (remote) => {
      const server = (await askAll(remote)).find(({ node }) => node?.id === nodeId)?.server;
      if (server === undefined) {
        throw new CliError(
          "unavailable",
          `node ${nodeId} is none of the servers that answer (${remote.servers.join(", ")}): give --servers, or --last`,
        );
      }
      await remote.client.admin.snapshot(server, { timeoutMs: SNAPSHOT_MS });
    },
    clusterId,
  );
}

async function identityOf(directory: string): Promise<Recovered["identity"]> {
  return (await readRunning(directory, async (_, recovered) => recovered)).identity;
}

interface Saved {
  readonly cluster: string;
  readonly nodeId: number;
  readonly index: number;
  readonly bytes: number;
}

const save = (path: string, directory: string): Promise<Saved> =>
  readRunning(directory, (storage, recovered) => copy(path, storage, recovered));

/** A node that runs may replace its files meanwhile: then another look finds newer ones. */
async function readRunning<T>(
  directory: string,
  read: (storage: Storage, recovered: Recovered) => Promise<T>,
): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      const { storage, recovered } = await readStore(directory);
      try {
        return await read(storage, recovered);
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

async function copy(path: string, storage: Storage, { identity, snapshot }: Recovered): Promise<Saved> {
  if (snapshot === null) throw new CliError("no", "the node has taken no snapshot yet");
  const { clusterId: cluster, nodeId } = identity;
  const { index, bytes } = snapshot;
  const head = { cluster, nodeId, index, bytes, savedAt: new Date().toISOString() };
  await writeBackup(path, head, storage.readSnapshot());
  return { cluster, nodeId, index, bytes };
}
