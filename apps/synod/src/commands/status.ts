import type { Command } from "commander";
import pc from "picocolors";
import { askAll, type Row, stateText, troubles } from "../all-servers.js";
import { endWith } from "../exit-codes.js";
import type { RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput, table } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";

export function addStatus(program: Command): void {
  const command = program
    .command("status")
    .description("Shows what each of the servers says of its node. Needs the role admin. Ends with 4 if none answers.");
  withSettings(command, REMOTE_SETTINGS).action(async (flags: RemoteFlags) => {
    const rows = await withCluster(new Given(flags, process.env), askAll, { needsLeader: false });
    const leader = rows.find(({ node }) => node?.role === "leader")?.node?.id ?? null;
    const output = makeOutput(flags);
    output.result({ leader, servers: rows }, () => statusTable(rows));
    for (const line of troubles(rows.flatMap(({ node }) => node ?? []))) output.note(line);
    const forbidden = rows.find(({ error }) => error?.code === "Forbidden" || error?.code === "Unauthorized");
    if (forbidden !== undefined) endWith("refused");
    else if (rows.every(({ node }) => node === null)) endWith("unavailable");
  });
}

function statusTable(rows: readonly Row[]): string {
  return table(
    ["server", "node", "role", "leader", "chosen", "applied", "epoch", "state"],
    rows.map(({ server, node, error }) => {
      if (node === null) return [server, "", "", "", "", "", "", pc.red(`${error?.code}: ${error?.message}`)];
      const { id, role, leader, chosenUpTo, applied, configuration, content } = node;
      const shown = role === "leader" ? pc.green(role) : role;
      return [
        server,
        String(id),
        shown,
        leader === null || !content ? "none" : String(leader),
        String(chosenUpTo),
        String(applied),
        String(configuration.epoch),
        stateText(node),
      ];
    }),
  );
}
