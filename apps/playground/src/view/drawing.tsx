import { styleOfValue } from "@synod/ui";
import type { JSX } from "preact";
import { linesOf } from "../model/arrows.js";
import type { Figure, Waiting } from "../model/figure.js";
import type { Layout, PlacedRow } from "../model/layout.js";
import { MessageLine } from "./lines.js";
import { TokenMark } from "./tokens.js";

export interface DrawingProps {
  readonly figure: Figure;
  /** How many rows of it are shown. */
  readonly shown: number;
  readonly waiting: readonly Waiting[];
  readonly held?: readonly number[];
  readonly message?: number | null;
  readonly eyes?: string | null;
  /** The row that decides, or the two between which it goes round. */
  readonly deciding?: readonly number[];
  /** Rows that get a diamond. */
  readonly differs?: readonly number[];
  readonly onPick?: (id: number) => void;
  readonly onRow?: (row: number) => void;
  readonly label: string;
}

/** The picture itself, of a layout that is known: nothing in it needs a browser. */
export function Drawing(props: DrawingProps & { readonly layout: Layout }): JSX.Element {
  const { figure, layout, shown, waiting, message = null, held = [], eyes = null, onPick, onRow, label } = props;
  const { deciding = [], differs = [] } = props;
  const rows = layout.rows.slice(0, shown);
  const lines = linesOf(figure, layout, shown, waiting);
  const dims = (row: PlacedRow): boolean => eyes !== null && row.row.at !== eyes;
  return (
    <svg
      width={layout.width}
      height={layout.height}
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      role="img"
      aria-label={label}
    >
      <Ground layout={layout} rows={rows} shown={shown} deciding={deciding} differs={differs} onRow={onRow} />
      {lines.map((line) => {
        const dim = eyes !== null && !rows.some((row) => row.row.row === line.row && row.row.at === eyes);
        const isHeld = line.id !== null && held.includes(line.id);
        const picked = line.end === "waits" && line.id === message;
        return (
          <MessageLine
            key={line.key}
            line={line}
            values={figure.values}
            picked={picked}
            held={isHeld}
            dim={dim}
            onPick={onPick ?? null}
          />
        );
      })}
      {rows.map((placed) => (
        <RowMarks
          key={placed.row.row}
          placed={placed}
          layout={layout}
          figure={figure}
          dim={dims(placed)}
          hidesChosen={eyes !== null}
        />
      ))}
    </svg>
  );
}

/** Lanes, cuts, row numbers, and the row that decides. */
function Ground(props: {
  readonly layout: Layout;
  readonly rows: readonly PlacedRow[];
  readonly shown: number;
  readonly deciding: readonly number[];
  readonly differs: readonly number[];
  readonly onRow: ((row: number) => void) | undefined;
}): JSX.Element {
  const { layout, rows, deciding, differs, onRow } = props;
  const end = rows.at(-1)?.bottom ?? 14;
  const [from, to] = deciding.map((row) => rows[row - 1]);
  return (
    <>
      {layout.cuts
        .filter((cut) => cut.from < end)
        .map((cut) => (
          <rect
            key={cut.from}
            class="cut"
            x="0"
            y={cut.from}
            width={layout.width}
            height={Math.min(cut.to, end) - cut.from}
          />
        ))}
      {deciding.length === 1 && from !== undefined && (
        <rect class="deciding" x="0" y={from.top} width={layout.width} height={from.bottom - from.top} />
      )}
      {deciding.length === 2 && to !== undefined && (
        <path class="circle" d={`M8 ${to.y} H3 V${from?.y ?? 14} H8 m-4 -4 l4 4 l-4 4`} />
      )}
      {layout.lanes.map(({ id, x, stretches }) =>
        stretches.map((stretch) => {
          // As it is now, to the foot: how long it will stay so is not told before.
          const shownTo = stretch.to > end ? layout.foot + 8 : stretch.to;
          if (stretch.from > end) return null;
          return (
            <path
              key={`${id}${stretch.from}`}
              class={`lane lane-${stretch.look}`}
              d={`M${x} ${stretch.from} V${shownTo}`}
            />
          );
        }),
      )}
      {rows.map(({ row, y, top, bottom }) => (
        <g key={row.row}>
          <text class="row-number" x="20" y={y}>
            {row.row}
          </text>
          {differs.includes(row.row) && <path class="differs" d={`M22.5 ${y} l3.5 -4.5 l3.5 4.5 l-3.5 4.5 z`} />}
          {onRow !== undefined && (
            <rect
              class="row-hit"
              x="0"
              y={top}
              width={layout.width}
              height={bottom - top}
              onClick={() => onRow(row.row)}
            >
              <title>{row.text}</title>
            </rect>
          )}
        </g>
      ))}
    </>
  );
}

function RowMarks(props: {
  readonly placed: PlacedRow;
  readonly layout: Layout;
  readonly figure: Figure;
  readonly dim: boolean;
  readonly hidesChosen: boolean;
}): JSX.Element {
  const { placed, layout, figure, dim, hidesChosen } = props;
  const { row, x, y, tokens, bands } = placed;
  const has = (mark: string): boolean => row.marks.some((one) => one.mark === mark);
  const broken = has("crashed") || has("stopped");
  return (
    <g class={dim ? "row dim" : "row"} data-row={row.row}>
      {bands
        .filter((band) => !(hidesChosen && band.kind === "chosen"))
        .map((band) => {
          const color = band.value === undefined ? "" : styleOfValue(band.value, figure.values).color;
          return (
            <g key={band.y} class={`band band-${band.kind}`} style={{ color }}>
              {band.kind === "chosen" && (
                <path d={`M30 ${band.y - 9} H${layout.width} M30 ${band.y + 9} H${layout.width}`} />
              )}
              <text class="token strong" x={layout.width / 2 + 12} y={band.y} text-anchor="middle">
                {band.text}
              </text>
            </g>
          );
        })}
      {x !== null && broken && (
        <path class="broken" d={`M${x - 7} ${y - 7} L${x + 7} ${y + 7} M${x + 7} ${y - 7} L${x - 7} ${y + 7}`} />
      )}
      {x !== null && !broken && !row.isLost && (
        <circle class={has("restarted") ? "event event-open" : "event"} cx={x} cy={y} r={has("restarted") ? 5 : 3.5} />
      )}
      {x !== null && <Grounds tokens={tokens} x={x} y={y} />}
      {tokens.map((token) => (
        <TokenMark key={`${token.kind}${token.x}`} token={token} y={y} values={figure.values} />
      ))}
    </g>
  );
}

/** Under the marks of an event: it hides the lanes that they cross, and ties them to their own. */
function Grounds({
  tokens,
  x,
  y,
}: {
  readonly tokens: PlacedRow["tokens"];
  readonly x: number;
  readonly y: number;
}): JSX.Element {
  const sides = [tokens.filter((token) => token.x < x), tokens.filter((token) => token.x >= x)];
  return (
    <>
      {sides.map((side, index) => {
        const [first, last] = [side[0], side.at(-1)];
        if (first === undefined || last === undefined) return null;
        const [from, to] = [first.x - 3, last.x + last.width + 3];
        return (
          <g key={index}>
            <rect class="ground" x={from} y={y - 10} width={to - from} height="20" />
            <path class="tie" d={index === 0 ? `M${to} ${y} H${x - 4}` : `M${x + 4} ${y} H${from}`} />
          </g>
        );
      })}
    </>
  );
}
