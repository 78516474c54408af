import { randomBytes } from "node:crypto";
import type { CoordinationCommand } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import type { Command } from "commander";
import { CliError } from "../exit-codes.js";
import { durationOf, type RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { fields, makeOutput } from "../output.js";
import { REMOTE_SETTINGS, type Remote, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { TTL_MIN_MS } from "../values.js";

/** Leases that live on between commands: scripts keep them alive themselves. */
export function addLease(program: Command): void {
  const lease = program
    .command("lease")
    .summary("grant, keep alive, revoke and show leases")
    .description("Leases: keys that are put with one end with it.");
  const grant = lease
    .command("grant <ttl>")
    .description(
      "Grants a lease for a duration such as 30s and prints its id. It ends unless it is kept alive: `synod lease keep-alive`.",
    );
  withSettings(grant, REMOTE_SETTINGS).action(async (ttl: string, flags: RemoteFlags) => {
    const ttlMs = durationOf(ttl);
    if (ttlMs < TTL_MIN_MS) throw new CliError("usage", `the time to live of a lease is at least ${TTL_MIN_MS}ms`);
    const id = randomBytes(8).toString("hex");
    await withCluster(new Given(flags, process.env), (remote) => send(remote, { kind: "grantLease", id, ttlMs }));
    makeOutput(flags).result({ id, ttlMs }, () => id);
  });
  const keep = lease
    .command("keep-alive <id>")
    .description("Gives a lease its whole time again, once; ends with 121 if it is over.");
  withSettings(keep, REMOTE_SETTINGS).action(async (id: string, flags: RemoteFlags) => {
    await withCluster(new Given(flags, process.env), async (remote) => {
      const gone = await send(remote, { kind: "keepAlive", ids: [id] });
      if (gone.length > 0) throw new CliError("lost", `the lease ${id} is over: keys that were put with it are gone`);
    });
    makeOutput(flags).result({ id, kept: true }, () => id);
  });
  const revoke = lease.command("revoke <id>").description("Ends a lease and its keys at once.");
  withSettings(revoke, REMOTE_SETTINGS).action(async (id: string, flags: RemoteFlags) => {
    const gone = await withCluster(new Given(flags, process.env), (remote) =>
      send(remote, { kind: "endLeases", ids: [id], remember: false }),
    );
    makeOutput(flags).result({ id, revoked: gone.length === 0 }, () =>
      gone.length === 0 ? "revoked" : "there was none",
    );
  });
  const show = lease.command("show <id>").description("Shows a lease; ends with 3 if there is none.");
  withSettings(show, REMOTE_SETTINGS).action(async (id: string, flags: RemoteFlags) => {
    const info = await withCluster(new Given(flags, process.env), ({ coordination }) => coordination.leases.get(id));
    if (info === null) throw new CliError("no", `there is no lease ${id}`);
    makeOutput(flags).result({ id, ...info }, () =>
      fields([
        ["ttl", `${info.ttlMs} ms`],
        ["left", `${info.leftMs} ms`],
        ["keys", String(info.keys)],
        ["locks", String(info.requests)],
      ]),
    );
  });
}

/** @returns the leases that are not there */
async function send(remote: Remote, command: CoordinationCommand): Promise<readonly string[]> {
  const result = await remote.client.propose(command);
  if (result.kind === "leases") return result.gone;
  const reason = result.kind === "refused" ? result.reason : "the cluster answered something else than was asked";
  throw new SynodError("InvalidArgument", `the lease was refused: ${reason}`);
}
