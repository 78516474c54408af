import { CallError } from "./replica-process.js";
import { assertTrue, type Step, type Tour } from "./step.js";
import { grouped } from "./table.js";
import { allEqual, assertAudit, endLoad, ms, seenTable, startLoad } from "./tour-checks.js";
import { changeMembers, rollingRestart } from "./tour-operations.js";

/** Acknowledged under load before the leader is killed, and once more after it. */
const COMMANDS = 1000;
const MINORITY_TRIES_MS = 1500;

/** What the steps hand on to each other. */
interface Memory {
  /** Killed in the middle of the load. */
  victim: number;
  unknownInMinority: boolean;
}

/** The steps for a cluster of these replicas, in order. */
export function tourSteps(ids: readonly number[]): readonly Step[] {
  const memory: Memory = { victim: 0, unknownInMinority: false };
  const others = (id: number): number[] => ids.filter((other) => other !== id);
  return [
    { title: "a leader is elected", run: electLeader },
    { title: "every replica takes commands", run: (tour) => commands(tour, ids) },
    { title: "commands flow under load", run: underLoad },
    { title: "the leader dies, another takes over", run: (tour) => killLeader(tour, memory) },
    { title: "nothing acknowledged is lost", run: nothingLost },
    { title: "the dead replica returns from its files", run: (tour) => comeBack(tour, memory) },
    { title: "a cut-off minority refuses, the rest goes on", run: (tour) => cutMinority(tour, memory, others) },
    { title: "healed, all replicas are equal", run: (tour) => healed(tour, memory) },
    { title: "members change under load, nothing is lost", run: changeMembers },
    { title: "a rolling restart under load", run: rollingRestart },
  ];
}

async function electLeader(tour: Tour): Promise<string> {
  const { supervisor, expect, startedMs } = tour;
  await expect(
    "a leader",
    () => supervisor.leader !== null,
    () => seenTable(tour),
  );
  const leader = supervisor.leader ?? 0;
  const ballot = supervisor.view().replicas.find(({ id }) => id === leader)?.ballot ?? "";
  return `replica ${leader} leads with ballot ${ballot}, ${ms(performance.now() - startedMs)} after the start of the processes`;
}

async function commands({ supervisor, key }: Tour, ids: readonly number[]): Promise<string> {
  const [name, count] = [key("name"), key("count")];
  let done = 0;
  for (const id of ids) {
    const replica = { replica: id };
    const put = await supervisor.propose({ op: "put", key: name, value: `by-${id}` }, replica);
    assertTrue(put.value.done, `replica ${id} to acknowledge a put`, `it answered ${JSON.stringify(put.value)}`);
    const right = await supervisor.propose({ op: "cas", key: name, from: `by-${id}`, to: `again-by-${id}` }, replica);
    assertTrue(
      right.value.done,
      "cas with the right old value to succeed",
      `it answered ${JSON.stringify(right.value)}`,
    );
    const wrong = await supervisor.propose({ op: "cas", key: name, from: "something else", to: "no" }, replica);
    assertTrue(
      !wrong.value.done,
      "cas with a wrong old value to change nothing",
      `it answered ${JSON.stringify(wrong.value)}`,
    );
    const incr = await supervisor.propose({ op: "incr", key: count }, replica);
    assertTrue(
      incr.value.value === String(ids.indexOf(id) + 1),
      `the counter at ${ids.indexOf(id) + 1}`,
      `it is ${incr.value.value}`,
    );
    done += 4;
    // A read at any other replica sees it.
    const reader = ids.find((other) => other !== id) ?? id;
    const { value } = await supervisor.read([name], { replica: reader });
    assertTrue(value[0] === `again-by-${id}`, `replica ${reader} to read again-by-${id}`, `it read ${value[0]}`);
  }
  return `${done} of put, cas and incr acknowledged, each read back at another replica`;
}

async function underLoad(tour: Tour): Promise<string> {
  const { supervisor, ledger, expect } = tour;
  startLoad(tour);
  await expect(
    `${COMMANDS} acknowledged commands`,
    () => ledger.acknowledged >= COMMANDS,
    () => `${ledger.acknowledged} were acknowledged`,
  );
  const { perSecond, p50Ms, p99Ms } = supervisor.throughput.view();
  return `${grouped(perSecond)} acknowledged a second, each on disk at a majority; half within ${p50Ms.toFixed(1)} ms, 99 % within ${p99Ms.toFixed(1)} ms`;
}

