import { type CoreProfile, simulateCore } from "@synod/simulator";

export interface Speed {
  readonly schedules: number;
  /** Processor time of this process, all threads. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
  /** By the processor time, as if one core did nothing else. */
  readonly schedulesPerMinute: number;
  readonly slotsPerSchedule: number;
  readonly failed: readonly number[];
}

/** Runs so many schedules in one thread, prints one line, and returns what it cost. */
export function measureCore(
  options: { schedules?: number; start?: number; profile?: CoreProfile; print?: (line: string) => void } = {},
): Speed {
  const { schedules = 2_000, start = 1, profile = "short", print = console.log } = options;
  // Until the code is compiled.
  for (let seed = 1; seed <= 200; seed++) simulateCore({ seed: -seed, profile });
  const failed: number[] = [];
  let slots = 0;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  for (let seed = start; seed < start + schedules; seed++) {
    const report = simulateCore({ seed, profile });
    slots += report.slotsChosen;
    if (report.failure !== null) failed.push(seed);
  }
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1_000;
  const schedulesPerMinute = Math.round((schedules / cpuMs) * 60_000);
  const slotsPerSchedule = slots / schedules;
  print(
    `core, ${profile}: ${schedules} schedules in ${(elapsedMs / 1_000).toFixed(1)} s (${(cpuMs / 1_000).toFixed(1)} s of processor), ` +
      `${schedulesPerMinute} a minute on one core, ${slotsPerSchedule.toFixed(0)} commands chosen in each, ${failed.length} failed`,
  );
  return { schedules, cpuMs, elapsedMs, schedulesPerMinute, slotsPerSchedule, failed };
}
