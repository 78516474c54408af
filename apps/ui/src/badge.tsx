import type { ComponentChildren, JSX } from "preact";

export interface BadgeProps {
  /** `strong` stands out, `dashed` is for what is not certain. Default `plain`. */
  readonly look?: "plain" | "strong" | "dashed";
  readonly children: ComponentChildren;
}

/** A word about a thing: a role, a state, a count. */
export function Badge({ look = "plain", children }: BadgeProps): JSX.Element {
  return <span class={look === "plain" ? "sy-badge" : `sy-badge sy-badge-${look}`}>{children}</span>;
}