async function killLeader(tour: Tour, memory: Memory): Promise<string> {
  const { supervisor, ledger, expect } = tour;
  const victim = supervisor.leader ?? 0;
  assertTrue(victim !== 0, "a leader to kill", seenTable(tour));
  memory.victim = victim;
  const before = ledger.acknowledged;
  ledger.watchFrom(performance.now());
  await supervisor.kill(victim);
  await expect(
    "a command issued after the kill to be acknowledged",
    () => ledger.awayMs !== null,
    () => seenTable(tour),
  );
  const awayMs = ledger.awayMs ?? 0;
  const successor = (): boolean => supervisor.leader !== null && supervisor.leader !== victim;
  await expect("another leader", successor, () => seenTable(tour));
  await expect(
    `${COMMANDS} more acknowledged commands`,
    () => ledger.acknowledged >= before + COMMANDS,
    () => `${ledger.acknowledged - before} were acknowledged`,
  );
  await endLoad(tour);
  return `replica ${supervisor.leader} leads; ${ms(awayMs)} from the kill to the first acknowledged write`;
}

async function nothingLost(tour: Tour): Promise<string> {
  const { supervisor, ledger } = tour;
  const audit = await ledger.audit(async (keys) => (await supervisor.read(keys)).value);
  assertAudit(audit);
  const { acknowledged, unknown, unknownThere, refused, counter } = audit;
  tour.tell(
    `${unknown} writes had no answer when their replica died: ${unknownThere} of them took effect; ${refused} were refused`,
  );
  tour.tell(`${counter.least} to ${counter.most} increments, and the counter says ${counter.value}`);
  return `${grouped(acknowledged)} acknowledged keys read back, 0 lost`;
}

async function comeBack(tour: Tour, { victim }: Memory): Promise<string> {
  const { supervisor, ledger, expect } = tour;
  const goal = Math.max(...supervisor.view().replicas.map(({ applied }) => applied));
  const startedMs = performance.now();
  await supervisor.restart(victim);
  await expect(
    `replica ${victim} to catch up to slot ${goal}`,
    () => (supervisor.statusOf(victim)?.applied ?? 0) >= goal,
    () => seenTable(tour),
  );
  const tookMs = performance.now() - startedMs;
  const audit = await ledger.audit(async (keys) => (await supervisor.read(keys, { replica: victim })).value);
  assertAudit(audit);
  return `replica ${victim} applied up to slot ${grouped(goal)} again ${ms(tookMs)} after its start, and answers all ${grouped(audit.acknowledged)} keys`;
}

async function cutMinority(tour: Tour, memory: Memory, others: (id: number) => number[]): Promise<string> {
  const { supervisor, key, expect } = tour;
  await expect(
    "a leader",
    () => supervisor.leader !== null,
    () => seenTable(tour),
  );
  const alone = supervisor.leader ?? 0;
  const startedMs = performance.now();
  await supervisor.cut(alone, others(alone));
  const minority = { replica: alone, timeoutMs: MINORITY_TRIES_MS };
  const write = codeOf(supervisor.propose({ op: "put", key: key("minority"), value: "alone" }, minority));
  const read = codeOf(supervisor.read([key("majority")], minority));
  const wentOnMs = await majorityGoesOn(tour, others(alone), startedMs);
  const [writeCode, readCode] = await Promise.all([write, read]);
  const refusals = ["NotProposed", "OutcomeUnknown"];
  assertTrue(
    refusals.includes(writeCode),
    `the lone replica ${alone} to acknowledge no write`,
    `it answered ${writeCode}`,
  );
  assertTrue(readCode === "NoLeader", `the lone replica ${alone} to answer no read`, `it answered ${readCode}`);
  memory.unknownInMinority = writeCode === "OutcomeUnknown";
  return `replica ${alone}, cut off while it led, ended a write with ${writeCode} and a read with ${readCode}; the others wrote on after ${ms(wentOnMs)}`;
}

/** The code with which a call failed, or that it did not. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "success",
    (cause: unknown) => (cause instanceof CallError ? cause.code : String(cause)),
  );
}

/** Writes through one of the majority, which first has to elect a leader of its own. */
async function majorityGoesOn(
  { supervisor, key }: Tour,
  majority: readonly number[],
  startedMs: number,
): Promise<number> {
  const replica = majority[0];
  const { value } = await supervisor.propose({ op: "put", key: key("majority"), value: "went on" }, { replica });
  assertTrue(value.done, "the majority to acknowledge a write", `it answered ${JSON.stringify(value)}`);
  return performance.now() - startedMs;
}

async function healed(tour: Tour, { unknownInMinority }: Memory): Promise<string> {
  const { supervisor, key } = tour;
  const startedMs = performance.now();
  await supervisor.heal();
  const { value: values } = await supervisor.read([key("majority"), key("minority")]);
  assertTrue(values[0] === "went on", "the majority's write to be there", `it reads ${values[0]}`);
  const trace = values[1] ?? null;
  assertTrue(
    trace === null || (unknownInMinority && trace === "alone"),
    "no trace of a refused write",
    `it reads ${trace}`,
  );
  await allEqual(tour);
  const tookMs = performance.now() - startedMs;
  const [replica] = supervisor.view().replicas;
  return `hash ${replica?.hash} at slot ${grouped(replica?.applied ?? 0)} everywhere, ${ms(tookMs)} after healing`;
}
