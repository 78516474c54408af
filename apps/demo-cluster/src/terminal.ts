import { createInterface, type Interface } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";
import { COMMANDS } from "./commands.js";
import { execute } from "./execute.js";
import { clip, timeOf, wrapWords } from "./lines.js";
import { type Paint, paintFor, type Style } from "./paint.js";
import type { Supervisor } from "./supervisor.js";
import { counted, linksLine, sparkline, tableLines, throughputLine } from "./table.js";
import type { FeedKind } from "./view.js";

export interface TerminalOptions {
  readonly supervisor: Supervisor;
  readonly pageAddress: string;
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly env: NodeJS.ProcessEnv;
}

interface LogLine {
  text: string;
}

const ESC = "\u001b[";
const ALTERNATE_ON = `${ESC}?1049h`;
const ALTERNATE_OFF = `${ESC}?1049l`;
/** Terminals that know it show the whole frame at once; others ignore it. */
const FRAME_BEGIN = `${ESC}?2026h${ESC}?25l`;
const FRAME_END = `${ESC}?25h${ESC}?2026l`;
const CLEAR_REST_OF_LINE = `${ESC}K`;

const REDRAW_MS = 100;
const LOG_MAX = 200;
/** Prompt, and the row below it, so that Enter does not scroll the screen. */
const ROWS_BELOW = 2;
const LABEL_COLUMNS = 2;

const STYLES: Readonly<Record<FeedKind, Style | null>> = { leader: "green", bad: "red", good: "cyan", plain: null };

/** The live screen: a table that is redrawn in place over a prompt that stays as it is. */
export class Screen {
  readonly #options: TerminalOptions;
  readonly #paint: Paint;
  readonly #readline: Interface;
  readonly #log: LogLine[] = [];
  readonly #stops: (() => void)[] = [];
  #frame = "";
  #quit: () => void = () => undefined;

  constructor(options: TerminalOptions) {
    const { input, output, env } = options;
    this.#options = options;
    this.#paint = paintFor(output, env);
    const prompt = this.#paint("bold", "› ");
    this.#readline = createInterface({
      input,
      output,
      terminal: true,
      prompt,
      completer: completions,
      historySize: 200,
    });
  }

  /** Settles when the person wants to leave. */
  run(signal: AbortSignal): Promise<void> {
    const { supervisor, output } = this.#options;
    output.write(ALTERNATE_ON);
    for (const line of supervisor.feed.lines) this.#say(line.kind, line.text, line.atMs);
    const timer = setInterval(() => this.#draw(false), REDRAW_MS);
    const redraw = (): void => this.#draw(true);
    output.on("resize", redraw);
    this.#stops.push(
      () => clearInterval(timer),
      () => output.off("resize", redraw),
      supervisor.feed.onLine((line) => this.#say(line.kind, line.text, line.atMs)),
    );
    this.#draw(true);
    return new Promise((resolve) => {
      this.#quit = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.#readline.on("line", (line) => void this.#obey(line));
      this.#readline.on("SIGINT", resolve);
      this.#readline.on("close", resolve);
      this.#readline.on("SIGCONT", redraw);
    });
  }

  /** Gives the terminal back. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#readline.close();
    this.#options.output.write(`${ALTERNATE_OFF}${FRAME_END}`);
  }

  async #obey(line: string): Promise<void> {
    const typed: LogLine = { text: this.#paint("dim", `› ${line.trim()}`) };
    if (line.trim() !== "") this.#push(typed);
    this.#draw(true);
    const { ok, lines, quit } = await execute(this.#options.supervisor, line);
    const answers = ok ? lines : lines.map((text) => this.#paint("red", text));
    // The answer stands by its question, whatever happened meanwhile.
    if (answers.length === 1) typed.text += `  ${answers[0]}`;
    else for (const text of answers) this.#push({ text: `  ${text}` });
    if (quit) this.#quit();
    else this.#draw(false);
  }

  #say(kind: FeedKind, text: string, atMs: number): void {
    const style = STYLES[kind];
    this.#push({ text: `${this.#paint("dim", timeOf(atMs))}  ${style === null ? text : this.#paint(style, text)}` });
  }

  #push(line: LogLine): void {
    this.#log.push(line);
    if (this.#log.length > LOG_MAX) this.#log.shift();
  }

  #draw(always: boolean): void {
    const { output } = this.#options;
    const { columns, rows } = output;
    const lines = this.#lines(columns, rows - ROWS_BELOW).map((line) => clip(line, columns) + CLEAR_REST_OF_LINE);
    const frame = `${ESC}H${lines.join("\r\n")}${ESC}${rows - ROWS_BELOW + 1};1H`;
    if (frame === this.#frame && !always) return;
    this.#frame = frame;
    output.write(FRAME_BEGIN + frame);
    this.#readline.prompt(true);
    output.write(FRAME_END);
  }

  /** Exactly as many lines as there is room for. */
  #lines(columns: number, room: number): string[] {
    const { supervisor, pageAddress } = this.#options;
    const paint = this.#paint;
    const view = supervisor.view();
    const title = ` ${paint("bold", "Synod")} ${counted(view.replicas.length)}   page ${paint("cyan", pageAddress)}`;
    const top = [
      title,
      "",
      ...tableLines(view, paint).map((line) => ` ${line}`),
      "",
      ...this.#throughput(columns),
      ` ${view.cuts.length === 0 ? paint("dim", linksLine(view)) : paint("red", linksLine(view))}`,
      paint("dim", "─".repeat(columns)),
    ];
    const names = COMMANDS.map(({ name }) => name);
    const hints = wrapWords(names, columns - 1).map((line) => paint("dim", ` ${line}`));
    const logRoom = Math.max(room - top.length - hints.length, 0);
    const log = this.#log.slice(-logRoom || this.#log.length).map(({ text }) => ` ${text}`);
    const filled = [...log, ...Array.from({ length: Math.max(logRoom - log.length, 0) }, () => "")];
    return [...top.slice(0, Math.max(room - hints.length, 0)), ...filled.slice(0, logRoom), ...hints].slice(-room);
  }

  #throughput(columns: number): string[] {
    const { supervisor } = this.#options;
    const samples = supervisor.throughput.samples.map(({ perSecond }) => perSecond);
    const width = Math.max(columns - LABEL_COLUMNS, 0);
    return [` ${this.#paint("green", sparkline(samples, width))}`, ` ${throughputLine(supervisor.view())}`];
  }
}

function completions(line: string): [string[], string] {
  const fitting = COMMANDS.map(({ name }) => `${name} `).filter((name) => name.startsWith(line));
  return [line === "" ? [] : fitting, line];
}
