import { violationOf } from "./check.js";
import { eachRound, mapRounds, textOf } from "./plain.js";
import { extend, lastWorld, type Run, settle } from "./play.js";
import type { Protocol } from "./shape.js";
import { listOf } from "./trace.js";
import { isCut, type World } from "./world.js";

/** What the checker says of a run. */
export interface Verdict {
  readonly kind: "safe" | "diverges" | "blocks" | "livelocks";
  /** In plain words: what happened, or what is waited for. */
  readonly words: string;
  /** For `diverges`: the first row after which it was so. For `livelocks`: the rows between which it goes round. */
  readonly rows: readonly number[];
}

/**
 * Judges a run. `diverges`: two servers, two clients or two decisions contradict each other. `livelocks`: it came back to where it
 * was, only with higher round numbers, though nothing was lost. `blocks`: however long one waits, with what is down and
 * cut now, somebody goes without an answer. `safe`: none of these; of this run only.
 */
export function judge(run: Run): Verdict {
  const world = lastWorld(run);
  const violation = violationOf(world);
  if (violation !== null) {
    const row = run.worlds.findIndex((one) => violationOf(one) !== null);
    return { kind: "diverges", words: violation.words, rows: [row] };
  }
  const circle = circleOf(run);
  if (circle !== null) {
    const words = `After row ${circle[1]} all is as it was after row ${circle[0]}, only the round numbers are higher. It can go on like that for ever.`;
    return { kind: "livelocks", words, rows: circle };
  }
  const waiting = waitingAfterAll(run);
  if (waiting.length > 0) {
    const until = world.cuts.length > 0 ? ", while the network is cut" : "";
    return { kind: "blocks", words: `However long one waits${until}: ${waiting.join("; ")}.`, rows: [] };
  }
  return { kind: "safe", words: `${summaryOf(world)}${patienceOf(run)}`, rows: [] };
}

/** Who is not answered yet, though nothing stands in the way. */
function patienceOf({ protocol, worlds }: Run): string {
  const world = worlds.at(-1);
  if (world === undefined || protocol.asks === "none") return "";
  const open = Object.entries(world.asked).filter(([value]) => !world.answers.some((one) => one.value === value));
  const clients = [...new Set(open.map(([, { client }]) => client))].sort();
  if (clients.length === 0) return "";
  return ` ${listOf(clients)} still ${clients.length === 1 ? "waits" : "wait"}, but not for ever: asking again brings the answer.`;
}

function summaryOf(world: World): string {
  const states = Object.values(world.servers).map(({ state }) => state);
  const decided = states.find((state) => state.learned?.[0] !== undefined)?.learned?.[0];
  if (decided !== undefined) return `All agree on ${decided}.`;
  const longest = states.map((state) => state.executed).sort((a, b) => b.length - a.length)[0] ?? [];
  if (longest.length === 0) return "Nothing has happened that could be wrong.";
  const answers = world.answers.length === 0 ? "" : " Each answer fits, as if there were one server.";
  return `All agree on one order: ${longest.join(" ")}.${answers}`;
}

interface Shape {
  readonly shape: string;
  readonly top: number;
}

/** A page judges after every step, and a search looks at the same worlds again and again. */
const shapes = new WeakMap<World, Shape>();

/** The same for worlds that differ only in how high the rounds are; and how high. */
export function shapeOfRounds({ family }: Protocol, world: World): Shape {
  const known = shapes.get(world);
  if (known !== undefined) return known;
  const shape = makeShape(world, family !== "raft");
  shapes.set(world, shape);
  return shape;
}

/** `owned`: a round says who leads in it, so that in its place only another of the same owner will do. */
function makeShape(world: World, owned: boolean): Shape {
  const { servers, cuts } = world;
  const flights = world.flights.map(({ from, to, message }) => ({ from, to, message }));
  const answers = world.answers.map(({ value }) => value);
  const view = { servers, flights, cuts, answers };
  const rounds = new Set<number>();
  eachRound(view, (round) => rounds.add(round));
  const sorted = [...rounds].filter((round) => round > 0).sort((a, b) => a - b);
  const count = Object.keys(servers).length;
  const ranks = new Map(sorted.map((round, rank) => [round, (rank + 1) * count + (owned ? (round - 1) % count : 0)]));
  return { shape: textOf(mapRounds(view, (round) => ranks.get(round) ?? 0)), top: sorted.at(-1) ?? 0 };
}

