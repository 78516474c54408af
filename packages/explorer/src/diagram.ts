import { SynodError } from "@synod/interface";
import type { Event, Model, Path } from "./model.js";

const MARKS = { promised: "p", voted: "v", chosen: "C" } as const;

/** One row: an arrow from sender to receiver, or a star where something happens by itself, or the mark of what came true. */
function row({ at, from, mark }: Event, widths: readonly number[]): string {
  const columns = widths.map((width, index) => {
    const isEnd = index === at;
    const sign = isEnd && mark !== undefined ? MARKS[mark] : isEnd && (from === undefined || from === at) ? "*" : "|";
    return sign + " ".repeat(width - 1);
  });
  if (from === undefined || from === at) return columns.join("");
  const [left, right] = [Math.min(at, from), Math.max(at, from)];
  return columns
    .map((cell, index) => {
      if (index < left || index >= right) return cell;
      const line = "-".repeat(cell.length - 1);
      const head =
        at < from && index === left
          ? `<${line.slice(1)}`
          : index === right - 1 && at > from
            ? `${line.slice(1)}>`
            : line;
      return (index > left ? "-" : (cell[0] ?? "")) + head;
    })
    .join("");
}

/**
 * A space-time diagram: a column for each process, time from top to bottom, one step a row. `*` marks a step of a process
 * by itself; `p` a promise, `v` a vote, `C` the step with which a value is chosen.
 *
 * @throws SynodError `InvalidArgument` if the model has no `processes` or `describe`.
 */
export function diagram<State, Action>(model: Model<State, Action>, path: Path<State, Action>): string[] {
  const { processes } = model;
  if (processes === undefined || model.describe === undefined) {
    throw new SynodError(
      "InvalidArgument",
      `A diagram needs ${processes === undefined ? "processes (the names of the columns)" : "describe(action, before, after)"} in the model.`,
    );
  }
  const widths = processes.map((name) => Math.max(name.length + 2, 8));
  const digits = String(path.actions.length).length;
  const margin = " ".repeat(digits + 2);
  const lines = [
    margin +
      processes
        .map((name, index) => name.padEnd(widths[index] ?? 0))
        .join("")
        .trimEnd(),
  ];
  for (const [index, action] of path.actions.entries()) {
    const event = model.describe(action, path.states[index] as State, path.states[index + 1] as State);
    lines.push(`${String(index + 1).padStart(digits)}  ${row(event, widths)} ${event.text}`);
  }
  return lines;
}
