import { styleOfValue } from "@synod/ui";
import type { JSX } from "preact";
import type { Line } from "../model/arrows.js";

interface LineProps {
  readonly line: Line;
  readonly values: readonly string[];
  readonly picked: boolean;
  readonly held: boolean;
  readonly dim: boolean;
  readonly onPick: ((id: number) => void) | null;
}

const HEADS = {
  prepare: "M-8 -4 L0 0 L-8 4",
  accept: "M-9 -4.5 L0 0 L-9 4.5 Z",
  learn: "M-8 -4 L0 0 L-8 4 M-13 -4 L-5 0 L-13 4",
  client: "M-6 -3 L0 0 L-6 3",
  other: "M-7 -3.5 L0 0 L-7 3.5",
} as const;

/** A message: its line says which phase it is, its colour which value it carries, its end what became of it. */
export function MessageLine({ line, values, picked, held, dim, onPick }: LineProps): JSX.Element {
  const { x1, y1, x2, y2, phase, end, value, id, bow } = line;
  // The point that draws the curve towards it: the curve itself bows half as far.
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2 - bow * 2];
  const angle = bow === 0 ? Math.atan2(y2 - y1, x2 - x1) : Math.atan2(y2 - my, x2 - mx);
  const short = end === "arrow" || end === "gate" ? 6 : 0;
  const [ex, ey] = [x2 - Math.cos(angle) * short, y2 - Math.sin(angle) * short];
  const color = value === null ? "var(--ink-soft)" : styleOfValue(value, values).color;
  const waits = end === "waits";
  const classes = [
    "line",
    `line-${phase}`,
    line.fresh && "fresh",
    picked && "picked",
    dim && "dim",
    waits && "line-waits",
  ];
  return (
    <g
      class={classes.filter(Boolean).join(" ")}
      style={{ color }}
      {...(waits && id !== null && onPick !== null && { onClick: () => onPick(id), "data-message": id })}
    >
      <path class="line-body" d={bow === 0 ? `M${x1} ${y1} L${ex} ${ey}` : `M${x1} ${y1} Q${mx} ${my} ${ex} ${ey}`} />
      <g transform={`translate(${ex} ${ey}) rotate(${(angle * 180) / Math.PI})`}>
        {(end === "arrow" || end === "gate") && (
          <path class={phase === "accept" ? "head head-filled" : "head"} d={HEADS[phase]} />
        )}
        {end === "gate" && <path class="head gate-bar" d="M3 -7 V7" />}
        {end === "lost" && <path class="head" d="M-5 -5 L5 5 M5 -5 L-5 5" />}
      </g>
      {waits && <circle class="end-waits" cx={x2} cy={y2} r={picked ? 7 : 5.5} />}
      {waits && held && <path class="head" d={`M${x2 - 2} ${y2 - 3} v6 M${x2 + 2} ${y2 - 3} v6`} />}
      {waits && <circle class="hit" cx={x2} cy={y2} r="14" />}
    </g>
  );
}
