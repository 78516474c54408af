import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import pc from "picocolors";
import { askEach, CONNECT_MS, waitForAll } from "../all-servers.js";
import { endWith } from "../exit-codes.js";
import type { RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput } from "../output.js";
import { REMOTE_SETTINGS, type Remote, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";

/** How often a leader is asked whether it hears everybody by now. */
const ASK_AGAIN_MS = 200;

export function addHealth(program: Command): void {
  const command = program
    .command("health")
    .description(
      "Makes a linearizable read and sees that every server is there, and that the leader hears every member if the role admin may ask it. Ends with 0 if so, with 3 if one is missing or not heard, with 4 if the cluster does not answer.",
    );
  withSettings(command, REMOTE_SETTINGS).action(async (flags: RemoteFlags) => {
    const output = makeOutput(flags);
    const report = await withCluster(new Given(flags, process.env), async (remote) => {
      const { client, servers, timeoutMs } = remote;
      const started = performance.now();
      await client.read({ kind: "status" }, { timeoutMs });
      const readMs = Math.round((performance.now() - started) * 10) / 10;
      const missing = await waitForAll(client, Math.min(timeoutMs, CONNECT_MS));
      const unheard = await waitForMembers(remote, missing.length === 0 ? CONNECT_MS : 0);
      return {
        healthy: missing.length === 0 && unheard.length === 0,
        serving: true,
        leader: client.status().leader,
        readMs,
        servers: servers.length,
        missing,
        unheard,
      };
    });
    output.result(report, () => {
      if (report.healthy) {
        return `${pc.green("healthy")}: node ${report.leader ?? "?"} leads, ${report.servers} servers, a read took ${report.readMs} ms`;
      }
      const wrong = [
        ...report.missing.map(({ address: at, reason }) => `${at} is missing (${reason})`),
        ...report.unheard.map(
          ({ id, address: at }) => `the leader does not hear node ${id}${at === null ? "" : ` at ${at}`}`,
        ),
      ];
      return `${pc.yellow("degraded")}: reads are answered, but ${wrong.join(", ")}`;
    });
    if (!report.healthy) endWith("no");
  });
}

/** Members that the leader does not hear: they may run and be refused, or be none of the servers that were named. A new one gets a moment. */
async function waitForMembers(
  remote: Remote,
  limitMs: number,
): Promise<{ readonly id: number; readonly address: string | null }[]> {
  const until = performance.now() + limitMs;
  for (;;) {
    // One that is missing has no answer, for as long as a call may take.
    const servers = remote.client.status().servers.flatMap(({ address: at, connected }) => (connected ? [at] : []));
    const leader = (await askEach({ ...remote, servers })).find(({ node }) => node?.role === "leader")?.node ?? null;
    // Not known to whom the role admin is not given, or while the leader changes.
    const members = leader?.configuration.members ?? [];
    const unheard = members.filter(
      ({ id }) => id !== leader?.id && leader?.peers.find((peer) => peer.id === id)?.heard !== true,
    );
    if (unheard.length === 0 || performance.now() >= until)
      return unheard.map(({ id, address: at }) => ({ id, address: at ?? null }));
    await delay(ASK_AGAIN_MS);
  }
}
