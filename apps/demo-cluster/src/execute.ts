import type { Answered } from "./client.js";
import { helpLines, parseRequest, type Request } from "./commands.js";
import { Failure } from "./failure.js";
import type { KvCommand, KvResult } from "./kv.js";
import { CallError } from "./replica-process.js";
import type { Supervisor } from "./supervisor.js";
import { grouped, tableLines } from "./table.js";

/** What a typed line led to. */
export interface Outcome {
  readonly ok: boolean;
  readonly lines: readonly string[];
  readonly quit: boolean;
}

type Control = Pick<
  Supervisor,
  | "propose"
  | "read"
  | "readStale"
  | "kill"
  | "restart"
  | "pause"
  | "resume"
  | "slow"
  | "cut"
  | "heal"
  | "load"
  | "ids"
  | "view"
> & {
  readonly operations: Pick<
    Supervisor["operations"],
    "add" | "remove" | "replace" | "transfer" | "snapshot" | "shape" | "roll"
  >;
};

const quoted = (value: string | null): string => (value === null ? "not set" : JSON.stringify(value));

/** Carries out a typed line. Never throws: what went wrong is part of the outcome. */
export async function execute(control: Control, line: string): Promise<Outcome> {
  try {
    const request = parseRequest(line);
    if (request === null) return { ok: true, lines: [], quit: false };
    return { ok: true, lines: await carryOut(control, request), quit: request.kind === "quit" };
  } catch (cause) {
    return { ok: false, lines: [textOf(cause)], quit: false };
  }
}

function textOf(cause: unknown): string {
  if (cause instanceof CallError) return `${cause.code}: ${cause.message}`;
  if (cause instanceof Failure) return cause.message;
  return String(cause);
}

async function carryOut(control: Control, request: Request): Promise<string[]> {
  switch (request.kind) {
    case "propose":
      return timed((ms) =>
        control.propose(request.command, { replica: request.replica }).then(proposed(request.command, ms)),
      );
    case "read":
      return timed((ms) => read(control, request, ms));
    case "kill":
      await control.kill(request.id);
      return [];
    case "restart":
      await control.restart(request.id);
      return [];
    case "pause":
    case "resume":
      control[request.kind](request.id);
      return [];
    case "cut":
      await control.cut(request.id, request.other === undefined ? othersOf(control, request.id) : [request.other]);
      return [];
    case "add":
    case "remove":
    case "transfer":
      return timed(async (ms) => `${await control.operations[request.kind](request.id)}  (${ms()} ms)`);
    case "replace":
      return timed(async (ms) => `${await control.operations.replace(request.id, request.by)}  (${ms()} ms)`);
    case "roll":
      return timed(async (ms) => `${await control.operations.roll()}  (${ms()} ms)`);
    case "snapshot":
      return control.operations.snapshot(request.id);
    case "star":
      await control.operations.shape({ center: request.id });
      return [];
    case "chain":
      await control.operations.shape("chain");
      return [];
    case "heal":
      await control.heal(request.pair);
      return [];
    case "slow":
      await control.slow(request.id, request.ms);
      return [];
    case "load":
      control.load(request.perSecond);
      return [];
    case "status":
      return tableLines(control.view());
    case "help":
      return helpLines();
    case "quit":
      return [];
  }
}

async function read(
  control: Control,
  { key, via, replica }: Extract<Request, { kind: "read" }>,
  ms: () => string,
): Promise<string> {
  if (via !== "stale") {
    const answered = await control.read([key], { replica, via });
    return `${key} is ${quoted(answered.value[0] ?? null)}  (replica ${answered.replica}, ${ms()} ms)`;
  }
  const { replica: by, value } = await control.readStale([key], { replica });
  const age = Number.isFinite(value.ageMs) ? `at most ${Math.ceil(value.ageMs)} ms old` : "of unknown age";
  const text = `as of slot ${grouped(value.asOf)}, ${age}`;
  return `${key} was ${quoted(value.answer[0] ?? null)} ${text}  (replica ${by}, ${ms()} ms)`;
}

const othersOf = (control: Control, id: number): number[] => control.ids.filter((other) => other !== id);

async function timed(action: (ms: () => string) => Promise<string>): Promise<string[]> {
  const startedMs = performance.now();
  return [await action(() => (performance.now() - startedMs).toFixed(1))];
}

function proposed(command: KvCommand, ms: () => string): (answered: Answered<KvResult>) => string {
  return ({ replica, value: { done, value } }) => {
    const by = `(replica ${replica}, ${ms()} ms)`;
    if (command.op === "delete") return `${command.key} ${done ? "deleted" : "was not set"}  ${by}`;
    return done ? `${command.key} = ${quoted(value)}  ${by}` : `unchanged: ${command.key} is ${quoted(value)}  ${by}`;
  };
}
