import { styleOfValue, ValueShape } from "@synod/ui";
import type { JSX } from "preact";
import type { PlacedToken } from "../model/layout.js";

interface TokenProps {
  readonly token: PlacedToken;
  readonly y: number;
  readonly values: readonly string[];
}

/** One mark with its words, beside the event of a row. */
export function TokenMark({ token, y, values }: TokenProps): JSX.Element {
  const { kind, x, text, width, value } = token;
  const style = value === undefined ? null : styleOfValue(value, values);
  const words = (at: number, name: string = ""): JSX.Element => (
    <text class={`token ${name}`} x={at} y={y}>
      {text}
    </text>
  );
  switch (kind) {
    case "promised":
      return (
        <g class="token-promised">
          <path d={`M${x + 6} ${y - 8} H${x} V${y + 8} H${x + 6}`} />
          {words(x + 8, "strong")}
        </g>
      );
    case "accepted":
      return (
        <g style={{ color: style?.color ?? "" }}>
          <rect class="chip" x={x} y={y - 9.5} width={width} height="19" rx="4" />
          {style !== null && <ValueShape {...style} x={x + 10} y={y} size={9} />}
          {words(x + 18, "strong")}
        </g>
      );
    case "learned":
      return (
        <g style={{ color: style?.color ?? "" }}>
          <path class="lock" d={`M${x} ${y - 1} h11 v8 h-11 z`} />
          <path class="lock-bow" d={`M${x + 2} ${y - 1} v-2.5 a3.5 3.5 0 0 1 7 0 v2.5`} />
          {words(x + 15, "strong")}
        </g>
      );
    case "executed":
      return (
        <g style={{ color: style?.color ?? "" }}>
          <path class="lock" d={`M${x} ${y - 4} l7 4 l-7 4 z`} />
          {words(x + 11, "ran")}
        </g>
      );
    case "refused":
      return (
        <g>
          <path class="icon" d={`M${x + 2} ${y - 7} v14 M${x + 6} ${y - 4} l6 8 M${x + 12} ${y - 4} l-6 8`} />
          {words(x + 16, "soft")}
        </g>
      );
    case "suspects":
      return (
        <g>
          <path class="icon" d={`M${x} ${y} q7 -8 14 0 q-7 8 -14 0 z`} />
          <circle class="lock" cx={x + 7} cy={y} r="2" />
          {words(x + 18)}
        </g>
      );
    case "leads":
      return (
        <g>
          <path class="lock" d={`M${x} ${y + 5} v-9 l4 4 l3 -6 l3 6 l4 -4 v9 z`} />
          {words(x + 18, "strong")}
        </g>
      );
    case "crashed":
    case "restarted":
      return words(x, "strong");
    case "sends":
      return words(x, "soft");
    case "words":
      return <g style={{ color: style?.color ?? "" }}>{words(x, style === null ? "soft" : "strong")}</g>;
  }
}
