import { createHash } from "node:crypto";
import { defineConfig, type Plugin } from "vite";
import { ranLines } from "./scripts/ran-lines.ts";

const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/**
 * One file with everything in it: it can be mailed, opened from a disk, or put on any host, and asks nobody for anything. The policy lets
 * nothing run but this one script and the worker that the page makes of it.
 */
function oneFile(): Plugin {
  return {
    name: "one-file",
    // The page without a script is made by a program that the same build makes; that is no page.
    apply: (_, { command, isSsrBuild }) => command === "build" && isSsrBuild !== true,
    enforce: "post",
    generateBundle(_, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("There is no index.html to put everything into.");
      let [script, style] = ["", ""];
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === "chunk") script += file.code;
        else if (name.endsWith(".css")) style += String(file.source);
        if (file !== page) delete bundle[name];
      }
      const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--").trim();
      const policy = [
        "default-src 'none'",
        `script-src ${hash(safe)}`,
        `style-src ${hash(style)}`,
        "img-src data:",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
      ].join("; ");
      page.source = String(page.source)
        .replace(/<script type="module"[^>]*><\/script>\s*/, "")
        .replace(/<link rel="stylesheet"[^>]*>\s*/, "")
        .replace("<!-- policy -->", `<meta http-equiv="Content-Security-Policy" content="${policy}" />`)
        .replace("</head>", () => `<style>${style}</style>\n  </head>`)
        .replace("</body>", () => `  <script type="module" id="script">${safe}</script>\n  </body>`);
    },
  };
}

export default defineConfig({
  base: "./",
  resolve: { conditions: ["@synod/source", "module", "browser", "development|production"] },
  build: {
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 100_000,
    chunkSizeWarningLimit: 1_000,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [ranLines(), oneFile()],
});
