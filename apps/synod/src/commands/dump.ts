import type { Configuration, LogDamage, SnapshotInfo } from "@synod/interface";
import type { Command } from "commander";
import pc from "picocolors";
import { whole } from "../flags.js";
import { Given } from "../given.js";
import type { Entry, Value } from "../log-entries.js";
import { fields, makeOutput, table } from "../output.js";
import { withSettings } from "../settings.js";
import { holderOf, readStore } from "../store.js";

export function addDump(program: Command): void {
  const command = program
    .command("dump")
    .summary("show what a data directory holds, without changing it")
    .description(
      "Reads a data directory with the store's own recovery and shows what it found. Nothing is written and no lock is taken; of a node " +
        "that is running the end of the log may be missing.",
    )
    .option("--from <slot>", "first slot to show", whole(0), 1)
    .option("--limit <count>", "how many slots to show at most", whole(0), 100);
  withSettings(command, ["dataDir"]).action(async (flags: { json?: boolean; from: number; limit: number }) => {
    const output = makeOutput(flags);
    const directory = new Given(flags, process.env).need("dataDir");
    const holder = await holderOf(directory);
    if (holder !== null)
      output.note(pc.yellow(`process ${holder} has this store open: what it writes just now may be missing`));
    const { storage, recovered } = await readStore(directory);
    await storage.close();
    const { identity, promised, chosenUpTo, snapshot, damage, leaseMs } = recovered;
    const { entriesOf } = await import("../log-entries.js");
    const all = entriesOf(recovered.votes, recovered.chosen, chosenUpTo);
    const entries = all.filter(({ slot }) => slot >= flags.from).slice(0, flags.limit);
    const { clusterId, nodeId, storeId, founders } = identity;
    // Recovery has counted an opening of its own, in memory.
    const bootCount = identity.bootCount - 1;
    const head = { clusterId, nodeId, storeId, bootCount, founders, promised, chosenUpTo, leaseMs, snapshot };
    const result = { ...head, damage: damage ?? null, slots: all.length, entries };
    output.result(result, () => [headText(head, damage), "", entriesText(entries, all.length)].join("\n"));
  });
}

function headText(
  head: {
    readonly clusterId: string;
    readonly nodeId: number;
    readonly storeId: string;
    readonly bootCount: number;
    readonly founders: Configuration;
    readonly promised: { readonly round: number; readonly node: number } | null;
    readonly chosenUpTo: number;
    readonly snapshot: SnapshotInfo | null;
  },
  damage: LogDamage | undefined,
): string {
  const { promised, snapshot } = head;
  const lines = fields([
    ["cluster", head.clusterId],
    ["node", String(head.nodeId)],
    ["store", head.storeId],
    ["starts", String(head.bootCount)],
    ...(head.founders.origin === undefined ? [] : [["origin", head.founders.origin] as [string, string]]),
    ["founders", head.founders.members.map(({ id, address }) => `${id}=${address ?? "?"}`).join(", ")],
    ["promised", promised === null ? "nothing" : `round ${promised.round} of node ${promised.node}`],
    ["chosen up to", String(head.chosenUpTo)],
    ["snapshot", snapshot === null ? "none" : `up to slot ${snapshot.index}, ${snapshot.bytes} bytes`],
  ]);
  if (damage === undefined) return lines;
  const places = damage.places.map(({ file, offset, what }) => `  ${file} at ${offset}: ${what}`);
  return [lines, pc.red(`The log is damaged; everything lost lies at or below slot ${damage.upTo}:`), ...places].join(
    "\n",
  );
}

function entriesText(entries: readonly Entry[], total: number): string {
  if (total === 0) return "No slots above the snapshot.";
  const rows = entries.map(({ slot, ballot, chosen, bytes, value }) => [
    String(slot),
    ballot === null ? "-" : `${ballot.round}.${ballot.node}`,
    chosen ? "yes" : "?",
    String(bytes),
    valueText(value),
  ]);
  const more =
    entries.length < total ? `\n${entries.length} of ${total} slots shown: --from and --limit choose others` : "";
  return `${table(["slot", "ballot", "chosen", "bytes", "value"], rows)}${more}`;
}

/** Of the entries of one batch in a table; with `--json` there are all. */
const SHOWN = 3;

export function valueText(value: Value): string {
  switch (value.kind) {
    case "noop":
      return "no-op";
    case "configuration":
      return `members ${value.configuration.members.map(({ id, role }) => `${id}${role === undefined ? "" : ` (${role})`}`).join(", ")}`;
    case "batch": {
      if (value.entries.length === 0) return `tick at ${value.timeMs} ms`;
      const more = value.entries.length - SHOWN;
      return [...value.entries.slice(0, SHOWN), ...(more > 0 ? [`${more} more`] : [])].join("; ");
    }
    case "unreadable":
      return pc.red(`unreadable: ${value.why}`);
  }
}
