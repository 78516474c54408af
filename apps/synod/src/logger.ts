import { type Fields, type Logger, SynodError } from "@synod/interface";
import pc from "picocolors";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

const COLOURS: Readonly<Record<Level, (text: string) => string>> = {
  debug: pc.dim,
  info: pc.cyan,
  warn: pc.yellow,
  error: pc.red,
};

/** One line an event, on the error stream: text for people, or JSON for whoever collects logs. */
export function makeLogger(options: { readonly level: Level; readonly format: "text" | "json" }): Logger {
  const least = LEVELS.indexOf(options.level);
  const line =
    (level: Level) =>
    (message: string, fields: Fields = {}) => {
      if (LEVELS.indexOf(level) < least) return;
      const time = new Date().toISOString();
      process.stderr.write(
        `${options.format === "json" ? asJson(level, time, message, fields) : asText(level, time, message, fields)}\n`,
      );
    };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function asJson(level: Level, time: string, message: string, fields: Fields): string {
  return JSON.stringify({ time, level, message, ...plain(fields) }, (_key, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}

function asText(level: Level, time: string, message: string, fields: Fields): string {
  const facts = Object.entries(plain(fields)).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [pc.dim(time), COLOURS[level](level.padEnd(5)), message, pc.dim(facts.join(" "))].join(" ").trimEnd();
}

/** `Error` has nothing that JSON shows. One with a code says all in its text; of another the place is wanted. */
function plain(fields: Fields): Record<string, unknown> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (value instanceof SynodError) return `${value.code}: ${value.message}`;
  return value instanceof Error ? (value.stack ?? value.message) : value;
}
