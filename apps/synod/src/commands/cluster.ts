import { setTimeout as delay } from "node:timers/promises";
import type { RemoteNodeStatus } from "@synod/client";
import { type MembershipChange, SynodError } from "@synod/interface";
import type { Command } from "commander";
import pc from "picocolors";
import * as v from "valibot";
import { CliError } from "../exit-codes.js";
import { Given } from "../given.js";
import { fields, makeOutput, table } from "../output.js";
import { REMOTE_SETTINGS, type Remote, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { address, nodeId } from "../values.js";
import { type RemoteFlags, whole } from "./kv.js";

/** A change waits until a new member has fetched everything. */
const CHANGE_MS = 300_000;
/** How often a leader is asked whether a learner has caught up. */
const BEHIND_RETRY_MS = 200;
/** What is left for an attempt at least. */
const ATTEMPT_MS = 1_000;

export function addCluster(program: Command): void {
  addStatus(program);
  addHealth(program);
  addMember(program);
  addLeader(program);
}

/** What one server said, or why it said nothing. */
interface Row {
  readonly server: string;
  readonly node: RemoteNodeStatus | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Each server that is there, at the same time; of the others why they are not. */
async function askAll(remote: Remote): Promise<Row[]> {
  await waitForAll(remote.client, Math.min(remote.timeoutMs, CONNECT_MS));
  return askEach(remote);
}

function askEach({ client, servers, timeoutMs }: Remote): Promise<Row[]> {
  return Promise.all(
    servers.map(async (server) => {
      const known = client.status().servers.find(({ address: at }) => at === server);
      if (known?.connected === false && known.failure !== null)
        return { server, node: null, error: errorOf(known.failure) };
      try {
        return { server, node: await client.admin.status(server, { timeoutMs }), error: null };
      } catch (cause) {
        return { server, node: null, error: errorOf(cause) };
      }
    }),
  );
}

function errorOf(cause: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = cause instanceof SynodError ? cause : { code: "failed", message: String(cause) };
  return { code, message };
}

function addStatus(program: Command): void {
  const command = program
    .command("status")
    .description("Shows what each of the servers says of its node. Needs the role admin. Ends with 4 if none answers.");
  withSettings(command, REMOTE_SETTINGS).action(async (flags: RemoteFlags) => {
    const rows = await withCluster(new Given(flags, process.env), askAll);
    const leader = rows.find(({ node }) => node?.role === "leader")?.node?.id ?? null;
    makeOutput(flags).result({ leader, servers: rows }, () => statusTable(rows));
    const forbidden = rows.find(({ error }) => error?.code === "Forbidden" || error?.code === "Unauthorized");
    if (forbidden !== undefined) process.exitCode = 6;
    else if (rows.every(({ node }) => node === null)) process.exitCode = 4;
  });
}

function statusTable(rows: readonly Row[]): string {
  return table(
    ["server", "node", "role", "leader", "chosen", "applied", "epoch", "state"],
    rows.map(({ server, node, error }) => {
      if (node === null) return [server, "", "", "", "", "", "", pc.red(`${error?.code}: ${error?.message}`)];
      const { id, role, leader, chosenUpTo, applied, configuration, state, content, voting } = node;
      const shown = role === "leader" ? pc.green(role) : role;
      const notes = [state, ...(content ? [] : ["sees no leader"]), ...(voting ? [] : ["does not vote"])];
      return [
        server,
        String(id),
        shown,
        leader === null || !content ? "none" : String(leader),
        String(chosenUpTo),
        String(applied),
        String(configuration.epoch),
        notes.join(", "),
      ];
    }),
  );
}

function addHealth(program: Command): void {
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
    if (!report.healthy) process.exitCode = 3;
  });
}

/** A server that is there is connected by then. */
const CONNECT_MS = 2000;

