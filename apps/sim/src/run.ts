import { messageCodec } from "@synod/codec-msgpack";
import { diagram, keyValueWorkload, type Profile, type Report, simulate, type TraceEvent } from "@synod/simulator";
import { fileStorage } from "@synod/storage-file";
import type { Options } from "./options.js";

export interface Host {
  /** One line. */
  print(line: string): void;
  /** A line that the next one replaces, where that is possible. */
  progress(line: string): void;
  write(file: string, text: string): void;
  /** Real milliseconds, for the speed alone. */
  now(): number;
}

/** The production node, codec and write-ahead log, under the built-in workload. */
function runOne(seed: number, profile: Profile, trace?: (event: TraceEvent) => void): Promise<Report> {
  return simulate({
    seed,
    profile,
    workload: keyValueWorkload(),
    storage: ({ directory, fileSystem, random, segmentBytes }) =>
      fileStorage({ directory, fileSystem, random, segmentBytes }),
    codec: messageCodec(),
    ...(trace === undefined ? {} : { trace }),
  });
}

export function describeFailure({ seed, profile, failure }: Report): string[] {
  if (failure === null) return [];
  return [
    `FAILED: seed ${seed}, profile ${profile}, at ${failure.atMs.toFixed(3)} ms of virtual time`,
    `invariant: ${failure.invariant}`,
    ...failure.message.split("\n").map((line) => `  ${line}`),
    `again: npm run sim -- --profile ${profile} --seed ${seed} --trace trace.txt`,
  ];
}

function describeOne(report: Report): string[] {
  const { seed, profile, traceHash, nodes, virtualMs, events, framesSent, slotsChosen, requests, answered } = report;
  return [
    `seed ${seed}, profile ${profile}: ${nodes.length} nodes, ${(virtualMs / 1000).toFixed(1)} s of virtual time`,
    `${events} events, ${framesSent} frames, ${slotsChosen} slots chosen, ${answered} of ${requests} requests answered`,
    `trace hash ${traceHash}`,
  ];
}

/** The documented form of a trace: see README.md. */
export function traceFile(file: string, report: Report, events: readonly TraceEvent[]): string {
  if (file.endsWith(".txt")) return `${diagram(events, report.nodes).join("\n")}\n`;
  return `${JSON.stringify({ version: 1, report, events }, null, 1)}\n`;
}

/** Runs everything; stops at the first failure. Returns the exit code. */
export async function runAll(options: Options, host: Host): Promise<number> {
  const { seeds, start, profiles, trace } = options;
  const sometimes = new Map<string, number>();
  const startedMs = host.now();
  const total = seeds * profiles.length;
  let done = 0;
  for (let seed = start; seed < start + seeds; seed++) {
    for (const profile of profiles) {
      const events: TraceEvent[] = [];
      const report = await runOne(seed, profile, trace === null ? undefined : (event) => events.push(event));
      done++;
      if (trace !== null) host.write(trace, traceFile(trace, report, events));
      for (const [name, count] of Object.entries(report.sometimes)) {
        sometimes.set(name, (sometimes.get(name) ?? 0) + count);
      }
      if (total === 1) for (const line of describeOne(report)) host.print(line);
      if (report.failure !== null) {
        for (const line of describeFailure(report)) host.print(line);
        return 1;
      }
      host.progress(bar(done, total, done / Math.max(0.001, (host.now() - startedMs) / 1000)));
    }
  }
  for (const [name, count] of [...sometimes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    host.print(`${String(count).padStart(9)}  ${name}`);
  }
  const seconds = (host.now() - startedMs) / 1000;
  host.print(`${done} runs without a failure in ${seconds.toFixed(1)} s, ${(done / seconds).toFixed(1)} a second`);
  return 0;
}

const WIDTH = 30;

function bar(done: number, total: number, perSecond: number): string {
  const full = Math.floor((done / total) * WIDTH);
  return `[${"#".repeat(full)}${".".repeat(WIDTH - full)}] ${done} of ${total} runs, ${perSecond.toFixed(1)} a second`;
}
