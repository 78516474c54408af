import { createRequire } from "node:module";
import { SynodError } from "@synod/interface";
import type Table from "cli-table3";
import pc from "picocolors";
import { CliError, EXIT_CODES, exitOf } from "./exit-codes.js";

/** What a command prints: one JSON text a line with `--json`, else text for people. */
export interface Output {
  readonly json: boolean;
  /** A result. `human` is only asked where no `--json` was given; an empty text prints nothing. */
  result(value: unknown, human: () => string): void;
  /** A remark for people, on the error stream; nothing with `--json`. */
  note(text: string): void;
  /** How far something long has come, for people who look on: on the error stream where it is a terminal, and not with `--json`. */
  progress(what: string, bytes: number): Progress;
}

interface Progress {
  update(bytes: number): void;
  /** Clears its line. */
  end(): void;
}

const PROGRESS_MS = 100;
const CLEAR_LINE = "\r\u001b[K";

function progressOf(what: string, bytes: number): Progress {
  const mib = (count: number): string => (count / 2 ** 20).toFixed(1);
  let shownMs = 0;
  return {
    update(done) {
      const nowMs = performance.now();
      if (nowMs - shownMs < PROGRESS_MS) return;
      shownMs = nowMs;
      const percent = bytes === 0 ? 100 : Math.floor((100 * done) / bytes);
      process.stderr.write(`${CLEAR_LINE}${what}: ${mib(done)} of ${mib(bytes)} MiB, ${percent} %`);
    },
    end() {
      if (shownMs > 0) process.stderr.write(CLEAR_LINE);
    },
  };
}

export function makeOutput(options: { readonly json?: boolean | undefined }): Output {
  const json = options.json === true;
  return {
    json,
    result(value, human) {
      const text = json ? JSON.stringify(value) : human();
      if (text !== "") process.stdout.write(`${text}\n`);
    },
    note(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
    progress: (what, bytes) =>
      json || !process.stderr.isTTY ? { update: () => {}, end: () => {} } : progressOf(what, bytes),
  };
}

const NO_FRAME = Object.fromEntries(
  ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
    .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid"])
    .map((name) => [name, ""])
    .concat([["middle", "  "]]),
) as Record<"top" | "middle", string>;

/** Rows under a head, in columns. Without a terminal there is no colour and no frame, so that `awk` reads it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // Loaded where there is a table: that takes longer than most commands.
  const made = new (createRequire(import.meta.url)("cli-table3") as typeof Table)({
    head: head.map((text) => pc.bold(text)),
    chars: NO_FRAME,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  made.push(...rows.map((row) => [...row]));
  return made.toString().replace(/ +$/gm, "");
}

/** `name  value` lines. */
export function fields(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${pc.dim(name.padEnd(width))}  ${value}`).join("\n");
}

/** An error as programs read it. */
interface Failure {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly exitCode: number;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const exit = exitOf(error);
  const exitCode = EXIT_CODES[exit].code;
  if (error instanceof SynodError) {
    const details = Object.keys(error.details).length === 0 ? {} : { details: error.details };
    return { error: { code: error.code, message, exitCode, ...details } };
  }
  return { error: { code: error instanceof CliError ? exit : (systemCode(error) ?? "failed"), message, exitCode } };
}

/** Says on the error stream what went wrong. */
export function printFailure(error: unknown, json: boolean): void {
  const failure = failureOf(error);
  if (json) return void process.stderr.write(`${JSON.stringify(failure)}\n`);
  const { code, message } = failure.error;
  const name = error instanceof SynodError ? `${code}: ` : "";
  process.stderr.write(`${pc.red("error:")} ${name}${message}\n`);
}

/** Of an error of the operating system. */
function systemCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
