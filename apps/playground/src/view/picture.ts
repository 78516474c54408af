const KEPT = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linecap",
  "stroke-opacity",
  "paint-order",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "dominant-baseline",
];

/** The picture as a file of its own, with its looks written into it. */
export function savePicture(name: string): void {
  const source = document.querySelector<SVGSVGElement>(".stage .diagram svg");
  if (source === null) return;
  const copy = source.cloneNode(true) as SVGSVGElement;
  const drawn = source.querySelectorAll<SVGElement>("*");
  const copies = copy.querySelectorAll<SVGElement>("*");
  for (const [index, element] of drawn.entries()) {
    const look = getComputedStyle(element);
    const target = copies[index];
    for (const property of KEPT) target?.setAttribute(property, look.getPropertyValue(property));
    target?.removeAttribute("style");
  }
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const paper = getComputedStyle(document.body).backgroundColor;
  const ground = `<rect width="100%" height="100%" fill="${paper}"/>`;
  const text = new XMLSerializer().serializeToString(copy).replace(/(<svg[^>]*>)/, (open) => open + ground);
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.svg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1_000);
}
