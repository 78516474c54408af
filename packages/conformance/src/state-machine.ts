import type { ApplyContext, SnapshotSink, StateMachine } from "@synod/interface";
import { check, equal, fullText, show } from "./assert.js";
import { watched } from "./impurities.js";
import { shaped } from "./shape.js";
import { caseRunner, type SuiteOptions } from "./suite.js";

export interface StateMachineSuiteOptions<Command, Query, Result, Answer = Result> extends SuiteOptions {
  /** A state machine at its start. Called many times. */
  readonly create: () =>
    | StateMachine<Command, Query, Result, Answer>
    | Promise<StateMachine<Command, Query, Result, Answer>>;
  /** A log that reaches every kind of command and of outcome; 20 to 200 commands, at least 4. */
  readonly commands: readonly Command[];
  /** Questions whose answers, taken together, show the whole state; at least one. */
  readonly queries: readonly Query[];
}

interface Bench<Command, Query, Result, Answer> {
  readonly create: () => Promise<StateMachine<Command, Query, Result, Answer>>;
  readonly commands: readonly Command[];
  readonly queries: readonly Query[];
}

type AddCase<C, Q, R, A> = (name: string, body: (bench: Bench<C, Q, R, A>) => Promise<void>) => void;

/** What a log makes of a state machine, as far as it can be seen. */
interface Seen {
  readonly answers: readonly string[];
  readonly digest: string | undefined;
  readonly deadline: number | null | undefined;
}

const CUTS_MAX = 24;
const COMMANDS_MIN = 4;

/**
 * What every `StateMachine` must do: the same log gives the same results and state, whatever happened before, beside or in between;
 * snapshots are of one moment and bring that moment back.
 *
 * As the node does, the suite pulls the first chunk of a snapshot at once, so that a generator stands on the state of the call.
 */
export function stateMachineSuite<Command, Query, Result, Answer = Result>(
  options: StateMachineSuiteOptions<Command, Query, Result, Answer>,
): void {
  const { commands, queries } = options;
  const register = caseRunner(options);
  if (!Array.isArray(commands) || commands.length < COMMANDS_MIN || !Array.isArray(queries) || queries.length === 0) {
    const [one, other] = [commands, queries].map((list: unknown) => (Array.isArray(list) ? list.length : show(list)));
    const rule =
      `stateMachineSuite needs commands, an array of at least ${COMMANDS_MIN} (20 to 200 are good), ` +
      `and queries, an array of at least one; not ${one} and ${other}`;
    return register("there are enough commands and queries", async () => check(false, rule));
  }
  const create = async (): Promise<StateMachine<Command, Query, Result, Answer>> =>
    shaped(await options.create(), ["apply", "query", "snapshot", "restore"], "a StateMachine at its start");
  const add: AddCase<Command, Query, Result, Answer> = (name, body) =>
    register(name, () => body({ create, commands, queries }));
  determinismCases(add);
  queryCases(add);
  snapshotCases(add);
  restoreCases(add);
}

/** Slots of one to three commands; time that mostly rises and sometimes stands still; a few sessions. */
function contextOf(at: number, versionMax: number): ApplyContext {
  const slot = 1 + Math.floor(at / 3) * 2;
  return {
    slot,
    index: at % 3,
    timeMs: Math.floor(at / 3) * 250,
    session: { slot: 1 + (at % 2), index: 0 },
    // Rises as in a cluster that is upgraded while it works.
    machineVersion: Math.min(1 + Math.floor(at / 4), versionMax),
  };
}

function versionOf(machine: { readonly version?: number }): number {
  const { version = 1 } = machine;
  check(Number.isSafeInteger(version) && version >= 1, `version is a positive integer, not ${show(version)}`);
  return version;
}

function applyAt<C, Q, R, A>(machine: StateMachine<C, Q, R, A>, command: C, at: number): string {
  const context = contextOf(at, versionOf(machine));
  tickAt(machine, context);
  const applied: unknown = machine.apply(command, context);
  const isApplied = typeof applied === "object" && applied !== null && "result" in applied;
  check(isApplied, `apply() returns { result }, at once; command ${at} gave ${show(applied)}`);
  const { result, events } = applied as { result: unknown; events?: unknown };
  check(!isThenable(result), `apply() is synchronous: the result of command ${at} is a promise`);
  check(events === undefined || Array.isArray(events), `events are an array; command ${at} gave ${show(events)}`);
  // As text, so that a result that the machine goes on changing is no way out.
  return fullText([result, events ?? []]);
}

/** As the node does: before the first command of a slot whose time has reached the deadline. */
function tickAt(
  machine: Pick<StateMachine<never, never, never>, "nextDeadline" | "tick">,
  context: ApplyContext,
): void {
  const deadline = machine.nextDeadline?.() ?? null;
  if (machine.tick === undefined || context.index > 0 || deadline === null || deadline > context.timeMs) return;
  const { slot, timeMs, machineVersion } = context;
  machine.tick({ slot, timeMs, machineVersion });
}

function applyAll<C, Q, R, A>(machine: StateMachine<C, Q, R, A>, commands: readonly C[], from = 0): string[] {
  return commands.slice(from).map((command, i) => applyAt(machine, command, from + i));
}

