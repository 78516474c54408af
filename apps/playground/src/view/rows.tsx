import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { FigureRow } from "../model/figure.js";

interface RowsProps {
  readonly rows: readonly FigureRow[];
  readonly shown: number;
  readonly onRow: (row: number) => void;
  readonly deciding: readonly number[];
  /** Whether a row ran any code, and what shows it. */
  readonly hasCode?: (row: number) => boolean;
  readonly onCode?: (row: number) => void;
}

/** The same as the picture, in sentences. Each is a button that goes back to its moment. */
export function Rows({ rows, shown, onRow, deciding, hasCode, onCode }: RowsProps): JSX.Element {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [shown, rows]);
  return (
    <section class="rows" aria-label="What has happened">
      <h2>What has happened</h2>
      <ol ref={list} class="rows-list" tabIndex={0} aria-label="Rows in words. Scrolls.">
        {rows.slice(0, shown).map((row) => (
          <li
            key={row.row}
            class={deciding.includes(row.row) ? "rows-decides" : ""}
            {...(row.row === shown && { "aria-current": "step" as const })}
          >
            <button type="button" class="row-link" onClick={() => onRow(row.row)}>
              <span class="rows-number">{row.row}</span>
              <span>{row.text}</span>
            </button>
            {onCode !== undefined && hasCode?.(row.row) === true && (
              <button
                type="button"
                class="row-code"
                aria-label={`Row ${row.row}: the code that ran`}
                onClick={() => onCode(row.row)}
              >
                code
              </button>
            )}
          </li>
        ))}
        {shown === 0 && <li class="soft">Nothing yet. Press play, or make something happen.</li>}
      </ol>
    </section>
  );
}