async function waitForAll(
  client: Remote["client"],
  limitMs: number,
): Promise<{ readonly address: string; readonly reason: string }[]> {
  const signal = AbortSignal.timeout(limitMs);
  const missing = (): { address: string; reason: string }[] =>
    client
      .status()
      .servers.filter(({ connected }) => !connected)
      .map(({ address: at, failure }) => ({ address: at, reason: failure?.message ?? "not connected" }));
  const events = client.events({ signal });
  if (missing().length === 0) return [];
  for await (const _ of events) if (missing().length === 0) break;
  return missing();
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
    await delay(BEHIND_RETRY_MS);
  }
}

function addMember(program: Command): void {
  const member = program
    .command("member")
    .summary("list and change the members")
    .description(
      "The members of the cluster. Changes need the role admin and go one at a time; they end when the change is complete.",
    );
  const list = member.command("list").description("Lists the members, who leads, and how far each has come.");
  withSettings(list, REMOTE_SETTINGS).action(async (flags: RemoteFlags) => {
    const status = await withCluster(new Given(flags, process.env), leaderStatus);
    const { members, epoch } = status.configuration;
    const leads = status.role === "leader" && status.content;
    const rows = members.map(({ id, name, address: at, role, replaces }) => {
      const peer = status.peers.find((one) => one.id === id);
      const self = id === status.id;
      const heard = self || peer?.heard === true;
      return {
        id,
        name: name ?? null,
        address: at ?? null,
        role: role ?? "voter",
        // Who follows believes in the last leader for a while.
        leader: id === status.leader && heard && status.content,
        heard,
        // Only a leader knows it; all of the log where it has never heard of the member.
        lagSlots: leads ? (self ? 0 : ((peer as { lagSlots?: number } | undefined)?.lagSlots ?? null)) : null,
        replaces: replaces ?? null,
      };
    });
    const output = makeOutput(flags);
    output.result({ epoch, members: rows }, () =>
      table(
        ["id", "name", "address", "role", "heard", "lag"],
        rows.map((row) => [
          String(row.id),
          row.name ?? "",
          row.address ?? "",
          `${row.role}${row.leader ? ", leads" : ""}${row.replaces === null ? "" : `, replaces ${row.replaces}`}`,
          row.heard ? "yes" : pc.red("no"),
          row.lagSlots === null ? "?" : String(row.lagSlots),
        ]),
      ),
    );
    if (!leads) {
      const missing = status.content
        ? `the leader, node ${status.leader}, did not answer`
        : "no working leader answered";
      output.note(`${missing}; as node ${status.id} sees it: ${status.reason}`);
    }
  });
  addChange(
    member,
    "add <id> <address>",
    "Adds a member. It must run already, formatted with the founders of this cluster. It votes once it has caught up.",
    {
      learner: true,
      change: (id, { more: [at], name, learner, witness }) => {
        if (learner === true && witness === true)
          throw new CliError("usage", "--learner and --witness exclude each other");
        return {
          kind: "add",
          member: { id, address: addressOf(at), ...(name === undefined ? {} : { name }) },
          ...(learner === true ? { as: "learner" } : witness === true ? { as: "witness" } : {}),
        };
      },
    },
  );
  addChange(member, "remove <id>", "Removes a member. Its process may end once this command has.", {
    change: (id) => ({ kind: "remove", id }),
  });
  addChange(member, "promote <id>", "Makes a learner a voter, once it has caught up.", {
    change: (id) => ({ kind: "promote", id }),
  });
  addChange(
    member,
    "move <id> <address>",
    "Says where a member is reached from now on. It keeps its id and its disk; start it there.",
    { change: (id, { more: [at] }) => ({ kind: "setAddress", id, address: addressOf(at) }) },
  );
  addChange(
    member,
    "replace <id> <new-id> <address>",
    "Puts a new member in the place of one whose disk is lost. The new one must run already.",
    {
      change: (id, { more: [newId, at] }) => ({
        kind: "replace",
        id,
        with: { id: idOf(newId), address: addressOf(at) },
      }),
    },
  );
}

