import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Layout, layoutOf, type LayoutOptions, type TextLook } from "../model/layout.js";
import { Drawing, type DrawingProps } from "./drawing.js";

interface DiagramProps extends DrawingProps {
  /** The one whose lane is picked. */
  readonly server?: string | null;
}

interface Size extends LayoutOptions {
  readonly letter: number;
}

/** The space-time diagram. It is a picture of the list of sentences beside it, which says the same to those who do not see it. */
export function Diagram(props: DiagramProps): JSX.Element {
  const { figure, shown, label } = props;
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const layout = useMemo(() => layoutOf(figure, size), [figure, size]);
  useFollow(box, layout, shown);
  const end = layout.rows[shown - 1]?.bottom ?? 0;
  return (
    <div
      class="diagram"
      ref={box}
      tabIndex={0}
      role="group"
      aria-label={`${label}. Scrolls.`}
      style={{ "--letter": `${size.letter}px` }}
    >
      <div class="lane-heads" aria-hidden="true" style={{ width: `${layout.width}px` }}>
        {layout.lanes.map(({ id, x, stretches }) => (
          <span
            key={id}
            class={id === props.server ? "lane-head lane-head-picked" : "lane-head"}
            style={{ left: `${x}px` }}
          >
            {id}
            {leadsAt(stretches, end) && <span class="lane-crown">♛</span>}
          </span>
        ))}
      </div>
      <Drawing {...props} layout={layout} />
    </div>
  );
}

function leadsAt(stretches: Layout["lanes"][number]["stretches"], y: number): boolean {
  return stretches.some(({ from, to, look }) => look === "leads" && from <= y && y < to);
}

const widths = new Map<string, number>();
let canvas: CanvasRenderingContext2D | null = null;

/** As wide as the browser draws it, so that neighbours never touch, whatever the fonts of the machine are. */
function measureAt(letter: number): (text: string, look: TextLook) => number {
  const style = getComputedStyle(document.documentElement);
  const family = (name: string): string => style.getPropertyValue(name);
  const fonts: Record<TextLook, string> = {
    plain: `${letter}px ${family("--font")}`,
    strong: `600 ${letter}px ${family("--font")}`,
    code: `${letter - 1}px ${family("--font-code")}`,
  };
  return (text, look) => {
    const key = `${fonts[look]} ${text}`;
    const known = widths.get(key);
    if (known !== undefined) return known;
    canvas ??= document.createElement("canvas").getContext("2d");
    if (canvas === null) return text.length * letter * 0.65;
    canvas.font = fonts[look];
    const width = Math.ceil(canvas.measureText(text).width);
    widths.set(key, width);
    return width;
  };
}

function sizeOf(width: number): Size {
  const coarse = typeof matchMedia === "function" && matchMedia("(pointer: coarse)").matches;
  const letter = width < 480 ? 11 : 12.5;
  return { width, rowHeight: coarse ? 36 : 32, letter, measure: measureAt(letter) };
}

function useSize(box: { readonly current: HTMLDivElement | null }): Size {
  const [size, setSize] = useState<Size>(() => sizeOf(640));
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = (): void => {
      const width = element.clientWidth;
      if (width > 0) setSize((old) => (old.width === width ? old : sizeOf(width)));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return size;
}

/** Keeps the last row that is shown in view, by scrolling the diagram and never the page. */
function useFollow(box: { readonly current: HTMLDivElement | null }, layout: Layout, shown: number): void {
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const row = layout.rows[shown - 1];
    const bottom = (row?.bottom ?? 0) + 80;
    const top = row?.top ?? 0;
    if (bottom > element.scrollTop + element.clientHeight - 28) element.scrollTop = bottom - element.clientHeight + 60;
    else if (top < element.scrollTop) element.scrollTop = Math.max(0, top - 40);
  }, [box, layout, shown]);
}
