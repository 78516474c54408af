import { defineConfig, type Options } from "tsup";
import { licensesInto } from "./licenses.ts";

type Config = ReturnType<typeof defineConfig>;

const base: Options = {
  format: "esm",
  target: "es2022",
  sourcemap: true,
  clean: true,
  silent: true,
  // Otherwise tsup turns `node:net` into `net`.
  removeNodeProtocol: false,
};

const library = (platform: "neutral" | "node", entry: string[]): Config =>
  defineConfig({
    ...base,
    platform,
    entry,
    // TypeScript 6 refuses options that tsup sets by itself, unless told to let them pass.
    dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
  });

/** A published package that also runs in a browser: the build refuses modules of Node.js. */
export const browserSafe = (entry: string[] = ["src/index.ts"]): Config => library("neutral", entry);

/** A published package for Node.js. */
export const nodeOnly = (entry: string[] = ["src/index.ts"]): Config => library("node", entry);

/** An app of this repository: never imported, so no declarations. */
export const app = (entry: string[] = ["src/main.ts"]): Config => defineConfig({ ...base, platform: "node", entry });

/** A published program, with all but its `dependencies` inside: one that is started often must not look for hundreds of files first. */
export const program = (entry: string[] = ["src/main.ts"]): Config =>
  defineConfig({
    ...base,
    platform: "node",
    entry,
    // It is readable as it is, and maps would be two thirds of what people install.
    sourcemap: false,
    // What is CommonJS inside asks for the modules of Node.js by it.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module";\nconst require = requireOf(import.meta.url);',
    },
    esbuildPlugins: [licensesInto("dist/LICENSES.txt")],
  });
