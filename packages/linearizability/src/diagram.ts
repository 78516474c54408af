import type { Operation } from "./history.js";

const labelMax = 60;

interface Bar {
  readonly operation: Operation<unknown, unknown>;
  readonly label: string;
  from: number;
  /** Column of its last character; none if it never returned. */
  to: number | undefined;
}

/**
 * Time from left to right, a line for each client, and one more for each operation that never returned:
 *
 *     client a  |- write 1 -|
 *     client b       |- write 2 - ?
 *     client a                 |- read -> 3 -|
 *
 * Widths mean nothing; what overlaps was concurrent.
 */
export function drawHistory<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  label: (operation: Operation<Input, Output>) => string,
): string[] {
  const bars = operations.map(
    (operation): Bar => ({ operation, label: cut(label(operation)), from: 0, to: undefined }),
  );
  const rows = new Map<unknown, Bar[]>();
  for (const bar of bars) {
    const row = bar.operation.return === null ? bar : bar.operation.client;
    rows.set(row, [...(rows.get(row) ?? []), bar]);
  }
  layOut(bars);
  const width = Math.max(0, ...[...rows.values()].map((row) => String(row[0]?.operation.client).length));
  return [...rows.values()].map((row) => {
    const client = String(row[0]?.operation.client).padEnd(width);
    return row.reduce((line, bar) => line.padEnd(bar.from + width + 11) + draw(bar), `  client ${client}`);
  });
}

function layOut(bars: readonly Bar[]): void {
  const events = bars.flatMap((bar) => {
    const { call, return: returned } = bar.operation;
    const start = { time: call, bar, ends: false };
    return returned === null ? [start] : [start, { time: returned, bar, ends: true }];
  });
  events.sort((a, b) => a.time - b.time || Number(a.ends) - Number(b.ends));
  let column = 0;
  for (const { bar, ends } of events) {
    if (ends) {
      column = Math.max(column, bar.from + bar.label.length + 5);
      bar.to = column;
    } else bar.from = column;
    column += 1;
  }
}

function draw({ label, from, to }: Bar): string {
  if (to === undefined) return `|- ${label} - ?`;
  return `|- ${label} -`.padEnd(to - from, "-").concat("|");
}

function cut(label: string): string {
  const line = label.replaceAll(/\s+/g, " ");
  return line.length <= labelMax ? line : `${line.slice(0, labelMax - 3)}...`;
}
