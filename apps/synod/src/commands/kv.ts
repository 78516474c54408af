import type { KeySelector, KeyValue } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import type { Command } from "commander";
import { CliError } from "../exit-codes.js";
import { type RemoteFlags, whole } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput, table } from "../output.js";
import { REMOTE_SETTINGS, type Remote, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { lineOf, onLine, shownEntry, shownEvent } from "../values-shown.js";

export const keysOf = ({ coordination }: Remote): KeyValue<Uint8Array> => coordination.kv;

export function addKeyValue(program: Command): void {
  addGet(program);
  addPut(program);
  addDelete(program);
  addRange(program);
  addWatch(program);
}

function addGet(program: Command): void {
  const command = program
    .command("get <key>")
    .description(
      "Prints the value of a key; ends with 3 if there is none. Linearizable: sees every write that was acknowledged before.",
    )
    .option("--revision <number>", "as it was at this revision", whole(1))
    .option("--raw", "the bytes of the value and nothing else, no line break at the end");
  withSettings(command, REMOTE_SETTINGS).action(
    async (key: string, flags: RemoteFlags & { readonly revision?: number; readonly raw?: boolean }) => {
      const output = makeOutput(flags);
      const { revision } = flags;
      const entry = await withCluster(new Given(flags, process.env), (remote) =>
        keysOf(remote).get(key, revision === undefined ? {} : { revision }),
      );
      if (entry === null) throw new CliError("no", `there is no key ${JSON.stringify(key)}`);
      if (output.json) return output.result(shownEntry(entry), () => "");
      process.stdout.write(entry.value);
      if (flags.raw !== true) process.stdout.write("\n");
    },
  );
}

interface PutFlags extends RemoteFlags {
  readonly ifRevision?: number;
  readonly ifAbsent?: boolean;
  readonly lease?: string;
}

function addPut(program: Command): void {
  const command = program
    .command("put <key> [value]")
    .description(
      "Sets a key. Without a value it is read from standard input. Prints the revision; with a condition that does not hold ends with 3.",
    )
    .option("--if-revision <number>", "only if this is the revision of the key", whole(1))
    .option("--if-absent", "only if there is no such key")
    .option("--lease <id>", "the key ends with this lease");
  withSettings(command, REMOTE_SETTINGS).action(async (key: string, text: string | undefined, flags: PutFlags) => {
    const output = makeOutput(flags);
    const expected = flags.ifAbsent === true ? 0 : flags.ifRevision;
    if (flags.ifAbsent === true && flags.ifRevision !== undefined)
      throw new CliError("usage", "give --if-absent or --if-revision, not both");
    const value = text === undefined ? await standardInput() : Buffer.from(text);
    const options = flags.lease === undefined ? {} : { lease: { id: flags.lease } };
    const work = async (remote: Remote): Promise<void> => {
      const kv = keysOf(remote);
      if (expected === undefined) {
        const { revision } = await kv.put(key, value, options);
        return output.result({ key, done: true, revision }, () => String(revision));
      }
      const { done, keyRevision } = await kv.compareAndSet(key, expected, value, options);
      if (!done) throw new CliError("no", `nothing was changed: ${JSON.stringify(key)} ${stands(keyRevision)}`);
      output.result({ key, done, revision: keyRevision }, () => String(keyRevision));
    };
    await withCluster(new Given(flags, process.env), work).catch((cause: unknown) => {
      // Nobody held anything: under `synod lock` its code would be taken for the loss of the lock.
      if (!(cause instanceof SynodError && cause.code === "LeaseLost")) throw cause;
      throw new CliError("no", `nothing was changed: there is no lease ${flags.lease}`, { cause });
    });
  });
}

const stands = (revision: number): string => (revision === 0 ? "is not there" : `has revision ${revision}`);

export async function standardInput(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Where `@synod/coordination` keeps which jobs ran. */
const RESERVED = "synod/";

function addDelete(program: Command): void {
  const command = program
    .command("del [key]")
    .description("Deletes a key, or all keys with a prefix, and prints how many there were.")
    .option("--prefix <text>", "all keys that begin with this")
    .option(
      "--reserved",
      "with a prefix that takes in synod/: also what is kept there, so that jobs that ran may run again",
    )
    .option("--if-revision <number>", "only if this is the revision of the key", whole(1));
  withSettings(command, REMOTE_SETTINGS).action(
    async (
      key: string | undefined,
      flags: RemoteFlags & { readonly prefix?: string; readonly reserved?: boolean; readonly ifRevision?: number },
    ) => {
      const output = makeOutput(flags);
      const { prefix, ifRevision } = flags;
      if ((key === undefined) === (prefix === undefined)) throw new CliError("usage", "give a key or --prefix");
      if (prefix !== undefined && RESERVED.startsWith(prefix) && flags.reserved !== true) {
        const text = `this would also delete what is kept under ${RESERVED}, by which jobs that ran are known: give --reserved if that is meant`;
        throw new CliError("usage", text);
      }
      await withCluster(new Given(flags, process.env), async (remote) => {
        const kv = keysOf(remote);
        if (key === undefined) {
          const { count } = await kv.deleteAll({ prefix: prefix ?? "" });
          return output.result({ deleted: count }, () => String(count));
        }
        const { done, keyRevision } = await kv.delete(key, ifRevision === undefined ? {} : { ifRevision });
        if (!done && ifRevision !== undefined)
          throw new CliError("no", `nothing was deleted: ${JSON.stringify(key)} ${stands(keyRevision)}`);
        output.result({ deleted: done ? 1 : 0 }, () => (done ? "1" : "0"));
      });
    },
  );
}

interface RangeFlags extends RemoteFlags {
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly revision?: number;
  readonly reverse?: boolean;
}

function addRange(program: Command): void {
  const command = program
    .command("range [prefix]")
    .description("Lists keys with their values: those that begin with a prefix, those from one up to another, or all.")
    .option("--from <key>", "the first key")
    .option("--to <key>", "up to, but without, this key")
    .option("--limit <count>", "entries at most", whole(1))
    .option("--revision <number>", "as it was at this revision", whole(1))
    .option("--reverse", "from the last key down");
  withSettings(command, REMOTE_SETTINGS).action(async (prefix: string | undefined, flags: RangeFlags) => {
    const output = makeOutput(flags);
    const { from, to, limit, revision, reverse } = flags;
    if (prefix !== undefined && (from !== undefined || to !== undefined))
      throw new CliError("usage", "give a prefix or --from and --to");
    const keys: KeySelector =
      prefix === undefined ? { from: from ?? "", ...(to === undefined ? {} : { to }) } : { prefix };
    const page = await withCluster(new Given(flags, process.env), (remote) =>
      keysOf(remote).range(keys, {
        ...(limit === undefined ? {} : { limit }),
        ...(revision === undefined ? {} : { revision }),
        ...(reverse === undefined ? {} : { reverse }),
      }),
    );
    output.result({ revision: page.revision, more: page.more, entries: page.entries.map(shownEntry) }, () => {
      if (page.entries.length === 0) return "";
      return table(
        ["key", "value", "revision"],
        page.entries.map(({ key, value, revision: at }) => [onLine(key), lineOf(value), String(at)]),
      );
    });
    if (page.more) output.note(`There are more: --limit and ${reverse === true ? "--to" : "--from"} choose others.`);
  });
}

interface WatchFlags extends RemoteFlags {
  readonly prefix?: string;
  readonly from?: number;
  readonly count?: number;
}

function addWatch(program: Command): void {
  const command = program
    .command("watch [key]")
    .description(
      "Prints changes of a key, or of all keys with a prefix, as they happen; one line each. Goes on where it was after a lost connection.",
    )
    .option("--prefix <text>", "all keys that begin with this")
    .option("--from <revision>", "the first revision to tell of; otherwise what happens from now on", whole(1))
    .option("--count <number>", "end after so many changes", whole(1));
  withSettings(command, REMOTE_SETTINGS).action(async (key: string | undefined, flags: WatchFlags) => {
    const output = makeOutput(flags);
    const { prefix, from, count } = flags;
    if ((key === undefined) === (prefix === undefined)) throw new CliError("usage", "give a key or --prefix");
    const keys: KeySelector = key === undefined ? { prefix: prefix ?? "" } : { key };
    await withCluster(new Given(flags, process.env), async (remote) => {
      const kv = keysOf(remote);
      const start = from ?? (await remote.coordination.status()).revision + 1;
      // Until here a signal ends the process at once.
      const ended = new AbortController();
      for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => ended.abort());
      output.note(`watching from revision ${start}`);
      let left = count ?? Number.POSITIVE_INFINITY;
      for await (const { events } of kv.watch(keys, { from: start, signal: ended.signal })) {
        for (const event of events) {
          output.result(shownEvent(event), () =>
            event.kind === "put" ? `put ${onLine(event.key)} ${lineOf(event.value)}` : `delete ${onLine(event.key)}`,
          );
          if (--left === 0) return;
        }
      }
    });
  });
}
