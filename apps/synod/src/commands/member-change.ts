import { setTimeout as delay } from "node:timers/promises";
import { type MembershipChange, SynodError } from "@synod/interface";
import type { Command } from "commander";
import { CONNECT_MS, waitForAll } from "../all-servers.js";
import { CliError } from "../exit-codes.js";
import { addressOf, idOf, type RemoteFlags, whole } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput } from "../output.js";
import { REMOTE_SETTINGS, type Remote, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";

/** A change waits until a new member has fetched everything. */
const CHANGE_MS = 300_000;
/** How often a leader is asked whether a learner has caught up. */
const BEHIND_RETRY_MS = 200;
/** What is left for an attempt at least. */
const ATTEMPT_MS = 1_000;

export function addChanges(member: Command): void {
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

/** A command that changes the members, and ends when the change is complete. */
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
      if (attempt === 1) note("It does not answer, or has not caught up yet: waiting for that.");
      await delay(BEHIND_RETRY_MS);
    }
  }
}
