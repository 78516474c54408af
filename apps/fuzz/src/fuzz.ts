import { mutate } from "./mutate.js";
import { Seeded } from "./seeded.js";
import type { Target } from "./target.js";

/** What a target may hold more than at its start, garbage included. */
const HEAP_GROWTH_MAX = 768 * 1024 * 1024;
const LOOK_EVERY = 65_536;
/** Inputs that led to something new, beyond the samples. */
const CORPUS_MAX = 4_096;

export interface Finding {
  readonly target: string;
  readonly what: "crash" | "hang" | "memory";
  readonly text: string;
  readonly input: Uint8Array;
}

export interface FuzzResult {
  readonly inputs: number;
  /** Different outcomes: what the mutations reached. */
  readonly outcomes: number;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** Stops earlier. */
  readonly untilMs?: number;
  /** One input may take so long; 1,000 by default. */
  readonly hangMs?: number;
}

/** Feeds a target. The samples themselves come first, as they are. */
export async function fuzz(
  target: Target,
  { seed, inputs, untilMs = Infinity, hangMs = 1_000 }: FuzzOptions,
): Promise<FuzzResult> {
  const random = new Seeded(seed);
  const corpus = [...target.samples];
  const outcomes = new Set<string>();
  const findings = new Map<string, Finding>();
  const heapBefore = process.memoryUsage().heapUsed;
  const keep = (what: Finding["what"], text: string, input: Uint8Array): void => {
    // One of each kind is enough to look at.
    const key = `${what} ${text.replaceAll(/[0-9]+/g, "").slice(0, 200)}`;
    if (!findings.has(key)) findings.set(key, { target: target.name, what, text, input });
  };
  let done = 0;
  for (; done < inputs; done++) {
    const input = done < target.samples.length ? (target.samples[done] as Uint8Array) : mutate(corpus, random);
    // What it does to its input is its own affair.
    const given = input.slice();
    const began = performance.now();
    try {
      const result = target.run(given);
      const outcome = typeof result === "string" ? result : await result;
      if (!outcomes.has(outcome)) {
        outcomes.add(outcome);
        if (corpus.length < CORPUS_MAX) corpus.push(input);
      }
    } catch (error) {
      keep("crash", error instanceof Error ? (error.stack ?? error.message) : String(error), input);
    }
    const now = performance.now();
    if (now - began > hangMs && (await alwaysSlow(target, input, hangMs))) {
      keep("hang", `one input took ${Math.round(now - began)} ms`, input);
    }
    if (now > untilMs) break;
    if (done % LOOK_EVERY === LOOK_EVERY - 1) {
      const grown = process.memoryUsage().heapUsed - heapBefore;
      if (grown > HEAP_GROWTH_MAX) keep("memory", `${grown} bytes more after ${done} inputs`, input);
      // Signals and timers have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { inputs: done, outcomes: outcomes.size, findings: [...findings.values()] };
}

/** Not because something else had the processor just then. */
async function alwaysSlow(target: Target, input: Uint8Array, hangMs: number): Promise<boolean> {
  for (let tries = 0; tries < 3; tries++) {
    const began = performance.now();
    try {
      await target.run(input.slice());
    } catch {
      // That is a finding of its own.
    }
    if (performance.now() - began <= hangMs) return false;
  }
  return true;
}
