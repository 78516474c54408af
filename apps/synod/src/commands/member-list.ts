import type { RemoteNodeStatus } from "@synod/client";
import type { Command } from "commander";
import pc from "picocolors";
import { leaderStatus, troubles } from "../all-servers.js";
import type { RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput, table } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";

export function addList(member: Command): void {
  const list = member.command("list").description("Lists the members, who leads, and how far each has come.");
  withSettings(list, REMOTE_SETTINGS).action(async (flags: RemoteFlags) => {
    const status = await withCluster(new Given(flags, process.env), leaderStatus, { needsLeader: false });
    const output = makeOutput(flags);
    const rows = rowsOf(status);
    output.result({ epoch: status.configuration.epoch, members: rows }, () => memberTable(rows));
    // Of the node that was asked: why it sees no leader follows.
    for (const line of troubles([{ ...status, content: true }])) output.note(line);
    if (leads(status)) return;
    const isElsewhere = status.content && status.leader !== null;
    const missing = isElsewhere
      ? `no server of the leader, node ${status.leader}, answered`
      : "no working leader answered";
    output.note(`${missing}; as node ${status.id} sees it: ${status.reason}`);
  });
}

const leads = ({ role, content }: RemoteNodeStatus): boolean => role === "leader" && content;

interface MemberRow {
  readonly id: number;
  readonly name: string | null;
  readonly address: string | null;
  readonly role: string;
  readonly leader: boolean;
  readonly heard: boolean;
  /** Only a leader knows it; all of the log where it has never heard of the member. */
  readonly lagSlots: number | null;
  readonly replaces: number | null;
}

function rowsOf(status: RemoteNodeStatus): MemberRow[] {
  return status.configuration.members.map(({ id, name, address, role, replaces }) => {
    const peer = status.peers.find((one) => one.id === id);
    const self = id === status.id;
    const heard = self || peer?.heard === true;
    return {
      id,
      name: name ?? null,
      address: address ?? null,
      role: role ?? "voter",
      // Who follows believes in the last leader for a while.
      leader: id === status.leader && heard && status.content,
      heard,
      lagSlots: leads(status) ? (self ? 0 : (peer?.lagSlots ?? null)) : null,
      replaces: replaces ?? null,
    };
  });
}

function memberTable(rows: readonly MemberRow[]): string {
  return table(
    ["id", "name", "address", "role", "heard", "lag"],
    rows.map((row) => [
      String(row.id),
      row.name ?? "",
      row.address ?? "",
      `${row.role}${row.leader ? ", leads" : ""}${row.replaces === null ? "" : `, replaces ${row.replaces}`}`,
      row.heard ? "yes" : pc.red("no"),
      row.lagSlots === null ? "?" : String(row.lagSlots),
    ]),
  );
}
