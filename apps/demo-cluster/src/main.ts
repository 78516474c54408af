// `npm run demo`: a cluster of real processes with a live screen and page, or a told tour of it.
import { fstatSync } from "node:fs";
import { DataDirectory } from "./data-directory.js";
import { execute } from "./execute.js";
import { Failure, usage } from "./failure.js";
import { runLines, tellLines } from "./lines.js";
import { type Options, parseOptions, TOUR_NODES_MIN } from "./options.js";
import { paintFor } from "./paint.js";
import { counted } from "./table.js";
import { Supervisor } from "./supervisor.js";
import { Screen } from "./terminal.js";
import { playTour } from "./tour.js";
import { type Page, servePage } from "./web.js";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Undone in the opposite order when the demo ends, whichever way. */
type Undo = (() => Promise<void> | void)[];

/** Ends early: by a signal, or because nobody reads the output any more. */
interface Ending {
  readonly signal: AbortSignal;
  /** Exit code if the work could not be finished because of it. */
  code: number;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function watchForEnd(): Ending {
  const controller = new AbortController();
  const ending: Ending = { signal: controller.signal, code: 1 };
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      // Whoever asks twice does not want to wait; the exit handler takes the replicas along.
      if (controller.signal.aborted) process.exit(128 + number);
      ending.code = 128 + number;
      controller.abort();
    });
  }
  process.stdout.on("error", () => controller.abort());
  process.stderr.on("error", () => controller.abort());
  return ending;
}

function page(supervisor: Supervisor, port: number): Promise<Page> {
  return servePage(
    {
      view: () => supervisor.view(),
      samples: () => supervisor.throughput.samples,
      onSample: (listener) => supervisor.throughput.onSample(listener),
      feed: supervisor.feed,
      story: supervisor.observer.story,
      execute: (line) => execute(supervisor, line),
      trace: () => supervisor.trace(),
    },
    port,
  );
}

/** Somebody has piped something in, and may wait for an answer. What a service manager or CI gives is neither. */
function isPiped(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket() || input.isFile();
  } catch {
    return false;
  }
}

async function tour(supervisor: Supervisor, startedMs: number, ending: Ending): Promise<number> {
  const paint = paintFor(process.stdout, process.env);
  const { signal } = ending;
  const allTrue = await playTour({ supervisor, print, paint, startedMs, signal });
  return allTrue ? 0 : signal.aborted ? ending.code : 1;
}

async function interact(supervisor: Supervisor, pageAddress: string, ending: Ending): Promise<void> {
  const { stdin: input, stdout: output, env } = process;
  if (env["TERM"] === "dumb") {
    return runLines(supervisor, input, print, ending.signal);
  }
  const screen = new Screen({ supervisor, pageAddress, input, output, env });
  try {
    await screen.run(ending.signal);
  } finally {
    screen.close();
  }
}

async function demo(options: Options, ending: Ending, undo: Undo): Promise<number> {
  const directory = await DataDirectory.open(options.data, options.nodes);
  process.on("exit", () => directory.remove());
  const supervisor = await Supervisor.create(directory, options.nodes);
  process.prependListener("exit", () => supervisor.closeNow());
  if (options.tour && supervisor.ids.length < TOUR_NODES_MIN)
    throw usage(`the tour kills a leader, so it needs ${TOUR_NODES_MIN} replicas; ${directory.path} has fewer left`);
  undo.push(() => supervisor.close());
  const { address, close } = await page(supervisor, options.port);
  undo.push(close);
  print(`Synod demo: ${counted(supervisor.ids.length)} with TCP on 127.0.0.1 and files in ${directory.path}`);
  print(`Page: ${address}`);
  const startedMs = performance.now();
  await supervisor.start();
  if (options.tour && isPiped()) {
    print(
      "Nothing is read from the pipe: without a terminal the tour is played. Commands are typed in a terminal or on the page.",
    );
  }
  if (options.tour) return tour(supervisor, startedMs, ending);
  if (options.page) await tellLines(supervisor, print, ending.signal);
  else await interact(supervisor, address, ending);
  print(`${supervisor.throughput.view().acknowledged} commands were acknowledged.`);
  if (!directory.temporary) print(`The data is in ${directory.path}: --data with it goes on from here.`);
  return 0;
}

async function main(): Promise<number> {
  const undo: Undo = [];
  const ending = watchForEnd();
  try {
    const options = parseOptions(process.argv.slice(2), {
      directory: process.env["INIT_CWD"] ?? process.cwd(),
      terminal: process.stdin.isTTY && process.stdout.isTTY,
    });
    return options === null ? 0 : await demo(options, ending, undo);
  } catch (cause) {
    // What an interrupted start complains of is of no interest.
    if (ending.signal.aborted) return ending.code;
    process.stderr.write(`demo: ${cause instanceof Failure ? cause.message : String(cause)}\n`);
    return cause instanceof Failure ? cause.exitCode : 1;
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

main().then(
  (code) => process.exit(code),
  (cause: unknown) => {
    process.stderr.write(`demo: ${String(cause)}\n`);
    process.exit(1);
  },
);