interface ChangeFlags extends RemoteFlags {
  readonly expectedEpoch?: number;
  readonly name?: string;
  readonly learner?: boolean;
  readonly witness?: boolean;
}

interface ChangeInput extends ChangeFlags {
  readonly more: readonly (string | undefined)[];
}

function addChange(
  member: Command,
  usage: string,
  description: string,
  given: { readonly learner?: boolean; readonly change: (id: number, input: ChangeInput) => MembershipChange },
): void {
  const command = member
    .command(usage)
    .description(description)
    .option("--expected-epoch <number>", "only if this is the newest configuration", whole(1));
  if (given.learner === true)
    command
      .option("--name <text>", "for people")
      .option("--learner", "it is never to vote by itself")
      .option("--witness", "it votes without the keys; it runs with start --witness");
  withSettings(command, REMOTE_SETTINGS).action(async (...args: unknown[]) => {
    const flags = args.at(-2) as ChangeFlags;
    const [id, ...more] = args.slice(0, -2) as string[];
    const change = given.change(idOf(id), { ...flags, more });
    const settings = new Given(flags, process.env);
    const timeoutMs = settings.get("timeout") ?? CHANGE_MS;
    const { epoch, members } = await withCluster(settings, async ({ client }) => {
      await waitForAll(client, CONNECT_MS);
      const { expectedEpoch } = flags;
      return changeOnceCaughtUp(client, change, timeoutMs, {
        note: (text) => makeOutput(flags).note(text),
        ...(expectedEpoch === undefined ? {} : { expectedEpoch }),
      });
    });
    makeOutput(flags).result(
      { epoch, members },
      () => `Complete. The members are ${members.map((one) => `${one.id} (${one.role ?? "voter"})`).join(", ")}.`,
    );
  });
}

/** A learner that was added a moment ago has fetched nothing yet: promoting it waits, as adding a voter does. */
async function changeOnceCaughtUp(
  client: Remote["client"],
  change: MembershipChange,
  timeoutMs: number,
  { note, ...options }: { readonly note: (text: string) => void; readonly expectedEpoch?: number },
): ReturnType<Remote["client"]["admin"]["changeMembership"]> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.admin.changeMembership(change, { timeoutMs: deadlineMs - performance.now(), ...options });
    } catch (error) {
      const isBehind = error instanceof SynodError && error.code === "LearnerBehind";
      // An attempt without time would end for the lack of it, and hide why the others failed.
      if (!isBehind || deadlineMs - performance.now() < BEHIND_RETRY_MS + ATTEMPT_MS) throw error;
      if (attempt === 1) note("It has not caught up yet: waiting for that.");
      await delay(BEHIND_RETRY_MS);
    }
  }
}

function idOf(value: string | undefined): number {
  const parsed = v.safeParse(nodeId, value);
  if (parsed.success) return parsed.output;
  throw new CliError("usage", `expected a node id, a whole number from 1, found ${JSON.stringify(value)}`);
}

function addressOf(value: string | undefined): string {
  const parsed = v.safeParse(address, value);
  if (parsed.success) return parsed.output;
  throw new CliError("usage", `expected host:port, found ${JSON.stringify(value)}`);
}

/** The leader knows most of the others. Whoever leads is asked where it can be; else any. */
async function leaderStatus(remote: Remote): Promise<RemoteNodeStatus> {
  const rows = await askAll(remote);
  const nodes = rows.flatMap(({ node }) => (node === null ? [] : [node]));
  // Who knows most: one that leads, one that hears a working leader, one that leads in vain.
  const status =
    nodes.find(({ role, content }) => role === "leader" && content) ??
    nodes.find(({ content }) => content) ??
    nodes.find(({ role }) => role === "leader") ??
    nodes[0];
  if (status !== undefined) return status;
  return remote.client.admin.status();
}

function addLeader(program: Command): void {
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
