import {
  type Action,
  beginRun,
  extend,
  type Flight,
  labelOf,
  lastWorld,
  type Protocol,
  PROTOCOLS,
  type Run,
  type World,
} from "@synod/lecture";
import { blankRow, type Figure, type FigureRow, figureOf } from "./figure.js";

/** The same schedule with another protocol. */
export interface Beside {
  readonly run: Run;
  /** Row for row as in the run that it is compared with; a step that is not possible here is a row that says so. */
  readonly figure: Figure;
  /** Rows in which the two do different things. */
  readonly differs: readonly number[];
}

/** The protocol that this one is a small step from. */
export function predecessorOf(protocol: Protocol): Protocol | null {
  return PROTOCOLS.find((one) => one.id === protocol.previous) ?? null;
}

const NO_MESSAGE = "no such message here";

const known = new WeakMap<Run, Map<string, Beside>>();

/** Plays what was done in `run` with `other`: the same wishes, accidents and order of messages, as far as it sends them. */
export function besideOf(run: Run, other: Protocol): Beside {
  const all = known.get(run) ?? new Map<string, Beside>();
  known.set(run, all);
  const found = all.get(other.id);
  if (found !== undefined) return found;
  const made = compare(run, other);
  all.set(other.id, made);
  return made;
}

function compare(run: Run, other: Protocol): Beside {
  const servers = Object.keys(lastWorld(run).servers).length;
  let mine = beginRun(other, servers);
  /** For each row of `run` the row of the other one, or why there is none. */
  const made: (number | string)[] = run.actions.map((action, index) => {
    const world = run.worlds[index];
    try {
      const same = world === undefined ? null : sameAction(action, world, lastWorld(mine));
      if (same === null) return NO_MESSAGE;
      mine = extend(mine, same);
      return mine.rows.length;
    } catch {
      return "not possible here";
    }
  });
  const theirs = figureOf(mine);
  const numbers = new Map(made.flatMap((row, index) => (typeof row === "number" ? [[row, index + 1] as const] : [])));
  const rows = made.map((row, index): FigureRow => {
    const one = typeof row === "number" ? theirs.rows[row - 1] : undefined;
    if (one === undefined) {
      const isMissing = row === NO_MESSAGE;
      const text = isMissing ? "There is no such message here." : "This is not possible here.";
      return blankRow(index + 1, text, `${row}`);
    }
    const arrow = one.arrow === null ? null : { ...one.arrow, sentRow: numbers.get(one.arrow.sentRow) ?? 0 };
    return { ...one, row: index + 1, arrow };
  });
  const here = figureOf(run);
  const differs = rows.flatMap((row, index) => (row.text === here.rows[index]?.text ? [] : [index + 1]));
  return { run: mine, figure: { ...theirs, lanes: here.lanes, values: here.values, rows }, differs };
}

/** What is done to a message is done to the oldest one from the same to the same, of the same kind; one with the same words first. */
function sameAction(action: Action, from: World, to: World): Action | null {
  if (action.do !== "deliver" && action.do !== "duplicate" && action.do !== "lose") return action;
  const meant = from.flights.find((flight) => flight.id === action.id);
  if (meant === undefined) return null;
  const alike = to.flights.filter((flight) => isAlike(flight, meant));
  const label = labelOf(meant.message);
  const found = alike.find((flight) => labelOf(flight.message) === label) ?? alike[0];
  return found === undefined ? null : { ...action, id: found.id };
}

function isAlike(one: Flight, other: Flight): boolean {
  return one.from === other.from && one.to === other.to && one.message.type === other.message.type;
}
