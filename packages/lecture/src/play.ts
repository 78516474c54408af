import { SynodError } from "@synod/interface";
import type { ProcessId, Protocol } from "./shape.js";
import { step } from "./step.js";
import { labelOf, type Row } from "./trace.js";
import { type Action, createWorld, type Flight, isCut, type World } from "./world.js";

/** A run: `worlds[0]` is the beginning, `worlds[k]` comes after `rows[k - 1]`. To go back in time is to look at an earlier one. */
export interface Run {
  readonly protocol: Protocol;
  readonly actions: readonly Action[];
  readonly worlds: readonly World[];
  readonly rows: readonly Row[];
}

/** A run that has not begun. `servers`: other than the protocol's own number. */
export function beginRun(protocol: Protocol, servers?: number): Run {
  return { protocol, actions: [], worlds: [createWorld(protocol, servers)], rows: [] };
}

export function lastWorld(run: Run): World {
  const world = run.worlds.at(-1);
  if (world === undefined) throw new SynodError("InvalidArgument", "A run has at least its first world.");
  return world;
}

/** The run with one more step. Throws `InvalidArgument` if the step is not possible. */
export function extend(run: Run, action: Action): Run {
  const { world, row } = step(run.protocol, lastWorld(run), action);
  return {
    protocol: run.protocol,
    actions: [...run.actions, action],
    worlds: [...run.worlds, world],
    rows: [...run.rows, row],
  };
}

/** Plays actions, such as those that a search has found, from the start of `run`. */
export function replay(run: Run, actions: readonly Action[]): Run {
  return actions.reduce(extend, run);
}

/**
 * Plays a script, a line at a time:
 *
 * - `C1 asks m1 of S1`, `C1 sends m1 to S1 S2`, `S1 wants foo`
 * - `S1 > S2 S3 ACC m1` delivers the oldest message from S1 to S2 whose label has these words (none: any), then to S3;
 *   `S1 x S2` loses it, `S1 + S2` delivers a copy
 * - `S2 timeout`, `S2 suspects S1`, `S1 crashes`, `S1 restarts`, `S1 restarts without its disk`
 * - `cut S1 | S2 S3`, `heal`
 * - `settle` delivers everything that can be, oldest first; what is for a server that is down stays on its way
 *
 * Throws `InvalidArgument` with the number of the line.
 */
export function playScript(run: Run, script: readonly string[]): Run {
  return script.reduce((done, line, index) => {
    try {
      return playLine(done, line.trim());
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      throw new SynodError("InvalidArgument", `Line ${index + 1} of the script, "${line}": ${error.message}`);
    }
  }, run);
}

const SETTLE_MAX = 500;

/** Delivers everything that can be delivered, oldest first; not to those who are down. */
export function settle(run: Run): Run {
  let now = run;
  for (let count = 0; count < SETTLE_MAX; count++) {
    const world = lastWorld(now);
    const next = world.flights.find(({ from, to }) => !isCut(world, from, to) && world.servers[to]?.up !== false);
    if (next === undefined) return now;
    now = extend(now, { do: "deliver", id: next.id });
  }
  return now;
}

function playLine(run: Run, line: string): Run {
  if (line === "settle") return settle(run);
  if (line === "heal") return extend(run, { do: "heal" });
  const [first = "", verb = "", ...rest] = line.split(/\s+/);
  if (first === "cut") {
    const sides = line.slice("cut".length).split("|");
    return extend(run, { do: "cut", sides: sides.map((side) => side.trim().split(/\s+/)) });
  }
  if (verb === ">" || verb === "x" || verb === "+") return playMessages(run, first, verb, rest);
  return extend(run, actionOf(first, verb, rest));
}

function actionOf(at: ProcessId, verb: string, [word = "", ...rest]: readonly string[]): Action {
  switch (verb) {
    case "asks":
      return { do: "ask", client: at, value: word, to: rest.at(-1) ?? "" };
    case "sends":
      return { do: "send", client: at, value: word, to: rest.slice(1) };
    case "wants":
      return { do: "ask", client: at, value: word, to: at };
    case "timeout":
      return { do: "timeout", at };
    case "suspects":
      return { do: "suspect", at, of: word };
    case "crashes":
      return { do: "crash", at };
    case "restarts":
      return { do: "restart", at, disk: word === "without" ? "lost" : "kept" };
  }
  throw new SynodError("InvalidArgument", `"${verb}" is no step of a script.`);
}

const DOES = { ">": "deliver", x: "lose", "+": "duplicate" } as const;

function playMessages(run: Run, from: ProcessId, verb: keyof typeof DOES, rest: readonly string[]): Run {
  const to = rest.filter((word) => /^[SC]\d+$/.test(word));
  const words = rest.filter((word) => !/^[SC]\d+$/.test(word));
  return to.reduce((done, peer) => {
    const flight = lastWorld(done).flights.find((one) => one.from === from && one.to === peer && hasWords(one, words));
    if (flight !== undefined) return extend(done, { do: DOES[verb], id: flight.id });
    const on = lastWorld(done).flights.map((one) => `${one.from} > ${one.to} ${labelOf(one.message)}`);
    throw new SynodError("InvalidArgument", `No such message is on its way to ${peer}; there are: ${on.join("; ")}.`);
  }, run);
}

function hasWords(flight: Flight, words: readonly string[]): boolean {
  const label = ` ${labelOf(flight.message).replace(/[(),]/g, " ")} `;
  return words.every((word) => label.includes(` ${word} `));
}
