import { CommanderError } from "commander";
import { FAULTS } from "./nemesis.js";
import { type Options, parseOptions } from "./options.js";
import { type Report, runFaults } from "./run.js";

function read(): Options | null | undefined {
  try {
    return parseOptions(process.argv.slice(2), Object.keys(FAULTS), process.env);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    console.error(`${error.message.replace(/^error: /, "")} (--help lists the options)`);
    return undefined;
  }
}

function show(report: Report): void {
  const { workload, locks, growth } = report;
  const kinds = Object.keys(report.faults).length;
  const count = Object.values(report.faults).reduce((sum, times) => sum + times, 0);
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  console.log(`faults      ${count} of ${kinds} kinds`);
  console.log(
    `clients     ${workload.operations} operations checked; ${workload.succeeded} succeeded, ${workload.unknown} unknown, ${workload.never} without effect; ` +
      `longest time without a success ${workload.longestGapMs} ms`,
  );
  console.log(
    `locks       ${locks.grants} grants, ${locks.pauses} pauses and ${locks.kills} kills of holders; writes: ${locks.admitted} let in, ${locks.refused} refused; ` +
      `in transactions: ${locks.stored} done, ${locks.notStored} refused`,
  );
  console.log(
    `processes   up to ${mib(growth.residentBytesMax)} of memory, ${growth.handlesMax} handles, ${growth.filesMax} files, ${mib(growth.diskBytesMax)} on disk; ` +
      `${growth.judged} watched for growth`,
  );
  console.log(`state       ${report.digest ?? "differs"}`);
  for (const text of report.wrong) console.log(`WRONG       ${text}`);
  if (report.kept !== null) console.log(`kept        ${report.kept}`);
  console.log(`${report.ok ? "PASS" : "FAIL"} seed ${report.seed}, ${report.nodes} nodes, ${report.seconds} s`);
}

async function main(): Promise<void> {
  const options = read();
  if (options === undefined) process.exitCode = 2;
  if (options === undefined || options === null) return;
  const report = await runFaults(options, (line) => {
    if (!options.json) console.log(line);
  });
  if (options.json) console.log(JSON.stringify(report));
  else show(report);
  process.exitCode = report.ok ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
