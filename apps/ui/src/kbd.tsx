import type { ComponentChildren, JSX } from "preact";

/** A key of the keyboard. */
export function Kbd({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <kbd class="sy-kbd">{children}</kbd>;
}
