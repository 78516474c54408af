// `npm run bench`: loads on clusters of this machine, and micro benchmarks.
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Command } from "commander";
import { embeddedCluster, remoteCluster } from "./cluster.js";
import { bar, chartOf, comparison, type Load, type LoadResult, runLoad, summary } from "./load/index.js";

interface Flags {
  readonly seconds: number;
  readonly warm: number;
  readonly nodes: number;
  readonly outstanding: readonly number[];
  readonly value: number;
  readonly keys: number;
  readonly reads: readonly number[];
  readonly rate?: number;
  readonly only?: "embedded" | "remote";
  readonly directory: string;
  readonly charts?: boolean;
  readonly json?: string;
  readonly compare?: string;
}

interface Named {
  readonly name: string;
  readonly result: LoadResult;
}

const numbers = (text: string): number[] => text.split(",").map(Number);

async function bench(flags: Flags): Promise<void> {
  const results: Named[] = [];
  const places = [
    ["embedded", embeddedCluster],
    ["remote", remoteCluster],
  ] as const;
  for (const [place, start] of places) {
    if (flags.only !== undefined && flags.only !== place) continue;
    const cluster = await start(flags.nodes, flags.directory);
    try {
      for (const readShare of flags.reads) {
        for (const outstanding of flags.outstanding) {
          const name = `${place} ${nameOf(readShare)} x${outstanding}`;
          const progress = bar(name);
          const load: Load = {
            seconds: flags.seconds,
            warmSeconds: flags.warm,
            outstanding,
            perSecond: flags.rate ?? null,
            keys: flags.keys,
            valueBytes: flags.value,
            readShare,
            onProgress: (share, perSecond) => progress.update(share, perSecond),
          };
          results.push({ name, result: await runLoad(cluster.target, load) });
          progress.end();
        }
      }
    } finally {
      await cluster.stop();
    }
  }
  print(results, flags);
}

const nameOf = (readShare: number): string =>
  readShare === 0 ? "put" : readShare === 1 ? "get" : `${Math.round(100 * readShare)} % get`;

function print(results: readonly Named[], { charts, json, compare }: Flags): void {
  console.log(summary(results));
  if (charts === true) for (const { name, result } of results) console.log(`\n${name}\n${chartOf(result)}`);
  if (compare !== undefined) {
    const before = JSON.parse(readFileSync(compare, "utf8")) as Named[];
    console.log(comparison(new Map(before.map(({ name, result }) => [name, result])), results));
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
}

const program = new Command("bench")
  .description("Puts load on clusters of real processes on this machine, every write synced, and prints a table (ms).")
  .option("--seconds <n>", "measured time of each load", Number, 3)
  .option("--warm <n>", "time before it that is not measured", Number, 1)
  .option("--nodes <n>", "replicas", Number, 3)
  .option("--outstanding <list>", "operations under way at a time", numbers, [1, 64, 1000])
  .option("--rate <n>", "open loop: so many operations begin in a second, up to --outstanding at a time", Number)
  .option("--value <bytes>", "size of a value", Number, 100)
  .option("--keys <n>", "keys", Number, 1000)
  .option("--reads <list>", "shares of gets, from 0 to 1", numbers, [0, 1])
  .option("--only <place>", "embedded or remote")
  .option("--directory <path>", "where the replicas keep their files: a real disk", tmpdir())
  .option("--charts", "also how the latencies are spread")
  .option("--json <file>", "writes the results")
  .option("--compare <file>", "also prints ratios to results of before")
  .action((flags: Flags) => bench(flags));

program
  .command("micro")
  .description("Micro benchmarks: codec, write-ahead log, slot events of the core, sessions, framing.")
  .argument("[filter]", "only those whose name has this text")
  .action(async (filter: string | undefined) => {
    const { micro } = await import("./micro.js");
    await micro(filter);
  });

program
  .command("growth")
  .description(
    "What it costs as there is more of it: replicas, entries, keys, sessions, connections, start (MiB of log and snapshot) or minutes of full load.",
  )
  .argument("<what>")
  .argument("[most]", "how many", Number)
  .action(async (what: string, most: number | undefined) => {
    const { growths } = await import("./growth.js");
    const growth = growths[what];
    if (growth === undefined) throw new Error(`one of ${Object.keys(growths).join(", ")}`);
    await growth(most);
  });

program.parseAsync().then(
  () => process.exit(process.exitCode ?? 0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
