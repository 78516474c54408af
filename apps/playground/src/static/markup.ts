import type { ComponentChild, VNode } from "preact";

const EMPTY = new Set(["br", "circle", "ellipse", "hr", "img", "input", "line", "meta", "path", "rect"]);
const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign);

/** What a component draws, as markup. For those without hooks: they are only called. */
export function markupOf(node: ComponentChild): string {
  if (node === null || node === undefined || typeof node === "boolean") return "";
  if (Array.isArray(node)) return node.map(markupOf).join("");
  if (typeof node !== "object") return escaped(`${node}`);
  const { type, props } = node as VNode<Record<string, unknown>>;
  if (typeof type === "function") return markupOf((type as (props: unknown) => ComponentChild)(props));
  const open = `<${type}${Object.entries(props).map(attribute).join("")}>`;
  return EMPTY.has(`${type}`) ? open.replace(/>$/, "/>") : `${open}${markupOf(props.children)}</${type}>`;
}

function attribute([name, value]: [string, unknown]): string {
  if (name === "tabIndex") return ` tabindex="${value as string}"`;
  if (["children", "key", "ref"].includes(name) || typeof value === "function") return "";
  if (value === null || value === undefined || value === false) return "";
  if (value === true) return ` ${name}=""`;
  const text =
    name === "style" && typeof value === "object" ? styleText(value as Record<string, unknown>) : `${value as string}`;
  return text === "" && name === "style" ? "" : ` ${name}="${escaped(text)}"`;
}

const styleText = (style: Record<string, unknown>): string =>
  Object.entries(style)
    .filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .map(([name, value]) => `${name}:${value as string}`)
    .join(";");
