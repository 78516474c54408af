import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { type Finding, fuzz } from "./fuzz.js";
import { root } from "./samples.js";
import { allTargets } from "./targets/all.js";

interface Options {
  readonly inputs: number;
  readonly seconds?: number;
  readonly seed: number;
  readonly target?: string;
}

const natural = (text: string): number => {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
};

/** Where the tests look: what was found once is tried at every run. */
const KEPT = join(root, "apps/fuzz/test/kept");

function keep({ target, input }: Finding): string {
  const name = `${target.replaceAll(/[^a-z]+/g, "-")}-${createHash("sha1").update(input).digest("hex").slice(0, 12)}.hex`;
  mkdirSync(KEPT, { recursive: true });
  writeFileSync(join(KEPT, name), `${target}\n${Buffer.from(input).toString("hex")}\n`);
  return name;
}

async function main(): Promise<void> {
  const command = new Command("fuzz")
    .description(
      "Feeds every decoder with changed samples. What it finds is written to apps/fuzz/test/kept, where the tests try it again.",
    )
    .option("--inputs <number>", "for each target", natural, 100_000)
    .option("--seconds <number>", "for each target, at most", natural)
    .option("--seed <number>", "which changes", natural, 1)
    .option("--target <text>", "only targets with this in their names");
  const { inputs, seconds, seed, target: only } = command.parse().opts<Options>();
  const { targets, close } = await allTargets();
  let [all, found] = [0, 0];
  for (const target of targets) {
    if (only !== undefined && !target.name.includes(only)) continue;
    const began = performance.now();
    const limit = seconds === undefined ? {} : { untilMs: began + seconds * 1000 };
    const { inputs: done, outcomes, findings } = await fuzz(target, { seed, inputs, ...limit });
    all += done;
    found += findings.length;
    const perSecond = Math.round((done / (performance.now() - began)) * 1000);
    console.log(
      `${target.name.padEnd(34)} ${String(done).padStart(9)} inputs  ${String(outcomes).padStart(5)} outcomes  ${String(perSecond).padStart(7)} a second`,
    );
    for (const finding of findings)
      console.log(`  ${finding.what.toUpperCase()} ${keep(finding)}\n    ${finding.text.replaceAll("\n", "\n    ")}`);
  }
  await close();
  console.log(`${all} inputs, ${found} findings`);
  process.exitCode = found === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
