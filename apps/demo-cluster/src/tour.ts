import { randomBytes } from "node:crypto";
import { Ledger } from "./ledger.js";
import type { Paint } from "./paint.js";
import { type Step, type Tour, Untrue } from "./step.js";
import type { Supervisor } from "./supervisor.js";
import { tourSteps } from "./tour-steps.js";

export interface TourOptions {
  readonly supervisor: Supervisor;
  readonly print: (line: string) => void;
  readonly paint: Paint;
  /** When the processes were started, on the clock of `performance.now`. */
  readonly startedMs: number;
  /** Ends the tour before its time. */
  readonly signal: AbortSignal;
}

/** The whole tour has this long, far more than it needs; ending the processes comes on top. */
const TOUR_MS = 60_000;
const STEP_MS = 20_000;
const TITLE_COLUMNS = 46;

/** Plays the tour. Settles with true if every step was true. */
export async function playTour({ supervisor, print, paint, startedMs, signal }: TourOptions): Promise<boolean> {
  const prefix = `tour-${randomBytes(3).toString("hex")}`;
  const leftMs = (): number => Math.max(startedMs + TOUR_MS - performance.now(), 0);
  const tour: Tour = {
    supervisor,
    ledger: new Ledger(prefix),
    startedMs,
    tell: (text) => print(`        ${paint("dim", text)}`),
    key: (name) => `${prefix}:${name}`,
    expect: async (what, condition, seen) => {
      if (await supervisor.waitFor(condition, Math.min(STEP_MS, leftMs()))) return;
      throw new Untrue(`expected ${what}${seen === undefined ? "" : `; ${seen()}`}`);
    },
  };
  for (const { text } of supervisor.feed.lines) tour.tell(text);
  const stopFeed = supervisor.feed.onLine(({ text }) => tour.tell(text));
  let number = 0;
  try {
    for (const step of tourSteps(supervisor.ids)) {
      number++;
      const stepMs = performance.now();
      const result = await outcomeOf(step, tour, leftMs(), signal);
      const took = paint("dim", `${((performance.now() - stepMs) / 1000).toFixed(2)} s`);
      const verdict = result.ok ? paint("green", "ok  ") : paint("red", "FAIL");
      print(`${verdict} ${String(number).padStart(2)}  ${paint("bold", step.title.padEnd(TITLE_COLUMNS))} ${took}`);
      print(`        ${result.ok ? result.text : paint("red", result.text)}`);
      if (!result.ok) return false;
    }
  } finally {
    stopFeed();
    supervisor.load(0);
  }
  print("");
  print(
    `${paint("green", `All ${number} steps were true`)}, in ${((performance.now() - startedMs) / 1000).toFixed(1)} s.`,
  );
  return true;
}

async function outcomeOf(
  step: Step,
  tour: Tour,
  leftMs: number,
  signal: AbortSignal,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(leftMs))]);
  const cutShort = new Promise<never>((_resolve, reject) => {
    late.addEventListener("abort", () => {
      reject(new Untrue(signal.aborted ? "interrupted" : "expected the whole tour within its time; it took too long"));
    });
  });
  try {
    return { ok: true, text: await Promise.race([step.run(tour), cutShort]) };
  } catch (cause) {
    return { ok: false, text: cause instanceof Error ? cause.message : String(cause) };
  }
}
