/** One `input -> output, output` line. */
interface Step {
  readonly line: number;
  readonly input: string;
  /** Empty for `-`. */
  readonly outputs: readonly string[];
}

export interface Case {
  readonly id: string;
  readonly line: number;
  /** The start state as written, key by key; keys in lower case. */
  readonly start: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

/** Text that does not follow the notation. */
export class NotationError extends Error {
  override readonly name: string = "NotationError";
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}

const START_KEYS =
  "promised votes snap applied adu me n q1 q2 alpha ballot phase queue own leader replies members mode ids alive suspected delta d rho";

const BRACKETS = new Map([
  ["{", "}"],
  ["[", "]"],
  ["(", ")"],
]);

/** Splits where `separator` matches outside of braces, brackets and parentheses; throws where these do not pair up. */
export function splitOutside(text: string, separator: RegExp): string[] {
  const open: string[] = [];
  const parts: string[] = [];
  let part = "";
  for (const char of text) {
    const closing = BRACKETS.get(char);
    if (closing !== undefined) open.push(closing);
    else if ("}])".includes(char) && open.pop() !== char)
      throw new NotationError(`"${char}" closes nothing in "${text}"`);
    if (open.length === 0 && separator.test(char)) {
      parts.push(part.trim());
      part = "";
    } else part += char;
  }
  const missing = open.pop();
  if (missing !== undefined) throw new NotationError(`"${missing}" is missing in "${text}"`);
  return [...parts, part.trim()];
}

/** Reads a file of cases. Throws a `NotationError` with the line of the first fault. */
export function parseCases(text: string): Case[] {
  const reader = new Reader();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    // A comment stands at the start of a line or after a space: `c#1` is no comment.
    const content = line.replace(/(^|\s)#.*$/, "").trim();
    if (content === "") continue;
    try {
      reader.take(content, index + 1);
    } catch (error) {
      if (error instanceof NotationError) throw new NotationError(error.message, error.line ?? index + 1);
      throw error;
    }
  }
  return reader.end();
}

interface Unfinished {
  readonly id: string;
  readonly line: number;
  start: Map<string, string> | null;
  readonly steps: Step[];
}

class Reader {
  readonly #done: Case[] = [];
  readonly #lines = new Map<string, number>();
  #current: Unfinished | null = null;

  take(content: string, line: number): void {
    const [word = ""] = content.split(/\s/, 1);
    const rest = content.slice(word.length).trim();
    if (/^case$/i.test(word)) return this.#case(rest, line);
    const current = this.#current;
    if (current === null) throw new NotationError(`"case ID" must come first, not "${content}"`);
    if (/^start$/i.test(word) && !content.includes("->")) {
      if (current.start !== null) throw new NotationError(`case ${current.id} has a second start line`);
      current.start = parseStart(rest);
      return;
    }
    if (current.start === null)
      throw new NotationError(`case ${current.id} needs its "start ..." line before its steps`);
    current.steps.push(parseStep(content, line));
  }

  end(): Case[] {
    this.#finish();
    return this.#done;
  }

  #case(id: string, line: number): void {
    if (!/^\S+$/.test(id)) throw new NotationError(`a case has one ID: "case ACC-01", not "case ${id}"`);
    const earlier = this.#lines.get(id);
    if (earlier !== undefined) throw new NotationError(`case ${id} is already in line ${earlier}`);
    this.#finish();
    this.#lines.set(id, line);
    this.#current = { id, line, start: null, steps: [] };
  }

  #finish(): void {
    const current = this.#current;
    if (current === null) return;
    const { id, line, start, steps } = current;
    if (start === null) throw new NotationError(`case ${id} has no "start ..." line`, line);
    if (steps.length === 0) throw new NotationError(`case ${id} has no steps`, line);
    this.#done.push({ id, line, start, steps });
  }
}

function parseStart(text: string): Map<string, string> {
  const start = new Map<string, string>();
  for (const field of splitOutside(text, /\s/)) {
    if (field === "" || /^empty$/i.test(field)) continue;
    const at = field.indexOf("=");
    if (at < 1) throw new NotationError(`the start state is key=value or "empty", not "${field}"`);
    const key = field.slice(0, at).toLowerCase();
    if (!START_KEYS.split(" ").includes(key))
      throw new NotationError(`"${key}" is no key of a start state: ${START_KEYS}`);
    if (start.has(key)) throw new NotationError(`"${key}" is given twice`);
    start.set(key, field.slice(at + 1));
  }
  return start;
}

function parseStep(content: string, line: number): Step {
  const at = content.indexOf("->");
  const input = at < 0 ? "" : content.slice(0, at).trim().replace(/\s+/g, " ");
  const output = at < 0 ? "" : content.slice(at + 2).trim();
  if (input === "" || output === "") throw new NotationError(`a step is "input -> output, output", not "${content}"`);
  if (output === "-") return { line, input, outputs: [] };
  const outputs = splitOutside(output, /,/);
  if (outputs.includes("")) throw new NotationError(`an output is empty in "${output}"`);
  return { line, input, outputs };
}
