import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Cluster } from "./cluster.js";
import { Growth, type GrowthReport } from "./growth.js";
import { type LockReport, LockWorkload } from "./locks.js";
import { FAULTS } from "./nemesis.js";
import type { Options } from "./options.js";
import { Seeded } from "./random.js";
import { Workload, type WorkloadReport } from "./workload.js";

const AGREE_MS = 180_000;
/** So long the same node is left alone, so that what its process holds can be watched. Shorter runs spare nobody. */
const SPARED_MS = 300_000;

export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly ok: boolean;
  /** How often each was made. */
  readonly faults: Readonly<Record<string, number>>;
  readonly workload: WorkloadReport;
  readonly locks: LockReport;
  readonly growth: GrowthReport;
  /** The state of all nodes at the end. */
  readonly digest: string | null;
  readonly wrong: readonly string[];
  /** Data and logs of the nodes, if they were kept. */
  readonly kept: string | null;
}

/** One run from the first start to the verdict. @throws Error if the cluster does not even start */
export async function runFaults(options: Options, print: (line: string) => void): Promise<Report> {
  const place = mkdtempSync(join(tmpdir(), "synod-faults-"));
  const cluster = await Cluster.make(place, options.nodes, options.leases);
  const wrong: string[] = [];
  try {
    cluster.heal();
    await cluster.agree(AGREE_MS);
    const workload = new Workload(cluster, options.seed);
    const locks = new LockWorkload(cluster, options.seed + 1);
    const growth = new Growth(cluster);
    const running = Promise.all([workload.run(), locks.run()]);
    // Looked at when the faults are over; meanwhile nobody else listens.
    running.catch((error: Error) => wrong.push(`the workload failed: ${error.stack ?? error.message}`));
    const made = await faults(options, { cluster, growth, wrong, print });
    cluster.heal();
    workload.stop();
    locks.stop();
    const [workloadReport, lockReport] = await running;
    const digest = await cluster.agree(AGREE_MS).catch((error: Error) => void wrong.push(error.message));
    wrong.push(...cluster.replicas.flatMap(({ exits }) => exits));
    const growthReport = growth.report();
    wrong.push(...workloadReport.faults, ...lockReport.faults, ...growthReport.faults);
    const ok = wrong.length === 0;
    const kept = ok && !options.keep ? null : place;
    const { seed, seconds, nodes } = options;
    const reports = { workload: workloadReport, locks: lockReport, growth: growthReport };
    return { seed, seconds, nodes, ok, faults: made, ...reports, digest: digest ?? null, wrong, kept };
  } finally {
    await cluster.close();
    if (wrong.length === 0 && !options.keep) rmSync(place, { recursive: true, force: true });
  }
}

interface Stage {
  readonly cluster: Cluster;
  readonly growth: Growth;
  readonly wrong: string[];
  readonly print: (line: string) => void;
}

/** Every fault once before any comes again. @returns how often each was made */
async function faults(options: Options, { cluster, growth, wrong, print }: Stage): Promise<Record<string, number>> {
  const random = new Seeded(options.seed);
  const known = options.only.length > 0 ? options.only : Object.keys(FAULTS);
  const made: Record<string, number> = {};
  const began = performance.now();
  const secondsGone = (): number => (performance.now() - began) / 1000;
  let queue: string[] = [];
  await delay(500);
  while (secondsGone() < options.seconds && wrong.length === 0) {
    if (queue.length === 0) queue = random.shuffle(known);
    const name = queue.pop() as string;
    const lastMs = random.between(500, 2500);
    const turn = Math.floor((secondsGone() * 1000) / SPARED_MS);
    const spared = options.seconds * 1000 < 2 * SPARED_MS ? null : (cluster.replicas[turn % options.nodes] ?? null);
    try {
      const { what, heal } = await (FAULTS[name] as (typeof FAULTS)[string])({ cluster, random, lastMs, spared });
      made[name] = (made[name] ?? 0) + 1;
      print(`${secondsGone().toFixed(1).padStart(7)} s  ${name}: ${what}`);
      await delay(lastMs);
      cluster.heal();
      await heal?.();
    } catch (error) {
      wrong.push(`${name}: ${(error as Error).message}`);
    }
    await delay(random.between(500, 2000));
    growth.look();
  }
  return made;
}
