import { type Configuration, SynodError } from "@synod/interface";
import { fileStorage } from "@synod/storage-file";
import { type Command, InvalidArgumentError } from "commander";
import { CliError } from "../exit-codes.js";
import { Given } from "../given.js";
import { fields, makeOutput } from "../output.js";
import { SETTINGS, withSettings } from "../settings.js";
import { checkBlank, isFormatted } from "../store.js";
import { splitAddress } from "../values.js";

/** Slots that may be open at once: a founder's decision for good. */
const ALPHA = 1024;

interface InitFlags {
  readonly json?: boolean;
  readonly origin?: string;
}

const originFlag = (value: string): string => {
  if (!/^[0-9a-f]{32}$/.test(value))
    throw new InvalidArgumentError("expected the 32 hex digits that the restore printed");
  return value;
};

export function addInit(program: Command): void {
  const command = program
    .command("init")
    .summary("format the data directory of a node, once")
    .description(
      "Formats the data directory of a node: an explicit act, once in its life. The founders are the same for all nodes, and for good; " +
        "a node that is not among them joins later: start it, then `synod member add` at any node.\n\n" +
        "A cluster that was restored from a backup has an origin, which the restore prints and `synod dump` shows: who joins it later needs it.\n\n" +
        "A node that lost its disk is never formatted again under its id: it has forgotten its votes. Replace it: `synod member replace`.",
    )
    .option("--origin <mark>", "of a cluster that was restored from a backup", originFlag);
  withSettings(command, ["cluster", "id", "dataDir", "members", "lease", "leaseDrift"]).action(
    async (flags: InitFlags) => {
      const given = new Given(flags, process.env);
      const output = makeOutput(flags);
      const [clusterId, nodeId, directory] = [given.need("cluster"), given.need("id"), given.need("dataDir")];
      const blank = await foundersOf(given);
      const founders: Configuration = flags.origin === undefined ? blank : { ...blank, origin: flags.origin };
      // The storage itself takes an unused store of the same founders for a blank one, so that a start may be tried again.
      if (await isFormatted(directory)) {
        const text = `${directory} holds a store already, and is left as it is: \`synod start\` starts its node, \`synod dump\` shows what it holds`;
        throw new SynodError("AlreadyFormatted", text, { details: { directory } });
      }
      await checkBlank(directory);
      const isFounder = founders.members.some(({ id }) => id === nodeId);
      if (isFounder && flags.origin !== undefined) {
        const text = `node ${nodeId} is a founder: one of a restored cluster begins with the backup, see \`synod snapshot restore\``;
        throw new CliError("usage", text);
      }
      await using storage = fileStorage({ directory });
      const { identity } = await storage.open({ create: { clusterId, nodeId, founders } });
      if (founders.members.length === 2)
        output.note("Two founders tolerate no failure: each one alone stops both. Three are the usual number.");
      const { lease } = founders;
      const next = nextSteps(nodeId, isFounder, directory, portsText(given, founders, nodeId));
      const made = {
        cluster: clusterId,
        id: nodeId,
        dataDir: directory,
        storeId: identity.storeId,
        founder: isFounder,
      };
      output.result({ ...made, members: founders.members, lease: lease ?? null, next }, () =>
        [
          `Formatted ${directory}.`,
          fields([
            ["cluster", clusterId],
            ["node", `${nodeId}${isFounder ? ", a founder" : ", joins later"}`],
            ["store", identity.storeId],
            ...(lease === undefined
              ? []
              : [["lease", `${lease.durationMs} ms, clocks within ${lease.driftPercent} %`] as const]),
            ["founders", founders.members.map(({ id, address }) => `${id}=${address}`).join(", ")],
          ]),
          "",
          "Next:",
          ...next.map((step) => `  ${step}`),
        ].join("\n"),
      );
    },
  );
}

/** In the order of their ids, so that all nodes are formatted alike. @throws SynodError `InvalidConfiguration` */
export async function foundersOf(given: Given): Promise<Configuration> {
  const members = [...given.need("members")].sort((a, b) => a.id - b.id);
  const [durationMs, driftPercent] = [given.get("lease"), given.get("leaseDrift")];
  if (durationMs === undefined && driftPercent !== undefined) {
    throw new CliError("usage", "--lease-drift says how far clocks can be trusted for a lease: give --lease too");
  }
  const lease = durationMs === undefined ? {} : { lease: { durationMs, driftPercent: driftPercent ?? 1 } };
  const founders: Configuration = { epoch: 1, members, alpha: ALPHA, quorum: { kind: "majority" }, ...lease };
  const { checkConfiguration } = await import("@synod/multipaxos");
  checkConfiguration(founders);
  return founders;
}

function nextSteps(id: number, isFounder: boolean, directory: string, ports: string): string[] {
  const start = `synod start --data-dir ${directory}`;
  if (isFounder) return [`${start}${ports}    (on each founder; a majority of them makes the cluster)`];
  return [`${start} --address HOST:PORT${ports}`, `synod member add ${id} HOST:PORT    (at any node that is running)`];
}

/** Two nodes of one machine cannot both have the ports that `start` takes by itself. */
function portsText(given: Given, { members }: Configuration, id: number): string {
  const hostOf = (address = ""): string => splitAddress(address)?.host ?? "";
  const own = hostOf(members.find((member) => member.id === id)?.address);
  const shared = members.some((member) => member.id !== id && hostOf(member.address) === own);
  if (!shared) return "";
  return (["clientListen", "httpListen"] as const)
    .filter((name) => given.get(name) === undefined)
    .map((name) => ` ${SETTINGS[name].flag.replace(/ .*/, "")} ${own.includes(":") ? `[${own}]` : own}:PORT`)
    .join("");
}
