import { Icon } from "@synod/ui";
import type { JSX } from "preact";
import type { Tone } from "../words.js";

/** A shape for each tone, so that no colour is needed. Gate, chip and lock are those of the playground. */
const PATHS: Readonly<Record<Tone, string>> = {
  round: "M14 3H8V17H14M8 10H3",
  vote: "M4.5 5H15.5A2.5 2.5 0 0 1 18 7.5V12.5A2.5 2.5 0 0 1 15.5 15H4.5A2.5 2.5 0 0 1 2 12.5V7.5A2.5 2.5 0 0 1 4.5 5ZM6.5 10H13.5",
  refusal: "M2 10H11M8 6.5 11.5 10 8 13.5M15 3V17",
  learn: "M4 9H16V17H4ZM6.5 9V6.5A3.5 3.5 0 0 1 13.5 6.5V9",
  leader: "M3 15.5V6L7 10 10 4.5 13 10 17 6V15.5Z",
  fault: "M4.5 4.5 15.5 15.5M15.5 4.5 4.5 15.5",
  repair: "M15.5 7.2A6.2 6.2 0 1 0 16.2 11M16.4 3.4V7.6H12.2",
  members: "M10 3.5A2.3 2.3 0 1 1 9.99 3.5ZM4.5 12A2.3 2.3 0 1 1 4.49 12ZM15.5 12A2.3 2.3 0 1 1 15.49 12Z",
};

export function ToneIcon({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <Icon class="tone">
      <path d={PATHS[tone]} />
    </Icon>
  );
}

/** Beside who believes to lead. */
export const CROWN: string = PATHS.leader;
