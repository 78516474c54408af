import type { JSX } from "preact";
import { Icon } from "./icon.js";

/** The four things that learners take for one another, and that never look alike here. */
export type MarkName = "promised" | "accepted" | "chosen" | "learned";

export const MARKS: readonly { readonly mark: MarkName; readonly shape: string; readonly words: string }[] = [
  { mark: "promised", shape: "a gate", words: "it lets no lower round in any more" },
  { mark: "accepted", shape: "a chip", words: "one server has said yes to a value in a round" },
  {
    mark: "chosen",
    shape: "a line across",
    words: "enough have said yes in one round, whether anyone knows it or not",
  },
  { mark: "learned", shape: "a lock", words: "this server knows what is chosen" },
];

const PATHS: Readonly<Record<MarkName, JSX.Element>> = {
  promised: <path d="M14 3 H8 V17 H14 M8 10 H3" />,
  accepted: (
    <>
      <rect x="2" y="5" width="16" height="10" rx="3" />
      <circle cx="7" cy="10" r="2.2" fill="currentColor" stroke="none" />
      <path d="M11.5 10 H15" />
    </>
  ),
  chosen: <path d="M1 8.5 H19 M1 11.5 H19 M5 5 V15 M10 5 V15 M15 5 V15" />,
  learned: (
    <>
      <rect x="4" y="9" width="12" height="8" rx="2" fill="currentColor" />
      <path d="M6.5 9 V6.5 a3.5 3.5 0 0 1 7 0 V9" />
    </>
  ),
};

/** A mark by itself, 20 by 20, in the colour of the text around it. */
export function MarkIcon({ mark }: { readonly mark: MarkName }): JSX.Element {
  return <Icon class="sy-mark">{PATHS[mark]}</Icon>;
}

/** What the four marks mean. */
export function MarksLegend(): JSX.Element {
  return (
    <ul class="sy-legend" aria-label="What the marks mean">
      {MARKS.map(({ mark, words }) => (
        <li key={mark}>
          <MarkIcon mark={mark} />
          <div>
            <b>{mark}</b> <span>{words}</span>
          </div>
        </li>
      ))}
    </ul>
  );
}
