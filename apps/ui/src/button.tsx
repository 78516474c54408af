import type { ComponentChildren, JSX } from "preact";

export interface ButtonProps {
  readonly onPress: () => void;
  readonly children: ComponentChildren;
  /** One `main` button in a group; `quiet` has no border. Default `plain`. */
  readonly look?: "plain" | "main" | "quiet";
  /** The name for those who do not see it, where the text does not say enough. */
  readonly label?: string;
  readonly title?: string;
  /** For a button that stays down. */
  readonly pressed?: boolean;
  /** It says so and does nothing, but keeps the focus: a button that vanishes under the finger loses its user. */
  readonly off?: boolean;
  readonly id?: string;
}

export function Button({
  onPress,
  children,
  look = "plain",
  label,
  title,
  pressed,
  off,
  id,
}: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={look === "plain" ? "sy-button" : `sy-button sy-button-${look}`}
      {...(id !== undefined && { id })}
      {...(label !== undefined && { "aria-label": label })}
      {...(title !== undefined && { title })}
      {...(pressed !== undefined && { "aria-pressed": pressed ? "true" : "false" })}
      {...(off === true && { "aria-disabled": "true" })}
      onClick={() => {
        if (off !== true) onPress();
      }}
    >
      {children}
    </button>
  );
}
