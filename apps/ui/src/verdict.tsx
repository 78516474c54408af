import type { JSX } from "preact";
import { Icon } from "./icon.js";

export type VerdictName = "safe" | "diverges" | "blocks" | "livelocks" | "open";

/** Each verdict has a sign and a word, and no colour of its own. */
export const VERDICTS: Readonly<Record<VerdictName, { readonly word: string; readonly sign: string }>> = {
  safe: { word: "Safe", sign: "a tick" },
  diverges: { word: "Broken", sign: "a cross" },
  blocks: { word: "Stuck", sign: "a bar" },
  livelocks: { word: "Going round in circles", sign: "a loop" },
  open: { word: "Not finished", sign: "a question mark" },
};

const PATHS: Readonly<Record<VerdictName, string>> = {
  safe: "M4 10.5 L8.5 15 L16.5 5.5",
  diverges: "M5 5 L15 15 M15 5 L5 15",
  blocks: "M4 10 H16",
  livelocks: "M15.5 7 A6.5 6.5 0 1 0 16.5 11 M16.5 3 V7.5 H12",
  open: "M6.8 7 a3.2 3.2 0 1 1 4.6 2.9 Q10 10.6 10 12.4 M10 15.4 V15.6",
};

export function VerdictIcon({ verdict }: { readonly verdict: VerdictName }): JSX.Element {
  return (
    <Icon weight={2.6}>
      <path d={PATHS[verdict]} />
    </Icon>
  );
}
