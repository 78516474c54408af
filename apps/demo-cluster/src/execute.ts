import type { Answered } from "./client.js";
import { helpLines, parseRequest, type Request } from "./commands.js";
import { Failure } from "./failure.js";
import type { KvCommand, KvResult } from "./kv.js";
import { CallError } from "./replica-process.js";
import type { Supervisor } from "./supervisor.js";
import { tableLines } from "./table.js";

/** What a typed line led to. */
export interface Outcome {
  readonly ok: boolean;
  readonly lines: readonly string[];
  readonly quit: boolean;
}

type Control = Pick<
  Supervisor,
  "propose" | "read" | "kill" | "restart" | "pause" | "resume" | "cut" | "heal" | "load" | "ids" | "view"
>;

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
      return timed(async (ms) => {
        const { replica, value } = await control.read([request.key], { replica: request.replica });
        return `${request.key} is ${quoted(value[0] ?? null)}  (replica ${replica}, ${ms()} ms)`;
      });
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
    case "heal":
      await control.heal(request.pair);
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
