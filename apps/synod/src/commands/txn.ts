import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import type { OperationResult, Transaction } from "@synod/coordination";
import type { Command } from "commander";
import * as v from "valibot";
import { parseYaml } from "../config-file.js";
import { CliError, endWith } from "../exit-codes.js";
import type { RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { complaints, text } from "../values.js";
import { shownEntry } from "../values-shown.js";
import { keysOf, standardInput } from "./kv.js";

const comparison = v.picklist(["=", "!=", "<", ">"], "expected =, !=, < or >");
const count = v.pipe(
  v.number("expected a whole number"),
  v.safeInteger("expected a whole number"),
  v.minValue(0, "expected a whole number"),
);
const bytes = v.pipe(
  v.string("expected a text (in quotes, where it looks like something else)"),
  v.transform((value): Uint8Array => Buffer.from(value)),
);

const ofNumber = v.strictObject({
  key: text,
  field: v.picklist(["revision", "createRevision", "version"], "expected revision, createRevision, version or value"),
  is: comparison,
  to: count,
});
const ofValue = v.strictObject({
  key: text,
  field: v.literal("value"),
  is: v.picklist(["=", "!="], "expected = or != for a value"),
  to: bytes,
});
const ofLock = v.strictObject({ held: text, fencingToken: count });
const noCondition = v.never(
  "expected { key, field: revision|createRevision|version|value, is: =|!=|<|>, to } or { held, fencingToken }",
);

const put = v.strictObject({ put: text, value: bytes });
const del = v.strictObject({ delete: text });
const get = v.strictObject({ get: text });
const prefix = v.strictObject({ prefix: v.string("expected a text") });
const noStep = v.never("expected { put, value }, { delete }, { get } or { prefix }");

/** By what it says that it is, so that what is wrong with it is said of that: a union of all says of none. */
const condition = v.lazy((given) => {
  if (has(given, "held")) return ofLock;
  if (!has(given, "key")) return noCondition;
  return has(given, "field") && given.field === "value" ? ofValue : ofNumber;
});
const step = v.lazy((given) => {
  if (has(given, "put")) return put;
  if (has(given, "delete")) return del;
  if (has(given, "get")) return get;
  return has(given, "prefix") ? prefix : noStep;
});

const has = <Name extends string>(given: unknown, name: Name): given is Readonly<Record<Name, unknown>> =>
  typeof given === "object" && given !== null && Object.hasOwn(given, name);

const transaction = v.strictObject(
  {
    if: v.optional(v.array(condition, "expected a list"), []),
    do: v.optional(v.array(step, "expected a list"), []),
    else: v.optional(v.array(step, "expected a list"), []),
  },
  "expected { if, do, else }",
);

type Step = v.InferOutput<typeof step>;
type TransactionStep = NonNullable<Transaction<Uint8Array>["do"]>[number];

export function addTransaction(program: Command): void {
  const command = program
    .command("txn [file]")
    .summary("several changes, all or none, if conditions hold")
    .description(
      "Executes a transaction that is written as YAML or JSON, in a file or on standard input: `if` a list of conditions, `do` what is done where all hold, `else` what is " +
        "done otherwise. Ends with 0 where `do` was executed, with 3 where `else` was.\n\n" +
        "  if: [{ key: stock/7, field: value, is: '=', to: '1' }]\n  do: [{ put: stock/7, value: '0' }, { delete: offer/7 }]\n  else: [{ get: stock/7 }]",
    );
  withSettings(command, REMOTE_SETTINGS).action(async (file: string | undefined, flags: RemoteFlags) => {
    const output = makeOutput(flags);
    const parsed = parseTransaction(await contentOf(file), file ?? "standard input");
    const { succeeded, revision, results } = await withCluster(new Given(flags, process.env), (remote) =>
      keysOf(remote).transaction(parsed),
    );
    output.result({ succeeded, revision, results: results.map(shownResult) }, () =>
      [succeeded ? "do" : "else", ...results.map((result) => JSON.stringify(shownResult(result)))].join("\n"),
    );
    if (!succeeded) endWith("no");
  });
}

async function contentOf(file: string | undefined): Promise<string> {
  const content =
    file === undefined
      ? await standardInput()
      : await readFile(file).catch((cause: unknown) => {
          throw new CliError("usage", `cannot read the transaction: ${(cause as Error).message}`, { cause });
        });
  // Else something other than what is written there would be put.
  if (!isUtf8(content)) throw new CliError("usage", `${file ?? "standard input"}: it is not UTF-8`);
  return content.toString();
}

/** @throws CliError that names the place in the text */
export function parseTransaction(content: string, at: string): Transaction<Uint8Array> {
  const parsed = v.safeParse(transaction, parseYaml(content, at));
  if (!parsed.success)
    throw new CliError(
      "usage",
      complaints(parsed.issues, "")
        .map((one) => `${at}: ${one}`)
        .join("\n"),
    );
  const { if: conditions, do: steps, else: otherwise } = parsed.output;
  return { if: conditions, do: steps.map(operationOf), else: otherwise.map(operationOf) };
}

function operationOf(given: Step): TransactionStep {
  if ("put" in given) return { kind: "put", key: given.put, value: given.value };
  if ("delete" in given) return { kind: "delete", key: given.delete };
  return { kind: "range", keys: "get" in given ? { key: given.get } : { prefix: given.prefix } };
}

function shownResult(result: OperationResult): unknown {
  return result.kind === "range" ? { ...result, entries: result.entries.map(shownEntry) } : result;
}
