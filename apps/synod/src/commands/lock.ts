import type { Lock } from "@synod/coordination";
import { SynodError } from "@synod/interface";
import { type Command, InvalidArgumentError, Option } from "commander";
import { runChild } from "../child.js";
import { CliError } from "../exit-codes.js";
import type { RemoteFlags } from "../flags.js";
import { Given } from "../given.js";
import { holdersOf, noteWaiting } from "../holders.js";
import { makeOutput, type Output } from "../output.js";
import { REMOTE_SETTINGS, type Remote, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { durationFlag, timedFlag, TTL_MIN_MS } from "../values.js";
import { onLine } from "../values-shown.js";

const TTL_MS = 10_000;
const KILL_AFTER_MS = 5_000;

const ttlFlag = (value: string): number => {
  const ttlMs = durationFlag(value);
  if (ttlMs < TTL_MIN_MS) throw new InvalidArgumentError(`--ttl is at least ${TTL_MIN_MS}ms`);
  return ttlMs;
};

interface HoldFlags extends RemoteFlags {
  readonly ttl: number;
  readonly wait?: number;
  readonly killAfter: number;
  readonly onLoss: "kill" | "warn";
}

export function addLock(program: Command): void {
  const lock = program
    .command("lock <name> [command...]")
    .usage("[options] <name> -- <command...>")
    .summary("run a command while holding a lock")
    .description(
      "Waits for the lock, runs the command while holding it, and ends with the exit code of the command. The environment of the command has SYNOD_LOCK, its name, and " +
        "SYNOD_FENCING_TOKEN, a number that grows from holder to holder: pass it on to what the lock protects. If the lock is lost the command gets SIGTERM, then SIGKILL, and this " +
        "ends with 121. If it was never got the command is not run and this ends with 120.\n\nWithout a command it holds the lock until SIGINT or SIGTERM.",
    )
    .option("--try", "do not wait: end with 120 if it is not free")
    .option("--show", "print who holds it now and how many wait; ends with 3 if nobody holds it");
  withSettings(holdFlags(lock), REMOTE_SETTINGS).action(
    (
      name: string,
      command: readonly string[],
      flags: HoldFlags & { readonly try?: boolean; readonly show?: boolean },
    ) => {
      if (flags.show === true) return showLock(name, command, flags);
      const what = { variable: "SYNOD_LOCK", name, text: `the lock ${shortly(name)}`, resource: `lock/${name}` };
      return hold(flags, command, what, async ({ coordination, timeoutMs }, signal) => {
        const { ttl: ttlMs, wait: waitMs } = flags;
        if (flags.try !== true)
          return coordination.locks.acquire(name, { ttlMs, signal, ...(waitMs === undefined ? {} : { waitMs }) });
        const got = await coordination.locks.tryAcquire(name, { ttlMs, signal, waitMs: timeoutMs });
        if (got === null) throw new CliError("notAcquired", `the lock ${shortly(name)} is held by somebody else`);
        return got;
      });
    },
  );
}

export function addElect(program: Command): void {
  const elect = program
    .command("elect <name> [command...]")
    .usage("[options] <name> -- <command...>")
    .summary("run a command while elected, or see who is")
    .description(
      "Campaigns, runs the command while it leads, and ends with the exit code of the command; see `lock` for what it finds in its environment (SYNOD_ELECTION in place of SYNOD_LOCK) " +
        "and for what happens when the leadership is lost. Without a command it leads until SIGINT or SIGTERM. With --observe prints who leads, and every change.",
    )
    .option("--value <text>", "what observers are told of this candidate", "")
    .option("--observe", "print who leads, one line for each change, until SIGINT")
    .option("--show", "print who leads now; ends with 3 if nobody does");
  withSettings(holdFlags(elect), REMOTE_SETTINGS).action(
    async (
      name: string,
      command: readonly string[],
      flags: HoldFlags & { readonly value: string; readonly observe?: boolean; readonly show?: boolean },
    ) => {
      if (flags.observe === true) return observe(name, command, flags);
      if (flags.show === true) return show(name, command, flags);
      const { ttl: ttlMs, wait: waitMs, value } = flags;
      const text = `its turn in the election ${shortly(name)}`;
      const what = { variable: "SYNOD_ELECTION", name, text, resource: `election/${name}` };
      await hold(flags, command, what, ({ coordination }, signal) =>
        coordination.elections.campaign(name, { ttlMs, value, signal, ...(waitMs === undefined ? {} : { waitMs }) }),
      );
    },
  );
}

function holdFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--ttl <duration>", "how long it is held without a sign of life")
        .argParser(ttlFlag)
        .default(TTL_MS, "10s"),
    )
    .option("--wait <duration>", "how long to wait for it; without it, until it comes", durationFlag)
    .addOption(
      new Option("--kill-after <duration>", "between SIGTERM and SIGKILL once it is lost")
        .argParser(timedFlag)
        .default(KILL_AFTER_MS, "5s"),
    )
    .addOption(
      new Option("--on-loss <what>", "end the command once it is lost, or only warn and let it go on")
        .choices(["kill", "warn"])
        .default("kill"),
    );
}

