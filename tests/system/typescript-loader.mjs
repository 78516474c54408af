// Lets a plain Node.js process run the sources, as the tests do: no build, and no test runner around it.
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import typescript from "typescript";

if (!import.meta.url.includes("?hooks")) register(`${import.meta.url}?hooks`);

export async function resolve(specifier, context, next) {
  if (specifier.startsWith(".") && specifier.endsWith(".js") && context.parentURL?.endsWith(".ts")) {
    return next(specifier.replace(/\.js$/, ".ts"), context);
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const { outputText } = typescript.transpileModule(await readFile(fileURLToPath(url), "utf8"), {
    compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 },
  });
  return { format: "module", source: outputText, shortCircuit: true };
}
