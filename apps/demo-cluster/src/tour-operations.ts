import { assertTrue, type Tour } from "./step.js";
import { grouped } from "./table.js";
import { allEqual, assertAudit, endLoad, ms, seenTable, startLoad } from "./tour-checks.js";

/** Acknowledged before the first change and after the last one, so that the changes lie within the load. */
const COMMANDS = 500;

async function flow({ ledger, expect }: Tour): Promise<void> {
  const before = ledger.acknowledged;
  await expect(
    `${COMMANDS} acknowledged commands`,
    () => ledger.acknowledged >= before + COMMANDS,
    () => `${ledger.acknowledged - before} were acknowledged`,
  );
}

/** Does something while the load runs; tells how long it took, and the longest time without an acknowledged write meanwhile. */
async function underLoad(tour: Tour, work: () => Promise<void>): Promise<{ tookMs: number; gapMs: number }> {
  const { ledger } = tour;
  startLoad(tour);
  await flow(tour);
  const startedMs = performance.now();
  ledger.measureGap(startedMs);
  await work();
  const tookMs = performance.now() - startedMs;
  await flow(tour);
  const { gapMs } = ledger;
  await endLoad(tour);
  return { tookMs, gapMs };
}

/** A new replica comes, a founder goes; the new one then answers for everything that was ever acknowledged. */
export async function changeMembers(tour: Tour): Promise<string> {
  const { supervisor, ledger, tell } = tour;
  const { operations } = supervisor;
  const added = operations.freshId;
  const before = supervisor.ids;
  let removed = 0;
  const { tookMs, gapMs } = await underLoad(tour, async () => {
    tell(await operations.add(added));
    removed = before.find((id) => id !== supervisor.leader) ?? 0;
    tell(await operations.remove(removed));
  });
  const expected = [...before.filter((id) => id !== removed), added].join(" ");
  assertTrue(supervisor.ids.join(" ") === expected, `the replicas ${expected}`, seenTable(tour));
  await allEqual(tour);
  const parts = supervisor.view().replicas.map(({ part }) => part);
  assertTrue(
    parts.every((part) => part === "voter"),
    "voters only",
    seenTable(tour),
  );
  const audit = await ledger.audit(async (keys) => (await supervisor.read(keys, { replica: added })).value);
  assertAudit(audit);
  return `replica ${added} added and replica ${removed} removed in ${ms(tookMs)}, the longest write gap ${ms(gapMs)}; replica ${added} answers all ${grouped(audit.acknowledged)} keys, 0 lost`;
}

/** Each replica hands over what it leads, stops, and comes back with all it had before the next one goes. */
export async function rollingRestart(tour: Tour): Promise<string> {
  const { supervisor, ledger } = tour;
  const pids = (): Map<number, number | null> =>
    new Map(supervisor.view().replicas.map(({ id, pid }) => [id, pid] as const));
  const before = pids();
  const { tookMs, gapMs } = await underLoad(tour, async () => void (await supervisor.operations.roll()));
  for (const [id, pid] of pids())
    assertTrue(pid !== null && pid !== before.get(id), `a new process for replica ${id}`, seenTable(tour));
  await allEqual(tour);
  const audit = await ledger.audit(async (keys) => (await supervisor.read(keys)).value);
  assertAudit(audit);
  return `${before.size} replicas restarted in ${ms(tookMs)}, the longest write gap ${ms(gapMs)}; ${grouped(audit.acknowledged)} keys read back, 0 lost`;
}
