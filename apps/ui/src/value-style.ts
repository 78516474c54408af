/** How a value is drawn: its shape and its colour say the same, so that neither is needed alone. */
export interface ValueStyle {
  readonly shape: "disc" | "square" | "triangle" | "diamond" | "ring";
  /** A CSS colour. */
  readonly color: string;
}

const STYLES: readonly ValueStyle[] = [
  { shape: "disc", color: "var(--value-1)" },
  { shape: "square", color: "var(--value-2)" },
  { shape: "triangle", color: "var(--value-3)" },
];
const FURTHER: ValueStyle = { shape: "diamond", color: "var(--value-0)" };
const NOTHING: ValueStyle = { shape: "ring", color: "var(--value-0)" };

/**
 * The look of a value among all values of a picture, in the order in which they came up. Three can be told apart by everybody;
 * all further ones look the same, and their names tell them apart. A no-op is a ring.
 */
export function styleOfValue(value: string, order: readonly string[]): ValueStyle {
  if (value === "no-op") return NOTHING;
  return STYLES[order.filter((one) => one !== "no-op").indexOf(value)] ?? FURTHER;
}
