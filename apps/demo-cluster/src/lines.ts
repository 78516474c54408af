import { createInterface } from "node:readline";
import { execute } from "./execute.js";
import type { Supervisor } from "./supervisor.js";
import { tableLines } from "./table.js";

const ESC = "\u001b";
const COLOUR = new RegExp(`${ESC}\\[[\\d;]*m`, "y");
const RESET = `${ESC}[0m`;

/** Cuts a line that may carry colours to a visible width. */
export function clip(line: string, width: number): string {
  let visible = 0;
  for (let at = 0; at < line.length; ) {
    COLOUR.lastIndex = at;
    const code = COLOUR.exec(line);
    if (code !== null) {
      at += code[0].length;
      continue;
    }
    if (visible === width) return line.slice(0, at) + (line.includes(ESC) ? RESET : "");
    visible++;
    at += (line.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return line;
}

/** Words with two spaces between them, in as many lines as the width asks for. */
export function wrapWords(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line}  ${word}`;
    if (line !== "" && longer.length > width) lines.push(line);
    line = longer.length > width ? word : longer;
  }
  return [...lines, line];
}

/** Wall clock as 09:41:07. */
export function timeOf(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

/** For who has only the page: one line for each thing that happens. Settles when the signal comes. */
export function tellLines(supervisor: Supervisor, print: (line: string) => void, signal: AbortSignal): Promise<void> {
  const stopFeed = supervisor.feed.onLine(({ atMs, text }) => print(`${timeOf(atMs)}  ${text}`));
  return new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  }).finally(stopFeed);
}

/** For terminals that cannot move the cursor: one line for each thing that happens. Settles when the person leaves. */
export function runLines(
  supervisor: Supervisor,
  input: NodeJS.ReadableStream,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const line of tableLines(supervisor.view())) print(line);
  const stopFeed = supervisor.feed.onLine(({ atMs, text }) => print(`${timeOf(atMs)}  ${text}`));
  const readline = createInterface({ input, terminal: false });
  return new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    readline.on("close", resolve);
    readline.on("line", (line) => {
      void execute(supervisor, line).then(({ lines, quit }) => {
        for (const text of lines) print(text);
        if (quit) resolve();
      });
    });
  }).finally(() => {
    stopFeed();
    readline.close();
  });
}