async function hold(
  flags: HoldFlags,
  command: readonly string[],
  what: { readonly variable: string; readonly name: string; readonly text: string; readonly resource: string },
  acquire: (remote: Remote, signal: AbortSignal) => Promise<Lock>,
): Promise<void> {
  const output = makeOutput(flags);
  const asked = askedToEnd();
  let held: Lock | undefined;
  try {
    const work = async (remote: Remote): Promise<number> => {
      const waitingEnds = noteWaiting(remote, what.text, what.resource, output);
      held = await acquire(remote, asked.signal).finally(waitingEnds);
      await using lock = held;
      const { fencingToken } = lock;
      if (command.length === 0) return await untilEnd(lock, what.name, asked.signal, output);
      asked.stop();
      const env = { [what.variable]: what.name, SYNOD_FENCING_TOKEN: String(fencingToken) };
      const ended = await runChild({
        command,
        env,
        lost: lock.signal,
        held: () => lock.held,
        killAfterMs: flags.killAfter,
        onLoss: flags.onLoss,
      });
      // Lost while it ran, even if it has ended meanwhile by itself: that must not look like success.
      lock.assertHeld();
      return ended;
    };
    process.exitCode = await withCluster(new Given(flags, process.env), work, asked);
  } catch (cause) {
    // Before it was held, whatever went wrong means that nothing was run.
    if (held === undefined && cause instanceof SynodError && cause.code !== "LockNotAcquired") {
      throw new CliError("notAcquired", `${cause.code}: ${cause.message}`, { cause });
    }
    throw cause;
  } finally {
    asked.stop();
  }
}

/** Aborts with the first SIGINT or SIGTERM, until `stop`. */
function askedToEnd(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, end);
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, end);
    },
  };
}

async function untilEnd(lock: Lock, name: string, end: AbortSignal, output: Output): Promise<number> {
  output.result({ name, fencingToken: lock.fencingToken }, () => `holds ${name}, fencing token ${lock.fencingToken}`);
  output.note("no command was given: held until Ctrl-C or SIGTERM");
  await new Promise<void>((resolve) => {
    for (const signal of [lock.signal, end]) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
  lock.assertHeld();
  return 0;
}

async function observe(
  name: string,
  command: readonly string[],
  flags: RemoteFlags & { readonly show?: boolean },
): Promise<void> {
  refuseCommand(command, "--observe");
  if (flags.show === true) throw new CliError("usage", "give --observe or --show, not both");
  const output = makeOutput(flags);
  const asked = askedToEnd();
  const work = async ({ coordination }: Remote): Promise<void> => {
    for await (const leader of coordination.elections.observe(name, { signal: asked.signal })) {
      output.result({ name, leader }, () =>
        leader === null ? "nobody" : `${onLine(leader.value)} (fencing token ${leader.fencingToken})`,
      );
    }
  };
  try {
    await withCluster(new Given(flags, process.env), work, asked);
  } catch (cause) {
    // There was no server until then.
    if (!asked.signal.aborted) throw cause;
  }
}

/** @throws CliError */
function refuseCommand(command: readonly string[], flag: "--show" | "--observe"): void {
  if (command.length > 0) throw new CliError("usage", `${flag} only prints: leave out the command, or ${flag}`);
}

async function showLock(name: string, command: readonly string[], flags: RemoteFlags): Promise<void> {
  refuseCommand(command, "--show");
  const found = await withCluster(new Given(flags, process.env), (remote) => holdersOf(remote, `lock/${name}`));
  if (found.holders.length === 0) throw new CliError("no", `nobody holds ${shortly(name)}`);
  makeOutput(flags).result({ name, ...found }, () => {
    const lines = found.holders.map(
      ({ lease, fencingToken, leftMs }) =>
        `held: fencing token ${fencingToken}, lease ${lease}, ${Math.round(leftMs / 1_000)} s left`,
    );
    return [...lines, found.waiting === 1 ? "1 waits" : `${found.waiting} wait`].join("\n");
  });
}

async function show(name: string, command: readonly string[], flags: RemoteFlags): Promise<void> {
  refuseCommand(command, "--show");
  const leader = await withCluster(new Given(flags, process.env), ({ coordination }) =>
    coordination.elections.leader(name),
  );
  if (leader === null) throw new CliError("no", `nobody leads ${shortly(name)}`);
  makeOutput(flags).result({ name, leader }, () => leader.value);
}

const SHOWN = 60;

/** A name in a text: whoever gave one of a thousand characters need not read it all again. */
function shortly(name: string): string {
  return JSON.stringify(name.length > SHOWN ? `${name.slice(0, SHOWN)}...` : name);
}