/** Two rows between which it went in a circle: nothing lost or broken, everything that was on its way arrived. */
export function circleOf(run: Run): readonly [number, number] | null {
  const seen: Shape[] = run.worlds.map((world) => shapeOfRounds(run.protocol, world));
  for (let end = 1; end < run.worlds.length; end++) {
    for (let start = end - 1; start >= 0; start--) {
      if (isDisturbed(run, start)) break;
      const [a, b] = [seen[start], seen[end]];
      if (a === undefined || b === undefined || a.shape !== b.shape || a.top >= b.top) continue;
      const left = new Set(run.worlds[end]?.flights.map((flight) => flight.id));
      if (run.worlds[start]?.flights.some((flight) => left.has(flight.id))) continue;
      return [start, end];
    }
  }
  return null;
}

/** Whether the step after this world is an accident: then nothing can be said of a circle that begins before it. */
function isDisturbed({ actions }: Run, index: number): boolean {
  return ["lose", "crash", "restart", "cut", "heal"].includes(actions[index]?.do ?? "");
}

const PATIENCE = 6;

/**
 * Who still waits after a long time in which everything that is up and connected works: messages arrive, what is down is noticed,
 * clients ask again, time-outs pass.
 */
export function waitingAfterAll(run: Run): string[] {
  let now = settle(run);
  for (let round = 0; round < PATIENCE && waitingNow(now).length > 0; round++) {
    now = noticeWhoIsDown(now);
    now = askAgain(now);
    for (const [id, server] of Object.entries(lastWorld(now).servers)) {
      if (server.up && now.protocol.onTimeout !== undefined) now = settle(extend(now, { do: "timeout", at: id }));
    }
  }
  return waitingNow(now);
}

function noticeWhoIsDown(run: Run): Run {
  const { servers } = lastWorld(run);
  let now = run;
  if (now.protocol.onSuspect === undefined) return now;
  for (const [at, { up }] of Object.entries(servers)) {
    for (const [of, peer] of Object.entries(servers)) {
      if (!up || at === of || peer.up || lastWorld(now).noticed.includes(`${at} ${of}`)) continue;
      now = settle(extend(now, { do: "suspect", at, of }));
    }
  }
  return now;
}

function askAgain(run: Run): Run {
  const world = lastWorld(run);
  if (run.protocol.asks !== "any") return run;
  const answered = new Set(world.answers.map((answer) => answer.value));
  let now = run;
  for (const [value, { client }] of Object.entries(world.asked)) {
    for (const [to, { up }] of Object.entries(world.servers)) {
      if (answered.has(value) || !up || isCut(world, client, to)) continue;
      now = settle(extend(now, { do: "ask", client, value, to }));
    }
  }
  return now;
}

function waitingNow({ protocol, worlds }: Run): string[] {
  const world = worlds.at(-1);
  if (world === undefined) return [];
  return protocol.asks === "none" ? withoutDecision(world) : [...withoutAnswer(world), ...behind(world)];
}

function withoutAnswer({ asked, answers }: World): string[] {
  const missing = Object.entries(asked).filter(([value]) => !answers.some((answer) => answer.value === value));
  return missing.map(([value, { client }]) => `${client} gets no answer for ${value}`);
}

function behind(world: World): string[] {
  const up = Object.values(world.servers).filter((server) => server.up);
  return up.flatMap(({ state }) => {
    const ahead = up.find(
      (other) => other.state.executed.length > state.executed.length && !isCut(world, state.me, other.state.me),
    );
    if (ahead === undefined) return [];
    const next = ahead.state.executed[state.executed.length] ?? "";
    return [`${state.me} never executes ${next}, which ${ahead.state.me} has executed`];
  });
}

/** Without clients: nobody knows a decision, or somebody does not though it is connected to one who knows. */
function withoutDecision(world: World): string[] {
  if (Object.keys(world.asked).length === 0) return [];
  const up = Object.values(world.servers).filter((server) => server.up);
  const knows = up.filter(({ state }) => state.learned?.[0] !== undefined).map(({ state }) => state.me);
  const waiting = up.map(({ state }) => state.me).filter((id) => !knows.includes(id));
  const stuck = waiting.filter((id) => knows.length === 0 || knows.some((other) => !isCut(world, id, other)));
  return stuck.length === 0 ? [] : [`${listOf(stuck)} ${stuck.length === 1 ? "learns" : "learn"} no decision`];
}
