import type { JSX } from "preact";
import { styleOfValue, type ValueStyle } from "./value-style.js";

/** The shape of a value as part of a picture: `size` is its width, its middle is at `x`, `y`. */
export function ValueShape({
  shape,
  color,
  x,
  y,
  size,
}: ValueStyle & { readonly x: number; readonly y: number; readonly size: number }): JSX.Element {
  const r = size / 2;
  switch (shape) {
    case "disc":
      return <circle cx={x} cy={y} r={r} fill={color} />;
    case "square":
      return <rect x={x - r * 0.9} y={y - r * 0.9} width={r * 1.8} height={r * 1.8} fill={color} />;
    case "triangle":
      return <path d={`M${x} ${y - r} L${x + r} ${y + r * 0.8} H${x - r} Z`} fill={color} />;
    case "diamond":
      return <path d={`M${x} ${y - r} L${x + r} ${y} L${x} ${y + r} L${x - r} ${y} Z`} fill={color} />;
    case "ring":
      return (
        <circle cx={x} cy={y} r={r * 0.8} fill="none" stroke={color} stroke-width="1.5" stroke-dasharray="2 1.5" />
      );
  }
}

/** A value in running text: shape, colour and name. */
export function ValueChip({
  value,
  order,
  round,
}: {
  readonly value: string;
  readonly order: readonly string[];
  readonly round?: string | number;
}): JSX.Element {
  const style = styleOfValue(value, order);
  return (
    <span class="sy-chip" style={{ color: style.color }}>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
        <ValueShape {...style} x={5} y={5} size={10} />
      </svg>
      {round === undefined ? value : `${round} ${value}`}
    </span>
  );
}