function see<C, Q, R, A>(machine: StateMachine<C, Q, R, A>, queries: readonly Q[]): Seen {
  const digest = machine.digest?.();
  check(digest === undefined || typeof digest === "string", `digest() gives a text, not ${show(digest)}`);
  const deadline = machine.nextDeadline?.();
  const isSane = deadline === undefined || deadline === null || (Number.isFinite(deadline) && deadline >= 0);
  check(isSane, `nextDeadline() gives logged milliseconds or null, not ${show(deadline)}`);
  const answers = queries.map((query) => {
    const answer = machine.query(query);
    check(!isThenable(answer), `query() is synchronous: the answer to ${show(query)} is a promise`);
    return fullText(answer);
  });
  return { answers, digest, deadline };
}

function sameSeen(actual: Seen, expected: Seen, rule: string, queries: readonly unknown[]): void {
  for (const [i, answer] of expected.answers.entries()) {
    equal(actual.answers[i], answer, `${rule}: the answer to ${show(queries[i])}`);
  }
  equal(actual.digest, expected.digest, `${rule}: the digest`);
  equal(actual.deadline, expected.deadline, `${rule}: nextDeadline()`);
}

const isThenable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** Where logs are cut in two, ends included. */
function cuts(length: number): number[] {
  const count = Math.min(length, CUTS_MAX);
  return [...new Set(Array.from({ length: count + 1 }, (_, i) => Math.round((i * length) / count)))];
}

/** A snapshot under way, its first chunk pulled. */
class Taking {
  readonly #iterator: Iterator<Uint8Array>;
  readonly chunks: Uint8Array[] = [];
  #done = false;

  constructor(source: Iterable<Uint8Array>) {
    this.#iterator = source[Symbol.iterator]();
    this.pull();
  }

