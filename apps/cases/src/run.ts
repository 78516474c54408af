import type { Driver, Feed, Given } from "./driver.js";
import { fatalText } from "./faults.js";
import { groupOf } from "./groups.js";
import { type Case, NotationError, parseCases, splitOutside } from "./notation.js";

export interface Report {
  /** One for each case, and one for each file that cannot be read or understood. */
  readonly lines: readonly string[];
  readonly passed: number;
  readonly failed: number;
}

/** A file: its name for messages, and how to read it. */
export interface Source {
  readonly name: string;
  read(): string;
}

/** Runs all cases of all files, in order. */
export function runSources(sources: readonly Source[]): Report {
  const lines = sources.flatMap((source) => {
    try {
      return parseCases(source.read()).map(runCase);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const place =
        error instanceof NotationError && error.line !== undefined ? `${source.name}:${error.line}` : source.name;
      return [`FAIL ${place}: ${error.message}`];
    }
  });
  const count = (word: string): number => lines.filter((line) => line.startsWith(`${word} `)).length;
  return { lines, passed: count("ok"), failed: count("FAIL") };
}

export function countingLine({ passed, failed }: Report): string {
  // Everything that the notation names is built; the third number stays for those who read this line.
  return `${passed} passed, ${failed} failed, 0 skipped`;
}

/** Runs one case and says how it went: `ok` or `FAIL`, its ID, and why. */
export function runCase(one: Case): string {
  try {
    const group = groupOf(one);
    for (const driver of group.drivers) {
      const failure = play(one, driver);
      if (failure === null) continue;
      const subject = group.drivers.length > 1 ? ` (${driver.subject})` : "";
      return `FAIL ${one.id} ${failure}${subject}`;
    }
    return `ok ${one.id}`;
  } catch (error) {
    return `FAIL ${one.id} start: ${messageOf(error)}`;
  }
}

/** The first step that does not give what the case says, or null. */
function play(one: Case, driver: Driver): string | null {
  const feed = driver.start(one);
  for (const [index, { input, outputs }] of one.steps.entries()) {
    const given = step(feed, input);
    if ([given.outputs, ...(given.also ?? [])].some((texts) => same(outputs, texts))) continue;
    return `step ${index + 1}: expected ${textOf(outputs)}, got ${textOf(given.outputs)}`;
  }
  return null;
}

function step(feed: Feed, input: string): Given {
  try {
    return feed(input);
  } catch (error) {
    return { outputs: [fatalText(error) ?? `an error: ${messageOf(error)}`] };
  }
}

function textOf(outputs: readonly string[]): string {
  return outputs.length === 0 ? "-" : outputs.join(", ");
}

function same(expected: readonly string[], given: readonly string[]): boolean {
  return (
    expected.length === given.length && expected.every((text, index) => canonical(text) === canonical(given[index]))
  );
}

/** One spelling for outputs that mean the same: space, the case of the leading word, the order of a vote map, text after FATAL. */
function canonical(text = ""): string {
  const [word = ""] = text.split(/\s/, 1);
  if (/^FATAL$/i.test(word)) return "FATAL";
  // Everybody words the reason in another way.
  if (/^IGNORED$/i.test(word)) return "IGNORED";
  const rest = text
    .slice(word.length)
    .replace(/\bup ?to\b/i, "upto")
    .replace(/\{.*\}|\[.*\]/g, (list) => {
      const parts = splitOutside(list.slice(1, -1), /,/).map((part) => part.replace(/\s*([:=])\s*/g, "$1"));
      if (list.startsWith("{")) parts.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
      return `${list[0]}${parts.join(",")}${list.at(-1)}`;
    });
  return `${word.toUpperCase()} ${rest.trim().replace(/\s+/g, " ")}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
