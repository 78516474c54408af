import type { ComponentChildren, JSX } from "preact";

export interface CardProps {
  readonly title?: string;
  /** Further class names. */
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A frame around things that belong together; with a title it is a region that can be jumped to. */
export function Card({ title, class: more, children }: CardProps): JSX.Element {
  return (
    <section
      class={more === undefined ? "sy-card" : `sy-card ${more}`}
      {...(title !== undefined && { "aria-label": title })}
    >
      {title !== undefined && <h3 class="sy-card-title">{title}</h3>}
      {children}
    </section>
  );
}
