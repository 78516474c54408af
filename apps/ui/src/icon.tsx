import type { ComponentChildren, JSX } from "preact";

export interface IconProps {
  /** Shapes on a ground of 20 by 20, drawn as lines in the colour of the text around them. */
  readonly children: ComponentChildren;
  readonly size?: number;
  /** Of the lines. */
  readonly weight?: number;
  readonly class?: string;
  /** What it says where no text beside it does. */
  readonly label?: string;
}

export function Icon({ children, size = 20, weight = 2, class: name, label }: IconProps): JSX.Element {
  return (
    <svg
      {...(name !== undefined && { class: name })}
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width={weight}
      stroke-linecap="round"
      stroke-linejoin="round"
      {...(label === undefined ? { "aria-hidden": "true" } : { role: "img", "aria-label": label })}
    >
      {children}
    </svg>
  );
}
