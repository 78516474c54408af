import type { Command } from "commander";
import { CONNECT_MS, waitForAll } from "../all-servers.js";
import { idOf, type RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { fields, makeOutput } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";

export function addLeader(program: Command): void {
  const leader = program
    .command("leader")
    .summary("hand the leadership over")
    .description("The leader of the cluster.");
  const transfer = leader
    .command("transfer [id]")
    .description(
      "Hands the leadership over, to the member that is best prepared or to this one. Ends with 3 if the leader stays.",
    );
  withSettings(transfer, REMOTE_SETTINGS).action(async (id: string | undefined, flags: RemoteFlags) => {
    const to = id === undefined ? undefined : idOf(id);
    const now = await withCluster(new Given(flags, process.env), async ({ client, timeoutMs }) => {
      // Only the leader can hand over: all that are there are connected first, and it is among them.
      await waitForAll(client, Math.min(timeoutMs, CONNECT_MS));
      return client.admin.transferLeadership({ timeoutMs, ...(to === undefined ? {} : { to }) });
    });
    makeOutput(flags).result({ leader: now }, () => fields([["leader", String(now)]]));
  });
}
