import Table from "cli-table3";
import pc from "picocolors";
import type { LoadResult } from "./load.js";

const barWidth = 40;
const percentiles = ["p50", "p90", "p99", "p999", "max"] as const;

const digits = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);

const makeTable = (head: readonly string[]): Table.Table =>
  new Table({
    head: head.map((text) => pc.bold(text)),
    style: { head: [], border: [] },
    colAligns: head.map((_, i) => (i === 0 ? "left" : "right")),
  });

/** One line a result, milliseconds. */
export function summary(results: readonly { readonly name: string; readonly result: LoadResult }[]): string {
  const table = makeTable(["", "a second", ...percentiles.map((name) => `${name} ms`), "errors"]);
  for (const { name, result } of results) {
    const errors = Object.entries(result.errors).map(([code, count]) => `${code} ${count}`);
    const latencies = percentiles.map((key) => digits(result.latencyMs[key]));
    table.push([name, digits(result.perSecond), ...latencies, errors.length === 0 ? "none" : errors.join(", ")]);
  }
  return table.toString();
}

/** The same loads, before and now: what is now, over what was. */
export function comparison(
  before: ReadonlyMap<string, LoadResult>,
  now: readonly { readonly name: string; readonly result: LoadResult }[],
): string {
  const table = makeTable(["", "a second: before", "now", "ratio", "p50 ratio", "p99 ratio", ""]);
  for (const { name, result } of now) {
    const old = before.get(name);
    if (old === undefined) continue;
    const ratio = result.perSecond / old.perSecond;
    const [p50, p99] = [result.latencyMs.p50 / old.latencyMs.p50, result.latencyMs.p99 / old.latencyMs.p99];
    const filled = Math.min(20, Math.round(10 * ratio));
    const chart = (ratio < 1 ? pc.red : pc.green)("█".repeat(filled) + "░".repeat(20 - filled));
    table.push([name, digits(old.perSecond), digits(result.perSecond), digits(ratio), digits(p50), digits(p99), chart]);
  }
  return table.toString();
}

/** How the latencies are spread. */
export function chartOf({ histogram }: LoadResult): string {
  const most = Math.max(1, ...histogram.map(([, count]) => count));
  const total = histogram.reduce((sum, [, count]) => sum + count, 0);
  return histogram
    .filter(([, count]) => count * 2_000 > total)
    .map(([untilMs, count]) => {
      const filled = Math.max(1, Math.round((barWidth * count) / most));
      return `${`${digits(untilMs)} ms`.padStart(10)} ${pc.cyan("█".repeat(filled))} ${((100 * count) / total).toFixed(1)} %`;
    })
    .join("\n");
}