  pull(): void {
    if (this.#done) return;
    const next = this.#iterator.next();
    this.#done = next.done === true;
    if (next.done === true) return;
    check(next.value instanceof Uint8Array, `snapshots have chunks of bytes, not ${show(next.value)}`);
    this.chunks.push(next.value.slice());
  }

  rest(): Uint8Array[] {
    for (let i = 0; !this.#done; i++) {
      check(i < 10_000_000, "a snapshot has an end");
      this.pull();
    }
    return this.chunks;
  }

  giveUp(): void {
    this.#iterator.return?.();
  }
}

function restore(machine: { restore(): SnapshotSink }, chunks: Iterable<Uint8Array>): void {
  const sink = machine.restore();
  for (const chunk of chunks) sink.write(chunk);
  sink.end();
}

const take = (source: { snapshot(): Iterable<Uint8Array> }): Uint8Array[] => new Taking(source.snapshot()).rest();

function determinismCases<C, Q, R, A>(add: AddCase<C, Q, R, A>): void {
  add("the same log gives the same results and the same state", async ({ create, commands, queries }) => {
    const one = await create();
    const before = applyAll(one, commands);
    const [two, three] = [await create(), await create()];
    for (const [i, command] of commands.entries()) {
      // Two at a time, so that what instances share shows.
      const both = [applyAt(two, command, i), applyAt(three, command, i)];
      equal(both, [before[i], before[i]], `what command ${i}, ${show(command)}, gives in each instance`);
      sameSeen(see(two, queries), see(three, queries), `after command ${i}, ${show(command)}`, queries);
    }
    sameSeen(see(two, queries), see(one, queries), "after the same log", queries);
  });

  add("new instances begin alike, whatever others did", async ({ create, commands, queries }) => {
    const fresh = see(await create(), queries);
    applyAll(await create(), commands);
    sameSeen(see(await create(), queries), fresh, "a new instance after another one was used", queries);
  });

  add("nothing depends on clocks, chance or timers", async ({ create, commands, queries }) => {
    const [one, two] = [await create(), await create()];
    const used = watched(() => {
      applyAll(one, commands);
      see(one, queries);
      restore(two, take(one));
    });
    equal(used, [], "what apply, query, digest, snapshot and restore used");
  });

  add("the way to a state leaves no trace in what follows", async ({ create, commands, queries }) => {
    const straight = await create();
    const results = applyAll(straight, commands);
    const end = see(straight, queries);
    for (const cut of cuts(commands.length)) {
      const first = await create();
      applyAll(first, commands.slice(0, cut));
      // Its insertion history is another one: all at once, out of a snapshot.
      const second = await create();
      restore(second, take(first));
      const rule = `a replica restored after ${cut} commands`;
      sameSeen(see(second, queries), see(first, queries), rule, queries);
      equal(applyAll(second, commands, cut), results.slice(cut), `${rule}: the results of the commands after them`);
      sameSeen(see(second, queries), end, `${rule}, at the end of the log`, queries);
    }
  });
}

function queryCases<C, Q, R, A>(add: AddCase<C, Q, R, A>): void {
  add("queries, digest and nextDeadline change nothing", async ({ create, commands, queries }) => {
    const [asked, unasked] = [await create(), await create()];
    for (const [i, command] of commands.entries()) {
      const first = see(asked, queries);
      sameSeen(see(asked, queries), first, `asked again before command ${i}`, queries);
      equal(applyAt(asked, command, i), applyAt(unasked, command, i), `command ${i} after queries`);
    }
    sameSeen(see(asked, queries), see(unasked, queries), "after a log with queries in between", queries);
    const [one, two] = [await create(), await create()];
    restore(one, take(asked));
    restore(two, take(unasked));
    sameSeen(see(one, queries), see(two, queries), "restored from snapshots after such a log", queries);
  });
}

function snapshotCases<C, Q, R, A>(add: AddCase<C, Q, R, A>): void {
  add("a snapshot is of the moment of the call while apply goes on", async ({ create, commands, queries }) => {
    const plain = await create();
    const results = applyAll(plain, commands);
    for (const cut of cuts(commands.length)) {
      const machine = await create();
      applyAll(machine, commands.slice(0, cut));
      const moment = see(machine, queries);
      const taking = new Taking(machine.snapshot());
      const later = commands.slice(cut).map((command, i) => {
        const result = applyAt(machine, command, cut + i);
        if (i % 2 === 0) taking.pull();
        return result;
      });
      equal(later, results.slice(cut), "the results of commands applied while a snapshot is taken");
      sameSeen(see(machine, queries), see(plain, queries), "the state after a snapshot was taken", queries);
      const restored = await create();
      restore(restored, taking.rest());
      sameSeen(
        see(restored, queries),
        moment,
        `a snapshot taken after ${cut} commands, read during the others`,
        queries,
      );
    }
  });

  add("several snapshots at a time are each of their moment", async ({ create, commands, queries }) => {
    const machine = await create();
    const taken: { readonly moment: Seen; readonly taking: Taking }[] = [];
    for (const [i, command] of commands.entries()) {
      if (i % 3 === 0) taken.push({ moment: see(machine, queries), taking: new Taking(machine.snapshot()) });
      applyAt(machine, command, i);
      taken[i % taken.length]?.taking.pull();
    }
    for (const { moment, taking } of taken.reverse()) {
      const restored = await create();
      restore(restored, taking.rest());
      sameSeen(see(restored, queries), moment, "one of several snapshots", queries);
    }
  });

  add("a snapshot that is given up leaves no trace", async ({ create, commands, queries }) => {
    const [machine, plain] = [await create(), await create()];
    for (const [i, command] of commands.entries()) {
      const taking = new Taking(machine.snapshot());
      equal(applyAt(machine, command, i), applyAt(plain, command, i), "results beside snapshots that are given up");
      taking.giveUp();
    }
    sameSeen(see(machine, queries), see(plain, queries), "the state after snapshots that were given up", queries);
    const restored = await create();
    restore(restored, take(machine));
    sameSeen(see(restored, queries), see(plain, queries), "a later snapshot", queries);
  });

  add("a snapshot of a restored machine is as good as the first one", async ({ create, commands, queries }) => {
    let machine = await create();
    applyAll(machine, commands);
    const moment = see(machine, queries);
    for (let generation = 1; generation <= 3; generation++) {
      const next = await create();
      restore(next, take(machine));
      sameSeen(see(next, queries), moment, `generation ${generation} of a snapshot of a snapshot`, queries);
      machine = next;
    }
  });
}

function restoreCases<C, Q, R, A>(add: AddCase<C, Q, R, A>): void {
  add("restoring replaces whatever was there", async ({ create, commands, queries }) => {
    const half = Math.floor(commands.length / 2);
    const [empty, early] = [await create(), await create()];
    applyAll(early, commands.slice(0, half));
    for (const source of [empty, early]) {
      const used = await create();
      applyAll(used, commands);
      restore(used, take(source));
      sameSeen(see(used, queries), see(source, queries), "a machine in use after restore()", queries);
      const twin = await create();
      restore(twin, take(source));
      equal(applyAll(used, commands), applyAll(twin, commands), "results after restore() into a machine in use");
      sameSeen(see(used, queries), see(twin, queries), "the state after restore() into a machine in use", queries);
    }
  });

  add("a restored machine and its source go their own ways", async ({ create, commands, queries }) => {
    const half = Math.floor(commands.length / 2);
    const source = await create();
    applyAll(source, commands.slice(0, half));
    const moment = see(source, queries);
    const chunks = take(source);
    const copy = await create();
    restore(copy, chunks);
    applyAll(copy, commands, half);
    sameSeen(see(source, queries), moment, "the source after its copy went on", queries);
    const again = await create();
    restore(again, chunks);
    sameSeen(see(again, queries), moment, "the chunks after they were used once", queries);
  });

  add("a restore that is given up leaves no trace in the next one", async ({ create, commands, queries }) => {
    const [source, other] = [await create(), await create()];
    applyAll(source, commands);
    applyAll(other, commands.slice(0, Math.floor(commands.length / 2)));
    const restored = await create();
    const sink = restored.restore();
    for (const chunk of take(other)) sink.write(chunk);
    restore(restored, take(source));
    sameSeen(
      see(restored, queries),
      see(source, queries),
      "a machine whose restore was given up and begun anew",
      queries,
    );
  });
}
