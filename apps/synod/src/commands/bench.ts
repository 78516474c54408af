import { randomUUID } from "node:crypto";
import type { LoadResult } from "@synod/bench/load";
import { type Command, InvalidArgumentError } from "commander";
import { type RemoteFlags, whole } from "../flags.js";
import { Given } from "../given.js";
import { makeOutput } from "../output.js";
import { REMOTE_SETTINGS, withCluster } from "../remote.js";
import { withSettings } from "../settings.js";
import { beforeEnd } from "../tidy-up.js";
import { keysOf } from "./kv.js";

interface BenchFlags extends RemoteFlags {
  readonly seconds: number;
  readonly warm: number;
  readonly outstanding: number;
  readonly rate?: number;
  readonly value: number;
  readonly keys: number;
  readonly reads: number;
  readonly keep?: boolean;
}

/** What a node of `synod start` takes. More would be refused each time, or not even find room here. */
const VALUE_BYTES_MAX = 524_288;

export function addBench(program: Command): void {
  const command = program
    .command("bench")
    .description(
      "Puts load on a running cluster and says how fast it answers: gets and puts of keys of its own, which it deletes at the end. It takes the cluster's time from others.",
    )
    .option("--seconds <n>", "measured time", whole(1), 10)
    .option("--warm <n>", "seconds before it that are not measured", whole(0), 2)
    .option("--outstanding <n>", "operations under way at a time; with --rate: at most", whole(1), 64)
    .option("--rate <n>", "so many operations begin in a second, however long each takes", whole(1))
    .option("--value <bytes>", "size of a value", whole(0, VALUE_BYTES_MAX), 100)
    .option("--keys <n>", "keys", whole(1), 1_000)
    .option("--reads <share>", "share of gets, from 0 to 1", share, 0.5)
    .option("--keep", "leaves the keys, below synod-bench/");
  withSettings(command, REMOTE_SETTINGS).action(async (flags: BenchFlags) => {
    const output = makeOutput(flags);
    // What only this command needs.
    const { bar, chartOf, runLoad, summary } = await import("@synod/bench/load");
    const result = await withCluster(new Given(flags, process.env), async (remote): Promise<LoadResult> => {
      const keys = keysOf(remote);
      const { seconds, warm, outstanding, rate, value, keys: count, reads } = flags;
      // No other's: all of it is deleted at the end.
      const prefix = `synod-bench/${randomUUID()}/`;
      const progress = flags.json === true ? null : bar("load");
      const ended = new AbortController();
      const work = async (): Promise<LoadResult> => {
        try {
          return await runLoad(
            { put: (key, bytes) => keys.put(prefix + key, bytes), get: (key) => keys.get(prefix + key) },
            {
              seconds,
              warmSeconds: warm,
              outstanding,
              perSecond: rate ?? null,
              keys: count,
              valueBytes: value,
              readShare: reads,
              signal: ended.signal,
              onProgress: (part, perSecond) => progress?.update(part, perSecond),
            },
          );
        } finally {
          progress?.end();
          if (flags.keep !== true) await keys.deleteAll({ prefix });
        }
      };
      const load = work();
      // Ctrl-C ends the load, and then what it has put is deleted, too.
      const undo = beforeEnd(async () => {
        ended.abort();
        await load;
      });
      return load.finally(undo);
    });
    output.result(result, () => {
      const name = `${Math.round(100 * flags.reads)} % get, ${flags.outstanding} outstanding`;
      return `${summary([{ name, result }])}\n${chartOf(result)}`;
    });
  });
}

function share(text: string): number {
  const value = Number(text);
  if (text !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("expected a number from 0 to 1");
}
