// After the page's own build: writes the page without a script beside it, with the same looks. The code that draws is built for Node.js,
// run once, and removed.
import { readFile, rm, writeFile } from "node:fs/promises";
import { build } from "vite";

const dist = new URL("../dist/", import.meta.url);
const style = /<style>([\s\S]*?)<\/style>/.exec(await readFile(new URL("index.html", dist), "utf8"))?.[1];
if (style === undefined) throw new Error("The page has no style that the one without a script could share.");
await build({ logLevel: "warn", build: { ssr: "src/static/paper.tsx", outDir: "dist/static" } });
const { paperHtml } = await import(new URL("static/paper.js", dist).href);
await writeFile(new URL("paper.html", dist), paperHtml(style));
await rm(new URL("static/", dist), { recursive: true });
