import { diagram, type Reduction, type Report, shrink, simulate, type TraceEvent } from "@synod/simulator";
import { type Batch, batches, type BatchResult, runBatch } from "./batches.js";
import type { Options } from "./options.js";
import { type Outcome, type ProfileName, runOne, wholeNode } from "./tasks.js";

export interface Host {
  /** One line. */
  print(line: string): void;
  /** A line that the next one replaces, where that is possible. */
  progress(line: string): void;
  write(file: string, text: string): void;
  /** Real milliseconds, for the speed alone. */
  now(): number;
  /** Runs batches on several threads; see `onThreads`. */
  threads(threads: number, work: Iterator<Batch>, onResult: (result: BatchResult) => boolean): Promise<void>;
}

const quoted = (reduction: Reduction): string =>
  Object.keys(reduction).length === 0 ? "" : ` --reduce '${JSON.stringify(reduction)}'`;

export function describeFailure({ seed, profile, failure }: Outcome, reduction: Reduction = {}): string[] {
  if (failure === null) return [];
  return [
    `FAILED: seed ${seed}, profile ${profile}, at ${failure.atMs.toFixed(3)} ms of virtual time`,
    `invariant: ${failure.invariant}`,
    ...failure.message.split("\n").map((line) => `  ${line}`),
    `again: npm run sim -- --profile ${profile} --seed ${seed}${quoted(reduction)} --trace trace.txt`,
    "to see it drawn: the same with --trace trace.json; npm run playground opens that file",
  ];
}

function describeOne({ seed, profile, traceHash, nodes, virtualMs, slotsChosen }: Outcome): string[] {
  return [
    `seed ${seed}, profile ${profile}: ${nodes.length} nodes, ${(virtualMs / 1000).toFixed(1)} s of virtual time, ${slotsChosen} slots chosen`,
    `trace hash ${traceHash}`,
  ];
}

/** The documented form of a trace: see README.md. */
export function traceFile(file: string, report: Outcome, events: readonly TraceEvent[]): string {
  if (file.endsWith(".txt")) return `${diagram(events, report.nodes).join("\n")}\n`;
  return `${JSON.stringify({ version: 1, report, events }, null, 1)}\n`;
}

/** One run, told by `tell`, then its trace if that is wanted. */
async function runTraced(
  { start: seed, trace, reduce }: Options,
  profile: ProfileName,
  host: Host,
  tell: (outcome: Outcome) => void,
): Promise<Outcome> {
  const events: TraceEvent[] = [];
  const tracing = trace === null ? {} : { trace: (event: TraceEvent) => void events.push(event) };
  const outcome = await runOne(seed, profile, { ...tracing, reduce });
  tell(outcome);
  if (trace === null) return outcome;
  host.write(trace, traceFile(trace, outcome, events));
  host.print(`trace written to ${trace}`);
  return outcome;
}

async function runSingle(options: Options, profile: ProfileName, host: Host): Promise<number> {
  const outcome = await runTraced(options, profile, host, (told) => {
    for (const line of [...describeOne(told), ...describeFailure(told, options.reduce)]) host.print(line);
  });
  if (outcome.failure === null) host.print("no failure");
  return outcome.failure === null ? 0 : 1;
}

/** The smallest run that fails like this one. */
async function runShrink(options: Options, profile: ProfileName, host: Host): Promise<number> {
  const seed = options.start;
  if (profile.startsWith("core-")) {
    host.print("Runs of the bare core are not shrunk: they are short as they are.");
    return 2;
  }
  let runs = 0;
  const run = (reduce: Reduction): Promise<Report> => {
    host.progress(`${++runs} runs so far`);
    return simulate({ seed, profile: profile as Report["profile"], ...wholeNode(), reduce });
  };
  const shrunk = await shrink(run);
  if (shrunk === null) {
    host.print(`seed ${seed}, profile ${profile} does not fail`);
    return 0;
  }
  const { reduction, report } = shrunk;
  host.print(
    `${shrunk.runs} runs; ${shrunk.strikes} faults, ${report.clients} clients and ${report.events} events are left`,
  );
  for (const line of describeFailure(report, reduction)) host.print(line);
  if (options.trace !== null) await runTraced({ ...options, reduce: reduction }, profile, host, () => undefined);
  return 1;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

async function runMany(options: Options, host: Host): Promise<number> {
  const { seeds, start, profiles, jobs } = options;
  const sometimes = new Map<string, number>();
  const startedMs = host.now();
  const total = seeds * profiles.length;
  let done = 0;
  let failed: Outcome | null = null;
  const onResult = (result: BatchResult): boolean => {
    done += result.runs;
    for (const [name, count] of Object.entries(result.sometimes)) {
      sometimes.set(name, (sometimes.get(name) ?? 0) + count);
    }
    failed ??= result.failed;
    host.progress(bar(done, total, done / Math.max(0.001, (host.now() - startedMs) / 1000)));
    return failed === null;
  };
  const work = batches(seeds, start, profiles);
  if (jobs > 1) await host.threads(jobs, work, onResult);
  else for (const batch of work) if (!onResult(await runBatch(batch))) break;
  if (failed !== null) {
    for (const line of describeFailure(failed)) host.print(line);
    return 1;
  }
  host.print("How often rare paths were taken:");
  for (const [name, count] of [...sometimes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    host.print(`${String(count).padStart(9)}  ${name}`);
  }
  const seconds = (host.now() - startedMs) / 1000;
  const what = `${counted(seeds, "seed")} in ${counted(profiles.length, "profile")}`;
  host.print(
    `${what}: ${counted(done, "run")} without a failure in ${seconds.toFixed(1)} s, ${(done / seconds).toFixed(1)} a second`,
  );
  return 0;
}

/** Does what the command line asks for; stops at the first failure. Returns the exit code. */
export function runAll(options: Options, host: Host): Promise<number> {
  const [profile] = options.profiles;
  if (options.profiles.length !== 1 || options.seeds !== 1 || profile === undefined) return runMany(options, host);
  return options.shrink ? runShrink(options, profile, host) : runSingle(options, profile, host);
}

const WIDTH = 30;

function bar(done: number, total: number, perSecond: number): string {
  const full = Math.floor((done / total) * WIDTH);
  return `[${"#".repeat(full)}${".".repeat(WIDTH - full)}] ${done} of ${total} runs, ${perSecond.toFixed(1)} a second`;
}
